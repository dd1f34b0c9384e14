/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compare/laboratory/specimens/raw.h"

/* The ring's side: what is to be done goes into the submission queue, and what has become of it comes out
 * of the completion queue, some time. */

enum { ENTRIES = 16, ENTRIES_CROWDED = 4, LOOKS_MAX = 1000000, PATIENCE_S = 2 };

#define ANSWER ((uint64_t)1 << 63) /* of a cancel, and whose */
#define OTHER  ((uint64_t)1 << 62) /* nobody's */

/* One buffer, which the kernel picks: IORING_REGISTER_PBUF_STATUS says whether it has. */
struct picked {
	struct io_uring_buf_ring *ring;
	unsigned char buffer[RAW_MESSAGE];
};

enum { REGISTER_STATUS = 26, RING_BYTES = 4096 };

struct status {
	uint32_t group, head, reserved[8];
};

struct ring {
	struct io_uring ring;
	uint32_t held;          /* operations that are the kernel's */
	uint32_t owed;          /* answers to cancels */
	struct raw_op *refused; /* its cancel is answered without having been made */
	struct picked picked;
};

static void give_buffer(struct picked *picked)
{
	io_uring_buf_ring_add(picked->ring, picked->buffer, sizeof(picked->buffer), 0, 0, 0);
	io_uring_buf_ring_advance(picked->ring, 1);
}

static int make_picked(struct ring *self)
{
	struct io_uring_buf_reg place = {.ring_entries = 1};

	self->picked.ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (self->picked.ring == MAP_FAILED)
		return -ENOMEM;
	io_uring_buf_ring_init(self->picked.ring);
	place.ring_addr = (uint64_t)(uintptr_t)self->picked.ring;
	give_buffer(&self->picked);
	return io_uring_register_buf_ring(&self->ring, &place, 0);
}

static void leave_ring(struct ring *self)
{
	io_uring_queue_exit(&self->ring);
	if (self->picked.ring && self->picked.ring != MAP_FAILED)
		munmap(self->picked.ring, RING_BYTES);
	free(self);
}

static int ring_open(struct raw *raw)
{
	unsigned flags = raw->on->second ? 0 : IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	struct ring *self = calloc(1, sizeof(*self));
	int error;

	if (!self)
		return -ENOMEM;
	error = io_uring_queue_init(raw->scene == RAW_CROWDED ? ENTRIES_CROWDED : ENTRIES,
				    &self->ring, flags);
	if (error) {
		free(self);
		return error;
	}
	if (raw->scene == RAW_PICKED)
		error = make_picked(self);
	if (error)
		leave_ring(self);
	else
		raw->driver = self;
	return error;
}

static struct io_uring_sqe *entry(struct ring *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&self->ring);
	return io_uring_get_sqe(&self->ring);
}

static void prepare_gate(struct raw *raw)
{
	struct io_uring_sqe *sqe = entry(raw->driver);

	io_uring_prep_poll_add(sqe, raw->gate[0], POLLIN);
	sqe->flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = OTHER;
}

static void prepare(const struct raw *raw, const struct raw_op *op, struct io_uring_sqe *sqe)
{
	int fd = op->connection->fd;

	if (op->sends) {
		io_uring_prep_send_zc(sqe, fd, op->memory, op->wanted, 0, 0);
	} else if (raw->scene == RAW_PICKED) {
		io_uring_prep_recv(sqe, fd, NULL, op->wanted, 0);
		sqe->flags = IOSQE_BUFFER_SELECT | (op->index ? 0 : IOSQE_ASYNC);
	} else {
		io_uring_prep_recv(sqe, fd, (void *)(uintptr_t)op->memory, op->wanted,
				   op->whole ? MSG_WAITALL : 0);
	}
}

static void ring_start(struct raw *raw, struct raw_op *op)
{
	struct ring *self = raw->driver;
	struct io_uring_sqe *sqe;

	if (op->chained)
		prepare_gate(raw);
	sqe = entry(self);
	prepare(raw, op, sqe);
	sqe->user_data = raw_identity(raw, op);
	self->held++;
}

/* In flight is with a worker, which has picked the buffer. */
static void wait_for_worker(struct ring *self)
{
	struct status status = {0};

	for (int i = 0; i < LOOKS_MAX && !status.head && !io_uring_cq_ready(&self->ring); i++) {
		sched_yield();
		if (syscall(SYS_io_uring_register, self->ring.ring_fd, REGISTER_STATUS, &status, 1))
			return;
	}
}

static void ring_submit(struct raw *raw)
{
	struct ring *self = raw->driver;

	io_uring_submit(&self->ring);
	if (raw->scene == RAW_PICKED && raw->op_count == 1 && !raw->ops[0].asked)
		wait_for_worker(self);
}

/* Here two of the mistakes are: a cancel must find a place, and be made again if it was in vain. */
static void ring_cancel(struct raw *raw, struct raw_op *op)
{
	struct ring *self = raw->driver;
	struct io_uring_sqe *sqe;

	if (raw->scene == RAW_BUSY && !raw->refused) {
		raw->refused = true;
		self->refused = op;
		return;
	}
	sqe = raw->mistake == RAW_DROP_CANCEL_WHEN_FULL ? io_uring_get_sqe(&self->ring)
							 : entry(self);
	if (!sqe)
		return;
	io_uring_prep_cancel64(sqe, raw_identity(raw, op), 0);
	sqe->user_data = ANSWER | op->index;
	self->owed++;
}

static void ring_crowd(struct raw *raw)
{
	struct ring *self = raw->driver;

	for (struct io_uring_sqe *sqe; (sqe = io_uring_get_sqe(&self->ring));) {
		io_uring_prep_nop(sqe);
		sqe->user_data = OTHER;
	}
}

/* A worker, or an acknowledgement, comes in its own time. */
static bool is_on_its_way(const struct raw *raw)
{
	const struct raw_connection *first = &raw->connections[0];
	const struct ring *self = raw->driver;

	if (!raw->ops[0].pending)
		return false;
	return (raw->scene == RAW_PICKED && (self->owed || raw->ops[0].asked || first->sent)) ||
	       (raw->scene == RAW_ZERO_COPY && first->peer < 0);
}

/* Only there anybody waits, and not for ever. */
static void ring_fetch(struct raw *raw)
{
	struct __kernel_timespec bound = {.tv_sec = PATIENCE_S};
	struct ring *self = raw->driver;
	struct io_uring_cqe *cqe;

	if (is_on_its_way(raw))
		io_uring_wait_cqe_timeout(&self->ring, &cqe, &bound);
	else
		io_uring_get_events(&self->ring);
}

/* Here one of the mistakes is: the buffer is ours to give back whatever has become of the receive. */
static void return_buffer(struct raw *raw, const struct io_uring_cqe *cqe)
{
	struct ring *self = raw->driver;
	struct raw_op *op = raw_find(raw, cqe->user_data);

	if (op && cqe->res > 0)
		memcpy(op->memory, self->picked.buffer, (size_t)cqe->res);
	if (cqe->res >= 0 || raw->mistake != RAW_IGNORE_BUFFER_ON_ERROR)
		give_buffer(&self->picked);
}

/* Of a send without a copy there are two: what went, and later that the memory is free. Here one of the
 * mistakes is. */
static void take_first(struct raw *raw, const struct io_uring_cqe *cqe)
{
	struct raw_op *op = raw_find(raw, cqe->user_data);

	if (!op)
		return;
	op->got = cqe->res > 0 ? (uint32_t)cqe->res : 0;
	if (raw->mistake == RAW_ZERO_COPY_FREE_ON_FIRST)
		raw_ended(raw, op, cqe->res);
}

static void take(struct raw *raw, const struct io_uring_cqe *cqe)
{
	struct ring *self = raw->driver;
	struct raw_op *op;

	if (cqe->user_data & ANSWER) {
		self->owed--;
		raw_answered(raw, &raw->ops[cqe->user_data & ~ANSWER], cqe->res);
		return;
	}
	if (cqe->user_data & OTHER)
		return;
	if (cqe->flags & IORING_CQE_F_MORE) {
		take_first(raw, cqe);
		return;
	}
	self->held--;
	if (cqe->flags & IORING_CQE_F_BUFFER)
		return_buffer(raw, cqe);
	op = raw_find(raw, cqe->user_data);
	if (op)
		raw_ended(raw, op, cqe->flags & IORING_CQE_F_NOTIF ? (int)op->got : cqe->res);
}

static void ring_look(struct raw *raw)
{
	struct ring *self = raw->driver;
	struct raw_op *refused = self->refused;
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&self->ring, &cqe)) {
		struct io_uring_cqe seen = *cqe;

		io_uring_cqe_seen(&self->ring, cqe);
		take(raw, &seen);
	}
	self->refused = NULL;
	if (refused)
		raw_answered(raw, refused, -EALREADY);
}

/* Here one of the mistakes is: what was put into the queue is not yet done. */
static void ring_close(struct raw *raw, int fd)
{
	struct io_uring_sqe *sqe;

	if (raw->mistake != RAW_CLOSE_QUEUED_NOT_RUN) {
		close(fd);
		return;
	}
	sqe = entry(raw->driver);
	io_uring_prep_close(sqe, fd);
	sqe->user_data = OTHER;
}

/* Leaving a ring is no barrier: its memory is the kernel's until the last completion. */
static void ring_end(struct raw *raw)
{
	struct ring *self = raw->driver;
	struct io_uring_cqe *cqe;

	while (self->held) {
		if (io_uring_submit_and_wait(&self->ring, 1) < 0)
			break;
		while (!io_uring_peek_cqe(&self->ring, &cqe)) {
			self->held -= !(cqe->user_data & (ANSWER | OTHER)) &&
				      !(cqe->flags & IORING_CQE_F_MORE);
			io_uring_cqe_seen(&self->ring, cqe);
		}
	}
	leave_ring(self);
}

const struct raw_driver RAW_RING = {
	.open = ring_open,
	.start = ring_start,
	.submit = ring_submit,
	.cancel = ring_cancel,
	.crowd = ring_crowd,
	.fetch = ring_fetch,
	.look = ring_look,
	.close = ring_close,
	.end = ring_end,
};
