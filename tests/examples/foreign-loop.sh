#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT

. tests/examples/lib.sh

for backend in polling completion; do
	"$1" $backend >"$scratch/said" || give_up "$backend: failed"
	ticks=$(grep -c '^tick' "$scratch/said")
	answers=$(grep -c '^answer' "$scratch/said")
	[ "$answers" -eq 3 ] || give_up "$backend: not three answers: $(cat "$scratch/said")"
	[ "$ticks" -ge 3 ] || give_up "$backend: not a tick for each answer: $(cat "$scratch/said")"
done
