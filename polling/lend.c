/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

/*
 * Memory for receives: the caller's, lent from start to the terminal completion, or a buffer of a
 * pool, taken for the length of one call and kept only if bytes came. The kernel never holds
 * memory of ours between calls, so core's own free list is all that a pool needs.
 */

int polling_lend(const struct duet_op *op, struct iovec *target)
{
	struct duet_pool *pool = op->args.io.pool;
	int index;

	if (!(op->flags & DUET_POOLED)) {
		*target = op->args.io.vectors[0];
		return LEND_OWN;
	}
	index = duet_core_buffer_take(pool);
	if (index < 0)
		return -ENOBUFS;
	target->iov_base = duet_core_buffer_data(pool, (uint16_t)index);
	target->iov_len = pool->size_bytes;
	return index;
}

void polling_lend_back(const struct duet_op *op, int index)
{
	if (index >= 0)
		duet_core_buffer_untake(op->args.io.pool, (uint16_t)index);
}
