/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "reference/internal.h"

/*
 * The order of completions, chosen by somebody else: who wants to see all of them must be asked only
 * where there is a choice. So this looks first who could end, which drawing needn't know.
 */

static const struct world_node *node_of(struct duet_loop *loop, const struct duet_op *op)
{
	return world_node(reference_of(loop), duet_core_op_slot(loop, op)->fd);
}

static bool may_accept(const struct world_node *node)
{
	return node->phase != SOCKET_LISTENING || node->queued;
}

static bool keeps_apart(const struct world_node *node)
{
	return node->kind == NODE_SOCKET && node->type != SOCK_STREAM;
}

/* Rather too often than not: who then has nothing to report has cost a choice. */
static bool is_ready(struct duet_loop *loop, const struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	if (op->progress & (PROGRESS_STOPPING | PROGRESS_HOLDING) || op->progress >> PROGRESS_ERROR_SHIFT)
		return true;
	switch (op->kind) {
	case DUET_RECV:
		return !finish_awaits_connect(loop, op) &&
		       world_readable(node_of(loop, op)) != -EAGAIN;
	case DUET_SEND:
	case DUET_SENDMSG:
	case DUET_SEND_ZERO_COPY:
		return keeps_apart(node_of(loop, op)) ||
		       world_writable(world, node_of(loop, op));
	case DUET_RECVMSG:
		if (op->args.io.message_flags & MSG_ERRQUEUE)
			return world_events(world, node_of(loop, op)) &
			       (POLLERR | POLLHUP | POLLRDHUP);
		return !finish_awaits_connect(loop, op) &&
		       world_readable(node_of(loop, op)) != -EAGAIN;
	case DUET_SPLICE:
		return !finish_awaits_connect(loop, &op->args.io.splice->place) &&
		       world_splice_ready(world, node_of(loop, &op->args.io.splice->place),
					  node_of(loop, op));
	case DUET_ACCEPT:
		return may_accept(node_of(loop, op));
	case DUET_POLL:
		return world_events(world, node_of(loop, op)) &
		       (op->args.poll.events | POLLERR | POLLHUP);
	case DUET_SIGNAL:
	case DUET_WAIT_PROCESS:
		return outside_events(node_of(loop, op)) & POLLIN;
	default:
		return true;
	}
}

/* Who of those that have not had their step in this turn could take one. */
static uint32_t look(struct duet_loop *loop, uint32_t left)
{
	struct reference *world = reference_of(loop);
	uint32_t count = 0;

	for (uint32_t i = 0; i < left; i++) {
		struct duet_op *op = duet_core_find(loop, world->order[i]);

		if (op && op->backend && is_ready(loop, op))
			world->ready[count++] = op;
	}
	return count;
}

static void forget(struct reference *world, uint64_t identity, uint32_t left)
{
	uint32_t place = 0;

	while (world->order[place] != identity)
		place++;
	memmove(&world->order[place], &world->order[place + 1],
		(left - place - 1) * sizeof(*world->order));
}

/* Whoever is left may be put off to the next turn: not all of them, the world goes on. */
static uint32_t choose(struct reference *world, uint32_t count, bool moved)
{
	uint32_t bound = count + moved;

	return bound < 2 ? 0 : world->choose(world->chooser, world->ready, count, bound);
}

/* A step each, of who is chosen, until none is. True: somebody has moved. */
bool order_sweep(struct duet_loop *loop)
{
	struct reference *world = reference_of(loop);
	uint32_t left = world->bag_count, count;
	bool moved = false;

	for (uint32_t i = 0; i < left; i++)
		world->order[i] = duet_core_identity(world->bag[i]);
	while ((count = look(loop, left)) > 0) {
		uint32_t chosen = choose(world, count, moved);
		struct duet_op *op;

		if (chosen >= count)
			break;
		op = world->ready[chosen];
		forget(world, duet_core_identity(op), left--);
		moved |= finish_step(loop, op) > 0;
	}
	return moved;
}

bool order_draw(struct reference *world, enum knob knob)
{
	uint32_t per_mille = world->knobs[knob];

	if (!world->choose || !per_mille || per_mille >= 1000)
		return reference_draw(world, knob);
	return world->choose(world->chooser, NULL, 0, 2) > 0;
}
