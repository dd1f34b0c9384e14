#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT

. tests/examples/lib.sh

for backend in polling completion; do
	"$1" $backend >"$scratch/said" || give_up "$backend: failed"
	[ "$(grep -o '^[123]0 ms: completed' "$scratch/said" | tr -d '\n')" = \
		'10 ms: completed20 ms: completed30 ms: completed' ] ||
		give_up "$backend: wrong order: $(cat "$scratch/said")"
	grep -qx 'an hour: untouched, cause cancel' "$scratch/said" ||
		give_up "$backend: the cancelled one: $(cat "$scratch/said")"
done
