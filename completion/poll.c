/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>

#include "completion/internal.h"

/* Polls: what the kernel says of readiness, sorted out; and those that go on, which it may end early. */

/* A watch has seen what was asked for. Its poll is taken away; it lends nothing, so that nobody
 * has to wait for that. */
static void end_watch(struct duet_loop *loop, struct duet_op *op, int ready)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	op->result = ready;
	if (!sqe) {
		completion_list_push(&self->held, op, PLACE_HELD);
		return;
	}
	io_uring_prep_cancel64(sqe, op->identity | TAG_POLL, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = TAG_RELEASE;
	duet_core_end(loop, op, ready);
}

/* What of that which was asked for is there. Data and urgent data wake alike, and what a wake
 * brought is passed on: which of them came is asked again. */
static int sort_out(struct duet_loop *loop, const struct duet_op *op, int events)
{
	struct pollfd asked = {.fd = duet_core_op_slot(loop, op)->fd,
			       .events = (short)op->args.poll.events};

	if (!(op->args.poll.events & POLLPRI))
		return events & (int)(op->args.poll.events | POLLERR | POLLHUP);
	loop->stats.system_calls++;
	return poll(&asked, 1, 0) == 1 ? asked.revents : 0;
}

/* Armed anew, which tells of what is ready by then; but for what has no readiness to wait for: then
 * that was all there ever is to tell. */
static bool polls_on(struct duet_loop *loop, struct duet_op *op)
{
	if (op->request)
		return false;
	if (duet_core_op_slot(loop, op)->slot_class == CLASS_FILE || MUTANT(polls_not_rearmed))
		op->progress = PLACE_NOWHERE;
	else
		completion_start_polls(loop, op);
	return true;
}

/* Events of a multishot poll. */
static void finish_item(struct duet_loop *loop, struct duet_op *op, int ready, bool armed)
{
	uint64_t identity = op->identity;
	bool on = armed || polls_on(loop, op);

	if (ready)
		duet_core_item_events(loop, op, ready);
	if (!on && duet_core_find(loop, identity) == op)
		duet_core_end(loop, op, -ECANCELED);
}

/* The kernel reports the peer's half-close unasked, and it stays: then only a watch, which hears
 * of changes, waits for the rest. */
static void finish_events(struct duet_loop *loop, struct duet_op *op, int events, unsigned flags)
{
	int ready = sort_out(loop, op, events);
	bool watch = flags & IORING_CQE_F_MORE;

	if (op->flags & DUET_MULTISHOT)
		finish_item(loop, op, ready, watch);
	else if (ready && watch)
		end_watch(loop, op, ready);
	else if (ready)
		duet_core_end(loop, op, ready);
	else if (!watch && op->request)
		duet_core_end(loop, op, -ECANCELED);
	else if (!watch)
		completion_start_watch(loop, op);
}

/* The process has ended: its status is taken, unless somebody was quicker. Armed again if it is too
 * early, unless somebody wants the end. */
static void finish_wait_process(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (result > 0)
		result = duet_core_system_wait_process(loop, duet_core_op_slot(loop, op)->fd, op);
	if (result == -EAGAIN && !op->request)
		completion_start_again(loop, op);
	else
		duet_core_end(loop, op, result == -EAGAIN ? -ECANCELED : completion_plain_error(result));
}

/* On what is no socket: of a file the bytes that were moved, of a pipe that there may be room. */
static void finish_stream(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (duet_core_op_slot(loop, op)->slot_class == CLASS_FILE) {
		completion_move_on(loop, op, result);
		duet_core_end(loop, op, completion_plain_error(result));
	} else if (result > 0) {
		completion_finish_room(loop, op);
	} else {
		duet_core_end(loop, op, completion_plain_error(result));
	}
}

/* -EINVAL: it isn't ready so, and there is nothing to wait on, as with urgent data of a file.
 * poll(2) waits all the same. */
void completion_finish_poll(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	struct duet_op *op = duet_core_find(loop, user_data);

	if (!op)
		loop->stats.stale += result != -ECANCELED; /* the end of a watch */
	else if (op->progress == PLACE_HELD)
		return; /* it has ended; its watch goes on until there is room to take it away */
	else if (op->progress == PLACE_NOWHERE && result > 0)
		return; /* what can't be waited for was armed once too often */
	else if (op->kind == DUET_WAIT_PROCESS)
		finish_wait_process(loop, op, result);
	else if (op->kind == DUET_SPLICE)
		completion_finish_splice(loop, op, result);
	else if (op->kind != DUET_POLL && completion_awaits_readiness(loop, op))
		completion_finish_readiness(loop, op, result);
	else if (op->kind != DUET_POLL && !completion_is_socket(duet_core_op_slot(loop, op)))
		finish_stream(loop, op, result);
	else if (op->kind != DUET_POLL)
		completion_finish_ready(loop, op, completion_plain_error(result));
	else if (result > 0)
		finish_events(loop, op, result, flags);
	else if (result == -EINVAL && !op->request)
		op->progress = PLACE_NOWHERE;
	else
		duet_core_end(loop, op, result == -EINVAL ? -ECANCELED : completion_plain_error(result));
}

void completion_finish_held(struct duet_loop *loop)
{
	struct completion *self = completion_of(loop);
	struct completion_list held = self->held;
	struct duet_op *op;

	/* What is held by a report is for the next turn. */
	self->held = (struct completion_list){NULL, NULL};
	while ((op = completion_list_pop(&held)))
		end_watch(loop, op, op->result);
}
