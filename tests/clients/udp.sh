#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# ncat and socat against `duet serve udp`, of IPv4 and of IPv6: what each has sent comes back to it.

. tests/clients/lib.sh

for bytes in 1 2 100 1472 4000 8000; do
	head -c $bytes /dev/urandom >"$scratch/piece.$bytes"
	cat "$scratch/piece.$bytes" >>"$scratch/all"
done
wanted=$(sha256sum <"$scratch/all")

# Each piece when the one before it is back: then it is a datagram of its own.
asks() # NAME
{
	asked=0
	for bytes in 1 2 100 1472 4000 8000; do
		cat "$scratch/piece.$bytes"
		asked=$((asked + bytes))
		tries=0
		until [ "$(stat -c %s "$scratch/got.$1")" -ge $asked ]; do
			tries=$((tries + 1))
			[ $tries -lt 400 ] || return
			sleep 0.02
		done
	done
}

hears() # NAME COMMAND...
{
	name=$1
	shift
	: >"$scratch/got.$name"
	asks "$name" | timeout -k 2 20 "$@" >"$scratch/got.$name" 2>"$scratch/said.$name" ||
		give_up "$*: exit status $?: $(cat "$scratch/said.$name")"
	expect "the sum of what came back to $*" "$(sha256sum <"$scratch/got.$name")" "$wanted"
	expect "the errors of $*" "$(cat "$scratch/said.$name")" ''
}

# It ends with an empty datagram, and when that comes back.
socat_hears() # NAME ADDRESS
{
	hears "$1" socat -t 20 - "$2:$port,shut-null,null-eof"
}

several() # HOST ADDRESS-OF-SOCAT
{
	hears first ncat -u "$1" "$port" &
	clients=$!
	for i in 1 2 3; do
		socat_hears "more$i" "$2" &
		clients="$clients $!"
	done
	for client in $clients; do
		wait "$client" || give_up 'a client failed'
	done
}

# Six pieces to each client; a piece may be read as more than one, and socat has an empty one more.
ends_well() # CLIENTS
{
	ends
	expect 'bytes that came back' "$(counted bytes)" $(($1 * 13575))
	[ "$(counted answered)" -ge $(($1 * 6)) ] || give_up "answered: $(cat "$scratch/served")"
	expect 'answers' "$(counted answered)" "$(counted datagrams)"
	for what in oversized unsent errors dropped; do
		expect "$what" "$(counted $what)" 0
	done
}

serves udp --backend "$1"
several 127.0.0.1 UDP4:127.0.0.1
ends_well 4

serves udp --backend "$1" --host 0.0.0.0
socat_hears elsewhere UDP4:127.0.0.2
hears elsewhere ncat -u 127.0.0.3 "$port"
ends_well 2

has_ipv6 || exit 0
serves udp --backend "$1" --host ::1
several ::1 "UDP6:[::1]"
ends_well 4
