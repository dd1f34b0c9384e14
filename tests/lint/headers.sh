#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Every public header compiles alone, as C11 and as C++17 (those of C++ as C++20), with both compilers
# and no warning, and none of them brings liburing in.

. "$(dirname "$0")/lib.sh"

flags='-Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only -Icore -Icompletion -Ipolling -Ireference -Ilaboratory'

alone() # HEADER COMPILER LANGUAGE STANDARD
{
	# $flags is a list: it is meant to split.
	# shellcheck disable=SC2086
	said=$(echo "#include <duet/$(basename "$1")>" | "$2" -x "$3" -std="$4" $flags - 2>&1) ||
		echo "$1:1: does not compile alone with $2 as $4; make it include what it needs:" \
			"$(echo "$said" | grep -m 1 error)"
}

for header in */duet/*.h; do
	[ -e "$header" ] || continue
	alone "$header" gcc c c11
	alone "$header" gcc c++ c++17
	alone "$header" clang c c11
	alone "$header" clang c++ c++17
	grep -HnE '#[ \t]*include[ \t]*[<"](liburing|linux/io_uring)' "$header" |
		sed -e 's/^\([^:]*:[0-9]*\):.*/\1: a public header includes liburing; hide it in the .c file/'
done | verdict || bad=1
for header in */duet/*.hpp; do
	[ -e "$header" ] || continue
	alone "$header" gcc c++ c++20
	alone "$header" clang c++ c++20
done | verdict || bad=1
[ "${bad:-0}" -eq 0 ]
