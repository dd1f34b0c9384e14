/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

/*
 * How an operation is stopped. As nothing was attempted that was not also delivered, the end of
 * what waits for an event or for its turn is over at the request. Only what a worker has begun
 * runs on.
 *
 * What is known of the handle stays: a waiter that was woken and is cancelled before it looked
 * leaves the edge, which the kernel will not repeat, to the next in line.
 */

static int stop_head(struct duet_loop *loop, struct duet_op *op, enum direction direction)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	polling_let_go(loop, slot, direction);
	if (MUTANT(waiter_starved) && slot->ready & REGISTERED) {
		polling_interest_remove(loop, slot);
		slot->ready |= REGISTERED;
	}
	return BACKEND_ENDED;
}

static int cancel_work(struct duet_loop *loop, struct duet_op *op)
{
	/* A read that has bytes of its beginning already is finished, not forgotten. */
	return duet_core_offload_cancel(loop, op, op->kind == DUET_READ && op->there_bytes > 0);
}

static int cancel_accept(struct duet_loop *loop, struct duet_op *op)
{
	int answer = stop_head(loop, op, DIRECTION_READ);

	return MUTANT(accept_cancel_silent) ? BACKEND_ISSUED : answer;
}

/* Eager arm: bytes that were taken already are this operation's, and it ends with them. */
static int cancel_taken(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	if (MUTANT(late_bytes_discarded)) {
		slot->ready &= ~(uint32_t)TAKEN;
		polling_lend_back(op, (int)(op->backend >> 32));
		return stop_head(loop, op, DIRECTION_READ);
	}
	op->progress = PROGRESS_STOPPED;
	return BACKEND_ISSUED;
}

static int cancel_recv(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	if (slot->ready & TAKEN)
		return cancel_taken(loop, slot, op);
	if (op->progress & PROGRESS_WORKER)
		return op->flags & DUET_POOLED ? duet_core_offload_receive_cancel(loop, op)
					       : cancel_work(loop, op);
	return stop_head(loop, op, DIRECTION_READ);
}

static int cancel_recvmsg(struct duet_loop *loop, struct duet_op *op)
{
	polling_message_leaves(duet_core_op_slot(loop, op), op);
	return stop_head(loop, op, DIRECTION_READ);
}

/* A send that moved nothing yet. */
static int cancel_send(struct duet_loop *loop, struct duet_op *op)
{
	if (op->progress & PROGRESS_WORKER)
		return cancel_work(loop, op);
	return stop_head(loop, op, DIRECTION_WRITE);
}

/* The kernel goes on with what was tried: core calls the handle tainted. */
static int cancel_connect(struct duet_loop *loop, struct duet_op *op)
{
	bool tried = op->progress != PROGRESS_FRESH;
	int answer = stop_head(loop, op, DIRECTION_WRITE);

	return tried ? answer : BACKEND_UNTRIED;
}

/* Linear: the list holds what was started since the last turn. */
static void leave_due(struct polling *polling, const struct duet_op *op)
{
	struct duet_op *before = NULL;
	struct duet_op *at = polling->due_first;

	while (at != op) {
		before = at;
		at = (struct duet_op *)(uintptr_t)at->backend;
	}
	if (before)
		before->backend = op->backend;
	else
		polling->due_first = (struct duet_op *)(uintptr_t)op->backend;
	if (polling->due_last == op)
		polling->due_last = before;
	polling->due_count--;
}

static int cancel_nop(struct duet_loop *loop, struct duet_op *op)
{
	leave_due(polling_of(loop), op);
	return BACKEND_ENDED;
}

static int cancel_poll(struct duet_loop *loop, struct duet_op *op)
{
	if (op->progress == PROGRESS_DUE)
		leave_due(polling_of(loop), op);
	op->progress = PROGRESS_FRESH;
	return BACKEND_ENDED;
}

static int cancel_read(struct duet_loop *loop, struct duet_op *op)
{
	if (op->progress & PROGRESS_WORKER)
		return cancel_work(loop, op);
	leave_due(polling_of(loop), op);
	return BACKEND_ENDED;
}

static int (*const cancel_kind[DUET_IO_KIND_COUNT])(struct duet_loop *loop, struct duet_op *op) = {
	[DUET_NOP] = cancel_nop,       [DUET_POLL] = cancel_poll,     [DUET_ACCEPT] = cancel_accept,
	[DUET_SIGNAL] = cancel_recv,   [DUET_WAIT_PROCESS] = cancel_recv,
	[DUET_CONNECT] = cancel_connect, [DUET_RECV] = cancel_recv,
	[DUET_SEND] = cancel_send,    [DUET_READ] = cancel_read,
	[DUET_WRITE] = cancel_work,    [DUET_OPEN] = cancel_work,
	[DUET_FSYNC] = cancel_work,    [DUET_STATX] = cancel_work,    [DUET_MKDIR] = cancel_work,
	[DUET_UNLINK] = cancel_work,   [DUET_RENAME] = cancel_work,   [DUET_LINK] = cancel_work,
	[DUET_SYMLINK] = cancel_work,  [DUET_TRUNCATE] = cancel_work, [DUET_ALLOCATE] = cancel_work,
	[DUET_RECVMSG] = cancel_recvmsg, [DUET_SENDMSG] = cancel_send,
	[DUET_SEND_ZERO_COPY] = cancel_send, [DUET_SPLICE] = polling_cancel_splice,
};

/* The other kinds end in their start, or nobody may stop them (close), or core has them (timeout). */
int polling_cancel(struct duet_loop *loop, struct duet_op *op)
{
	return cancel_kind[op->kind](loop, op);
}
