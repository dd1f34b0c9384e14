#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# wrk against `duet serve http`: no answer is missing, cut short or other than asked for.

. tests/clients/lib.sh

root=$scratch/root
mkdir "$root"
echo '<p>index' >"$root/index.html"
head -c 100000 /dev/urandom >"$root/large"

# It prints the lines on errors only where it has some.
loads() # OPTION... URL
{
	wrk -t 1 "$@" >"$scratch/said" 2>&1 || give_up "wrk $*: $(cat "$scratch/said")"
	! grep -E 'Socket errors|Non-2xx' "$scratch/said" || give_up "wrk $*: $(cat "$scratch/said")"
	grep -qE '^ +[1-9][0-9]* requests in' "$scratch/said" ||
		give_up "wrk $* asked for nothing: $(cat "$scratch/said")"
}

serves http --backend "$1" --root "$root"
url=http://127.0.0.1:$port
loads -c 16 -d 1 "$url/"
loads -c 4 -d 1 "$url/large"

# Eight requests at once on each connection.
cat >"$scratch/pipeline.lua" <<'END'
init = function(args)
	local one = {}
	for i = 1, 8 do
		one[i] = wrk.format("GET", i % 4 == 0 and "/large" or "/")
	end
	all = table.concat(one)
end
request = function()
	return all
end
END
loads -c 8 -d 1 -s "$scratch/pipeline.lua" "$url/"
ends
expect 'refused by the server' "$(counted refused)" 0
