#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# The twins have the same file names, so that they can be read side by side. What only one of them
# has stands in twins.allow, with the reason.

. "$(dirname "$0")/lib.sh"

list=$(mktemp) || exit 1
trap 'rm -f "$list"' EXIT
allowed twins.allow >"$list"

alone() # FOLDER TWIN
{
	for file in "$1"/*.[ch]; do
		[ -e "$file" ] || continue
		name=$(basename "$file")
		[ -e "$2/$name" ] || grep -qxF "$file" "$list" ||
			echo "$file:1: has no $2/$name beside it; add it, move this to core, or allow it in tests/lint/twins.allow"
	done
}

{
	alone completion polling
	alone polling completion
	while read -r file; do
		[ -e "$file" ] || echo "tests/lint/twins.allow:1: $file is not there; remove the entry"
	done <"$list"
} | verdict
