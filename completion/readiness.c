/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <sys/uio.h>

#include "completion/internal.h"

/*
 * The lower ways of the kinds whose own entry this ring doesn't know, or refuses: an entry of another
 * kind; readiness from the ring, and then a plain call in the turn that brings it; a worker of ours.
 * Slower, and otherwise the same.
 */

static struct duet_slot *slot_of(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op);
}

/* ---- Another encoding. ---- */

int completion_start_recv_by_read(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct duet_slot *slot = slot_of(loop, op);
	const struct duet_pool *pool = op->flags & DUET_POOLED ? op->args.io.pool : NULL;
	const struct iovec *into = op->args.io.vectors;
	struct io_uring_sqe *sqe;

	if (pool && pool->stack)
		return completion_start_readiness(loop, op);
	/* What is no socket is read in any case, where it stands. */
	if (!completion_is_socket(slot))
		return completion_own_start(DUET_RECV)(loop, op);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_read(sqe, slot->fd, pool ? NULL : into->iov_base,
			   pool ? pool->size_bytes : (unsigned)into->iov_len, (uint64_t)-1);
	if (!pool)
		return completion_issued(self, op, sqe, TAG_RECV);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = pool->id;
	return completion_issued(self, op, sqe, TAG_POOL + pool->id);
}

int completion_start_send_by_message(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct duet_slot *slot = slot_of(loop, op);
	struct io_uring_sqe *sqe;

	if (!completion_is_socket(slot))
		return completion_own_start(DUET_SEND)(loop, op);
	if (slot->slot_class == CLASS_DATAGRAM)
		return completion_start_datagram(loop, op);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	completion_prep_pieces(loop, op, sqe, MSG_NOSIGNAL);
	return completion_issued(self, op, sqe, TAG_PLAIN);
}

int completion_start_by_vector(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct duet_slot *slot = slot_of(loop, op);
	struct io_uring_sqe *sqe;

	if (slot->slot_class != CLASS_FILE && !completion_has_offsets(loop, op)) {
		op->result = -ESPIPE;
		return BACKEND_ENDED;
	}
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	if (op->kind == DUET_READ)
		io_uring_prep_readv(sqe, slot->fd, op->args.io.vectors, op->args.io.vector_count,
				    op->args.io.offset_bytes);
	else
		io_uring_prep_writev(sqe, slot->fd, op->args.io.vectors, op->args.io.vector_count,
				     op->args.io.offset_bytes);
	return completion_issued(self, op, sqe, TAG_PLAIN);
}

int completion_start_shutdown_call(struct duet_loop *loop, struct duet_op *op)
{
	core_took(loop, op, CORE_INLINE);
	op->result = duet_core_system_shutdown(loop, slot_of(loop, op)->fd, op->args.shutdown.how);
	return BACKEND_ENDED;
}

/* ---- A worker. ---- */

static int work(struct duet_op *op)
{
	if (op->kind == DUET_READ || op->kind == DUET_WRITE)
		return duet_core_call_transfer(op, 0);
	return duet_core_call(op);
}

int completion_start_worker(struct duet_loop *loop, struct duet_op *op)
{
	op->progress = PLACE_WORKER;
	duet_core_offload(loop, op, work);
	return BACKEND_ISSUED;
}

/* ---- Readiness, then a plain call. ---- */

/* O_NONBLOCK, so that a call doesn't wait for what somebody else has taken; as it was when the handle
 * goes. */
int completion_make_nonblocking(struct duet_loop *loop, struct duet_slot *slot)
{
	int error = 0;

	if (!slot->was_nonblocking && !(slot->next & HANDLE_NONBLOCKING))
		error = duet_core_system_nonblock(loop, slot->fd, 1);
	if (!error)
		slot->next |= HANDLE_NONBLOCKING;
	return error;
}

static int attempt_receive(struct duet_loop *loop, struct duet_slot *slot, void *data, size_t bytes)
{
	bool lifted;
	int n;

	if (completion_is_socket(slot))
		return duet_core_system_recv(loop, slot->fd, data, bytes);
	n = completion_make_nonblocking(loop, slot);
	if (n)
		return n;
	loop->stats.system_calls++;
	lifted = duet_core_guard_lift(data, bytes);
	n = (int)read(slot->fd, data, bytes);
	if (n < 0)
		n = -errno;
	duet_core_guard_lower(data, bytes, lifted);
	return n;
}

/* -EAGAIN: not yet. */
static int attempt(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	const struct iovec *piece = op->args.io.vectors;
	int error;

	switch (op->kind) {
	case DUET_RECV:
		return attempt_receive(loop, slot, piece->iov_base, piece->iov_len);
	case DUET_SEND:
	case DUET_SEND_ZERO_COPY:
		return duet_core_system_send(loop, slot->fd, piece, op->args.io.vector_count);
	case DUET_CLOSE:
		error = duet_core_system_close(loop, slot->fd);
		return error == -EINTR ? 0 : error;
	case DUET_ACCEPT:
		error = completion_make_nonblocking(loop, slot);
		return error ? error : duet_core_system_accept(loop, slot->fd);
	case DUET_SIGNAL:
		error = completion_make_nonblocking(loop, slot);
		return error ? error : duet_core_system_signal(loop, slot->fd, op);
	default: /* a connect: repeated it says EALREADY, and after the handshake how that ended */
		error = duet_core_system_connect(loop, slot->fd, op);
		return error == -EINPROGRESS || error == -EALREADY || error == -EINTR ? -EAGAIN
		       : error == -EISCONN				      ? 0
									      : error;
	}
}

static unsigned events_of(const struct duet_op *op)
{
	switch (op->kind) {
	case DUET_SEND:
	case DUET_SEND_ZERO_COPY:
	case DUET_CONNECT:
		return POLLOUT;
	default:
		return POLLIN;
	}
}

static int await(struct completion *self, const struct duet_slot *slot, struct duet_op *op)
{
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	if (op->kind == DUET_CLOSE)
		io_uring_prep_nop(sqe);
	else
		io_uring_prep_poll_add(sqe, slot->fd, events_of(op));
	return completion_issued(self, op, sqe, TAG_POLL);
}

/* A connect is ready only once it was asked for; with room for the entry behind it. */
static int start_connect(struct duet_loop *loop, struct completion *self, struct duet_slot *slot,
			 struct duet_op *op)
{
	if (completion_ring_full(self) && !completion_ring_make_room(self))
		return -EAGAIN;
	op->result = completion_make_nonblocking(loop, slot);
	if (!op->result)
		op->result = duet_core_system_connect(loop, slot->fd, op);
	if (op->result == -EINPROGRESS || op->result == -EINTR)
		return await(self, slot, op);
	core_took(loop, op, CORE_INLINE);
	return BACKEND_ENDED;
}

int completion_start_readiness(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct duet_slot *slot = slot_of(loop, op);

	if (op->kind == DUET_CONNECT && op->progress != PLACE_OWED)
		return start_connect(loop, self, slot, op);
	/* What is no socket is written by the kind's own way: see start_stream.c. */
	if (op->kind == DUET_SEND && !completion_is_socket(slot))
		return completion_own_start(DUET_SEND)(loop, op);
	return await(self, slot, op);
}

bool completion_awaits_readiness(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct completion *self = completion_of(loop);

	switch (op->kind) {
	case DUET_ACCEPT:
	case DUET_CONNECT:
	case DUET_CLOSE:
	case DUET_SIGNAL: /* by its own way it is no poll */
		return true;
	case DUET_RECV:
		/* Of a file its own entry has the same tag. */
		return self->starts[DUET_RECV] == completion_start_readiness ||
		       op->flags & DUET_POOLED || slot_of(loop, op)->slot_class != CLASS_FILE;
	case DUET_SEND:
		return self->starts[DUET_SEND] == completion_start_readiness &&
		       completion_is_socket(slot_of(loop, op));
	case DUET_SEND_ZERO_COPY:
		return !completion_able(self, STEP_SENDMSG) && completion_is_socket(slot_of(loop, op));
	default:
		return false;
	}
}

static void go_on(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);

	if (self->owed.first || await(self, slot_of(loop, op), op) != BACKEND_ISSUED)
		completion_list_push(&self->owed, op, PLACE_OWED);
}

static void finish_pooled(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_pool *pool = op->args.io.pool;
	int index = duet_core_buffer_peek(pool);
	int n;

	if (index < 0) {
		duet_core_starve(loop, op);
		return;
	}
	n = attempt_receive(loop, slot_of(loop, op), duet_core_buffer_data(pool, (uint16_t)index),
			    pool->size_bytes);
	if (n > 0)
		duet_core_buffer_keep(pool);
	if (n == -EAGAIN || (n > 0 && op->flags & DUET_MULTISHOT))
		go_on(loop, op);
	if (n > 0 && op->flags & DUET_MULTISHOT)
		duet_core_item_buffer(loop, op, n, (uint16_t)index);
	else if (n > 0)
		duet_core_end_buffer(loop, op, n, (uint16_t)index);
	else if (n != -EAGAIN)
		duet_core_end(loop, op, n);
}

/* A cancel that met it before the call finds that nothing has happened. */
void completion_finish_readiness(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (result < 0 || (op->request && op->kind != DUET_CLOSE)) {
		duet_core_end(loop, op, result < 0 && result != -EINTR ? result : -ECANCELED);
		return;
	}
	if (op->flags & DUET_POOLED) {
		finish_pooled(loop, op);
		return;
	}
	result = attempt(loop, slot_of(loop, op), op);
	if (result == -EAGAIN || (result >= 0 && op->flags & DUET_MULTISHOT))
		go_on(loop, op);
	if (result >= 0 && op->flags & DUET_MULTISHOT)
		duet_core_item_accepted(loop, op, result);
	else if (result != -EAGAIN)
		duet_core_end(loop, op, result);
}
