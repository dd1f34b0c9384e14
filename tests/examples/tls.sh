#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# TLS on both mechanisms, with OpenSSL's own client and with curl: each knows the certificate, gets back
# what it asked and is told goodbye. Who says nothing, or nothing that makes sense, is hung up on.

. tests/examples/lib.sh

[ -e "$1" ] || {
	echo 'skipped: the example is built where OpenSSL is'
	exit 0
}
certificate=$scratch/certificate.pem
key=$scratch/key.pem
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost \
	-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$key" -out "$certificate" \
	>"$scratch/said" 2>&1 || give_up "openssl req: $(cat "$scratch/said")"
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=stranger -keyout "$scratch/other.key" \
	-out "$scratch/other.pem" >"$scratch/said" 2>&1 || give_up "openssl req: $(cat "$scratch/said")"

server=
trap 'rm -rf "$scratch"; [ -z "$server" ] || kill "$server" 2>/dev/null' EXIT

client() # OPTION... ; from the standard input, to $scratch/got
{
	timeout -k 2 10 openssl s_client -connect "127.0.0.1:$port" -CAfile "$certificate" \
		-verify_return_error "$@" >"$scratch/got" 2>"$scratch/said"
}

for backend in polling completion; do
	word=completion
	[ $backend = completion ] || word=
	: >"$scratch/port"
	"$1" "$certificate" "$key" ${word:+"$word"} 2>"$scratch/port" &
	server=$!
	tries=0
	until grep -q '^tls: port [1-9]' "$scratch/port"; do
		tries=$((tries + 1))
		if [ $tries -ge 100 ] || ! kill -0 $server 2>/dev/null; then
			give_up "$backend: does not listen: $(cat "$scratch/port")"
		fi
		sleep 0.05
	done
	port=$(sed -n 's/^tls: port //p' "$scratch/port")
	for number in 2 3; do
		version=1.$number
		for i in 1 2 3; do
			curl -sS -m 10 --tlsv$version --tls-max $version --cacert "$certificate" \
				-o "$scratch/got" -A "number $i" "https://localhost:$port/there" \
				2>"$scratch/said" || give_up "$backend, curl: $(cat "$scratch/said")"
			grep -q '^GET /there HTTP/1.1' "$scratch/got" || give_up "$backend: not what was asked"
			grep -q "^User-Agent: number $i" "$scratch/got" || give_up "$backend: cut short"
		done
		printf 'A %s\r\n\r\n' hello | client -quiet -tls1_$number ||
			give_up "$backend, s_client: $(cat "$scratch/said")"
		grep -q '^A hello' "$scratch/got" || give_up "$backend: no answer: $(cat "$scratch/got")"
		! grep -q 'unexpected eof' "$scratch/said" || give_up "$backend: no goodbye"
	done
	# More than one record and one read of a request; and one that is not even that.
	head -c 8000 /dev/zero | tr '\0' x >"$scratch/long"
	printf '\r\n\r\n' >>"$scratch/long"
	client -quiet <"$scratch/long" || give_up "$backend, a long one: $(cat "$scratch/said")"
	[ "$(tr -dc x <"$scratch/got" | wc -c)" -ge 8000 ] || give_up "$backend: a long one is cut"
	echo | client -tls1_1 -quiet && give_up "$backend: takes TLS 1.1"
	curl -sS -m 10 --cacert "$scratch/other.pem" "https://localhost:$port/" >"$scratch/said" 2>&1 &&
		give_up "$backend: curl trusts a stranger"
	timeout -k 2 10 curl -s -m 10 "http://127.0.0.1:$port/" >"$scratch/got" 2>&1 &&
		give_up "$backend: answers what is no TLS"
	# Silence ends with the server's patience for a handshake, and nobody else waits for it.
	timeout -k 2 10 socat -u "TCP:127.0.0.1:$port" - >"$scratch/got" &
	silent=$!
	curl -sS -m 10 --cacert "$certificate" "https://127.0.0.1:$port/" -o "$scratch/got" ||
		give_up "$backend: waits for who is silent"
	wait $silent || give_up "$backend: who says nothing is not hung up on"
	kill $server || give_up "$backend: ended by itself: $(cat "$scratch/port")"
	wait $server
	server=
done
