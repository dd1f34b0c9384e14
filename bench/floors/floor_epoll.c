/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Each descriptor is registered once, edge-triggered, for both directions. A receive that does not
 * fill the buffer has emptied the socket, so the next one waits for an event: two calls a message
 * and one wait a turn, which is what epoll can do at best.
 */
#include "floor_epoll.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 512 };

struct connection {
	char *held;		/* reply bytes the socket did not take yet; ours until they are sent */
	uint32_t held_offset;
	uint32_t held_len;
	bool open;
	bool readable;		/* set by an event, cleared by a short receive or EAGAIN */
	bool finished;		/* the peer sends no more: its end comes as a receive of 0 */
};

struct floor_epoll {
	struct echo_tally tally;
	int epoll;
	int listener;		/* -1: none */
	uint32_t descriptors_max;
	uint32_t buffer_bytes;
	char *buffer;		/* one for all: a message is sent on before the next is received */
	struct connection *connections;		/* by descriptor number */
	struct epoll_event events[EVENTS_MAX];
};

static void destroy(void *arg)
{
	struct floor_epoll *self = arg;

	for (uint32_t fd = 0; self->connections && fd < self->descriptors_max; fd++) {
		if (self->connections[fd].open)
			close((int)fd);
		free(self->connections[fd].held);
	}
	if (self->epoll >= 0)
		close(self->epoll);
	free(self->connections);
	free(self->buffer);
	free(self);
}

static void *create(const struct echo_shape *shape)
{
	struct floor_epoll *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->listener = -1;
	self->descriptors_max = shape->descriptors_max;
	self->buffer_bytes = shape->buffer_bytes;
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	self->buffer = malloc(shape->buffer_bytes);
	self->connections = calloc(shape->descriptors_max, sizeof(*self->connections));
	if (self->epoll < 0 || !self->buffer || !self->connections) {
		destroy(self);
		return NULL;
	}
	return self;
}

static int watch(struct floor_epoll *self, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	self->tally.calls++;
	self->tally.controls++;
	return epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int serve(void *arg, int listener)
{
	struct floor_epoll *self = arg;

	self->listener = listener;
	return watch(self, listener, EPOLLIN);
}

static int adopt(void *arg, int fd)
{
	struct floor_epoll *self = arg;
	int rc;

	if (fd < 0 || (uint32_t)fd >= self->descriptors_max)
		return -EMFILE;
	rc = watch(self, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	if (rc < 0)
		return rc;
	self->connections[fd] = (struct connection){ .open = true };
	self->tally.accepted++;
	return 0;
}

static void drop(struct floor_epoll *self, int fd)
{
	struct connection *connection = &self->connections[fd];

	free(connection->held);
	*connection = (struct connection){ .open = false };
	self->tally.calls++;
	self->tally.closed++;
	close(fd);
}

/* How many bytes the socket took, 0 when it is full, -errno when it is dead. */
static ssize_t push(struct floor_epoll *self, int fd, const char *bytes, size_t len)
{
	ssize_t sent = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	self->tally.calls++;
	if (sent >= 0) {
		self->tally.bytes += (uint64_t)sent;
		return sent;
	}
	if (errno != EAGAIN)
		return -errno;
	self->tally.wasted++;
	return 0;
}

/* Reading stops until the peer has made room: the kernel's buffers are the only queue there is. */
static bool hold(struct connection *connection, const char *bytes, size_t len)
{
	connection->held = malloc(len);
	if (!connection->held)
		return false;
	memcpy(connection->held, bytes, len);
	connection->held_offset = 0;
	connection->held_len = (uint32_t)len;
	return true;
}

static void echo(struct floor_epoll *self, int fd)
{
	struct connection *connection = &self->connections[fd];

	while (connection->readable && !connection->held) {
		ssize_t got = recv(fd, self->buffer, self->buffer_bytes, MSG_DONTWAIT);

		self->tally.calls++;
		if (got < 0 && errno == EAGAIN) {
			self->tally.wasted++;
			connection->readable = false;
			return;
		}
		if (got <= 0) {
			drop(self, fd);
			return;
		}
		connection->readable = (size_t)got == self->buffer_bytes || connection->finished;

		ssize_t sent = push(self, fd, self->buffer, (size_t)got);

		if (sent < 0 || (sent < got && !hold(connection, self->buffer + sent,
						     (size_t)(got - sent)))) {
			drop(self, fd);
			return;
		}
	}
}

/* False when the connection is gone. */
static bool flush(struct floor_epoll *self, int fd)
{
	struct connection *connection = &self->connections[fd];
	ssize_t sent = push(self, fd, connection->held + connection->held_offset,
			    connection->held_len);

	if (sent < 0) {
		drop(self, fd);
		return false;
	}
	connection->held_offset += (uint32_t)sent;
	connection->held_len -= (uint32_t)sent;
	if (connection->held_len == 0) {
		free(connection->held);
		connection->held = NULL;
	}
	return true;
}

static void accept_all(struct floor_epoll *self)
{
	for (;;) {
		int fd = accept4(self->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		self->tally.calls++;
		if (fd < 0)
			return;
		if (adopt(self, fd) < 0)
			close(fd);
	}
}

static void dispatch(struct floor_epoll *self, const struct epoll_event *event)
{
	int fd = event->data.fd;
	struct connection *connection = &self->connections[fd];

	if (fd == self->listener) {
		accept_all(self);
		return;
	}
	/* No event follows a hang-up, so from there on a short receive is not the last one. */
	if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		connection->finished = true;
	if (event->events & EPOLLIN || connection->finished)
		connection->readable = true;
	if (connection->held && (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) &&
	    !flush(self, fd))
		return;
	echo(self, fd);
}

static int turn(void *arg)
{
	struct floor_epoll *self = arg;
	int count = epoll_wait(self->epoll, self->events, EVENTS_MAX, -1);

	self->tally.calls++;
	self->tally.waits++;
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	for (int index = 0; index < count; index++)
		dispatch(self, &self->events[index]);
	return 0;
}

static const struct echo_tally *tally(void *arg)
{
	struct floor_epoll *self = arg;

	return &self->tally;
}

const struct echo_engine floor_epoll_engine = {
	.name = "floor-epoll",
	.create = create,
	.serve = serve,
	.adopt = adopt,
	.turn = turn,
	.tally = tally,
	.destroy = destroy,
};
