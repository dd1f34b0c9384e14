#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# No function over 70 lines, signature and closing brace included, and no file over 700.

. "$(dirname "$0")/lib.sh"

c_files core completion polling reference laboratory compare examples bench tests | xargs -r awk '
	function file_ends() {
		if (last > 700)
			print name ":" last ": the file has " last " lines, 700 are allowed; " \
				"split it by noun"
	}
	FNR == 1 {
		file_ends()
		name = FILENAME
		start = 0
		body = 0
	}
	{ last = FNR }
	body && /^}/ {
		if (FNR - start + 1 > 70)
			print FILENAME ":" start ": a function of " FNR - start + 1 \
				" lines, 70 are allowed; split it"
		body = 0
		start = 0
		next
	}
	body { next }
	/^{/ {
		body = 1
		if (!start)
			start = FNR
		next
	}
	# A signature begins at the first line at the margin after the last thing ended.
	/^[A-Za-z_]/ && !start { start = FNR }
	/^$|;[ \t]*$|^}|^#|^\/\*|^ \*/ { start = 0 }
	END { file_ends() }' | verdict
