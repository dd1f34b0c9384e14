/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * One multishot accept, one multishot receive a connection out of a pool, the reply sent out of the
 * buffer that the data came in. Sends come from a free list with one for each buffer of the pool,
 * so an idle connection holds its receive operation and nothing else. A variant differs in one thing,
 * so that this thing's price can be told.
 */
#include "echo_server.h"

#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SHUTDOWN_NS = 1000000000, OPERATIONS_SPARE = 8, HANDLES_SPARE = 8, SPIN_NS = 50000 };

struct server;

/* When a connection's next receive is started. */
enum receiving {
	RECEIVING_ON,		/* never: there is one for all messages */
	RECEIVING_AGAIN,	/* when the reply to the last message has been sent */
	RECEIVING_BESIDE,	/* together with that reply */
};

struct variant {
	const struct duet_backend *(*backend)(void);
	const char *tuning;
	enum duet_try try_first;
	uint32_t spin_ns;
	enum receiving receiving;
};

/* Free, or from accept to the end of its close. */
struct connection {
	struct duet_op op;	/* the receive; after its terminal completion, the close */
	struct server *server;
	struct connection *next_free;
	duet_handle handle;
	uint32_t sending;	/* replies under way: the close waits for them */
	bool ended;		/* the receive has ended */
};

/* Free, or from an arrival to the terminal completion of its send. */
struct reply {
	struct duet_op op;		/* its context: the connection */
	struct reply *next_free;
	struct duet_buffer buffer;	/* held until the send has ended */
};

struct server {
	struct echo_tally tally;
	struct duet_loop *loop;
	struct duet_pool *pool;
	enum receiving receiving;
	struct duet_op accept;
	duet_handle listener;
	struct connection *connections;
	struct connection *free_connections;
	struct reply *replies;
	struct reply *free_replies;
};

/* A start is refused only for misuse and for bounds that create() has made large enough. */
static void refused(const struct duet_op *op, int rc)
{
	fprintf(stderr, "echo: %s could not be started: %s\n",
		duet_kind_name((enum duet_kind)op->kind), duet_error_name(rc));
	abort();
}

static inline void start(struct server *server, struct duet_op *op)
{
	int rc = duet_op_start(server->loop, op);

	if (rc)
		refused(op, rc);
}

static void on_accept(struct duet_op *op);

static void start_accept(struct server *server)
{
	duet_op_init(&server->accept, on_accept, server);
	duet_op_accept(&server->accept, server->listener, DUET_MULTISHOT);
	start(server, &server->accept);
}

static void on_close(struct duet_op *op)
{
	struct connection *connection = op->context;
	struct server *server = connection->server;

	server->tally.closed++;
	connection->next_free = server->free_connections;
	server->free_connections = connection;
}

/* The receive has ended and no reply is under way. */
static void close_idle(struct connection *connection)
{
	duet_op_init(&connection->op, on_close, connection);
	duet_op_close(&connection->op, connection->handle);
	if (duet_op_start(connection->server->loop, &connection->op) == -ESHUTDOWN)
		return;		/* the loop closes what is left */
}

/* The buffer goes back before the connection may close. */
static void on_send(struct duet_op *op)
{
	struct reply *reply = (struct reply *)op;
	struct connection *connection = op->context;
	struct server *server = connection->server;

	server->tally.bytes += op->transferred;
	reply->next_free = server->free_replies;
	server->free_replies = reply;
	duet_buffer_return(server->loop, &reply->buffer);
	if (--connection->sending == 0 && connection->ended)
		close_idle(connection);
}

/* There is a reply for each buffer, so the list cannot be empty while a buffer arrives. */
static inline void send_back(struct connection *connection, const struct duet_buffer *buffer)
{
	struct server *server = connection->server;
	struct reply *reply = server->free_replies;

	server->free_replies = reply->next_free;
	reply->op.context = connection;
	reply->buffer = *buffer;
	connection->sending++;
	duet_op_send(&reply->op, connection->handle, buffer->data, buffer->length_bytes,
		     DUET_WHOLE);
	start(server, &reply->op);
}

/* The last completion of a receive, or one of which nothing is to be sent back: as when the pool
 * was empty (the receive goes on), or when the loop shuts down. Not on the way of the others. */
static __attribute__((noinline)) void on_receive_else(struct connection *connection,
						       const struct duet_op *op)
{
	bool last = !op->more;

	if (op->transferred > 0 && op->request == 0)
		send_back(connection, &op->buffer);
	else if (op->transferred > 0)
		duet_buffer_return(connection->server->loop, &op->buffer);
	if (!last)
		return;
	connection->ended = true;
	if (connection->sending == 0)
		close_idle(connection);
}

static void on_receive(struct duet_op *op)
{
	if (op->more && op->transferred > 0 && op->request == 0)
		send_back(op->context, &op->buffer);
	else
		on_receive_else(op->context, op);
}

/* Refused only when the loop shuts down: then it is as if the peer were done. */
static void receive_again(struct connection *connection)
{
	struct server *server = connection->server;

	duet_op_recv_pooled(&connection->op, connection->handle, server->pool, 0);
	if (duet_op_start(server->loop, &connection->op) == 0)
		return;
	connection->ended = true;
	if (connection->sending == 0)
		close_idle(connection);
}

/* The one message of a single receive. An interim completion only says that the pool was empty. */
static void on_receive_one(struct duet_op *op)
{
	struct connection *connection = op->context;

	if (op->more)
		return;
	if (op->transferred == 0 || op->request) {
		on_receive_else(connection, op);
		return;
	}
	send_back(connection, &op->buffer);
	if (connection->server->receiving == RECEIVING_BESIDE)
		receive_again(connection);
}

static void on_send_one(struct duet_op *op)
{
	struct connection *connection = op->context;
	bool again = !connection->ended;

	on_send(op);
	if (again)
		receive_again(connection);
}

static void receive(struct connection *connection)
{
	struct server *server = connection->server;
	bool on = server->receiving == RECEIVING_ON;

	duet_op_init(&connection->op, on ? on_receive : on_receive_one, connection);
	duet_op_recv_pooled(&connection->op, connection->handle, server->pool,
			    on ? DUET_MULTISHOT : 0);
	start(server, &connection->op);
}

static void begin(struct server *server, duet_handle handle)
{
	struct connection *connection = server->free_connections;

	server->free_connections = connection->next_free;
	connection->handle = handle;
	connection->sending = 0;
	connection->ended = false;
	server->tally.accepted++;
	receive(connection);
}

static void on_accept(struct duet_op *op)
{
	struct server *server = op->context;

	if (op->disposition == DUET_COMPLETED && server->free_connections)
		begin(server, op->made);
	else if (op->disposition == DUET_COMPLETED)
		close(duet_handle_release(server->loop, op->made));
	if (!op->more && op->cause == DUET_CAUSE_ITSELF)
		start_accept(server);
}

static int serve(void *arg, int listener)
{
	struct server *server = arg;
	int fd = dup(listener);		/* the loop owns what it adopts */
	int rc = fd < 0 ? -errno : duet_handle_adopt(server->loop, fd, 0, &server->listener);

	if (rc == 0)
		start_accept(server);
	return rc;
}

/* Nobody passes descriptors to an echo: a short read of a unix stream means "empty" too. */
static unsigned int promise(int fd)
{
	int domain = 0;
	socklen_t length = sizeof(domain);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
	return domain == AF_UNIX ? DUET_HANDLE_NO_ANCILLARY : 0;
}

static int adopt(void *arg, int fd)
{
	struct server *server = arg;
	duet_handle handle;
	int rc;

	if (!server->free_connections)
		return -ENFILE;
	rc = duet_handle_adopt(server->loop, fd, promise(fd), &handle);
	if (rc == 0)
		begin(server, handle);
	return rc;
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

static void report(void *arg, FILE *out)
{
	struct server *server = arg;
	struct duet_stats stats;

	duet_loop_stats(server->loop, &stats);
	fprintf(out, "stat turns %" PRIu64 "\nstat inline_ended %" PRIu64 "\nstat armed %" PRIu64
		     "\nstat submitted %" PRIu64 "\nstat events %" PRIu64 "\n",
		stats.turns, stats.inline_ended, stats.armed, stats.submitted, stats.events);
}

static void destroy(void *arg)
{
	struct server *server = arg;

	if (server->loop)
		duet_loop_shutdown(server->loop, duet_loop_now_ns(server->loop) + SHUTDOWN_NS);
	duet_loop_destroy(server->loop);
	free(server->connections);
	free(server->replies);
	free(server);
}

static int make_lists(struct server *server, const struct echo_shape *shape)
{
	bool again = server->receiving == RECEIVING_AGAIN;

	server->connections = calloc(shape->connections_max, sizeof(*server->connections));
	server->replies = calloc(shape->buffer_count, sizeof(*server->replies));
	if (!server->connections || !server->replies)
		return -ENOMEM;
	for (uint32_t index = shape->connections_max; index-- > 0;) {
		server->connections[index].server = server;
		server->connections[index].next_free = server->free_connections;
		server->free_connections = &server->connections[index];
	}
	for (uint32_t index = shape->buffer_count; index-- > 0;) {
		struct reply *reply = &server->replies[index];

		duet_op_init(&reply->op, again ? on_send_one : on_send, NULL);
		reply->next_free = server->free_replies;
		server->free_replies = reply;
	}
	return 0;
}

static void *create(const struct variant *variant, const struct echo_shape *shape)
{
	struct server *server = calloc(1, sizeof(*server));
	struct duet_loop_options options;
	int rc;

	if (!server)
		return NULL;
	server->receiving = variant->receiving;
	duet_loop_options_init(&options);
	options.operations_max = shape->connections_max + shape->buffer_count + OPERATIONS_SPARE;
	options.handles_max = shape->connections_max + HANDLES_SPARE;
	options.worker_threads = 0;
	options.try_first = variant->try_first;
	options.spin_ns = variant->spin_ns;
	options.tuning = variant->tuning;
	rc = duet_loop_create(&server->loop, variant->backend(), &options);
	if (rc == 0)
		rc = duet_pool_create(server->loop, shape->buffer_count, shape->buffer_bytes,
				      &server->pool);
	if (rc == 0)
		rc = make_lists(server, shape);
	if (rc < 0) {
		destroy(server);
		errno = -rc;
		return NULL;
	}
	return server;
}

/* An engine's create has no arguments to tell variants apart by: each has a function of its own. */
#define ENGINE(symbol, called, ...)                                                           \
	static void *create_##symbol(const struct echo_shape *shape)                          \
	{                                                                                     \
		const struct variant variant = { __VA_ARGS__ };                               \
                                                                                              \
		return create(&variant, shape);                                               \
	}                                                                                     \
	const struct echo_engine twin_##symbol##_engine = {                                   \
		.name = called,                                                               \
		.create = create_##symbol,                                                    \
		.serve = serve,                                                               \
		.adopt = adopt,                                                               \
		.turn = turn,                                                                 \
		.tally = tally,                                                               \
		.report = report,                                                             \
		.destroy = destroy,                                                           \
	}

/* As many places in the queue as the floor's ring has. */
#define ENTRIES "entries=1024"

ENGINE(polling, "polling", .backend = duet_polling);
ENGINE(polling_blind, "polling-blind", .backend = duet_polling, .try_first = DUET_TRY_ALWAYS);
ENGINE(polling_again, "polling-again", .backend = duet_polling, .receiving = RECEIVING_AGAIN);
ENGINE(polling_spin, "polling-spin", .backend = duet_polling, .spin_ns = SPIN_NS);
ENGINE(completion, "completion", .backend = duet_completion, .tuning = ENTRIES);
ENGINE(completion_again, "completion-again", .backend = duet_completion, .tuning = ENTRIES,
       .receiving = RECEIVING_AGAIN);
ENGINE(completion_beside, "completion-beside", .backend = duet_completion, .tuning = ENTRIES,
       .receiving = RECEIVING_BESIDE);
ENGINE(completion_plain, "completion-plain", .backend = duet_completion,
       .tuning = ENTRIES ",mode=plain");
ENGINE(completion_spin, "completion-spin", .backend = duet_completion, .tuning = ENTRIES,
       .spin_ns = SPIN_NS);

static const struct echo_engine *const engines[] = {
	&twin_polling_engine, &twin_polling_blind_engine, &twin_polling_again_engine,
	&twin_polling_spin_engine, &twin_completion_engine, &twin_completion_again_engine,
	&twin_completion_beside_engine, &twin_completion_plain_engine,
	&twin_completion_spin_engine,
};

const struct echo_engine *twin_engine_find(const char *name)
{
	for (size_t index = 0; index < sizeof(engines) / sizeof(engines[0]); index++)
		if (strcmp(engines[index]->name, name) == 0)
			return engines[index];
	return NULL;
}
