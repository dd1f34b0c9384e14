/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/rockets/server.h"

#include <duet/loop.h>
#include <duet/operation.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "compare/http/request.h"
#include "compare/http/status.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"
#include "compare/models/model.h"

enum { DATA_MAX = 4096, HEAD_MAX = 256, OK = 200, NOT_FOUND = 404, NOT_ALLOWED = 405, FAILED = 500 };

/* A client that neither asks nor takes its answer is in others' way after that time; one that was told
 * to go has less of it. */
static const uint64_t IDLE_NS = 60000000000, LINGER_NS = 2000000000;

const char *const ROCKETS_FAULT_NAMES[ROCKETS_FAULTS] = { "status", "cut", "stop", "malformed" };

struct counts {
	uint64_t connections;
	uint64_t requests; /* whole ones */
	uint64_t answered; /* with what they asked for */
	uint64_t refused;  /* with a status that says that they made no sense */
	uint64_t failed;   /* as they were to fail */
	uint64_t lost;     /* the answer couldn't be sent */
	uint64_t left;     /* the client hung up, at least its sending side, before its answer was due */
	uint64_t peak;     /* requests at once */
};

struct connection {
	struct duet_op op;    /* receives, or waits, or sends, or closes: one after the other */
	struct duet_op watch; /* beside a wait: does the client hang up? */
	struct rockets_server *server;
	duet_handle handle;
	struct request request;
	char data[DATA_MAX];  /* what has come, of which first to end wasn't looked at yet */
	uint32_t first, end;
	uint32_t waits;       /* of op and watch, until the answer is due */
	int status;
	const char *body;
	size_t body_bytes;
	enum rockets_fault fault;
	char head[HEAD_MAX];
	struct connection *free; /* the next one, while it isn't used */
};

struct rockets_server {
	struct model_host host;
	const struct rockets_options *options;
	const struct catalogue *catalogue;
	struct duet_op accept;
	struct connection *connections, *free;
	struct counts counts;
	uint64_t current, random;
};

static void next_request(struct connection *connection);

/* ---- The end of a connection. ---- */

static void accept_next(struct rockets_server *server)
{
	if (!server->free || duet_op_pending(&server->accept))
		return;
	duet_op_accept(&server->accept, server->host.listener, 0);
	duet_op_start(server->host.loop, &server->accept);
}

static void on_close(struct duet_op *op)
{
	struct connection *connection = op->context;
	struct rockets_server *server = connection->server;

	connection->free = server->free;
	server->free = connection;
	accept_next(server);
}

static void hang_up(struct connection *connection)
{
	connection->op.done = on_close;
	duet_op_close(&connection->op, connection->handle);
	duet_op_start(connection->server->host.loop, &connection->op);
}

/* Starts what op was told to do. What can't begin, as when all ends, has no use for its connection. */
static void start(struct connection *connection, duet_done_fn *done, uint64_t patience_ns)
{
	struct duet_loop *loop = connection->server->host.loop;

	connection->op.done = done;
	if (patience_ns)
		duet_op_deadline(&connection->op, duet_loop_now_ns(loop) + patience_ns);
	if (duet_op_start(loop, &connection->op))
		hang_up(connection);
}

static void on_drained(struct duet_op *op)
{
	struct connection *connection = op->context;

	if (op->result <= 0) {
		hang_up(connection);
		return;
	}
	duet_op_recv(op, connection->handle, connection->data, sizeof(connection->data), 0);
	start(connection, on_drained, LINGER_NS);
}

static void on_shut(struct duet_op *op)
{
	struct connection *connection = op->context;

	duet_op_recv(op, connection->handle, connection->data, sizeof(connection->data), 0);
	start(connection, on_drained, LINGER_NS);
}

/* Closing while bytes still come would be a reset, which may overtake the answer: TCP throws away what
 * the client hasn't read yet. */
static void linger(struct connection *connection)
{
	duet_op_shutdown(&connection->op, connection->handle, SHUT_WR);
	start(connection, on_shut, 0);
}

/* ---- The answer. ---- */

static void on_stopped(struct duet_op *op)
{
	hang_up(op->context);
}

static void on_sent(struct duet_op *op)
{
	struct connection *connection = op->context;
	struct counts *counts = &connection->server->counts;

	if (op->disposition != DUET_COMPLETED) {
		counts->lost++;
		hang_up(connection);
		return;
	}
	counts->answered += connection->status == OK && connection->fault == ROCKETS_FAULTS;
	counts->refused += connection->fault == ROCKETS_FAULTS && connection->status != OK;
	counts->failed += connection->fault != ROCKETS_FAULTS;
	if (connection->fault == ROCKETS_CUT) {
		hang_up(connection);
	} else if (connection->fault == ROCKETS_STOP) {
		duet_op_recv(op, connection->handle, connection->data, sizeof(connection->data), 0);
		start(connection, on_stopped, IDLE_NS);
	} else if (connection->request.stays) {
		next_request(connection);
	} else {
		linger(connection);
	}
}

/* How much of the body is sent, and how much is said to be. */
static void measure(const struct connection *connection, size_t *sent, size_t *said)
{
	*sent = *said = connection->body_bytes;
	if (connection->fault < ROCKETS_FAULTS && connection->fault != ROCKETS_STATUS)
		*sent /= 2;
	if (connection->fault == ROCKETS_MALFORMED)
		*said = *sent;
	if (connection->request.method == REQUEST_HEAD)
		*sent = 0;
}

static void answer(struct connection *connection)
{
	size_t sent, said;
	struct iovec pieces[2];

	measure(connection, &sent, &said);
	pieces[0].iov_base = connection->head;
	pieces[0].iov_len = (size_t)snprintf(
		connection->head, sizeof(connection->head),
		"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s"
		"Connection: %s\r\n\r\n",
		connection->status, status_reason(connection->status), said,
		connection->status == NOT_ALLOWED ? "Allow: GET, HEAD\r\n" : "",
		connection->request.stays ? "keep-alive" : "close");
	pieces[1].iov_base = (char *)(size_t)connection->body;
	pieces[1].iov_len = sent;
	/* Before a byte of it is out: who has the answer can't be counted twice. */
	connection->server->current--;
	duet_op_send_vector(&connection->op, connection->handle, pieces, sent ? 2 : 1, DUET_WHOLE);
	start(connection, on_sent, IDLE_NS);
}

static void on_due(struct duet_op *op)
{
	struct connection *connection = op->context;

	if (op == &connection->watch)
		connection->server->counts.left += op->disposition == DUET_COMPLETED;
	else
		duet_op_cancel(&connection->watch);
	if (--connection->waits == 0)
		answer(connection);
}

static void answer_later(struct connection *connection, uint64_t wait_ns)
{
	struct duet_loop *loop = connection->server->host.loop;

	/* Not from the turn's time, which may be before the request came: no answer is early. */
	duet_op_timeout(&connection->op, window_now_ns() + wait_ns);
	duet_op_poll(&connection->watch, connection->handle, POLLRDHUP);
	connection->waits = 1 + !duet_op_start(loop, &connection->watch);
	connection->op.done = on_due;
	if (!duet_op_start(loop, &connection->op))
		return;
	duet_op_cancel(&connection->watch);
	if (--connection->waits == 0)
		answer(connection);
}

/* ---- The question. ---- */

static void say(struct connection *connection, int status, const char *text)
{
	connection->status = status;
	connection->body = text;
	connection->body_bytes = strlen(text);
}

static bool is_to_fail(struct rockets_server *server, const struct catalogue_item *item)
{
	const struct rockets_options *options = server->options;

	if (options->fail_request == server->counts.requests)
		return true;
	if (options->fail_id && !strcmp(options->fail_id, item->id))
		return true;
	return options->fail_percent && rounds_random(&server->random) % 100 < options->fail_percent;
}

static void find(struct connection *connection, const struct catalogue_item *item)
{
	struct rockets_server *server = connection->server;

	connection->status = OK;
	connection->body = item->text;
	connection->body_bytes = item->bytes;
	if (!is_to_fail(server, item))
		return;
	connection->fault = server->options->fail_how;
	if (connection->fault == ROCKETS_STATUS)
		say(connection, FAILED, "{\"error\":\"the launch was scrubbed\"}");
	else if (connection->fault != ROCKETS_MALFORMED)
		connection->request.stays = false;
}

static void look_up(struct connection *connection)
{
	static const char LIST[] = "/rockets";
	const struct request *request = &connection->request;
	const struct catalogue *catalogue = connection->server->catalogue;
	const struct catalogue_item *item = NULL;
	const size_t list = sizeof(LIST) - 1;

	if (request->path_bytes >= list && !memcmp(request->path, LIST, list)) {
		if (request->path_bytes == list)
			item = &catalogue->list;
		else if (request->path[list] == '/')
			item = catalogue_find(catalogue, request->path + list + 1,
					      request->path_bytes - list - 1);
	}
	if (request->method == REQUEST_OTHER)
		say(connection, NOT_ALLOWED, "{\"error\":\"there is GET and HEAD\"}");
	else if (!item)
		say(connection, NOT_FOUND, "{\"error\":\"there is /rockets and /rockets/ID\"}");
	else
		find(connection, item);
}

static uint64_t wait_ns(struct rockets_server *server)
{
	uint64_t jitter_ns = server->options->jitter_ns;

	if (jitter_ns)
		jitter_ns = rounds_random(&server->random) % (jitter_ns + 1);
	return server->options->latency_ns + jitter_ns;
}

/* status: 1 if there is a request that makes sense, else what it is refused with. */
static void take(struct connection *connection, int status)
{
	struct rockets_server *server = connection->server;
	uint64_t later_ns = wait_ns(server);

	server->counts.requests++;
	server->current++;
	if (server->current > server->counts.peak)
		server->counts.peak = server->current;
	connection->fault = ROCKETS_FAULTS;
	if (status == 1) {
		look_up(connection);
	} else {
		connection->request.stays = false;
		connection->request.method = REQUEST_OTHER;
		say(connection, status, "{\"error\":\"this is no request\"}");
	}
	if (later_ns)
		answer_later(connection, later_ns);
	else
		answer(connection);
}

static void on_recv(struct duet_op *op);

static void go_on(struct connection *connection)
{
	size_t used;
	int status = 0;

	if (connection->first < connection->end) {
		status = request_feed(&connection->request, connection->data + connection->first,
				      connection->end - connection->first, &used);
		connection->first += (uint32_t)used;
	}
	if (status) {
		take(connection, status);
		return;
	}
	duet_op_recv(&connection->op, connection->handle, connection->data,
		     sizeof(connection->data), 0);
	start(connection, on_recv, IDLE_NS);
}

static void on_recv(struct duet_op *op)
{
	struct connection *connection = op->context;

	if (op->result <= 0) {
		hang_up(connection);
		return;
	}
	connection->first = 0;
	connection->end = op->transferred;
	go_on(connection);
}

static void next_request(struct connection *connection)
{
	request_begin(&connection->request);
	go_on(connection);
}

/* ---- From start to finish. ---- */

static void on_accept(struct duet_op *op)
{
	struct rockets_server *server = op->context;
	struct connection *connection = server->free;

	if (!op->result) {
		server->free = connection->free;
		server->counts.connections++;
		connection->handle = op->made;
		connection->first = connection->end = 0;
		next_request(connection);
	} else if (op->result != -ECONNABORTED) {
		model_out_of_files(&server->host, op->result); /* a close goes on */
		return;
	}
	accept_next(server);
}

int rockets_start(struct rockets_server **out, struct duet_loop *loop, duet_handle listener,
		  const struct catalogue *catalogue, const struct rockets_options *options)
{
	struct rockets_server *server = calloc(1, sizeof(*server));
	const uint32_t count = options->connections_max;

	*out = server;
	if (!server)
		return -ENOMEM;
	server->host.loop = loop;
	server->host.listener = listener;
	server->options = options;
	server->catalogue = catalogue;
	server->random = options->seed;
	server->connections = calloc(count, sizeof(*server->connections));
	if (!server->connections)
		return -ENOMEM;
	for (uint32_t i = count; i-- > 0;) {
		struct connection *connection = &server->connections[i];

		connection->server = server;
		duet_op_init(&connection->op, NULL, connection);
		duet_op_init(&connection->watch, on_due, connection);
		connection->free = server->free;
		server->free = connection;
	}
	duet_op_init(&server->accept, on_accept, server);
	accept_next(server);
	return duet_op_pending(&server->accept) ? 0 : -EINVAL;
}

json_t *rockets_counts(const struct rockets_server *server)
{
	const struct counts *counts = &server->counts;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "connections", (json_int_t)counts->connections,
			 "requests", (json_int_t)counts->requests,
			 "answered", (json_int_t)counts->answered,
			 "refused", (json_int_t)counts->refused,
			 "failed", (json_int_t)counts->failed, "lost", (json_int_t)counts->lost,
			 "left", (json_int_t)counts->left, "peak", (json_int_t)counts->peak);
}

void rockets_finish(struct rockets_server *server)
{
	if (!server)
		return;
	free(server->connections);
	free(server);
}
