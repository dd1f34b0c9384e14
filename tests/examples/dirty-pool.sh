#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# The laboratory finds the planted bug on both twins, and with its one line changed none.

. tests/examples/lib.sh

for backend in polling completion; do
	"$1" $backend >"$scratch/said"
	[ $? -eq 4 ] || give_up "$backend: the bug was not found: $(cat "$scratch/said")"
	grep -q "in flight, scope: a request was given another one's answer" "$scratch/said" ||
		give_up "$backend: another bug was found: $(cat "$scratch/said")"
done

sed -e 's/^#define CLOSES_DIRTY 0/#define CLOSES_DIRTY 1/' examples/dirty-pool.c >"$scratch/fixed.c"
[ "$(diff examples/dirty-pool.c "$scratch/fixed.c" | grep -c '^>')" -eq 1 ] ||
	give_up "not one line was changed"
rebuild "$scratch/fixed.c" "$scratch/fixed" || give_up "the right one does not compile"
for backend in polling completion; do
	"$scratch/fixed" $backend >"$scratch/said" ||
		give_up "right, $backend: $(cat "$scratch/said")"
done
