/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * An echo server on libevent's plain events: "libevent PORT", on 127.0.0.1. What the peer does not
 * take at once is kept until it does; nothing is read meanwhile.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <unistd.h>

#include "listen.h"

enum { BUFFER_BYTES = 16384 };

struct connection {
	struct event *readable;		/* persistent; one of the two is added */
	struct event *writable;
	size_t offset;
	size_t length;			/* of what is kept; 0: nothing */
	char buffer[BUFFER_BYTES];
};

static void drop(struct connection *connection, int fd)
{
	event_free(connection->readable);
	event_free(connection->writable);
	close(fd);
	free(connection);
}

/* False when the peer is gone. */
static bool push(struct connection *connection, int fd)
{
	ssize_t sent = send(fd, connection->buffer + connection->offset, connection->length,
			    MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN;
	connection->offset += (size_t)sent;
	connection->length -= (size_t)sent;
	return true;
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
	struct connection *connection = arg;
	ssize_t got = recv(fd, connection->buffer, BUFFER_BYTES, 0);

	(void)events;
	if (got < 0 && errno == EAGAIN)
		return;
	connection->offset = 0;
	connection->length = got > 0 ? (size_t)got : 0;
	if (got <= 0 || !push(connection, fd)) {
		drop(connection, fd);
	} else if (connection->length) {
		event_del(connection->readable);
		event_add(connection->writable, NULL);
	}
}

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
	struct connection *connection = arg;

	(void)events;
	if (!push(connection, fd)) {
		drop(connection, fd);
	} else if (!connection->length) {
		event_del(connection->writable);
		event_add(connection->readable, NULL);
	}
}

static void on_connection(evutil_socket_t listener, short events, void *arg)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *connection = fd < 0 ? NULL : malloc(sizeof(*connection));

	(void)events;
	if (!connection) {
		if (fd >= 0)
			close(fd);
		return;
	}
	connection->readable = event_new(arg, fd, EV_READ | EV_PERSIST, on_readable, connection);
	connection->writable = event_new(arg, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
	event_add(connection->readable, NULL);
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct event *listener = event_new(base, listen_or_exit(argc, argv),
					   EV_READ | EV_PERSIST, on_connection, base);

	event_add(listener, NULL);
	return event_base_dispatch(base) < 0 ? 3 : 0;
}
