/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>

#include "completion/internal.h"

/*
 * Sends on what is no socket: a write where it stands. One that might raise SIGPIPE is only left to the
 * ring where the kernel has a flag against it, as the signal would go to whichever thread the attempt
 * is made on. Else the ring says when there is room, and the attempt is a call of our own, which knows
 * how to take the signal back.
 */

/* O_NONBLOCK, so that the call doesn't wait; as it was when the handle goes. */
static int attempt(struct duet_loop *loop, struct duet_slot *slot, const struct duet_op *op)
{
	int error = 0;

	if (!slot->was_nonblocking && !(slot->next & HANDLE_NONBLOCKING))
		error = duet_core_system_nonblock(loop, slot->fd, 1);
	if (error)
		return error;
	slot->next |= HANDLE_NONBLOCKING;
	return duet_core_system_write(loop, slot, op->args.io.vectors, op->args.io.vector_count);
}

static int await_room(struct completion *self, const struct duet_slot *slot, struct duet_op *op)
{
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, slot->fd, POLLOUT);
	return completion_issued(self, op, sqe, TAG_POLL);
}

/* Made in the start, as every direct send: see send_directly(). */
static int start_quietly(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	op->result = attempt(loop, slot, op);
	if (op->result == -EAGAIN) {
		loop->stats.wasted++;
		return await_room(completion_of(loop), slot, op);
	}
	core_took(loop, op, CORE_INLINE);
	return BACKEND_ENDED;
}

int completion_start_write(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	enum core_quiet quiet = duet_core_quiet(loop, slot);
	struct io_uring_sqe *sqe;

	if (quiet == QUIET_BY_MASK)
		return start_quietly(loop, slot, op);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_writev2(sqe, slot->fd, op->args.io.vectors, op->args.io.vector_count,
			      (uint64_t)-1, duet_core_quiet_flag(quiet));
	return completion_issued(self, op, sqe, TAG_PLAIN);
}

void completion_start_room(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);

	if (await_room(self, duet_core_op_slot(loop, op), op) != BACKEND_ISSUED)
		completion_list_push(&self->owed, op, PLACE_OWED);
}

void completion_finish_room(struct duet_loop *loop, struct duet_op *op)
{
	int result = attempt(loop, duet_core_op_slot(loop, op), op);

	if (result != -EAGAIN)
		duet_core_end(loop, op, result);
	else if (op->request)
		duet_core_end(loop, op, -ECANCELED);
	else
		completion_start_room(loop, op);
}
