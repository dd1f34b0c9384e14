#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Copies the example's own program on both mechanisms, and says what a missing file is.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" "$1" "$folder/polling"
cmp "$1" "$folder/polling"
"$1" "$1" "$folder/completion" completion
cmp "$1" "$folder/completion"
if "$1" "$folder/none" "$folder/x" 2>"$folder/said"; then exit 1; fi
grep -q 'No such file' "$folder/said"
