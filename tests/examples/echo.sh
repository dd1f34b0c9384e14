#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# As it stands it echoes on one backend, and with one line changed on the other. The program's own
# load generator checks every byte.

. tests/examples/lib.sh

serves() # PROGRAM NAME
{
	"$1" 2>"$scratch/port" &
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
	"$DUET_BUILD/duet" load echo "127.0.0.1:$port" --connections 4 --duration 0.2 \
		>"$scratch/said" 2>&1
	status=$?
	kill $server || give_up "$2: ended by itself: $(cat "$scratch/port")"
	wait $server
	[ $status -eq 0 ] || give_up "$2: $(cat "$scratch/said")"
}

[ "$(wc -l <examples/echo.c)" -lt 100 ] || give_up "examples/echo.c has 100 lines or more"
serves "$1" 'as it stands'

sed -e '/^#define BACKEND/s/duet_polling()/duet_completion()/' examples/echo.c >"$scratch/echo.c"
[ "$(diff examples/echo.c "$scratch/echo.c" | grep -c '^>')" -eq 1 ] ||
	give_up "not one line was changed"
rebuild "$scratch/echo.c" "$scratch/echo" || give_up "the other one does not compile"
serves "$scratch/echo" 'with the other backend'
