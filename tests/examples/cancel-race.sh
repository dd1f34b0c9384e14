#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Careless it loses bytes on the plain ring, and none on the deferred one and on the reactor; with its
# one line changed, none.

. tests/examples/lib.sh

lost() # BACKEND'S-LINE
{
	sed -n "s/^  $1  *//p" "$scratch/said"
}

"$1" >"$scratch/said" || give_up "the careless one failed"
[ "$(lost polling)" -eq 0 ] || give_up "careless, polling lost $(lost polling) bytes"
[ "$(lost 'completion, plain')" -gt 0 ] || give_up "careless, the plain ring lost nothing"
[ "$(lost 'completion, deferred')" -eq 0 ] ||
	give_up "careless, the deferred ring lost $(lost 'completion, deferred') bytes"

sed -e 's/^#define HEED_BYTES 0.*/#define HEED_BYTES 1/' examples/cancel-race.c >"$scratch/heed.c"
[ "$(diff examples/cancel-race.c "$scratch/heed.c" | grep -c '^>')" -eq 1 ] ||
	give_up "not one line was changed"
rebuild "$scratch/heed.c" "$scratch/heed" || give_up "the right one does not compile"
"$scratch/heed" >"$scratch/said" || give_up "the right one failed"
for line in polling 'completion, plain' 'completion, deferred'; do
	[ "$(lost "$line")" -eq 0 ] || give_up "right, $line lost $(lost "$line") bytes"
done
