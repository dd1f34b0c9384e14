#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT

. tests/examples/lib.sh

for backend in polling completion; do
	"$1" $backend >"$scratch/said" || give_up "$backend: failed"
	[ "$(grep -c '^tick' "$scratch/said")" -gt 1 ] &&
		[ "$(grep -c '^tick' "$scratch/said")" = "$(grep -c '^answer' "$scratch/said")" ] ||
		give_up "$backend: not one answer to each tick: $(cat "$scratch/said")"
done
