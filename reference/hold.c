/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/internal.h"

/*
 * What a zero-copy send keeps after its result. The network reads the memory when it gets to it: here the
 * bytes that nobody has received yet are read a second time at the release, so that whoever changed or
 * freed them in between sees what comes of it.
 */

static struct hold *hold_of(struct duet_loop *loop, struct duet_op *op)
{
	return &reference_of(loop)->holds[duet_core_slot_index(duet_core_identity(op))];
}

void hold_begin(struct duet_loop *loop, struct duet_op *op, int result)
{
	struct reference *world = reference_of(loop);
	const struct world_node *node = world_node(world, duet_core_op_slot(loop, op)->fd);
	const struct world_node *peer;
	struct hold *hold = hold_of(loop, op);

	op->progress = PROGRESS_HOLDING;
	op->held.copied = 0;
	*hold = (struct hold){ .peer = node->peer, .connection = node->connection };
	if (result <= 0 || node->peer == NODE_NONE)
		return;
	peer = &world->nodes[node->peer];
	hold->bytes = (uint32_t)result;
	hold->from = peer->received + peer->used - hold->bytes;
}

/* The byte of that place of the pieces: there is one. */
static unsigned char byte_at(const struct duet_op *op, uint32_t place)
{
	const struct iovec *piece = op->args.io.vectors;

	while (place >= piece->iov_len)
		place -= (uint32_t)piece++->iov_len;
	return ((const unsigned char *)piece->iov_base)[place];
}

void hold_end(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);
	const struct hold *hold = hold_of(loop, op);
	struct world_node *peer;

	if (!hold->bytes)
		return;
	peer = &world->nodes[hold->peer];
	if (peer->kind != NODE_SOCKET || peer->connection != hold->connection)
		return;
	for (uint32_t i = 0; i < hold->bytes; i++) {
		uint64_t place = hold->from + i - peer->received;

		/* What was received lies below, as a number beyond all. */
		if (place < peer->used)
			peer->data[(peer->first + place) % WORLD_SOCKET_BYTES] = byte_at(op, i);
	}
}
