/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Echo by futures: a task accepts, a task a connection takes the next buffer of its stream, sends it
 * and asks for the next. What happens is the same as by callbacks; what differs is that a task is
 * woken and asks, where a callback is told. */
#include <duet/buffer.h>
#include <duet/future.h>
#include <duet/scheduler.h>
#include <duet/operation.h>
#include <duet/stream.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "compare/models/model.h"

struct echo;

struct connection {
	struct duet_task task; /* first: the task is the connection */
	struct duet_stream stream;
	struct duet_op_future send, close;
	struct duet_buffer buffer; /* held while it is sent */
	struct echo *echo;
	duet_handle handle;
	bool sending, closing;
	struct connection *free;
};

struct echo {
	struct duet_task task; /* first: the task that accepts */
	struct model_host host;
	struct duet_scheduler scheduler;
	struct duet_op_future accept;
	struct duet_waker *waiting; /* of the accepting task, while every connection is used */
	struct connection *connections, *free;
};

static enum duet_readiness poll(struct duet_task *task, struct duet_op_future *future)
{
	struct duet_scheduler *scheduler = task->scheduler;
	struct duet_context context = {scheduler, scheduler->loop, &task->waker};

	return duet_op_future_poll(future, &context);
}

static void begin_close(struct connection *connection)
{
	duet_op_close(&connection->close.op, connection->handle);
	connection->closing = true;
}

static void begin_send(struct connection *connection)
{
	duet_op_future_reset(&connection->send);
	duet_op_send(&connection->send.op, connection->handle, connection->buffer.data,
		     connection->buffer.length_bytes, DUET_WHOLE);
	connection->sending = true;
}

/* Ready when the buffer is out and given back. */
static enum duet_readiness poll_send(struct connection *connection)
{
	struct duet_loop *loop = connection->echo->host.loop;

	if (poll(&connection->task, &connection->send) == DUET_PENDING)
		return DUET_PENDING;
	duet_buffer_return(loop, &connection->buffer);
	connection->sending = false;
	if (connection->send.op.disposition != DUET_COMPLETED)
		duet_op_cancel(&connection->stream.op);
	return DUET_READY;
}

static enum duet_readiness poll_stream(struct connection *connection)
{
	struct duet_loop *loop = connection->echo->host.loop;

	if (duet_stream_next(loop, &connection->stream, &connection->task.waker,
			     &connection->buffer) == DUET_PENDING)
		return DUET_PENDING;
	if (connection->buffer.length_bytes)
		begin_send(connection);
	else
		begin_close(connection);
	return DUET_READY;
}

static enum duet_readiness poll_connection(struct duet_task *task)
{
	struct connection *connection = (struct connection *)task;
	enum duet_readiness ready = DUET_READY;

	while (ready == DUET_READY) {
		if (connection->closing)
			return poll(task, &connection->close);
		ready = connection->sending ? poll_send(connection) : poll_stream(connection);
	}
	return DUET_PENDING;
}

static const struct duet_task_model poll_connection_model = {.name = "future", .step = poll_connection};

static void on_ended(struct duet_task *task)
{
	struct connection *connection = (struct connection *)task;
	struct echo *echo = connection->echo;
	struct duet_waker *waiting = echo->waiting;

	connection->free = echo->free;
	echo->free = connection;
	echo->waiting = NULL;
	if (waiting)
		duet_waker_wake(waiting);
}

static void serve(struct echo *echo, duet_handle handle)
{
	struct connection *connection = echo->free;

	echo->free = connection->free;
	connection->echo = echo;
	connection->handle = handle;
	connection->sending = connection->closing = false;
	duet_stream_init(&connection->stream, handle, echo->host.pool);
	duet_op_future_init(&connection->send);
	duet_op_future_init(&connection->close);
	duet_task_init(&connection->task, &poll_connection_model);
	connection->task.ended = on_ended;
	duet_task_spawn(&echo->scheduler, NULL, &connection->task);
}

/* Accepts while there is a place to put a connection. Out of descriptors, it is asked again when a
 * connection ends. */
static enum duet_readiness poll_accept(struct duet_task *task)
{
	struct echo *echo = (struct echo *)task;

	while (echo->free) {
		const struct duet_op *op = &echo->accept.op;
		int result;

		if (poll(task, &echo->accept) == DUET_PENDING)
			return DUET_PENDING;
		result = op->result;
		if (result >= 0 && op->made.generation)
			serve(echo, op->made);
		else if (op->cause == DUET_CAUSE_SHUTDOWN || result == -ESHUTDOWN)
			return DUET_READY;
		duet_op_future_reset(&echo->accept);
		duet_op_accept(&echo->accept.op, echo->host.listener, 0);
		if (model_out_of_files(&echo->host, result))
			break;
	}
	echo->waiting = &task->waker;
	return DUET_PENDING;
}

static const struct duet_task_model poll_accept_model = {.name = "future", .step = poll_accept};

static void finish(void *state)
{
	struct echo *echo = state;

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
		free(echo);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < host->connections_max; i++) {
		echo->connections[i].free = echo->free;
		echo->free = &echo->connections[i];
	}
	duet_scheduler_init(&echo->scheduler, host->loop, NULL);
	duet_op_future_init(&echo->accept);
	duet_op_accept(&echo->accept.op, host->listener, 0);
	duet_task_init(&echo->task, &poll_accept_model);
	duet_task_spawn(&echo->scheduler, NULL, &echo->task);
	*state = echo;
	return 0;
}

const struct model MODEL_ECHO_FUTURE = { "future", NULL, start, finish };
