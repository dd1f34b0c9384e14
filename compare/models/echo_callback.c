/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Echo by callbacks: one multishot accept, one pooled multishot receive a connection, and every
 * received buffer is sent from where it lies. A buffer has a send operation of its own, so that
 * however many arrive while one is going out, the loop has them all to gather. */
#include <duet/buffer.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "compare/models/model.h"

enum { SENDING_MIN = 4 };

struct echo;

/* A peer that doesn't read keeps its replies here, and every other waits for a buffer if they are
 * many: beyond a share of them nothing more is received from it. */
enum listening {
	LISTENING, /* until its receive ends */
	PAUSING,   /* too many are on their way out: the receive was cancelled */
	PAUSED,    /* it has ended so: it is started again when half of them are out */
	DEAF,      /* nothing more will be received */
};

struct connection {
	struct duet_op recv, close;
	struct echo *echo;
	duet_handle handle;
	uint32_t sending;        /* buffers on their way out */
	enum listening listening;
	struct connection *free; /* the next one, while it isn't used */
};

/* Used while its buffer is held: the index of the buffer is the index of the reply. */
struct reply {
	struct duet_op op;
	struct duet_buffer buffer;
	struct connection *connection;
};

struct echo {
	struct model_host host;
	struct duet_op accept;
	bool accepting;
	uint32_t sending_max; /* of one connection */
	struct connection *connections, *free;
	struct reply *replies;
	/* A multishot accept may have taken more connections before it hears of its cancel: they wait
	 * here, in the order in which they came. */
	duet_handle *parked;
	uint32_t parked_first, parked_count;
};

static void serve(struct echo *echo, duet_handle handle);

static void accept_more(struct echo *echo)
{
	while (echo->free && echo->parked_count) {
		duet_handle next = echo->parked[echo->parked_first];

		echo->parked_first = (echo->parked_first + 1) % echo->host.parked_max;
		echo->parked_count--;
		serve(echo, next);
	}
	if (echo->accepting || !echo->free)
		return;
	duet_op_accept(&echo->accept, echo->host.listener, DUET_MULTISHOT);
	echo->accepting = !duet_op_start(echo->host.loop, &echo->accept);
}

static void on_close(struct duet_op *op)
{
	struct connection *connection = op->context;
	struct echo *echo = connection->echo;

	connection->free = echo->free;
	echo->free = connection;
	accept_more(echo);
}

/* Closing would cancel replies that are still going out: it waits for them. */
static void close_if_over(struct connection *connection)
{
	if (connection->listening != DEAF || connection->sending)
		return;
	duet_op_close(&connection->close, connection->handle);
	duet_op_start(connection->echo->host.loop, &connection->close);
}

static void listen_to(struct connection *connection)
{
	struct echo *echo = connection->echo;

	duet_op_recv_pooled(&connection->recv, connection->handle, echo->host.pool, DUET_MULTISHOT);
	connection->listening = duet_op_start(echo->host.loop, &connection->recv) ? DEAF : LISTENING;
}

static void listen_again(struct connection *connection)
{
	if (connection->listening == PAUSED &&
	    connection->sending <= connection->echo->sending_max / 2)
		listen_to(connection);
}

/* The peer takes no more: no use in listening. */
static void give_up(struct connection *connection)
{
	connection->listening = connection->listening < PAUSED ? LISTENING : DEAF;
	duet_op_cancel(&connection->recv);
}

static void on_send(struct duet_op *op)
{
	struct reply *reply = op->context;
	struct connection *connection = reply->connection;

	duet_buffer_return(connection->echo->host.loop, &reply->buffer);
	connection->sending--;
	if (op->disposition != DUET_COMPLETED)
		give_up(connection);
	listen_again(connection);
	close_if_over(connection);
}

static void send_back(struct connection *connection, const struct duet_buffer *buffer)
{
	struct echo *echo = connection->echo;
	struct reply *reply = &echo->replies[buffer->index];

	reply->buffer = *buffer;
	reply->connection = connection;
	duet_op_send(&reply->op, connection->handle, buffer->data, buffer->length_bytes,
		     DUET_WHOLE);
	if (!duet_op_start(echo->host.loop, &reply->op)) {
		connection->sending++;
		return;
	}
	/* Without this piece what follows would be wrong. */
	duet_buffer_return(echo->host.loop, buffer);
	give_up(connection);
}

static void pause_if_stuck(struct connection *connection)
{
	if (connection->listening != LISTENING ||
	    connection->sending < connection->echo->sending_max)
		return;
	connection->listening = PAUSING;
	duet_op_cancel(&connection->recv);
}

static void on_recv(struct duet_op *op)
{
	struct connection *connection = op->context;

	if (op->transferred)
		send_back(connection, &op->buffer);
	if (op->more) {
		pause_if_stuck(connection);
		return;
	}
	/* What came with the cancel came: anything else but the cancel is the end. */
	if (connection->listening == PAUSING &&
	    (op->transferred || op->cause == DUET_CAUSE_CANCEL)) {
		connection->listening = PAUSED;
		listen_again(connection);
	} else {
		connection->listening = DEAF;
	}
	close_if_over(connection);
}

static void serve(struct echo *echo, duet_handle handle)
{
	struct connection *connection = echo->free;

	echo->free = connection->free;
	connection->handle = handle;
	connection->sending = 0;
	listen_to(connection);
	close_if_over(connection);
	if (!echo->free)
		duet_op_cancel(&echo->accept); /* the rest waits in the backlog */
}

static void park(struct echo *echo, duet_handle handle)
{
	uint32_t at = (echo->parked_first + echo->parked_count) % echo->host.parked_max;

	if (echo->parked_count == echo->host.parked_max) {
		close(duet_handle_release(echo->host.loop, handle));
		return;
	}
	echo->parked[at] = handle;
	echo->parked_count++;
}

static void on_accept(struct duet_op *op)
{
	struct echo *echo = op->context;

	echo->accepting = op->more;
	if (op->result >= 0 && op->disposition == DUET_COMPLETED && op->made.generation) {
		if (echo->free)
			serve(echo, op->made);
		else
			park(echo, op->made);
	}
	if (!op->more && !model_out_of_files(&echo->host, op->result))
		accept_more(echo);
}

/* Its share, but never so few that nothing flows, nor so many that two of them have all. */
static uint32_t sending_max(const struct model_host *host)
{
	uint32_t share = host->buffers / host->connections_max, half = host->buffers / 2;

	if (share < SENDING_MIN)
		share = SENDING_MIN;
	return share < half ? share : half ? half : 1;
}

static void finish(void *state)
{
	struct echo *echo = state;

	free(echo->connections);
	free(echo->replies);
	free(echo->parked);
	free(echo);
}

static int start(const struct model_host *host, void **state)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	if (!echo)
		return -ENOMEM;
	echo->host = *host;
	echo->sending_max = sending_max(host);
	echo->connections = calloc(host->connections_max, sizeof(*echo->connections));
	echo->replies = calloc(host->buffers, sizeof(*echo->replies));
	echo->parked = calloc(host->parked_max, sizeof(*echo->parked));
	if (!echo->connections || !echo->replies || !echo->parked) {
		finish(echo);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < host->connections_max; i++) {
		struct connection *connection = &echo->connections[i];

		connection->echo = echo;
		duet_op_init(&connection->recv, on_recv, connection);
		duet_op_init(&connection->close, on_close, connection);
		connection->free = echo->free;
		echo->free = connection;
	}
	for (uint32_t i = 0; i < host->buffers; i++)
		duet_op_init(&echo->replies[i].op, on_send, &echo->replies[i]);
	duet_op_init(&echo->accept, on_accept, echo);
	accept_more(echo);
	*state = echo;
	return echo->accepting ? 0 : -EINVAL;
}

const struct model MODEL_ECHO_CALLBACK = { "callback", NULL, start, finish, NULL };
