#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Every script passes shellcheck. Without shellcheck, at least the shell must be able to read it.

. "$(dirname "$0")/lib.sh"

# Quits as soon as it has seen the first line.
is_script() # FILE
{
	read -r first <"$1" 2>/dev/null
	case ${first:-} in
	'#!'*sh) return 0 ;;
	esac
	return 1
}

for file in scripts/* .ci/run bench/* bench/peers/* tests/beside/* tests/lint/* tests/install/* tests/examples/* tests/cli/*; do
	{ [ -f "$file" ] && is_script "$file"; } || continue
	if command -v shellcheck >/dev/null 2>&1; then
		shellcheck -x -P SCRIPTDIR -f gcc "$file"
	else
		sh -n "$file" 2>&1 | sed -e "s|^|$file:1: |"
	fi
done | verdict
