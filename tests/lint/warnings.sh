#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Every C and C++ file compiles with both compilers and no warning.

. "$(dirname "$0")/lib.sh"

# The make above may have handed down its own mode and flags: this is a build of its own.
unset MAKEFLAGS MAKELEVEL MODE CFLAGS

for compiler in gcc clang; do
	cxx=g++
	[ "$compiler" = gcc ] || cxx=clang++
	make -k -s -j2 MODE="lint-$compiler" CC="$compiler" CXX="$cxx" WERROR=1 objects 2>&1 </dev/null |
		grep -E '(warning|error): ' |
		sed -e "s/$/; $compiler warns: correct the code/"
done | verdict
