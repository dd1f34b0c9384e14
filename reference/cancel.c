/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "reference/internal.h"

/*
 * Every legal answer to a cancel is drawn now and then, or demanded by a knob: stopped at once,
 * stopped later, too late (the result wins if there is one), running to its end, "ask again", and no
 * room to ask.
 */

static int stop_at_once(struct reference *world, struct duet_op *op)
{
	bag_remove(world, op);
	return BACKEND_ENDED;
}

static int cancel_stoppable(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	/* It has failed, and says so when its memory is back. */
	if (op->progress & PROGRESS_HOLDING)
		return BACKEND_ISSUED;
	if (order_draw(world, KNOB_LATE))
		op->progress |= PROGRESS_STOPPING | PROGRESS_LATE;
	else if (order_draw(world, KNOB_LATER))
		op->progress |= PROGRESS_STOPPING;
	else
		return stop_at_once(world, op);
	return BACKEND_ISSUED;
}

/* The request is given up, the socket isn't: it may go on connecting behind our back. */
static int cancel_connect(struct duet_loop *loop, struct duet_op *op)
{
	int answer = cancel_stoppable(loop, op);

	if (answer == BACKEND_ENDED && reference_draw(reference_of(loop), KNOB_BEHIND))
		finish_attempt(loop, op);
	return answer;
}

/* Still queued it can be taken back; begun it runs to its end. */
static int cancel_unstoppable(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);
	bool file = op->kind == DUET_READ || op->kind == DUET_WRITE;

	if (op->kind == DUET_CLOSE || (file && op->there_bytes) || !order_draw(world, KNOB_STOP))
		return BACKEND_ISSUED;
	return stop_at_once(world, op);
}

static int (*const cancels[DUET_IO_KIND_COUNT])(struct duet_loop *loop, struct duet_op *op) = {
	[DUET_NOP] = cancel_stoppable,
	[DUET_POLL] = cancel_stoppable,
	[DUET_SIGNAL] = cancel_stoppable,
	[DUET_WAIT_PROCESS] = cancel_stoppable,
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
	[DUET_STATX] = cancel_unstoppable,
	[DUET_MKDIR] = cancel_unstoppable,
	[DUET_UNLINK] = cancel_unstoppable,
	[DUET_RENAME] = cancel_unstoppable,
	[DUET_LINK] = cancel_unstoppable,
	[DUET_SYMLINK] = cancel_unstoppable,
	[DUET_TRUNCATE] = cancel_unstoppable,
	[DUET_ALLOCATE] = cancel_unstoppable,
	[DUET_RECVMSG] = cancel_stoppable,
	[DUET_SENDMSG] = cancel_stoppable,
	[DUET_SEND_ZERO_COPY] = cancel_stoppable,
	[DUET_SPLICE] = cancel_stoppable,
};

bool reference_denies(struct reference *world, struct duet_op *op, enum knob knob)
{
	if ((op->progress & PROGRESS_DENIALS) == PROGRESS_DENIALS || !reference_draw(world, knob))
		return false;
	op->progress += PROGRESS_DENIED;
	return true;
}

int reference_cancel(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	world->idle = false;
	if (reference_denies(world, op, KNOB_ROOM))
		return -EAGAIN;
	return cancels[op->kind](loop, op);
}
