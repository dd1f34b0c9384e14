#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# The programs in manual pages compile, with both compilers and no warning: every literal display
# that begins with an #include is one, in C++20 if it includes a header of that.

. "$(dirname "$0")/lib.sh"

flags='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsyntax-only
	-Icore -Icompletion -Ipolling -Ireference -Ilaboratory'
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# Each display of a page as SCRATCH/PAGE.LINE.c, LINE its first in the page, without roff's escapes.
# Compilers are told of the page, so that what they find has its place there.
cut_out() # PAGE
{
	awk -v base="$scratch/$(basename "$1")" -v page="$1" '
	/^\.Ed/ { inside = 0; out = "" }
	inside && !out && /^#include/ && fresh {
		out = base "." FNR ".c"
		print "#line " FNR " \"" page "\"" >out
	}
	{ fresh = 0 }
	out { gsub(/\\&/, ""); gsub(/\\e/, "\\"); gsub(/\\-/, "-"); print >out }
	/^\.Bd -literal/ { inside = 1; fresh = 1 }' "$1"
}

for page in docs/man/*.[1-9]; do
	[ -e "$page" ] || continue
	cut_out "$page"
	for program in "$scratch"/*.c; do
		[ -e "$program" ] || continue
		language='-x c -std=c11'
		! grep -q '^#include <duet/.*\.hpp>' "$program" || language='-x c++ -std=c++20'
		for compiler in gcc clang; do
			# These are lists: they are meant to split.
			# shellcheck disable=SC2086
			"$compiler" $language $flags "$program" 2>&1 | grep -m 1 'error:' |
				sed -e "s|^$page:\([0-9]*\):[0-9]*: |$page:\1: $compiler: |" \
					-e 's|$|; correct the example|'
		done
	done
	rm -f "$scratch"/*.c
done | verdict
