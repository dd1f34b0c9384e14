/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Descriptors that are registered once, edge-triggered. Who waits is a mark in user space: to cancel is
 * to take it away, and costs no call. All deadlines of a pass are the same here, so that one number
 * stands for them.
 */
#include "cancel_epoll.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512 };

struct waiter {
	char *byte;		/* NULL: nobody waits */
	int fd;
	bool timed;
};

struct cancel_epoll {
	struct cancel_shape shape;
	struct waiter *waiters;
	uint64_t due_ns;	/* 0: none */
	int epoll;
	struct epoll_event events[EVENTS];
};

static void destroy(void *arg)
{
	struct cancel_epoll *self = arg;

	for (uint32_t i = 0; self->waiters && i < self->shape.pending; i++)
		if (self->waiters[i].fd >= 0)
			close(self->waiters[i].fd);
	if (self->epoll >= 0)
		close(self->epoll);
	free(self->waiters);
	free(self);
}

static void *create(const struct cancel_shape *shape)
{
	struct cancel_epoll *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->shape = *shape;
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	self->waiters = calloc(shape->pending, sizeof(*self->waiters));
	for (uint32_t i = 0; self->waiters && i < shape->pending; i++)
		self->waiters[i].fd = -1;
	if (self->epoll >= 0 && self->waiters)
		return self;
	destroy(self);
	return NULL;
}

static int adopt(void *arg, uint32_t index, int fd)
{
	struct cancel_epoll *self = arg;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = index };

	self->waiters[index].fd = fd;
	return epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void end(struct cancel_epoll *self, uint32_t index, int result)
{
	self->waiters[index].byte = NULL;
	self->shape.ended(self->shape.context, index, result);
}

static void attempt(struct cancel_epoll *self, uint32_t index)
{
	struct waiter *waiter = &self->waiters[index];
	ssize_t moved = recv(waiter->fd, waiter->byte, 1, MSG_DONTWAIT);

	if (moved >= 0 || errno != EAGAIN)
		end(self, index, moved < 0 ? -errno : (int)moved);
}

static int start(void *arg, uint32_t index, char *byte, uint64_t deadline_ns, bool loose)
{
	struct cancel_epoll *self = arg;
	struct waiter *waiter = &self->waiters[index];

	(void)loose;
	waiter->byte = byte;
	waiter->timed = deadline_ns != 0;
	if (deadline_ns)
		self->due_ns = deadline_ns;
	attempt(self, index);
	return 0;
}

static int cancel(void *arg, uint32_t index)
{
	end(arg, index, -ECANCELED);
	return 0;
}

static int close_one(void *arg, uint32_t index)
{
	struct cancel_epoll *self = arg;

	if (self->waiters[index].byte)
		end(self, index, -ECANCELED);
	close(self->waiters[index].fd);
	self->waiters[index].fd = -1;
	self->shape.closed(self->shape.context, index);
	return 0;
}

static int request(void *arg, uint32_t first)
{
	const struct cancel_epoll *self = arg;
	bool closes = self->shape.method == CANCEL_DESCRIPTOR;

	for (uint32_t i = first; i < first + self->shape.group; i++)
		closes ? close_one(arg, i) : cancel(arg, i);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int wait_for(struct cancel_epoll *self, int64_t timeout_ns)
{
	struct timespec limit;
	int64_t left_ns = self->due_ns ? (int64_t)(self->due_ns - now_ns()) : -1;

	if (self->due_ns && left_ns < 0)
		left_ns = 0;
	if (timeout_ns >= 0 && (left_ns < 0 || timeout_ns < left_ns))
		left_ns = timeout_ns;
	limit = (struct timespec){ left_ns / 1000000000, left_ns % 1000000000 };
	return epoll_pwait2(self->epoll, self->events, EVENTS, left_ns < 0 ? NULL : &limit, NULL);
}

static void expire(struct cancel_epoll *self)
{
	if (!self->due_ns || now_ns() < self->due_ns)
		return;
	self->due_ns = 0;
	for (uint32_t i = 0; i < self->shape.pending; i++)
		if (self->waiters[i].byte && self->waiters[i].timed)
			end(self, i, -ETIMEDOUT);
}

static int turn(void *arg, int64_t timeout_ns)
{
	struct cancel_epoll *self = arg;
	int count = wait_for(self, timeout_ns);

	if (count < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < count; i++)
		if (self->waiters[self->events[i].data.u32].byte)
			attempt(self, self->events[i].data.u32);
	expire(self);
	return 0;
}

const struct cancel_engine cancel_epoll_engine = {
	.name = "floor-epoll",
	.create = create,
	.adopt = adopt,
	.start = start,
	.request = request,
	.cancel = cancel,
	.close = close_one,
	.turn = turn,
	.destroy = destroy,
};
