/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "reference/internal.h"

/* Pools: the buffers are core's own, one is taken when there is something to put into it. */

int lend_recv(struct duet_loop *loop, struct duet_op *op, uint16_t *index)
{
	struct reference *world = reference_of(loop);
	struct world_node *node = world_node(world, duet_core_op_slot(loop, op)->fd);
	struct duet_pool *pool = op->args.io.pool;
	int found = finish_awaits_connect(loop, op) ? -EAGAIN : world_readable(node);
	int buffer, result;
	struct iovec piece;

	if (found == -EAGAIN)
		return found;
	/* The end of the stream is found as bytes are, by a call that has a buffer. */
	buffer = duet_core_buffer_take(pool);
	if (buffer < 0)
		return -ENOBUFS;
	piece.iov_base = duet_core_buffer_data(pool, (uint16_t)buffer);
	piece.iov_len = pool->size_bytes;
	result = world_recv(world, node, &piece, 1);
	if (result <= 0)
		duet_core_buffer_untake(pool, (uint16_t)buffer);
	*index = (uint16_t)buffer;
	return result;
}
