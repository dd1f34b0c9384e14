#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# The version is said once, in VERSION; the public header repeats it as numbers, and both agree.

. "$(dirname "$0")/lib.sh"

header=core/duet/api.h
[ -e "$header" ] || exit 0
number() # MAJOR|MINOR|PATCH
{
	sed -n "s/^#define[ \t]*DUET_VERSION_$1[ \t]*\([0-9]*\).*/\1/p" "$header"
}
said=$(number MAJOR).$(number MINOR).$(number PATCH)
[ "$said" = "$(cat VERSION)" ] ||
	echo "$header:1: says version $said, VERSION says $(cat VERSION); make them agree" | verdict
