/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * A ring with a single issuer that defers task work to its one enter a turn (Linux 6.1), with a
 * completion queue that holds the ends of all. A cancel is an entry with the name of its target, the
 * newest first: the kernel looks for it in a list that begins with the newest. Where the ring's own
 * timeouts aren't asked for, all deadlines of a pass are the same, and one number stands for them.
 */
#include "cancel_uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES = 256, COMPLETIONS = 32768 };
enum { TAG_RECEIVE, TAG_OTHER, TAG_CLOSE, TAG_BITS = 2 };

struct waiter {
	int fd;
	bool pending, timed, closing;
	struct __kernel_timespec due;	/* the kernel reads it when the entry is handed over */
};

struct cancel_uring {
	struct cancel_shape shape;
	struct waiter *waiters;
	struct io_uring ring;
	bool ring_made, links;
	uint64_t due_ns;		/* 0: none */
};

static void destroy(void *arg)
{
	struct cancel_uring *self = arg;

	if (self->ring_made)
		io_uring_queue_exit(&self->ring);
	for (uint32_t i = 0; self->waiters && i < self->shape.pending; i++)
		if (self->waiters[i].fd >= 0)
			close(self->waiters[i].fd);
	free(self->waiters);
	free(self);
}

static int make_ring(struct cancel_uring *self)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_CQSIZE,
		.cq_entries = COMPLETIONS,
	};
	int rc = io_uring_queue_init_params(ENTRIES, &self->ring, &params);

	if (rc < 0)
		return rc;
	self->ring_made = true;
	rc = io_uring_register_ring_fd(&self->ring);
	return rc < 0 ? rc : 0;
}

static void *create_any(const struct cancel_shape *shape, bool links)
{
	struct cancel_uring *self = calloc(1, sizeof(*self));
	int rc = -ENOMEM;

	if (!self)
		return NULL;
	self->shape = *shape;
	self->links = links;
	self->waiters = calloc(shape->pending, sizeof(*self->waiters));
	for (uint32_t i = 0; self->waiters && i < shape->pending; i++)
		self->waiters[i].fd = -1;
	if (self->waiters)
		rc = make_ring(self);
	if (rc == 0)
		return self;
	destroy(self);
	errno = -rc;
	return NULL;
}

static void *create(const struct cancel_shape *shape)
{
	return create_any(shape, false);
}

static void *create_link(const struct cancel_shape *shape)
{
	return create_any(shape, true);
}

static int adopt(void *arg, uint32_t index, int fd)
{
	struct cancel_uring *self = arg;

	self->waiters[index].fd = fd;
	return 0;
}

/* A linked pair must stand in one submission. */
static struct io_uring_sqe *entry(struct cancel_uring *self, unsigned int room)
{
	if (io_uring_sq_space_left(&self->ring) < room)
		io_uring_submit(&self->ring);
	return io_uring_get_sqe(&self->ring);
}

static uint64_t name_of(uint32_t index, unsigned int tag)
{
	return (uint64_t)index << TAG_BITS | tag;
}

static void link_timeout(struct cancel_uring *self, uint32_t index, uint64_t deadline_ns)
{
	struct waiter *waiter = &self->waiters[index];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	waiter->due.tv_sec = (int64_t)(deadline_ns / 1000000000u);
	waiter->due.tv_nsec = (int64_t)(deadline_ns % 1000000000u);
	io_uring_prep_link_timeout(sqe, &waiter->due, IORING_TIMEOUT_ABS);
	sqe->user_data = name_of(index, TAG_OTHER);
}

static int start(void *arg, uint32_t index, char *byte, uint64_t deadline_ns, bool loose)
{
	struct cancel_uring *self = arg;
	struct waiter *waiter = &self->waiters[index];
	bool links = self->links && deadline_ns;
	struct io_uring_sqe *sqe = entry(self, links ? 2 : 1);

	(void)loose;
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_recv(sqe, waiter->fd, byte, 1, 0);
	sqe->user_data = name_of(index, TAG_RECEIVE);
	waiter->pending = true;
	waiter->timed = deadline_ns != 0;
	if (links) {
		sqe->flags |= IOSQE_IO_LINK;
		link_timeout(self, index, deadline_ns);
	} else if (deadline_ns) {
		self->due_ns = deadline_ns;
	}
	return 0;
}

static int cancel(void *arg, uint32_t index)
{
	struct cancel_uring *self = arg;
	struct io_uring_sqe *sqe = entry(self, 1);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_cancel64(sqe, name_of(index, TAG_RECEIVE), 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = name_of(index, TAG_OTHER);
	return 0;
}

static int close_now(struct cancel_uring *self, uint32_t index)
{
	struct io_uring_sqe *sqe = entry(self, 1);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_close(sqe, self->waiters[index].fd);
	sqe->user_data = name_of(index, TAG_CLOSE);
	self->waiters[index].fd = -1;
	return 0;
}

/* What is pending on a descriptor keeps it open, and is found by it only while it is. */
static int close_one(void *arg, uint32_t index)
{
	struct cancel_uring *self = arg;
	struct waiter *waiter = &self->waiters[index];
	struct io_uring_sqe *sqe;

	if (!waiter->pending)
		return close_now(self, index);
	sqe = entry(self, 1);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_cancel_fd(sqe, waiter->fd, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = name_of(index, TAG_OTHER);
	waiter->closing = true;
	return 0;
}

static int request(void *arg, uint32_t first)
{
	const struct cancel_uring *self = arg;
	bool closes = self->shape.method == CANCEL_DESCRIPTOR;
	int rc = 0;

	for (uint32_t i = first + self->shape.group; rc == 0 && i-- > first;)
		rc = closes ? close_one(arg, i) : cancel(arg, i);
	return rc;
}

static void end(struct cancel_uring *self, uint32_t index, int result)
{
	struct waiter *waiter = &self->waiters[index];
	bool due = waiter->timed && result == -ECANCELED && self->shape.method == CANCEL_DEADLINE;

	waiter->pending = false;
	if (waiter->closing)
		close_now(self, index);
	waiter->closing = false;
	self->shape.ended(self->shape.context, index, due ? -ETIMEDOUT : result);
}

static void reap(struct cancel_uring *self)
{
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;

	io_uring_for_each_cqe(&self->ring, head, cqe) {
		uint32_t index = (uint32_t)(cqe->user_data >> TAG_BITS);
		unsigned int tag = cqe->user_data & ((1u << TAG_BITS) - 1);

		count++;
		if (tag == TAG_RECEIVE)
			end(self, index, cqe->res);
		else if (tag == TAG_CLOSE)
			self->shape.closed(self->shape.context, index);
	}
	io_uring_cq_advance(&self->ring, count);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int wait_for(struct cancel_uring *self, int64_t timeout_ns)
{
	struct __kernel_timespec limit;
	struct io_uring_cqe *cqe;

	if (timeout_ns == 0)
		return io_uring_submit_and_get_events(&self->ring);
	if (timeout_ns < 0)
		return io_uring_submit_and_wait(&self->ring, 1);
	limit = (struct __kernel_timespec){ timeout_ns / 1000000000, timeout_ns % 1000000000 };
	return io_uring_submit_and_wait_timeout(&self->ring, &cqe, 1, &limit, NULL);
}

static int expire(struct cancel_uring *self)
{
	int rc = 0;

	if (!self->due_ns || now_ns() < self->due_ns)
		return 0;
	self->due_ns = 0;
	for (uint32_t i = self->shape.pending; rc == 0 && i-- > 0;)
		if (self->waiters[i].pending && self->waiters[i].timed)
			rc = cancel(self, i);
	return rc;
}

static int turn(void *arg, int64_t timeout_ns)
{
	struct cancel_uring *self = arg;
	int64_t left_ns = self->due_ns ? (int64_t)(self->due_ns - now_ns()) : -1;
	int rc;

	if (self->due_ns && left_ns < 0)
		left_ns = 0;
	if (left_ns >= 0 && (timeout_ns < 0 || left_ns < timeout_ns))
		timeout_ns = left_ns;
	rc = wait_for(self, timeout_ns);
	reap(self);
	if (rc < 0 && rc != -ETIME && rc != -EINTR)
		return rc;
	return expire(self);
}

const struct cancel_engine cancel_uring_engine = {
	.name = "floor-uring",
	.create = create,
	.adopt = adopt,
	.start = start,
	.request = request,
	.cancel = cancel,
	.close = close_one,
	.turn = turn,
	.destroy = destroy,
};

const struct cancel_engine cancel_link_engine = {
	.name = "floor-link",
	.create = create_link,
	.adopt = adopt,
	.start = start,
	.request = request,
	.cancel = cancel,
	.close = close_one,
	.turn = turn,
	.destroy = destroy,
};
