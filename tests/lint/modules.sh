#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# tests/modules.list says where each module of the libraries is tested: no module is missing, every
# module and test in it is there, and no unit test of a library is of no module. What is tested of
# the program (tests/unit/compare_*) and of the benches (tests/unit/bench_*), the twins' player,
# and the explorer, is of none.

. "$(dirname "$0")/lib.sh"

list=tests/modules.list

modules()
{
	for folder in core completion polling reference laboratory; do
		[ ! -d "$folder" ] || find "$folder" -type f -name '*.c' ! -path 'reference/twins/*' \
			! -path 'reference/explore/*'
	done | sort
}

unit_tests()
{
	for file in tests/unit/*.c; do
		case $file in
		*'*.c' | */compare_* | */bench_*) ;;
		*) echo "$file" ;;
		esac
	done
}

# "LINE MODULE TEST..." for each entry.
entries()
{
	[ ! -e "$list" ] || awk '{ sub(/#.*/, "") } NF { print NR, $0 }' "$list"
}

{
	modules | while read -r module; do
		entries | awk -v m="$module" '$2 == m { found = 1 } END { exit !found }' ||
			echo "$module:1: no entry in $list; say there which test is for it, or write one"
	done
	unit_tests | while read -r file; do
		entries | awk -v f="$file" '
			{ for (i = 3; i <= NF; i++) if ("tests/" $i ".c" == f) found = 1 }
			END { exit !found }' ||
			echo "$file:1: is of no module in $list; enter it there"
	done
	entries | while read -r line module tests; do
		[ -e "$module" ] || echo "$list:$line: $module is not there; remove the entry"
		[ -n "$tests" ] || echo "$list:$line: names no test for $module"
		for test in $tests; do
			[ -e "tests/$test.c" ] || echo "$list:$line: tests/$test.c is not there"
		done
	done
} | verdict
