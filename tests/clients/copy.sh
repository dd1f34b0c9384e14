#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# `duet serve copy`: what it copies into files has the sum of what is there, and what it sends is taken
# by ncat and socat, several at once.

. tests/clients/lib.sh

: >"$scratch/empty"
printf x >"$scratch/one"
head -c 65536 /dev/urandom >"$scratch/block"
head -c 5000003 /dev/urandom >"$scratch/large"
# Holes at its beginning, in its middle and at its end.
truncate -s 3000000 "$scratch/sparse"
head -c 100000 /dev/urandom |
	dd of="$scratch/sparse" bs=1000 seek=1234 conv=notrunc status=none

copies() # FILE OPTION...
{
	file=$1
	shift
	rm -f "$scratch/copy"
	"$DUET_BUILD/duet" serve copy --backend "$backend" --from "$scratch/$file" \
		--to "$scratch/copy" "$@" >"$scratch/said" 2>"$scratch/noted" ||
		give_up "copy of $file $*: exit status $?: $(cat "$scratch/noted")"
	[ ! -s "$scratch/noted" ] || give_up "copy of $file $*: $(cat "$scratch/noted")"
	grep -q "^copied: bytes=$(stat -c %s "$scratch/$file") " "$scratch/said" ||
		give_up "copy of $file $*: $(cat "$scratch/said")"
	cmp "$scratch/$file" "$scratch/copy" || give_up "copy of $file $*"
	expect "the sum of the copy of $file" "$(sha256sum <"$scratch/copy")" \
		"$(sha256sum <"$scratch/$file")"
}

backend=$1
for file in empty one block large sparse; do
	copies $file
	copies $file --block 4K --depth 64 --fsync
	copies $file --block 1000 --depth 3
	copies $file --block 1M --depth 1 --direct
done

receives() # NUMBER COMMAND...
{
	number=$1
	shift
	timeout -k 2 20 "$@" >"$scratch/got.$number" 2>"$scratch/said.$number" ||
		give_up "$*: exit status $?: $(cat "$scratch/said.$number")"
}

for file in empty large; do
	serves copy --backend "$backend" --from "$scratch/$file" --block 16K
	receives 1 ncat --recv-only 127.0.0.1 "$port" &
	first=$!
	receives 2 socat -u "TCP:127.0.0.1:$port" - &
	second=$!
	receives 3 socat -u "TCP:127.0.0.1:$port,rcvbuf=4096" - &
	third=$!
	receives 4 ncat 127.0.0.1 "$port" </dev/null
	for receiver in $first $second $third; do
		wait "$receiver" || give_up 'a receiver failed'
	done
	for i in 1 2 3 4; do
		expect "the sum of what came to $i" "$(sha256sum <"$scratch/got.$i")" \
			"$(sha256sum <"$scratch/$file")"
		expect "the errors of $i" "$(cat "$scratch/said.$i")" ''
	done
	ends
	expect 'connections' "$(counted connections)" 4
	expect 'whole ones' "$(counted whole)" 4
	expect 'lost ones' "$(counted lost)" 0
done

has_ipv6 || exit 0
serves copy --backend "$backend" --from "$scratch/large" --host ::1
receives 1 ncat --recv-only ::1 "$port"
receives 2 socat -u "TCP6:[::1]:$port" -
ends
for i in 1 2; do
	expect "the sum by IPv6 of $i" "$(sha256sum <"$scratch/got.$i")" \
		"$(sha256sum <"$scratch/large")"
done
