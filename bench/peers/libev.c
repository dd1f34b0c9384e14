/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * An echo server on libev: "libev PORT", on 127.0.0.1. What the peer does not take at once is kept
 * until it does; nothing is read meanwhile.
 */
#include <errno.h>
#include <ev.h>
#include <stdbool.h>
#include <unistd.h>

#include "listen.h"

enum { BUFFER_BYTES = 16384 };

/* A watcher of the one direction that the connection waits for. */
struct connection {
	ev_io watcher;
	size_t offset;
	size_t length;		/* of what is kept; 0: nothing */
	char buffer[BUFFER_BYTES];
};

static void drop(struct ev_loop *loop, struct connection *connection)
{
	ev_io_stop(loop, &connection->watcher);
	close(connection->watcher.fd);
	free(connection);
}

static void wait_for(struct ev_loop *loop, struct connection *connection, int events)
{
	int fd = connection->watcher.fd;

	if (connection->watcher.events & events)
		return;
	ev_io_stop(loop, &connection->watcher);
	ev_io_set(&connection->watcher, fd, events);
	ev_io_start(loop, &connection->watcher);
}

/* False when the peer is gone. */
static bool push(struct connection *connection)
{
	ssize_t sent = send(connection->watcher.fd, connection->buffer + connection->offset,
			    connection->length, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN;
	connection->offset += (size_t)sent;
	connection->length -= (size_t)sent;
	return true;
}

static void on_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct connection *connection = watcher->data;

	if (events & EV_READ) {
		ssize_t got = recv(watcher->fd, connection->buffer, BUFFER_BYTES, 0);

		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			drop(loop, connection);
			return;
		}
		connection->offset = 0;
		connection->length = (size_t)got;
	}
	if (push(connection))
		wait_for(loop, connection, connection->length ? EV_WRITE : EV_READ);
	else
		drop(loop, connection);
}

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events)
{
	int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *connection = fd < 0 ? NULL : malloc(sizeof(*connection));

	(void)events;
	if (!connection) {
		if (fd >= 0)
			close(fd);
		return;
	}
	ev_io_init(&connection->watcher, on_ready, fd, EV_READ);
	connection->watcher.data = connection;
	ev_io_start(loop, &connection->watcher);
}

int main(int argc, char **argv)
{
	struct ev_loop *loop = EV_DEFAULT;
	ev_io listener;

	ev_io_init(&listener, on_connection, listen_or_exit(argc, argv), EV_READ);
	ev_io_start(loop, &listener);
	ev_run(loop, 0);
	return 0;
}
