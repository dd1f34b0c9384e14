#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Manual pages have no mistake that mandoc can see.

. "$(dirname "$0")/lib.sh"

for page in docs/man/*.[1-9]; do
	[ -e "$page" ] || continue
	mandoc -T lint -W warning "$page" 2>&1 | sed -e 's/^mandoc: //' -e 's/$/; correct the page/'
done | verdict
