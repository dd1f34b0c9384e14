# shellcheck shell=sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# What the lints share. A lint is a script that looks at the tree it stands in (the current
# directory), prints "file:line: what is wrong; what to do" for each finding, and fails if there is
# one. Paths contain no spaces in this project.

set -u
LC_ALL=C
export LC_ALL

# The C and C++ files below the folders that exist.
c_files() # FOLDER...
{
	for folder in "$@"; do
		[ ! -d "$folder" ] || find "$folder" -type f \( -name '*.[ch]' -o -name '*.[ch]pp' \)
	done | sort
}

# "file:line:text" of every line of the files on the input, with comments and the contents of
# strings blanked out (but not of #include, where the string is the point).
code()
{
	xargs -r awk '
	FNR == 1 { inside = 0 }
	{
		line = $0
		out = ""
		if (!inside && line ~ /^[ \t]*#[ \t]*include/) {
			print FILENAME ":" FNR ":" line
			next
		}
		while (line != "") {
			if (inside) {
				end = index(line, "*/")
				line = end ? substr(line, end + 2) : ""
				inside = !end
			} else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"/)) {
				out = out substr(line, 1, RSTART - 1)
				token = substr(line, RSTART, 2)
				line = substr(line, RSTART + RLENGTH)
				if (token == "/*")
					inside = 1
				else if (token == "//")
					line = ""
				else
					out = out "\"\""
			} else {
				out = out line
				line = ""
			}
		}
		print FILENAME ":" FNR ":" out
	}'
}

# Passes findings through and fails if there were any.
verdict()
{
	awk '{ print } END { exit NR > 0 }'
}

# The entries of a list beside the lints, without comments. The list of the tree that is looked at:
# a scratch tree has its own or none.
allowed() # LIST
{
	[ ! -e "tests/lint/$1" ] || sed -e 's/#.*//' -e 's/[ \t]*$//' -e '/^$/d' "tests/lint/$1"
}
