#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# curl against `duet serve http`: what it fetches has the sum of what is there.

. tests/clients/lib.sh

root=$scratch/root
mkdir -p "$root/a folder/of" "$scratch/got"
echo '<p>index' >"$root/index.html"
echo 'a text' >"$root/a folder/of/text.txt"
: >"$root/empty"
head -c 40000 /dev/urandom >"$root/middle"
head -c 3000001 /dev/urandom >"$root/large"

sum() # FILE
{
	sha256sum <"$1"
}

fetches() # OPTION... ; from the root of the server, into got/one
{
	rm -f "$scratch/got/one"
	curl -sSf -m 20 -o "$scratch/got/one" "$@" >"$scratch/said" 2>&1 ||
		give_up "curl $*: exit status $?: $(cat "$scratch/said")"
}

status_of() # OPTION...
{
	curl -s -m 20 -o /dev/null -w '%{http_code}' --path-as-is "$@"
}

serves http --backend "$1" --root "$root"
url=http://127.0.0.1:$port

for file in index.html 'a folder/of/text.txt' middle large; do
	fetches "$url/$(echo "$file" | sed -e 's/ /%20/g')"
	expect "the sum of $file" "$(sum "$scratch/got/one")" "$(sum "$root/$file")"
done
fetches "$url/"
expect 'the sum of the folder' "$(sum "$scratch/got/one")" "$(sum "$root/index.html")"
fetches -L "$url/a%20folder/of/../../"
fetches -r 1000-2999 "$url/large"
expect 'the sum of a part' "$(sum "$scratch/got/one")" \
	"$(tail -c +1001 "$root/large" | head -c 2000 | sha256sum)"

# What was broken off goes on where it was.
head -c 1234567 "$root/large" >"$scratch/got/resumed"
curl -sSf -m 20 -C - -o "$scratch/got/resumed" "$url/large" || give_up 'curl -C - fails'
expect 'the sum of what went on' "$(sum "$scratch/got/resumed")" "$(sum "$root/large")"

# Eight at a time, and twenty of them on one connection.
curl -sSf -m 20 -Z --parallel-max 8 -o "$scratch/got/p#1" "$url/large?[1-16]" ||
	give_up 'curl -Z fails'
for i in 1 7 16; do
	expect "the sum of number $i" "$(sum "$scratch/got/p$i")" "$(sum "$root/large")"
done
curl -sSf -m 20 -v -o "$scratch/got/k#1" "$url/middle?[1-20]" 2>"$scratch/said" ||
	give_up 'curl fails with twenty'
expect 'the connections kept' "$(grep -ci 're-us' "$scratch/said")" 19

# What it has already isn't sent again.
curl -sSf -m 20 --etag-save "$scratch/tag" -o "$scratch/got/one" "$url/middle" || give_up 'no tag'
expect 'with its tag' "$(status_of --etag-compare "$scratch/tag" "$url/middle")" 304
expect 'with its date' "$(status_of -z "$root/middle" "$url/middle")" 304

expect HEAD "$(status_of -I "$url/large")" 200
expect 'none there' "$(status_of "$url/none")" 404
expect POST "$(status_of -d x "$url/")" 405
expect 'a large PUT' "$(status_of -T "$root/large" "$url/put")" 405
expect 'out of the folder' "$(status_of "$url/../etc/passwd")" 403
expect 'out of the folder, encoded' "$(status_of "$url/%2e%2e/etc/passwd")" 403
expect HTTP/1.0 "$(status_of -0 "$url/empty")" 200
ends

has_ipv6 || exit 0
serves http --backend "$1" --root "$root" --host ::1
fetches -g "http://[::1]:$port/large"
expect 'the sum by IPv6' "$(sum "$scratch/got/one")" "$(sum "$root/large")"
ends
