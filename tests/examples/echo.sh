#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# As it stands it echoes on one backend, and with one line changed on the other. The program's own
# load generator checks every byte. More connections than it has descriptors or handles for wait,
# and are served when others leave.

. tests/examples/lib.sh

listens() # PROGRAM NAME [FILES]: leaves $server and $port
{
	: >"$scratch/port" # the one before may have left its port there
	prlimit --nofile="${3:-1024}:" "$1" 2>"$scratch/port" &
	server=$!
	tries=0
	until grep -q '^echo: port [1-9]' "$scratch/port"; do
		tries=$((tries + 1))
		if [ $tries -ge 100 ] || ! kill -0 $server 2>/dev/null; then
			give_up "$2: does not listen: $(cat "$scratch/port")"
		fi
		sleep 0.05
	done
	port=$(sed -n 's/^echo: port //p' "$scratch/port")
}

ends() # NAME
{
	kill $server || give_up "$1: ended by itself: $(cat "$scratch/port")"
	wait $server
}

serves() # PROGRAM NAME
{
	listens "$1" "$2"
	"$DUET_BUILD/duet" load echo "127.0.0.1:$port" --connections 4 --duration 0.2 \
		>"$scratch/said" 2>&1
	status=$?
	ends "$2"
	[ $status -eq 0 ] || give_up "$2: $(cat "$scratch/said")"
}

serves_a_crowd() # PROGRAM NAME FILES COUNT
{
	listens "$1" "$2" "$3"
	prlimit --nofile=2048: "$scratch/crowd" "$port" "$4" >"$scratch/said" 2>&1
	status=$?
	ends "$2 with $4 connections"
	[ $status -eq 0 ] || give_up "$2, $3 descriptors, $4 connections: $(cat "$scratch/said")"
}

[ "$(wc -l <examples/echo.c)" -lt 100 ] || give_up "examples/echo.c has 100 lines or more"
rebuild tests/examples/crowd.c "$scratch/crowd" || give_up "the crowd does not compile"
serves "$1" 'as it stands'
serves_a_crowd "$1" 'as it stands' 24 60
serves_a_crowd "$1" 'as it stands' 2048 1100

sed -e '/^#define BACKEND/s/duet_polling()/duet_completion()/' examples/echo.c >"$scratch/echo.c"
[ "$(diff examples/echo.c "$scratch/echo.c" | grep -c '^>')" -eq 1 ] ||
	give_up "not one line was changed"
rebuild "$scratch/echo.c" "$scratch/echo" || give_up "the other one does not compile"
serves "$scratch/echo" 'with the other backend'
serves_a_crowd "$scratch/echo" 'with the other backend' 24 60
serves_a_crowd "$scratch/echo" 'with the other backend' 2048 1100
