#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Every client of examples/rockets on both backends against `duet serve rockets`: the same table, the same
# words about what went wrong, and what was cancelled is no longer asked for, as the server has counted.

. tests/examples/lib.sh

programs=$1
duet=$DUET_BUILD/duet
server=
trap 'rm -rf "$scratch"; [ -z "$server" ] || kill "$server" 2>/dev/null' EXIT

# Serves until ends(); leaves $port.
serves() # OPTION...
{
	: >"$scratch/served"
	"$duet" serve rockets --backend polling "$@" >"$scratch/served" 2>&1 &
	server=$!
	tries=0
	until grep -q '^listening' "$scratch/served"; do
		tries=$((tries + 1))
		if [ $tries -ge 100 ] || ! kill -0 $server 2>/dev/null; then
			give_up "the server does not listen: $(cat "$scratch/served")"
		fi
		sleep 0.05
	done
	port=$(sed -n 's/^listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$scratch/served")
}

ends()
{
	kill $server
	wait $server || give_up "the server: $(cat "$scratch/served")"
	server=
}

# What the server has counted, once it has ended.
counted() # WHAT
{
	sed -n "s/^served:.* $1=\([0-9]*\).*/\1/p" "$scratch/served"
}

# Leaves what was said in said and complained.
asks() # STATUS PROGRAM BACKEND OPTION...
{
	expected=$1
	asking="$(basename "$2") on $3"
	program=$2
	backend=$3
	shift 3
	timeout -k 2 10 "$program" "127.0.0.1:$port" --backend "$backend" "$@" \
		>"$scratch/said" 2>"$scratch/complained"
	status=$?
	[ $status -eq "$expected" ] ||
		give_up "$asking $*: exit status $status, not $expected: $(cat "$scratch/complained")"
}

complains() # TEXT
{
	grep -qF -- "$1" "$scratch/complained" ||
		give_up "$asking does not say '$1' but: $(cat "$scratch/complained")"
	[ "$(wc -l <"$scratch/complained")" -eq 1 ] || give_up "$asking says more than one line"
	[ ! -s "$scratch/said" ] || give_up "$asking prints a table all the same"
}

at_most() # WHAT MOST
{
	[ "$(counted "$1")" -le "$2" ] ||
		give_up "$asking: $1 at the server: $(counted "$1"), more than $2"
}

# Runs a check for each client on each backend.
each() # FUNCTION
{
	for program in "$programs"/rockets-*; do
		[ -x "$program" ] || continue
		for backend in polling completion; do
			"$1" "$program" "$backend"
		done
	done
}

same_table()
{
	asks 0 "$1" "$2" --parallel 8
	[ ! -s "$scratch/complained" ] || give_up "$asking complains: $(cat "$scratch/complained")"
	[ -e "$scratch/table" ] || cp "$scratch/said" "$scratch/table"
	cmp -s "$scratch/said" "$scratch/table" || give_up "$asking gives another table:
$(diff "$scratch/table" "$scratch/said")"
}

# The second rocket of the list fails while the others of the first four are under way.
fails_fast() # PROGRAM BACKEND
{
	serves --latency 0.02 --fail-id falcon-1 --fail-how "$how"
	asks 1 "$1" "$2" --parallel 4
	complains "rockets: falcon-1 failed: $words; the rest was cancelled, "
	ends
	# The list, the first four, and what those asked for who were done before: a thread that isn't
	# given a processor may be late with its failure. All would be 49.
	at_most requests 24
}

one_at_a_time() # PROGRAM BACKEND
{
	serves --items 10 --jitter 0.002
	asks 0 "$1" "$2" --parallel 1
	ends
	at_most peak 1
	[ "$(counted answered)" -eq 11 ] || give_up "$asking: $(counted answered) answers, not 11"
}

ends_in_time() # PROGRAM BACKEND
{
	asks 3 "$1" "$2" --deadline 60
	complains 'rockets: the deadline of 60 ms has come'
}

ends_in_time_in_the_middle() # PROGRAM BACKEND
{
	asks 3 "$1" "$2" --deadline 150
	complains 'rockets: the deadline of 150 ms has come'
}

list_fails() # PROGRAM BACKEND
{
	serves --fail-request 1 --fail-how cut
	asks 1 "$1" "$2"
	complains 'rockets: the list failed: the connection ended before the answer did'
	ends
	at_most requests 1
}

nobody_there() # PROGRAM BACKEND
{
	asks 1 "$1" "$2"
	complains 'rockets: the list failed: Connection refused'
}

# Says what is in the file, whatever it is asked, until silenced(); leaves $port.
parrots() # FILE
{
	: >"$scratch/served"
	"$scratch/parrot" <"$1" >"$scratch/served" &
	server=$!
	tries=0
	until [ -s "$scratch/served" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || give_up 'the parrot does not listen'
		sleep 0.05
	done
	read -r port <"$scratch/served"
}

silenced()
{
	kill $server
	wait $server 2>/dev/null
	server=
}

# A parser goes as deep as what it is given, and a fiber's stack isn't as deep as that.
keeps_its_stack() # PROGRAM BACKEND
{
	asks 1 "$1" "$2"
	complains 'rockets: the list failed: what came is not the JSON that it should be'
}

says_what_was_not_written() # PROGRAM BACKEND
{
	timeout -k 2 10 "$1" "127.0.0.1:$port" --backend "$2" >/dev/full 2>"$scratch/complained"
	status=$?
	asking="$(basename "$1") on $2"
	: >"$scratch/said"
	[ $status -eq 1 ] || give_up "$asking into a full file: exit status $status, not 1"
	complains "rockets: can't write the table: No space left on device"
}

refuses_nonsense() # PROGRAM BACKEND
{
	asks 2 "$1" "$2" --parallel 0
	asks 2 "$1" "$2" --deadline soon
	asks 2 "$1" "$2" another
	asks 2 "$1" nonsense
}

# Somebody else's client.
curl_agrees()
{
	curl -sf -m 5 "127.0.0.1:$port/rockets" | grep -qF '{"id":"falcon-9","name":"Falcon 9"}' ||
		give_up 'curl does not get the list'
	curl -sv -m 5 "127.0.0.1:$port/rockets/h3" "127.0.0.1:$port/rockets/n1" \
		>"$scratch/said" 2>"$scratch/complained" || give_up 'curl does not get two rockets'
	grep -qi 're-us' "$scratch/complained" || give_up 'curl needs two connections for two rockets'
	for case in '404 /rockets/none' '404 /' '405 /rockets -d x' '405 /rockets/h3 -X DELETE' \
		'200 /rockets/h3 -I' '200 /rockets?all -0'; do
		# shellcheck disable=SC2086
		set -- $case
		wanted=$1
		path=$2
		shift 2
		got=$(curl -s -m 5 -o "$scratch/said" -w '%{http_code}' "$@" "127.0.0.1:$port$path")
		[ "$got" = "$wanted" ] || give_up "curl $* $path: $got, not $wanted"
	done
}

serves --latency 0.005 --jitter 0.01
each same_table
each says_what_was_not_written
curl_agrees
ends
at_most peak 8
[ "$(counted peak)" -gt 1 ] || give_up 'never two requests at once'
[ "$(wc -l <"$scratch/table")" -eq 50 ] || give_up 'not 48 rockets, a head and a summary'
tail -n +2 "$scratch/table" | head -n 48 | LC_ALL=C sort -c || give_up 'not sorted'

how=status words='the server answered 500 Internal Server Error'
each fails_fast
how=cut words='the connection ended before the answer did'
each fails_fast
how=malformed words='what came is not the JSON that it should be'
each fails_fast

each one_at_a_time
each list_fails

rebuild tests/examples/parrot.c "$scratch/parrot" || give_up 'the parrot does not compile'
{
	printf 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'
	head -c 100000 /dev/zero | tr '\0' '['
} >"$scratch/deep"
parrots "$scratch/deep"
each keeps_its_stack
silenced

serves --latency 30
each ends_in_time
ends
serves --fail-id nuri --fail-how stop
each ends_in_time_in_the_middle
ends
each nobody_there
each refuses_nonsense
