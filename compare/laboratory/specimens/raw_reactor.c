/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/laboratory/specimens/raw.h"

/* The reactor's side: what is started is a note in user space, and the call is made when the result can
 * be delivered; by an eager one as soon as the event is there. */

struct reactor {
	int epoll;
	struct raw_fetched fetched[RAW_FETCHED];
	uint32_t fetched_count;
	bool armed[RAW_OPS]; /* by operation */
	bool opened;         /* the gate was */
};

static int reactor_open(struct raw *raw)
{
	struct reactor *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (self->epoll < 0) {
		free(self);
		return -errno;
	}
	raw->driver = self;
	return 0;
}

static bool is_gated(const struct raw *raw, const struct raw_op *op)
{
	return op->chained && !((struct reactor *)raw->driver)->opened;
}

/*
 * Edges: registered once, and again for each start, so that what is there already is told again. Here
 * one of the mistakes is: who leaves that out has to remember an edge whose waiter has gone, and
 * doesn't.
 */
static void arm(struct raw *raw, struct raw_op *op)
{
	struct reactor *self = raw->driver;
	struct raw_connection *connection = op->connection;
	struct epoll_event event = {.events = (op->sends ? EPOLLOUT : EPOLLIN) | EPOLLET,
				    .data.u64 = raw_identity(raw, op)};

	self->armed[op->index] = true;
	if (raw->mistake == RAW_EDGE_NO_RELATCH) {
		event.data.u64 = connection->number;
		if (connection->registered)
			return;
	}
	if (is_gated(raw, op)) {
		epoll_ctl(self->epoll, EPOLL_CTL_ADD, raw->gate[0], &event);
		return;
	}
	epoll_ctl(self->epoll, connection->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection->fd,
		  &event);
	connection->registered = true;
}

static void reactor_start(struct raw *raw, struct raw_op *op)
{
	((struct reactor *)raw->driver)->armed[op->index] = false;
}

static void reactor_submit(struct raw *raw)
{
	const struct reactor *self = raw->driver;

	for (uint32_t i = 0; i < raw->op_count; i++)
		if (raw->ops[i].pending && !self->armed[i])
			arm(raw, &raw->ops[i]);
}

static struct raw_op *waiter(struct raw *raw, uint64_t identity)
{
	if (raw->mistake != RAW_EDGE_NO_RELATCH)
		return raw_find(raw, identity);
	for (uint32_t i = 0; i < raw->op_count; i++)
		if (raw->ops[i].pending && raw->ops[i].connection->number == identity)
			return &raw->ops[i];
	return NULL;
}

/* -EAGAIN: not yet, or not yet whole. */
static int attempt(struct raw_op *op)
{
	int fd = op->connection->fd;
	ssize_t bytes = op->sends ? send(fd, op->memory, op->wanted, MSG_DONTWAIT | MSG_NOSIGNAL)
				  : recv(fd, op->memory + op->got, op->wanted - op->got,
					 MSG_DONTWAIT);

	if (bytes < 0)
		return -errno;
	op->got += (uint32_t)bytes;
	return op->whole && bytes && op->got < op->wanted ? -EAGAIN : (int)op->got;
}

static void fetch_one(struct raw *raw, uint64_t identity)
{
	struct reactor *self = raw->driver;
	struct raw_fetched *fetched = &self->fetched[self->fetched_count];
	struct raw_op *op;

	*fetched = (struct raw_fetched){identity, 0};
	if (raw->on->second) {
		op = waiter(raw, identity);
		fetched->result = op ? attempt(op) : -EAGAIN;
		if (fetched->result == -EAGAIN)
			return;
		op->parked = true;
	}
	self->fetched_count++;
}

/* What stands behind the gate is not what anybody waits for. */
static bool pass_gate(struct raw *raw, uint64_t identity)
{
	struct reactor *self = raw->driver;
	struct raw_op *op = waiter(raw, identity);

	if (!op || !is_gated(raw, op))
		return false;
	self->opened = true;
	epoll_ctl(self->epoll, EPOLL_CTL_DEL, raw->gate[0], NULL);
	arm(raw, op);
	return true;
}

static void reactor_fetch(struct raw *raw)
{
	const struct reactor *self = raw->driver;
	struct epoll_event events[RAW_FETCHED];
	int count = epoll_wait(self->epoll, events, RAW_FETCHED, 0);
	bool passed = false;

	for (int i = 0; i < count; i++) {
		if (pass_gate(raw, events[i].data.u64))
			passed = true;
		else
			fetch_one(raw, events[i].data.u64);
	}
	if (passed)
		reactor_fetch(raw);
}

static void reactor_look(struct raw *raw)
{
	struct reactor *self = raw->driver;

	for (uint32_t i = 0; i < self->fetched_count; i++) {
		struct raw_op *op = waiter(raw, self->fetched[i].identity);
		int result = self->fetched[i].result;

		if (op && !raw->on->second)
			result = attempt(op);
		if (op && result != -EAGAIN)
			raw_ended(raw, op, result);
	}
	self->fetched_count = 0;
}

/* A wait is given up at once, and nothing was consumed; a result that is there already stays. */
static void reactor_cancel(struct raw *raw, struct raw_op *op)
{
	const struct reactor *self = raw->driver;
	struct raw_connection *connection = op->connection;

	if (!op->pending || op->parked) {
		raw_answered(raw, op, -ENOENT);
		return;
	}
	if (connection->registered && raw->mistake != RAW_EDGE_NO_RELATCH) {
		epoll_ctl(self->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
		connection->registered = false;
	}
	op->pending = false;
	op->result = op->got ? (int)op->got : -ECANCELED;
	raw_slot_leave(raw, op);
	raw_answered(raw, op, 0);
	raw_told(raw, op);
}

static void reactor_crowd(struct raw *raw)
{
	(void)raw;
}

static void reactor_close(struct raw *raw, int fd)
{
	(void)raw;
	close(fd);
}

static void reactor_end(struct raw *raw)
{
	struct reactor *self = raw->driver;

	close(self->epoll);
	free(self);
}

const struct raw_driver RAW_REACTOR = {
	.open = reactor_open,
	.start = reactor_start,
	.submit = reactor_submit,
	.cancel = reactor_cancel,
	.crowd = reactor_crowd,
	.fetch = reactor_fetch,
	.look = reactor_look,
	.close = reactor_close,
	.end = reactor_end,
};
