/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kv/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>

#include "compare/door.h"
#include "compare/kv/execute.h"
#include "compare/kv/reply.h"
#include "compare/kv/resp.h"
#include "compare/kv/store.h"

/* Keys that are due at once go a few at a time, so that nobody waits for all of them. */
enum { ROOM_MIN = 16 << 10, SWEEP_MAX = 64 };

/* What is touched before anybody comes stands first, so that a place that nobody takes costs little. */
struct client {
	struct guest guest;
	struct kv_server *server;
	/* What has come: from first to end it wasn't answered yet. Its own memory while a request is
	 * longer than usual, which counts as the store's. */
	char *data;
	size_t room_bytes, first, end;
	uint64_t request_due_ns; /* 0: none has begun */
	struct resp resp;
	struct reply reply;
	char usual[ROOM_MIN];
};

struct kv_server {
	struct door door;
	const struct kv_options *options;
	struct store store;
	struct duet_op timer; /* the next key that is due */
	uint64_t timer_due_ns;
	struct client *clients;
	uint64_t requests, errors, malformed, late;
};

static void go_on(struct client *client);

/* ---- Keys that are due. ---- */

static void arm(struct kv_server *server)
{
	uint64_t next_ns = store_next_ns(&server->store);

	if (duet_op_pending(&server->timer)) {
		if (next_ns < server->timer_due_ns)
			duet_op_cancel(&server->timer);
		return;
	}
	if (next_ns == STORE_FOREVER)
		return;
	server->timer_due_ns = next_ns;
	duet_op_timeout(&server->timer, next_ns);
	duet_op_start(server->door.loop, &server->timer);
}

static void on_timer(struct duet_op *op)
{
	struct kv_server *server = op->context;

	store_sweep(&server->store, duet_loop_now_ns(server->door.loop), SWEEP_MAX);
	arm(server);
}

/* ---- The room for a request. ---- */

static void shrink(struct client *client)
{
	if (client->data == client->usual)
		return;
	free(client->data);
	store_give(&client->server->store, client->room_bytes);
	client->data = client->usual;
	client->room_bytes = sizeof(client->usual);
}

/* Twice as much, so that what comes isn't copied for each piece of it, and only as it comes: who
 * announces much and sends little has little. */
static bool grow(struct client *client)
{
	size_t room_bytes = 2 * client->room_bytes;
	char *data;

	if (!store_take(&client->server->store, room_bytes))
		return false;
	data = malloc(room_bytes);
	if (!data) {
		store_give(&client->server->store, room_bytes);
		return false;
	}
	memcpy(data, client->data, client->end);
	shrink(client);
	client->data = data;
	client->room_bytes = room_bytes;
	return true;
}

/* What is left begins where the room does. A request of usual length has the usual room. */
static void tidy(struct client *client)
{
	size_t left = client->end - client->first;

	if (client->data != client->usual && left < sizeof(client->usual) / 2 &&
	    resp_wants_bytes(&client->resp) < sizeof(client->usual) / 2) {
		memcpy(client->usual, client->data + client->first, left);
		shrink(client);
	} else if (client->first) {
		memmove(client->data, client->data + client->first, left);
	}
	client->first = 0;
	client->end = left;
}

/* ---- Answers. ---- */

static void let_go(struct client *client)
{
	if (client->reply.holds)
		value_drop(&client->server->store, client->reply.holds);
	client->reply.holds = NULL;
}

static void on_sent(struct duet_op *op)
{
	struct client *client = op->context;

	let_go(client);
	if (op->disposition != DUET_COMPLETED)
		guest_leave(&client->guest);
	else if (client->reply.ends)
		guest_dismiss(&client->guest, client->usual, sizeof(client->usual));
	else
		go_on(client);
}

static void send_reply(struct client *client)
{
	struct reply *reply = &client->reply;
	const struct iovec pieces[] = {
		{ reply->room, reply->bytes },
		{ (char *)(size_t)reply->string.data, reply->string.bytes },
		{ (char *)(size_t)"\r\n", 2 },
	};

	duet_op_send_vector(&client->guest.op, client->guest.handle, pieces,
			    reply->string.data ? 3 : 1, DUET_WHOLE);
	guest_start(&client->guest, on_sent, client->server->options->patience_ns);
}

static void refuse(struct client *client, const char *words)
{
	reply_error(&client->reply, "ERR %s", words);
	client->reply.ends = true;
	client->server->malformed++;
}

/* All whole requests that are there, as far as there is room for what they are answered. */
static void answer(struct client *client)
{
	struct kv_server *server = client->server;
	struct execution execution = { &server->store, &client->reply,
				       duet_loop_now_ns(server->door.loop), &client->resp, NULL };
	int status = 1;

	while (status > 0 && !client->reply.ends && reply_has_room(&client->reply)) {
		execution.data = client->data + client->first;
		status = resp_feed(&client->resp, client->data + client->first,
				   client->end - client->first);
		if (status < 0)
			refuse(client, client->resp.error);
		if (status <= 0)
			break;
		if (client->resp.count) {
			server->requests++;
			execute(&execution);
		}
		client->first += client->resp.looked_bytes;
		resp_begin(&client->resp);
	}
}

/* ---- Questions. ---- */

static void on_recv(struct duet_op *op)
{
	struct client *client = op->context;

	if (op->result <= 0) {
		client->server->late += op->cause == DUET_CAUSE_DEADLINE;
		guest_leave(&client->guest);
		return;
	}
	client->end += op->transferred;
	go_on(client);
}

/* A whole request has so much time, however many pieces it comes in. */
static void receive(struct client *client)
{
	const struct kv_options *options = client->server->options;
	uint64_t now_ns = duet_loop_now_ns(client->server->door.loop);

	tidy(client);
	if (client->end == client->room_bytes && !grow(client)) {
		reply_error(&client->reply, "OOM no memory left for so long a request");
		client->reply.ends = true;
		send_reply(client);
		return;
	}
	if (!client->end)
		client->request_due_ns = 0;
	else if (!client->request_due_ns)
		client->request_due_ns = now_ns + options->patience_ns;
	duet_op_recv(&client->guest.op, client->guest.handle, client->data + client->end,
		     client->room_bytes - client->end, 0);
	if (client->request_due_ns)
		duet_op_deadline(&client->guest.op, client->request_due_ns);
	guest_start(&client->guest, on_recv, client->request_due_ns ? 0 : options->idle_ns);
}

static void go_on(struct client *client)
{
	size_t before = client->first;

	reply_begin(&client->reply);
	answer(client);
	if (client->first != before)
		client->request_due_ns = 0;
	client->server->errors += client->reply.errors;
	client->reply.errors = 0;
	arm(client->server);
	if (client->reply.bytes)
		send_reply(client);
	else
		receive(client);
}

/* ---- From start to finish. ---- */

static void on_enter(struct guest *guest)
{
	struct client *client = (struct client *)guest;

	client->first = client->end = 0;
	client->request_due_ns = 0;
	client->reply.ends = false;
	resp_begin(&client->resp);
	go_on(client);
}

static void on_leave(struct guest *guest)
{
	struct client *client = (struct client *)guest;

	shrink(client);
}

static int make_clients(struct kv_server *server)
{
	const uint32_t count = server->options->connections_max;

	server->clients = calloc(count, sizeof(*server->clients));
	if (!server->clients)
		return -ENOMEM;
	for (uint32_t i = count; i-- > 0;) {
		struct client *client = &server->clients[i];

		client->server = server;
		client->data = client->usual;
		client->room_bytes = sizeof(client->usual);
		door_add_place(&server->door, &client->guest);
	}
	return 0;
}

int kv_start(struct kv_server **out, struct duet_loop *loop, duet_handle listener,
	     const struct kv_options *options)
{
	struct kv_server *server = calloc(1, sizeof(*server));
	uint64_t secret[2];
	int status;

	*out = server;
	if (!server)
		return -ENOMEM;
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return -errno;
	server->options = options;
	store_init(&server->store, options->memory_bytes, secret);
	door_init(&server->door, loop, listener, on_enter, on_leave);
	duet_op_init(&server->timer, on_timer, server);
	status = make_clients(server);
	return status ? status : door_open(&server->door);
}

json_t *kv_counts(const struct kv_server *server)
{
	const struct door *door = &server->door;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "connections", (json_int_t)door->connections,
			 "peak", (json_int_t)door->peak,
			 "requests", (json_int_t)server->requests,
			 "errors", (json_int_t)server->errors,
			 "malformed", (json_int_t)server->malformed,
			 "late", (json_int_t)server->late,
			 "keys", (json_int_t)store_count(&server->store),
			 "expired", (json_int_t)server->store.expired,
			 "bytes", (json_int_t)server->store.used_bytes,
			 "peak_bytes", (json_int_t)server->store.peak_bytes);
}

void kv_finish(struct kv_server *server)
{
	if (!server)
		return;
	for (uint32_t i = 0; server->clients && i < server->options->connections_max; i++) {
		let_go(&server->clients[i]);
		shrink(&server->clients[i]);
	}
	store_clear(&server->store);
	free(server->clients);
	free(server);
}
