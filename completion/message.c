/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/msghdr.h>
#include <errno.h>
#include <poll.h>

#include "completion/internal.h"

/*
 * Messages with a header, which the kernel reads and fills until their end, and datagrams.
 *
 * A datagram that is attempted against a full queue, and repeated by the ring when there is room, goes
 * out empty (6.18: what was copied of it before the refusal isn't copied again). And who waits for a queued
 * error is woken by data all the same, until the ring gives up (6.18). So the ring isn't let repeat these:
 * each attempt is an entry of its own that doesn't wait, and between two of them there is a poll. Where
 * the ring has no such entry, or refuses it, the attempt is a plain call behind a poll.
 */

static int fd_of(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op)->fd;
}

static bool has_entry(const struct duet_loop *loop, const struct duet_op *op)
{
	return completion_able(completion_of(loop),
			       op->kind == DUET_RECVMSG ? STEP_RECVMSG : STEP_SENDMSG);
}

static bool wants_error(const struct duet_op *op)
{
	return op->kind == DUET_RECVMSG && op->args.io.message_flags & MSG_ERRQUEUE;
}

static bool wants_urgent(const struct duet_op *op)
{
	return op->kind == DUET_RECVMSG && op->args.io.message_flags & MSG_OOB;
}

/* ---- Between two attempts. ---- */

static unsigned events_of(const struct duet_op *op)
{
	if (op->kind != DUET_RECVMSG)
		return POLLOUT;
	return wants_error(op) ? POLLERR : POLLIN;
}

static int await_ready(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, fd_of(loop, op), events_of(op));
	return completion_issued(self, op, sqe, TAG_POLL);
}

static void go_on(struct duet_loop *loop, struct duet_op *op,
		  int (*next)(struct duet_loop *loop, struct duet_op *op), uint32_t place)
{
	if (next(loop, op) == BACKEND_ISSUED)
		op->progress = place;
	else
		completion_list_push(&completion_of(loop)->owed, op, PLACE_OWED);
}

/* ---- Without an entry. ---- */

static int call(struct duet_loop *loop, const struct duet_op *op)
{
	if (op->kind == DUET_RECVMSG)
		return duet_core_system_recvmsg(loop, fd_of(loop, op), op);
	return duet_core_system_sendmsg(loop, fd_of(loop, op), op);
}

/* What is no connection has its refusal to give at once, and urgent data is never waited for. */
static int start_by_call(struct duet_loop *loop, struct duet_op *op)
{
	const struct duet_slot *slot = duet_core_op_slot(loop, op);

	if (completion_is_socket(slot) && slot->slot_class != CLASS_LISTENER && !wants_urgent(op))
		return await_ready(loop, op);
	op->result = call(loop, op);
	core_took(loop, op, CORE_INLINE);
	return BACKEND_ENDED;
}

/* ---- Receive. ---- */

/* What has its own readiness is attempted in any case. Urgent data is never waited for. */
static bool is_beside(const struct duet_op *op)
{
	return wants_error(op) || wants_urgent(op);
}

static bool may_attempt(const struct duet_loop *loop, const struct duet_slot *slot,
			const struct duet_op *op)
{
	return is_beside(op) || !completion_poll_first(loop, slot);
}

/* Not past a connect, which is in the queue. */
static bool recv_directly(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	if (!may_attempt(loop, slot, op) || (slot->writes && slot->writes->kind == DUET_CONNECT))
		return false;
	op->result = duet_core_system_recvmsg(loop, slot->fd, op);
	if (op->result != -EAGAIN || wants_urgent(op)) {
		core_took(loop, op, CORE_INLINE);
		return true;
	}
	loop->stats.wasted++;
	if (!is_beside(op))
		slot->ready = READY_EMPTY;
	return false;
}

static int enter_recv(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct duet_slot *slot = duet_core_op_slot(loop, op);
	unsigned flags = (unsigned)op->args.io.message_flags | MSG_CMSG_CLOEXEC;
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	if (is_beside(op))
		flags |= MSG_DONTWAIT;
	io_uring_prep_recvmsg(sqe, slot->fd, &op->args.io.header->message, flags);
	if (!may_attempt(loop, slot, op))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	return completion_issued(self, op, sqe, TAG_RECV);
}

int completion_start_recvmsg(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	duet_core_msghdr(op);
	/* A datagram has just come, and the ring doesn't say whether more have, as it does of a stream: by
	 * entries they would be received one a turn. As many are at most as stand in line. Measured with 64
	 * senders: 0.3 waits a datagram where there was one. */
	if ((op->flags & DUET_INLINE || slot->ready == READY_LIKELY) && recv_directly(loop, slot, op))
		return BACKEND_ENDED;
	return has_entry(loop, op) ? enter_recv(loop, op) : start_by_call(loop, op);
}

/* ---- Send. ---- */

static bool is_datagram(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op)->slot_class == CLASS_DATAGRAM;
}

static void prep_send(struct duet_loop *loop, struct duet_op *op, struct io_uring_sqe *sqe,
		      unsigned flags)
{
	const struct iovec *from = op->args.io.vectors;

	if (op->kind == DUET_SENDMSG)
		io_uring_prep_sendmsg(sqe, fd_of(loop, op), &op->args.io.header->message,
				      flags | (unsigned)op->args.io.message_flags);
	else if (op->args.io.vector_count > 1 || !completion_able(completion_of(loop), STEP_SEND))
		completion_prep_pieces(loop, op, sqe, flags);
	else
		io_uring_prep_send(sqe, fd_of(loop, op), from->iov_base, from->iov_len, (int)flags);
}

static int enter_send(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	unsigned flags = MSG_NOSIGNAL;
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	if (is_datagram(loop, op))
		flags |= MSG_DONTWAIT;
	prep_send(loop, op, sqe, flags);
	if (completion_never_first(loop, duet_core_op_slot(loop, op)) && !is_datagram(loop, op))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	return completion_issued(self, op, sqe, TAG_PLAIN);
}

static bool send_directly(struct duet_loop *loop, struct completion *self, struct duet_op *op)
{
	op->result = duet_core_system_sendmsg(loop, fd_of(loop, op), op);
	if (op->result == -EAGAIN) {
		loop->stats.wasted++;
		return false;
	}
	core_took(loop, op, CORE_INLINE);
	self->direct_left--;
	return true;
}

int completion_start_datagram(struct duet_loop *loop, struct duet_op *op)
{
	if (completion_never_first(loop, duet_core_op_slot(loop, op)))
		return await_ready(loop, op);
	return enter_send(loop, op);
}

int completion_start_sendmsg(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	bool never = completion_never_first(loop, duet_core_op_slot(loop, op));

	duet_core_msghdr(op);
	if (self->direct_left && !never && send_directly(loop, self, op))
		return BACKEND_ENDED;
	if (!has_entry(loop, op))
		return start_by_call(loop, op);
	return is_datagram(loop, op) ? completion_start_datagram(loop, op) : enter_send(loop, op);
}

/* ---- What came of it. ---- */

/* Is that which was refused worth waiting for? */
static bool waits(const struct duet_loop *loop, const struct duet_op *op)
{
	if (op->kind == DUET_RECVMSG)
		return has_entry(loop, op) ? wants_error(op) : !wants_urgent(op);
	return is_datagram(loop, op) || (op->kind == DUET_SENDMSG && !has_entry(loop, op));
}

/* Ready on this side, and refused: nothing tells when the receiver's queue has room, or when an error
 * of the socket's own has been taken. */
static bool waits_in_vain(const struct duet_loop *loop, const struct duet_op *op)
{
	bool addressed = op->kind == DUET_SENDMSG && op->args.io.header->address_bytes &&
			 is_datagram(loop, op);

	return op->progress == PLACE_READY && (wants_error(op) || addressed);
}

int completion_enter_message(struct duet_loop *loop, struct duet_op *op)
{
	if (!has_entry(loop, op))
		return await_ready(loop, op);
	return op->kind == DUET_RECVMSG ? enter_recv(loop, op) : enter_send(loop, op);
}

void completion_finish_message(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (result != -EAGAIN || !waits(loop, op) || (!op->request && waits_in_vain(loop, op)))
		duet_core_end(loop, op, result);
	else if (op->request)
		duet_core_end(loop, op, -ECANCELED);
	else
		go_on(loop, op, await_ready, PLACE_KERNEL);
}

void completion_finish_ready(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (result <= 0 || op->request) {
		duet_core_end(loop, op, result > 0 ? -ECANCELED : result);
	} else if (has_entry(loop, op)) {
		go_on(loop, op, completion_enter_message, PLACE_READY);
	} else {
		op->progress = PLACE_READY;
		completion_finish_message(loop, op, call(loop, op));
	}
}
