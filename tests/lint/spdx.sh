#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Every file that can carry a comment says whose it is and under which licence, in its first lines.

. "$(dirname "$0")/lib.sh"

# A checkout lists its files by git, which leaves out what is ignored; a scratch tree by find.
{
	git ls-files --cached --others --exclude-standard 2>/dev/null ||
		find . -type f | sed -e 's|^\./||'
} | grep -vE '^(LICENSE|VERSION|build/.*|.*\.(json|txt|bin|trace|script))$' |
	while read -r file; do
		[ -f "$file" ] || continue
		for tag in 'SPDX-FileCopyrightText: The Duet authors' 'SPDX-License-Identifier: MIT'; do
			head -n 6 "$file" | grep -qF "$tag" ||
				echo "$file:1: lacks \"$tag\"; put it into a comment at the top"
		done
	done | verdict
