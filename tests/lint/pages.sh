#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Manual pages have no mistake that mandoc can see; and on a terminal of 80 columns, by the other of the two
# programs that show them, no line runs over and no column of a table is one word wide.

. "$(dirname "$0")/lib.sh"

for page in docs/man/*.[1-9]; do
	[ -e "$page" ] || continue
	mandoc -T lint -W warning "$page" 2>&1 | sed -e 's/^mandoc: //' -e 's/$/; correct the page/'
	groff -mandoc -Tutf8 -rLL=78n -wbreak "$page" 2>&1 >/dev/null |
		sed -e 's/^troff: *//' -e 's/$/; give it more room, or another form/'
done | verdict
