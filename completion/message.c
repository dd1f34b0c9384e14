/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/msghdr.h>
#include <errno.h>
#include <poll.h>

#include "completion/internal.h"

/*
 * Messages with a header, which the kernel reads and fills until their end.
 *
 * A datagram that is attempted against a full queue, and repeated by the ring when there is room, goes
 * out empty (6.18: what was copied of it before the refusal isn't copied again). So the ring isn't
 * let repeat it: each attempt is an entry of its own that doesn't wait, and between two of them there is
 * a poll.
 */

static int fd_of(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op)->fd;
}

/* ---- Receive. ---- */

/* What has its own readiness is attempted in any case: it may be there, or be refused, at once. */
static bool is_beside(const struct duet_op *op)
{
	return op->args.io.message_flags & (MSG_OOB | MSG_ERRQUEUE);
}

static bool recv_directly(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	if ((completion_poll_first(loop, slot) && !is_beside(op)) ||
	    (slot->writes && slot->writes->kind == DUET_CONNECT))
		return false;
	op->result = duet_core_system_recvmsg(loop, slot->fd, op);
	if (op->result != -EAGAIN) {
		loop->stats.inline_ended++;
		return true;
	}
	loop->stats.wasted++;
	if (!is_beside(op))
		slot->ready = READY_EMPTY;
	return false;
}

int completion_start_recvmsg(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	struct msghdr *message = duet_core_msghdr(op);
	struct io_uring_sqe *sqe;

	if (op->flags & DUET_INLINE && recv_directly(loop, slot, op))
		return BACKEND_ENDED;
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_recvmsg(sqe, slot->fd, message,
			      (unsigned)op->args.io.message_flags | MSG_CMSG_CLOEXEC);
	if (completion_poll_first(loop, slot) && !is_beside(op))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	return completion_issued(self, op, sqe, TAG_RECV);
}

/* ---- Send. ---- */

static bool is_datagram(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op)->slot_class == CLASS_DATAGRAM;
}

static int enter(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	unsigned flags = (unsigned)op->args.io.message_flags | MSG_NOSIGNAL;
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	if (is_datagram(loop, op))
		flags |= MSG_DONTWAIT;
	io_uring_prep_sendmsg(sqe, fd_of(loop, op), &op->args.io.header->message, flags);
	if (completion_never_first(loop, duet_core_op_slot(loop, op)) && !is_datagram(loop, op))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	return completion_issued(self, op, sqe, TAG_PLAIN);
}

static int await_room(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, fd_of(loop, op), POLLOUT);
	return completion_issued(self, op, sqe, TAG_POLL);
}

static bool send_directly(struct duet_loop *loop, struct completion *self, struct duet_op *op)
{
	op->result = duet_core_system_sendmsg(loop, fd_of(loop, op), op);
	if (op->result == -EAGAIN) {
		loop->stats.wasted++;
		return false;
	}
	loop->stats.inline_ended++;
	self->direct_left--;
	return true;
}

int completion_start_sendmsg(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	bool never = completion_never_first(loop, duet_core_op_slot(loop, op));

	duet_core_msghdr(op);
	if (self->direct_left && !never && send_directly(loop, self, op))
		return BACKEND_ENDED;
	return never && is_datagram(loop, op) ? await_room(loop, op) : enter(loop, op);
}

static void go_on(struct duet_loop *loop, struct duet_op *op,
		  int (*next)(struct duet_loop *loop, struct duet_op *op), uint32_t place)
{
	if (next(loop, op) == BACKEND_ISSUED)
		op->progress = place;
	else
		completion_list_push(&completion_of(loop)->owed, op, PLACE_OWED);
}

void completion_finish_sendmsg(struct duet_loop *loop, struct duet_op *op, int result)
{
	bool waits = result == -EAGAIN && is_datagram(loop, op);

	if (waits && op->request)
		duet_core_end(loop, op, -ECANCELED);
	/* There is room on this side, and nothing tells when there is on the other. */
	else if (waits && op->progress == PLACE_READY && op->args.io.header->address_bytes)
		duet_core_end(loop, op, -EAGAIN);
	else if (waits)
		go_on(loop, op, await_room, PLACE_KERNEL);
	else
		duet_core_end(loop, op, result);
}

void completion_finish_room(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (result > 0 && !op->request)
		go_on(loop, op, enter, PLACE_READY);
	else
		duet_core_end(loop, op, result > 0 ? -ECANCELED : result);
}
