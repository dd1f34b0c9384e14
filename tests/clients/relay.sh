#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# curl, socat and ncat through `duet serve proxy`: what comes across has the sum of what was sent.

. tests/clients/lib.sh

root=$scratch/root
http=
summer=
trap 'rm -rf "$scratch"
	for pid in $server $http $summer; do kill "$pid" 2>/dev/null; done' EXIT
mkdir "$root"
head -c 3000001 /dev/urandom >"$root/large"
wanted=$(sha256sum <"$root/large")

# Says the sum of what each client sends, once that has ended its sending.
listens()
{
	: >"$scratch/socat"
	socat -d -d TCP-LISTEN:0,bind=127.0.0.1,fork EXEC:sha256sum 2>"$scratch/socat" &
	summer=$!
	tries=0
	until grep -q 'listening on' "$scratch/socat"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || give_up "socat does not listen: $(cat "$scratch/socat")"
		sleep 0.05
	done
	target=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$scratch/socat")
}

serves http --backend "$1" --root "$root"
http=$server
serves proxy --backend "$1" --to "localhost:$port"
url=http://127.0.0.1:$port
for i in 1 2 3; do
	curl -sSf -m 20 -o "$scratch/got" "$url/large" || give_up "curl: exit status $?"
	expect "the sum by curl, $i" "$(sha256sum <"$scratch/got")" "$wanted"
done
curl -sSf -m 20 -Z --parallel-max 8 -o "$scratch/p#1" "$url/large?[1-16]" || give_up 'curl -Z fails'
for i in 1 7 16; do
	expect "the sum of number $i" "$(sha256sum <"$scratch/p$i")" "$wanted"
done
ends
expect 'cut by curl' "$(counted cut)" 0
expect 'refused to curl' "$(counted refused)" 0
server=$http
http=
ends

listens
serves proxy --backend "$1" --to "127.0.0.1:$target"
for i in 1 2 3; do
	expect "the sum by socat, $i" "$(timeout 20 socat -t 20 - "TCP:127.0.0.1:$port" \
		<"$root/large" 2>&1)" "$wanted"
	expect "the sum by ncat, $i" "$(timeout 20 ncat 127.0.0.1 "$port" <"$root/large" 2>&1)" \
		"$wanted"
done
ends
expect 'bytes sent' "$(counted to_target_bytes)" $((6 * 3000001))
expect 'cut of socat and ncat' "$(counted cut)" 0

has_ipv6 || exit 0
serves proxy --backend "$1" --to "127.0.0.1:$target" --host ::1
expect 'the sum by IPv6' "$(timeout 20 socat -t 20 - "TCP6:[::1]:$port" <"$root/large" 2>&1)" "$wanted"
ends
