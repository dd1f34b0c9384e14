/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "compare/laboratory/specimens/raw.h"

/* The ring's side: what is to be done goes into the submission queue, and what has become of it comes out
 * of the completion queue, some time. */

enum { ENTRIES = 16, ENTRIES_CROWDED = 4 };

#define ANSWER ((uint64_t)1 << 63) /* of a cancel, and whose */
#define OTHER  ((uint64_t)1 << 62) /* nobody's */

struct ring {
	struct io_uring ring;
	uint32_t held;          /* receives that are the kernel's */
	struct raw_op *refused; /* its cancel is answered without having been made */
};

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
	raw->driver = self;
	return 0;
}

static struct io_uring_sqe *entry(struct ring *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&self->ring);
	return io_uring_get_sqe(&self->ring);
}

static void ring_start(struct raw *raw, struct raw_op *op)
{
	struct ring *self = raw->driver;
	struct io_uring_sqe *sqe = entry(self);

	if (op->chained) {
		io_uring_prep_poll_add(sqe, raw->gate[0], POLLIN);
		sqe->flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
		sqe->user_data = OTHER;
		sqe = entry(self);
	}
	io_uring_prep_recv(sqe, op->connection->fd, op->memory, op->wanted,
			   op->whole ? MSG_WAITALL : 0);
	sqe->user_data = raw_identity(raw, op);
	self->held++;
}

static void ring_submit(struct raw *raw)
{
	io_uring_submit(&((struct ring *)raw->driver)->ring);
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
}

static void ring_crowd(struct raw *raw)
{
	struct ring *self = raw->driver;

	for (struct io_uring_sqe *sqe; (sqe = io_uring_get_sqe(&self->ring));) {
		io_uring_prep_nop(sqe);
		sqe->user_data = OTHER;
	}
}

static void ring_fetch(struct raw *raw)
{
	io_uring_get_events(&((struct ring *)raw->driver)->ring);
}

static void take(struct raw *raw, uint64_t identity, int result)
{
	struct ring *self = raw->driver;
	struct raw_op *op;

	if (identity & ANSWER) {
		raw_answered(raw, &raw->ops[identity & ~ANSWER], result);
	} else if (!(identity & OTHER)) {
		self->held--;
		op = raw_find(raw, identity);
		if (op)
			raw_ended(raw, op, result);
	}
}

static void ring_look(struct raw *raw)
{
	struct ring *self = raw->driver;
	struct raw_op *refused = self->refused;
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&self->ring, &cqe)) {
		uint64_t identity = cqe->user_data;
		int result = cqe->res;

		io_uring_cqe_seen(&self->ring, cqe);
		take(raw, identity, result);
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
			self->held -= !(cqe->user_data & (ANSWER | OTHER));
			io_uring_cqe_seen(&self->ring, cqe);
		}
	}
	io_uring_queue_exit(&self->ring);
	free(self);
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
