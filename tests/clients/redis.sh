#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# redis-cli and redis-benchmark against `duet serve kv`.

. tests/clients/lib.sh

cli() # COMMAND...
{
	timeout -k 2 20 redis-cli -p "$port" "$@"
}

serves kv --backend "$1"

expect PING "$(cli ping)" PONG
expect SET "$(cli set greeting 'hello, world' ex 100)" OK
expect GET "$(cli get greeting)" 'hello, world'
expect TTL "$(cli ttl greeting)" 100
expect 'INCR, five times' "$(cli -r 5 incr number | tail -n 1)" 5
expect 'a wrong command' "$(cli nosuch)" \
	"ERR unknown command 'nosuch', with args beginning with: "
expect EXISTS "$(cli exists greeting number none)" 2
expect DEL "$(cli del greeting number none)" 2
expect 'from its own input' "$(printf 'set a 1\nincr a\nget a\n' | cli | tr '\n' ' ')" 'OK 2 2 '

# Bytes of all values, more than any buffer has at once.
head -c 1500000 /dev/urandom >"$scratch/value"
expect 'SET of much' "$(cli -x set much <"$scratch/value")" OK
cli --raw get much | head -c 1500000 | sha256sum >"$scratch/sum"
expect 'the sum of much' "$(cat "$scratch/sum")" "$(sha256sum <"$scratch/value")"

# Ten thousand at once; it counts the answers and the errors.
i=0
while [ $i -lt 10000 ]; do
	echo "SET key:$i $i"
	i=$((i + 1))
done | sed -e 's/$/\r/' >"$scratch/pipe"
cli --pipe <"$scratch/pipe" >"$scratch/said" 2>&1 || give_up "--pipe: $(cat "$scratch/said")"
grep -qx 'errors: 0, replies: 10000' "$scratch/said" || give_up "--pipe: $(cat "$scratch/said")"
expect DBSIZE "$(cli dbsize)" 10002

cli set soon gone px 1 >"$scratch/said"
tries=0
until [ "$(cli dbsize)" -eq 10002 ]; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || give_up 'a key stays though it is due'
	sleep 0.02
done

# It ends with the first answer that is an error.
for depth in 1 16; do
	timeout -k 2 30 redis-benchmark -p "$port" -t ping,set,get,incr -n 5000 -c 20 -P $depth -d 100 \
		-r 1000 --csv >"$scratch/said" 2>&1 ||
		give_up "redis-benchmark -P $depth: exit status $?: $(cat "$scratch/said")"
	! grep -i -e error -e warning "$scratch/said" || give_up "redis-benchmark: $(cat "$scratch/said")"
	expect 'rows of redis-benchmark' "$(grep -c '^"[A-Z_]*","[0-9.]*"' "$scratch/said")" 5
done
ends
expect 'errors that were asked for' "$(counted errors)" 1
expect 'malformed requests' "$(counted malformed)" 0

has_ipv6 || exit 0
serves kv --backend "$1" --host ::1
expect 'SET by IPv6' "$(cli -h ::1 set a b)" OK
expect 'GET by IPv6' "$(cli -h ::1 get a)" b
ends
