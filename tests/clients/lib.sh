# shellcheck shell=sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# What the scripts of the clients share. They stand in the root of the tree.

. tests/examples/lib.sh

server=
trap 'rm -rf "$scratch"; [ -z "$server" ] || kill "$server" 2>/dev/null' EXIT

# Serves until ends(); leaves $port.
serves() # SERVICE OPTION...
{
	: >"$scratch/served"
	"$DUET_BUILD/duet" serve "$@" >"$scratch/served" 2>"$scratch/noted" &
	server=$!
	tries=0
	until grep -q '^listening' "$scratch/served"; do
		tries=$((tries + 1))
		if [ $tries -ge 200 ] || ! kill -0 $server 2>/dev/null; then
			give_up "the server does not listen: $(cat "$scratch/served" "$scratch/noted")"
		fi
		sleep 0.05
	done
	port=$(sed -n 's/^listening on .*:\([0-9]*\) backend=.*/\1/p' "$scratch/served")
}

ends()
{
	kill $server
	wait $server || give_up "the server: $(cat "$scratch/served" "$scratch/noted")"
	server=
	[ ! -s "$scratch/noted" ] || give_up "the server complains: $(cat "$scratch/noted")"
}

# What the server has counted, once it has ended.
counted() # WHAT
{
	sed -n "s/^served:.* $1=\([0-9]*\).*/\1/p" "$scratch/served"
}

expect() # WHAT GOT WANTED
{
	[ "$2" = "$3" ] || give_up "$1: '$2', not '$3'"
}

# Whether this machine has ::1.
has_ipv6()
{
	grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null
}
