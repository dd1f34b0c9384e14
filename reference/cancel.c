/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "reference/internal.h"

/*
 * Every legal answer to a cancel is drawn now and then: stopped at once, stopped later, too late
 * (the result wins if there is one), running to its end, "ask again", and no room to ask.
 */

#define NO_ROOM_PER_MILLE 20

static int stop_at_once(struct reference *world, struct duet_op *op)
{
	bag_remove(world, op);
	return BACKEND_ENDED;
}

static int stop_later(struct reference *world, struct duet_op *op)
{
	op->progress |= PROGRESS_STOPPING;
	if (random_chance(&world->random, world->late))
		op->progress |= PROGRESS_LATE;
	return BACKEND_ISSUED;
}

static int cancel_stoppable(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	if (random_chance(&world->random, world->late) || random_chance(&world->random, 500))
		return stop_later(world, op);
	return stop_at_once(world, op);
}

/* The request is given up, the socket isn't: it may go on connecting behind our back. */
static int cancel_connect(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	if (random_chance(&world->random, world->late))
		return stop_later(world, op);
	if (random_chance(&world->random, 500))
		finish_attempt(loop, op);
	return stop_at_once(world, op);
}

/* Still queued it can be taken back; begun it runs to its end. */
static int cancel_unstoppable(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	if (op->kind != DUET_CLOSE && random_chance(&world->random, 500))
		return stop_at_once(world, op);
	return BACKEND_ISSUED;
}

static int (*const cancels[DUET_KIND_COUNT])(struct duet_loop *loop, struct duet_op *op) = {
	[DUET_NOP] = cancel_stoppable,
	[DUET_POLL] = cancel_stoppable,
	[DUET_ACCEPT] = cancel_stoppable,
	[DUET_CONNECT] = cancel_connect,
	[DUET_RECV] = cancel_stoppable,
	[DUET_SEND] = cancel_stoppable,
	[DUET_READ] = cancel_unstoppable,
	[DUET_WRITE] = cancel_unstoppable,
	[DUET_OPEN] = cancel_unstoppable,
	[DUET_FSYNC] = cancel_unstoppable,
	[DUET_SHUTDOWN] = cancel_unstoppable,
	[DUET_CLOSE] = cancel_unstoppable,
	[DUET_SOCKET] = cancel_unstoppable,
	[DUET_BIND] = cancel_unstoppable,
	[DUET_LISTEN] = cancel_unstoppable,
};

int reference_cancel(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	world->idle = false;
	if (random_chance(&world->random, NO_ROOM_PER_MILLE))
		return -EAGAIN;
	return cancels[op->kind](loop, op);
}
