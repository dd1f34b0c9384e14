#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# What the child has opened the parent reads, on both mechanisms; a file that isn't there is said to be so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" "$1" >"$folder/polling"
cmp "$1" "$folder/polling"
"$1" "$1" completion >"$folder/completion"
cmp "$1" "$folder/completion"
if "$1" "$folder/none" 2>"$folder/said"; then exit 1; fi
grep -q "$folder/none: " "$folder/said"
