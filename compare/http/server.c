/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/http/server.h"

#include <duet/loop.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compare/http/connection.h"
#include "compare/say.h"

enum { WHOLE = 1, BAD_REQUEST = 400, NOT_ALLOWED = 405, LATE = 408 };

static void go_on(struct connection *connection);

static void next_request(struct connection *connection)
{
	connection->request_due_ns = 0;
	request_begin(&connection->request);
	go_on(connection);
}

/* ---- The answer is out. ---- */

static void write_log(const struct connection *connection)
{
	static const char *const METHODS[] = { "GET", "HEAD", "-" };
	const struct request *request = &connection->request;
	char target[sizeof(request->target) + 1];

	memcpy(target, request->target, request->target_bytes);
	target[request->target_bytes] = 0;
	say_clean(target);
	fprintf(stderr, "%s %s %d %" PRIu64 "\n", METHODS[request->method],
		*target ? target : "-", connection->status, connection->sent_bytes);
}

void connection_answered(struct connection *connection)
{
	struct http_server *server = connection->server;

	server->answered += !connection->failed && connection->status < 400;
	server->bytes += connection->sent_bytes;
	if (server->options->log)
		write_log(connection);
	if (connection->failed)
		guest_leave(&connection->guest);
	else if (connection->request.stays)
		next_request(connection);
	else
		guest_dismiss(&connection->guest, connection->data, sizeof(connection->data));
}

/* ---- The question. ---- */

/* What makes no sense ends the connection: nobody knows where the next request would begin. */
static void refuse(struct connection *connection, int status)
{
	connection->request.stays = false;
	connection->request.method = REQUEST_OTHER;
	head_of_status(connection, status);
}

/* status: WHOLE if there is a request that makes sense, else what it is refused with. */
static void take(struct connection *connection, int status)
{
	const struct request *request = &connection->request;

	connection->server->requests++;
	if (status != WHOLE) {
		refuse(connection, status);
	} else if (request->hosts != 1 && (request->hosts || request->minor)) {
		refuse(connection, BAD_REQUEST);
	} else if (request->method == REQUEST_OTHER) {
		head_of_status(connection, NOT_ALLOWED);
	} else {
		status = path_read(&connection->path, request->path, request->path_bytes);
		if (status)
			head_of_status(connection, status);
		else
			walk_begin(connection);
	}
}

/* Who is late with a request is told; who has begun none isn't waited for any more. */
static void end_wait(struct connection *connection)
{
	bool late = connection->guest.op.cause == DUET_CAUSE_DEADLINE;

	connection->server->late += late;
	if (late && connection->request_due_ns)
		take(connection, LATE);
	else
		guest_leave(&connection->guest);
}

static void on_recv(struct duet_op *op)
{
	struct connection *connection = op->context;

	if (op->result <= 0) {
		end_wait(connection);
		return;
	}
	connection->first = 0;
	connection->end = op->transferred;
	go_on(connection);
}

/* A whole request has so much time, however many pieces it comes in. */
static void receive(struct connection *connection)
{
	const struct http_options *options = connection->server->options;

	if (connection->request.bytes && !connection->request_due_ns)
		connection->request_due_ns =
			duet_loop_now_ns(connection->server->door.loop) + options->patience_ns;
	duet_op_recv(&connection->guest.op, connection->guest.handle, connection->data,
		     sizeof(connection->data), 0);
	if (connection->request_due_ns)
		duet_op_deadline(&connection->guest.op, connection->request_due_ns);
	guest_start(&connection->guest, on_recv, connection->request_due_ns ? 0 : options->idle_ns);
}

static void go_on(struct connection *connection)
{
	size_t used;
	int status = 0;

	if (connection->first < connection->end) {
		status = request_feed(&connection->request, connection->data + connection->first,
				      connection->end - connection->first, &used);
		connection->first += (uint32_t)used;
	}
	if (status)
		take(connection, status);
	else
		receive(connection);
}

/* ---- From start to finish. ---- */

static void on_enter(struct guest *guest)
{
	struct connection *connection = (struct connection *)guest;

	connection->first = connection->end = 0;
	connection->file = connection->folder = DUET_HANDLE_NONE;
	next_request(connection);
}

static void on_leave(struct guest *guest)
{
	(void)guest;
}

int http_start(struct http_server **out, struct duet_loop *loop, duet_handle listener, int root,
	       const struct http_options *options)
{
	struct http_server *server = calloc(1, sizeof(*server));
	const uint32_t count = options->connections_max;

	*out = server;
	if (!server)
		return -ENOMEM;
	server->options = options;
	server->root = root;
	server->connections = calloc(count, sizeof(*server->connections));
	if (!server->connections)
		return -ENOMEM;
	door_init(&server->door, loop, listener, on_enter, on_leave);
	for (uint32_t i = count; i-- > 0;) {
		struct connection *connection = &server->connections[i];

		connection->server = server;
		duet_op_init(&connection->work, NULL, connection);
		door_add_place(&server->door, &connection->guest);
	}
	return door_open(&server->door);
}

json_t *http_counts(const struct http_server *server)
{
	const struct door *door = &server->door;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "connections", (json_int_t)door->connections,
			 "peak", (json_int_t)door->peak,
			 "requests", (json_int_t)server->requests,
			 "answered", (json_int_t)server->answered,
			 "refused", (json_int_t)server->refused,
			 "late", (json_int_t)server->late, "lost", (json_int_t)server->lost,
			 "cut", (json_int_t)server->cut, "bytes", (json_int_t)server->bytes);
}

void http_finish(struct http_server *server)
{
	if (!server)
		return;
	free(server->connections);
	free(server);
}
