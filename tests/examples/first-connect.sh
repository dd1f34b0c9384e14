#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Of an address that refuses, one that says nothing and one that answers the last wins, and the others
# are closed; without it the time is up, or nobody is left. So on both backends.

. tests/examples/lib.sh

rebuild tests/examples/deaf.c "$scratch/deaf" || give_up "the deaf one does not compile"
: >"$scratch/addresses"
mkfifo "$scratch/end" || give_up "no fifo"
"$scratch/deaf" <"$scratch/end" >"$scratch/addresses" &
exec 3>"$scratch/end"
"$DUET_BUILD/examples/echo" 2>"$scratch/port" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$scratch"' EXIT
tries=0
until grep -q '^echo: port [1-9]' "$scratch/port" && [ "$(wc -l <"$scratch/addresses")" -eq 2 ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || give_up "nobody listens"
	sleep 0.05
done
answers=127.0.0.1:$(sed -n 's/^echo: port //p' "$scratch/port")
refuses=$(sed -n 1p "$scratch/addresses")
silent=$(sed -n 2p "$scratch/addresses")

expect() # PROGRAM STATUS LAST-LINE ARGUMENT...
{
	program=$1
	status=$2
	last=$3
	shift 3
	"$program" "$@" >"$scratch/said" 2>&1
	[ "$? $(tail -n 1 "$scratch/said")" = "$status $last" ] ||
		give_up "$program $*: $(cat "$scratch/said")"
}

connects() # PROGRAM
{
	expect "$1" 0 "$answers" 5000 "$refuses" "$silent" "$answers"
	grep -qx "$silent: tainted" "$scratch/said" || give_up "$1: the silent one was not stopped"
	[ "$(grep -c ': closed$' "$scratch/said")" -eq 2 ] || give_up "$1: losers are left open"
	expect "$1" 1 ETIMEDOUT 100 "$silent" "$silent"
	expect "$1" 1 ECONNREFUSED 5000 "$refuses"
	for bad in 127.0.0.1 127.0.0.1:x 127.0.0.1:99999 nowhere:80; do
		expect "$1" 2 "'$bad' is no address as 192.0.2.1:80" 5000 "$refuses" $bad
	done
}

[ "$(wc -l <examples/first-connect.c)" -lt 100 ] || give_up "the example has 100 lines or more"
connects "$1"
sed -e 's/polling/completion/' examples/first-connect.c >"$scratch/first-connect.c"
rebuild "$scratch/first-connect.c" "$scratch/first-connect" || give_up "the other one does not compile"
connects "$scratch/first-connect"
