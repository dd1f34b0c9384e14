#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Talks to the echo server: what comes back is what was sent.
set -u
said=$(mktemp) || exit 1
"$1" 2>"$said" &
server=$!
trap 'kill "$server" 2>/dev/null; rm -f "$said"' EXIT
tries=0
while ! port=$(sed -n 's/^echo: port //p' "$said" | grep .); do
	tries=$((tries + 1))
	[ "$tries" -lt 200 ] || exit 1
	kill -0 "$server" || exit 1
	sleep 0.05
done
bash -c 'exec 3<>/dev/tcp/127.0.0.1/"$0" && printf "one score, two players\n" >&3 &&
	IFS= read -r -t 10 line <&3 && [ "$line" = "one score, two players" ]' "$port"
