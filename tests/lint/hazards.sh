#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# The table of hazards in docs/cancellation.md and the cases of tests/hazards/ are the same: each row
# has a case or says that there is none yet; each case stands in the row of the number that its comment
# begins with, is played by its program, and between them the comments cite what the row cites.

. "$(dirname "$0")/lib.sh"

page=docs/cancellation.md

# "case NUMBER GROUP/CASE FILE:LINE" and "cite NUMBER OWNER/REPO#N FILE:LINE" for each case; a case
# without a number in the comment right above it has 0.
of_cases()
{
	set -- tests/hazards/*.c
	[ ! -e "$1" ] || awk '
	FNR == 1 { group = FILENAME; sub(/.*\//, "", group); sub(/\.c$/, "", group); text = "" }
	/^\/\*/ { text = ""; inside = 1 }
	inside { text = text " " $0; if (/\*\//) inside = 0; next }
	/^START_TEST\(/ {
		name = $0; sub(/^START_TEST\(/, "", name); sub(/\).*/, "", name)
		number = match(text, /^[ \/*]*[0-9]+\./) ? text : "0"
		gsub(/^[ \/*]*/, "", number); sub(/\..*/, "", number)
		print "case", number, group "/" name, FILENAME ":" FNR
		while (match(text, /[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+#[0-9]+/)) {
			print "cite", number, substr(text, RSTART, RLENGTH), FILENAME ":" FNR
			text = substr(text, RSTART + RLENGTH)
		}
	}
	{ text = "" }' "$@"
}

# The same of the table, and "row NUMBER none FILE:LINE" for a row that names no case.
of_rows()
{
	[ ! -e "$page" ] || awk -F '|' '
	/^## / { here = /^## Hazards/ }
	here && $2 ~ /^ [0-9]+ $/ {
		number = $2 + 0; cites = $4; tests = $6; count = 0
		while (match(cites, /[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+#[0-9]+/)) {
			print "cite", number, substr(cites, RSTART, RLENGTH), FILENAME ":" FNR
			cites = substr(cites, RSTART + RLENGTH)
		}
		while (match(tests, /\140[a-z]+\/[a-z0-9_]+\140/)) {
			print "case", number, substr(tests, RSTART + 1, RLENGTH - 2), FILENAME ":" FNR
			tests = substr(tests, RSTART + RLENGTH)
			count++
		}
		if (!count)
			print "row", number, tests ~ /not yet: [a-z]/ ? "told" : "none", FILENAME ":" FNR
	}' "$page"
}

cases=$(of_cases)

# What stands on one side only.
differences()
{
	{
		of_rows
		echo --
		echo "$cases"
	} | awk -v page="$page" '
	$1 == "--" { cases = 1; next }
	NF < 4 { next }
	$1 == "row" && $3 == "none" {
		print $4 ": hazard " $2 " has no case; name one, or say \"not yet: \" and why"
	}
	$1 == "row" { without[$2] = 1; next }
	cases { of_case[$1 " " $2 " " $3] = $4; next }
	{ of_page[$1 " " $2 " " $3] = $4 }
	END {
		for (key in of_case)
			if (!(key in of_page))
				print of_case[key] ": \"" key "\" is not in the table of " page "; enter it there"
		for (key in of_page) {
			split(key, word, " ")
			if (!(key in of_case) && !(word[1] == "cite" && word[2] in without))
				print of_page[key] ": \"" key "\" is of no case in tests/hazards; write it, or take it out"
		}
	}' | sort
}

# A case that nobody plays is one that is not there.
unplayed()
{
	echo "$cases" | while read -r what number name place; do
		[ "$what" = case ] || continue
		count=$(grep -c "[(,[:space:]]${name#*/}[,)]" "${place%:*}")
		[ "$count" -gt 1 ] || echo "$place: nobody plays ${name#*/}, of hazard $number; list it in main()"
	done
}

{
	differences
	unplayed
} | verdict
