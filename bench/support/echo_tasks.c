/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * A task takes the next buffer of its connection's stream, which wakes it, sends it, gives it back, and
 * asks for the next: as a coroutine, and as a future. The loop is shaped as that of echo_server.c.
 */
#include "echo_tasks.h"

#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum { SHUTDOWN_NS = 1000000000, OPERATIONS_SPARE = 8, HANDLES_SPARE = 8 };

struct server;

/* Free, or from its adoption to the end of its task. */
struct connection {
	struct duet_coroutine coroutine;	/* first */
	union {
		struct duet_coroutine_task coroutine;
		struct duet_task future;
	} task;
	struct duet_stream stream;
	struct duet_op_future reply;		/* of which the coroutine has the operation */
	struct duet_buffer buffer;		/* held until the reply has ended */
	struct server *server;
	duet_handle handle;
	enum { RECEIVING, SENDING, CLOSING } doing;	/* the future */
	struct connection *next_free;
};

struct server {
	struct echo_tally tally;
	struct duet_loop *loop;
	struct duet_pool *pool;
	struct duet_scheduler scheduler;
	void (*begin)(struct connection *connection);
	struct connection *connections;
	struct connection *free_connections;
};

static void task_ended(struct duet_task *task)
{
	struct connection *connection =
		(struct connection *)(void *)((char *)task - offsetof(struct connection, task));
	struct server *server = connection->server;

	server->tally.closed++;
	connection->next_free = server->free_connections;
	server->free_connections = connection;
}

/* Takes the next arrival, if there is one. */
static inline bool take(struct connection *self, struct duet_waker *waker)
{
	return duet_stream_next(self->server->loop, &self->stream, waker, &self->buffer) ==
	       DUET_READY;
}

static inline void prepare_reply(struct connection *self)
{
	duet_op_send(&self->reply.op, self->handle, self->buffer.data, self->buffer.length_bytes,
		     DUET_WHOLE);
}

/* A peer that takes no more has no more to say. */
static inline void replied(struct connection *self)
{
	self->server->tally.bytes += self->reply.op.transferred;
	duet_buffer_return(self->server->loop, &self->buffer);
	if (self->reply.op.disposition != DUET_COMPLETED)
		duet_op_cancel(&self->stream.op);
}

/* ---- A coroutine. ---- */

static DUET_COROUTINE(converse)
{
	DUET_BEGIN(struct connection, self);
	for (;;) {
		while (!take(self, &self->task.coroutine.task.waker))
			DUET_SUSPEND_UNLESS(0);
		if (!self->buffer.length_bytes)
			break;
		prepare_reply(self);
		DUET_AWAIT(&self->reply.op);
		replied(self);
	}
	duet_op_close(&self->reply.op, self->handle);
	DUET_AWAIT(&self->reply.op);
	DUET_END;
}

static void coroutine_begin(struct connection *connection)
{
	duet_op_init(&connection->reply.op, NULL, NULL);
	duet_coroutine_init(&connection->coroutine, converse);
	duet_coroutine_task_init(&connection->task.coroutine, &connection->coroutine);
	connection->task.coroutine.task.ended = task_ended;
	duet_task_spawn(&connection->server->scheduler, NULL, &connection->task.coroutine.task);
}

/* ---- A future. ---- */

static enum duet_readiness poll_reply(struct connection *self)
{
	struct server *server = self->server;
	struct duet_context context = { &server->scheduler, server->loop,
					&self->task.future.waker };

	return duet_op_future_poll(&self->reply, &context);
}

/* Ready when there is something else to be asked. */
static enum duet_readiness poll_stream(struct connection *self)
{
	if (!take(self, &self->task.future.waker))
		return DUET_PENDING;
	duet_op_future_reset(&self->reply);
	self->doing = self->buffer.length_bytes ? SENDING : CLOSING;
	if (self->doing == SENDING)
		prepare_reply(self);
	else
		duet_op_close(&self->reply.op, self->handle);
	return DUET_READY;
}

static enum duet_readiness future_step(struct duet_task *task)
{
	struct connection *self =
		(struct connection *)(void *)((char *)task - offsetof(struct connection, task));

	for (;;) {
		if (self->doing == RECEIVING && poll_stream(self) == DUET_PENDING)
			return DUET_PENDING;
		if (poll_reply(self) == DUET_PENDING)
			return DUET_PENDING;
		if (self->doing == CLOSING)
			return DUET_READY;
		replied(self);
		self->doing = RECEIVING;
	}
}

static void future_begin(struct connection *connection)
{
	static const struct duet_task_model model = { .name = "future", .step = future_step };

	connection->doing = RECEIVING;
	duet_op_future_init(&connection->reply);
	duet_task_init(&connection->task.future, &model);
	connection->task.future.ended = task_ended;
	duet_task_spawn(&connection->server->scheduler, NULL, &connection->task.future);
}

/* ---- The engine. ---- */

static int adopt(void *arg, int fd)
{
	struct server *server = arg;
	struct connection *connection = server->free_connections;
	int rc;

	if (!connection)
		return -ENFILE;
	rc = duet_handle_adopt(server->loop, fd, 0, &connection->handle);
	if (rc < 0)
		return rc;
	server->free_connections = connection->next_free;
	server->tally.accepted++;
	duet_stream_init(&connection->stream, connection->handle, server->pool);
	server->begin(connection);
	return 0;
}

static int turn(void *arg)
{
	struct server *server = arg;
	int rc = duet_loop_turn(server->loop, -1);

	return rc < 0 ? rc : 0;
}

static const struct echo_tally *tally(void *arg)
{
	struct server *server = arg;
	struct duet_stats stats;

	duet_loop_stats(server->loop, &stats);
	server->tally.calls = stats.system_calls;
	server->tally.waits = stats.waits;
	server->tally.controls = stats.registrations;
	server->tally.wasted = stats.wasted;
	return &server->tally;
}

static void destroy(void *arg)
{
	struct server *server = arg;

	if (server->loop)
		duet_loop_shutdown(server->loop, duet_loop_now_ns(server->loop) + SHUTDOWN_NS);
	duet_loop_destroy(server->loop);
	free(server->connections);
	free(server);
}

static int make_connections(struct server *server, const struct echo_shape *shape)
{
	server->connections = calloc(shape->connections_max, sizeof(*server->connections));
	if (!server->connections)
		return -ENOMEM;
	for (uint32_t index = shape->connections_max; index-- > 0;) {
		server->connections[index].server = server;
		server->connections[index].next_free = server->free_connections;
		server->free_connections = &server->connections[index];
	}
	return 0;
}

static void *create(const struct echo_shape *shape, const struct duet_backend *backend,
		    const char *tuning, void (*begin)(struct connection *connection))
{
	struct server *server = calloc(1, sizeof(*server));
	struct duet_loop_options options;
	int rc;

	if (!server)
		return NULL;
	server->begin = begin;
	duet_loop_options_init(&options);
	options.operations_max = 2 * shape->connections_max + OPERATIONS_SPARE;
	options.handles_max = shape->connections_max + HANDLES_SPARE;
	options.worker_threads = 0;
	options.tuning = tuning;
	rc = duet_loop_create(&server->loop, backend, &options);
	if (rc == 0)
		rc = duet_pool_create(server->loop, shape->buffer_count, shape->buffer_bytes,
				      &server->pool);
	if (rc == 0)
		rc = duet_scheduler_init(&server->scheduler, server->loop, NULL);
	if (rc == 0)
		rc = make_connections(server, shape);
	if (rc < 0) {
		destroy(server);
		errno = -rc;
		return NULL;
	}
	return server;
}

/* They are only ever given connections that are there. */
static int serve_nobody(void *arg, int listener)
{
	(void)arg;
	(void)listener;
	return -EOPNOTSUPP;
}

#define ENGINE(symbol, called, backend, tuning, begin)                                        \
	static void *create_##symbol(const struct echo_shape *shape)                          \
	{                                                                                     \
		return create(shape, backend, tuning, begin);                                 \
	}                                                                                     \
	const struct echo_engine tasks_##symbol##_engine = {                                  \
		.name = called,                                                               \
		.create = create_##symbol,                                                    \
		.serve = serve_nobody,                                                        \
		.adopt = adopt,                                                               \
		.turn = turn,                                                                 \
		.tally = tally,                                                               \
		.destroy = destroy,                                                           \
	}

/* As many places in the queue as the callbacks' ring has. */
#define ENTRIES "entries=1024"

ENGINE(polling_coroutine, "polling-coroutine", duet_polling(), NULL, coroutine_begin);
ENGINE(polling_future, "polling-future", duet_polling(), NULL, future_begin);
ENGINE(completion_coroutine, "completion-coroutine", duet_completion(), ENTRIES, coroutine_begin);
ENGINE(completion_future, "completion-future", duet_completion(), ENTRIES, future_begin);
