/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/accept.h"

#include <string.h>

#include "compare/laboratory/leg.h"
#include "compare/laboratory/step.h"

enum { CONNECTIONS = 3, REQUEST_BYTES = 6, PIECE_BYTES = 2, ANSWER_BYTES = 4 };

struct server;

/* What is next for a connection. */
enum stage {
	STAGE_NONE,   /* not made yet. -> HEAR */
	STAGE_HEAR,   /* -> ANSWER: all of the request is there */
	STAGE_ANSWER, /* -> CLOSE: all of the answer is out */
	STAGE_CLOSE,  /* -> DONE */
	STAGE_DONE,
};

struct connection {
	struct step step;
	struct leg closing;
	unsigned char memory[REQUEST_BYTES];
	struct server *server;
	duet_handle handle;
	int peer;
	enum stage stage;
	uint32_t have; /* of the request, or of the answer */
	unsigned char request[REQUEST_BYTES];
};

struct server {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle listener;
	struct leg accepting;
	struct connection connections[CONNECTIONS];
	uint32_t accepted;
	uint32_t served;
};

static void serve(struct connection *connection);
static void listen_on(struct server *server);

/* ---- A connection. ---- */

/* Received in place there is nothing to copy. */
static void heard(struct connection *connection, const struct step *step)
{
	memmove(connection->request + connection->have, step->data, step->bytes);
	duet_lab_received(connection->server->lab, connection->peer, step->data, step->bytes);
	connection->have += step->bytes;
	if (connection->have == REQUEST_BYTES) {
		connection->have = 0;
		connection->stage = STAGE_ANSWER;
	}
}

static void answered(struct connection *connection, uint32_t bytes)
{
	duet_lab_sent(connection->server->lab, connection->peer, bytes);
	connection->have += bytes;
	if (connection->have == ANSWER_BYTES)
		connection->stage = STAGE_CLOSE;
}

static void on_step(struct step *step)
{
	struct connection *connection = step->context;

	if (step->bytes && connection->stage == STAGE_HEAR)
		heard(connection, step);
	else if (step->bytes)
		answered(connection, step->bytes);
	if (!step->left)
		serve(connection);
}

/* Who accepts waits for more until the last is served. */
static void closed(struct leg *leg)
{
	struct connection *connection = leg->context;
	struct server *server = connection->server;

	connection->stage = STAGE_DONE;
	if (++server->served < CONNECTIONS)
		return;
	duet_lab_finish(server->lab);
	duet_op_cancel(&server->accepting.op);
}

static void hear(struct connection *connection)
{
	struct server *server = connection->server;

	step_receive(&connection->step, server->scope, connection->handle,
		     server->policy->copies ? connection->memory
					    : connection->request + connection->have,
		     REQUEST_BYTES - connection->have);
}

static void answer(struct connection *connection)
{
	struct server *server = connection->server;
	uint32_t left = ANSWER_BYTES - connection->have;

	duet_lab_fill(server->lab, connection->peer, connection->have, connection->memory, left);
	step_send(&connection->step, server->scope, connection->handle, connection->memory, left);
}

static void close_it(struct connection *connection)
{
	leg_init(&connection->closing, connection->server->policy, closed, connection);
	duet_op_close(&connection->closing.op, connection->handle);
	leg_start(&connection->closing, connection->server->scope);
}

static void serve(struct connection *connection)
{
	static void (*const starts[STAGE_DONE])(struct connection *connection) = {
		[STAGE_HEAR] = hear, [STAGE_ANSWER] = answer, [STAGE_CLOSE] = close_it,
	};

	starts[connection->stage](connection);
}

/* ---- The listener. ---- */

/* A connection that comes when nobody wants more is kept for the next body: it can't be put back. */
static void take(struct server *server, duet_handle made)
{
	struct connection *connection = &server->connections[server->accepted];

	if (!leg_is_believed(&server->accepting))
		return;
	server->accepted++;
	connection->server = server;
	connection->handle = made;
	connection->peer = duet_lab_accepted(server->lab, made);
	connection->stage = STAGE_HEAR;
	step_init(&connection->step, server->policy, server->lab, on_step, connection);
	serve(connection);
}

static void accepted(struct leg *leg)
{
	struct server *server = leg->context;

	if (leg->op.more && leg->op.result == 0)
		take(server, leg->op.made);
	else if (!leg->op.more && server->served < CONNECTIONS)
		listen_on(server);
}

static void listen_on(struct server *server)
{
	leg_init(&server->accepting, server->policy, accepted, server);
	duet_op_accept(&server->accepting.op, server->listener, DUET_MULTISHOT);
	leg_start(&server->accepting, server->scope);
}

/* ---- The workload. ---- */

/* The second comes while the first is served, the third together with bytes. */
static int set_up(struct duet_lab *lab, void *state)
{
	struct server *server = state;
	int peers[CONNECTIONS];

	server->lab = lab;
	server->policy = duet_lab_context(lab);
	for (int i = 0; i < CONNECTIONS; i++) {
		if (i == CONNECTIONS - 1)
			duet_lab_together(lab);
		peers[i] = duet_lab_peer_connects(lab);
		if (peers[i] < 0)
			return peers[i];
		duet_lab_peer_sends(lab, peers[i], PIECE_BYTES);
		if (i > 0)
			duet_lab_peer_sends(lab, peers[i - 1], REQUEST_BYTES - PIECE_BYTES);
	}
	duet_lab_peer_sends(lab, peers[CONNECTIONS - 1], REQUEST_BYTES - PIECE_BYTES);
	for (int i = 0; i < CONNECTIONS; i++)
		duet_lab_peer_receives(lab, peers[i], ANSWER_BYTES);
	return duet_lab_listener(lab, &server->listener);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct server *server = state;

	(void)lab;
	server->scope = scope;
	for (uint32_t i = 0; i < server->accepted; i++) {
		if (server->connections[i].stage != STAGE_DONE)
			serve(&server->connections[i]);
	}
	if (server->served < CONNECTIONS)
		listen_on(server);
}

void accept_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "accept",
						.state_bytes = sizeof(struct server),
						.set_up = set_up, .body = body,
						.context = policy };
}
