/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Echo in the reactor's own dialect: wait until a socket may be readable, try, send what came from
 * the same memory. One buffer serves all connections, since a try borrows it only for the length of
 * the call; a connection has a buffer of its own only while its peer doesn't take the reply. What
 * the common API costs over this is the price of parity. */
#include <duet/loop.h>
#include <duet/polling.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/models/model.h"

enum { BUFFER_BYTES = 65536, TRIES_MAX = 16 };

struct echo;

struct connection {
	struct duet_wait wait;
	struct echo *echo;
	unsigned char *rest; /* of a reply that its peer didn't take yet, or NULL */
	size_t rest_bytes;
	struct connection *free;
};

struct echo {
	struct model_host host;
	struct duet_wait wait; /* for connections to accept */
	bool waiting;
	struct connection *connections, *free;
	unsigned char buffer[BUFFER_BYTES];
};

static void accept_more(struct echo *echo)
{
	if (!echo->waiting && echo->free)
		echo->waiting = !duet_polling_wait(echo->host.loop, &echo->wait);
}

static void hang_up(struct connection *connection)
{
	struct echo *echo = connection->echo;

	close(duet_handle_release(echo->host.loop, connection->wait.handle));
	free(connection->rest);
	connection->rest = NULL;
	connection->free = echo->free;
	echo->free = connection;
	accept_more(echo);
}

static void wait_for(struct connection *connection, enum duet_direction direction)
{
	connection->wait.direction = (uint8_t)direction;
	if (duet_polling_wait(connection->echo->host.loop, &connection->wait))
		hang_up(connection);
}

/* How many bytes went out before the socket was full, or a negative errno. */
static ssize_t send_some(struct connection *connection, const unsigned char *data, size_t length)
{
	size_t sent = 0;

	while (sent < length) {
		ssize_t moved = duet_polling_try_send(connection->echo->host.loop,
						      connection->wait.handle, data + sent,
						      length - sent);

		if (moved == -EAGAIN)
			break;
		if (moved < 0)
			return moved;
		sent += (size_t)moved;
	}
	return (ssize_t)sent;
}

/* 1: sent; 0: waiting for room, or hung up. */
static int send_back(struct connection *connection, const unsigned char *data, size_t length)
{
	ssize_t sent = send_some(connection, data, length);
	unsigned char *rest;

	if (sent == (ssize_t)length)
		return 1;
	rest = sent < 0 ? NULL : malloc(length - (size_t)sent);
	if (!rest) {
		hang_up(connection);
		return 0;
	}
	connection->rest_bytes = length - (size_t)sent;
	memcpy(rest, data + sent, connection->rest_bytes);
	free(connection->rest);
	connection->rest = rest;
	wait_for(connection, DUET_WRITABLE);
	return 0;
}

/* A short receive is the last one: asking again would be a wasted call. */
static void receive(struct connection *connection)
{
	struct echo *echo = connection->echo;

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		ssize_t got = duet_polling_try_recv(echo->host.loop, connection->wait.handle,
						    echo->buffer, sizeof(echo->buffer));

		if (got == -EAGAIN)
			break;
		if (got <= 0) {
			hang_up(connection);
			return;
		}
		if (!send_back(connection, echo->buffer, (size_t)got))
			return;
		if (got < (ssize_t)sizeof(echo->buffer))
			break;
	}
	wait_for(connection, DUET_READABLE);
}

static void on_ready(struct duet_wait *wait)
{
	struct connection *connection = wait->context;
	unsigned char *rest = connection->rest;

	if (rest) {
		connection->rest = NULL;
		if (send_back(connection, rest, connection->rest_bytes))
			wait_for(connection, DUET_READABLE);
		free(rest);
		return;
	}
	receive(connection);
}

static void serve(struct echo *echo, duet_handle handle)
{
	struct connection *connection = echo->free;

	echo->free = connection->free;
	connection->wait.handle = handle;
	wait_for(connection, DUET_READABLE);
}

static void on_accept(struct duet_wait *wait)
{
	struct echo *echo = wait->context;
	duet_handle handle;
	int status = 0;

	echo->waiting = false;
	while (echo->free && !status) {
		status = duet_polling_try_accept(echo->host.loop, echo->host.listener, &handle);
		if (!status)
			serve(echo, handle);
		else if (status == -ECONNABORTED)
			status = 0;
	}
	if (!model_out_of_files(&echo->host, status))
		accept_more(echo);
}

static void finish(void *state)
{
	struct echo *echo = state;

	for (uint32_t i = 0; echo->connections && i < echo->host.connections_max; i++)
		free(echo->connections[i].rest);
	free(echo->connections);
	free(echo);
}

static int start(const struct model_host *host, void **state)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	if (!echo)
		return -ENOMEM;
	echo->host = *host;
	echo->connections = calloc(host->connections_max, sizeof(*echo->connections));
	if (!echo->connections) {
		finish(echo);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < host->connections_max; i++) {
		struct connection *connection = &echo->connections[i];

		connection->echo = echo;
		connection->wait.ready = on_ready;
		connection->wait.context = connection;
		connection->free = echo->free;
		echo->free = connection;
	}
	echo->wait = (struct duet_wait){ .ready = on_accept, .context = echo,
					 .handle = host->listener, .direction = DUET_READABLE };
	accept_more(echo);
	*state = echo;
	return 0;
}

const struct model MODEL_ECHO_NATIVE = { "native", "polling", start, finish, NULL };
