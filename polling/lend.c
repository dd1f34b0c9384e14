/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

/*
 * Memory for receives: the caller's, lent from start to the terminal completion, or a buffer of a
 * pool, taken for the length of one call and kept only if bytes came. The kernel never holds
 * memory of ours between calls, so core's own free list is all that a pool needs.
 */

/* There is data, and no buffer for it: core keeps the receive in line until one comes back. */
void polling_lend_none(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	slot->ready &= ~polling_bits(HELD, DIRECTION_READ);
	duet_core_starve(loop, op);
}

void polling_lend_back(const struct duet_op *op, int index)
{
	if (index >= 0)
		duet_core_buffer_untake(op->args.io.pool, (uint16_t)index);
}
