#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Nothing is left for later in the source.

. "$(dirname "$0")/lib.sh"

# Spelled so that this file does not find itself.
marks='TO''DO|FIX''ME|X''XX|HA''CK'
c_files core completion polling reference laboratory compare examples bench tests |
	xargs -r grep -HnwE "$marks" |
	sed -e 's/^\([^:]*:[0-9]*\):.*/\1: something left for later; do it, or say in words why not/' |
	verdict
