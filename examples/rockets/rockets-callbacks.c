/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* By callbacks: an operation ends in a function, which starts the next. So many fetches run side by side,
 * each takes the next rocket when it has done with one, and a scope asks all of them to end. */
#include <duet/duet.h>
#include <stdlib.h>

#include "examples/rockets/rockets.h"

/* One operation is enough: what a fetch does, it does one after the other. */
struct fetch {
	struct duet_op op;
	struct duet_member member;
	duet_handle socket;
	int index;
	struct http_exchange exchange;
};

static struct rockets rockets;
static struct duet_loop *loop;
static struct duet_scope scope;
static struct fetch list, *fetches;
static int next, active;

static void begin(struct fetch *fetch, int index);

static void joined(struct duet_scope *ended)
{
	(void)ended;
	free(fetches);
}

static void begin_all(void)
{
	int count = rockets.parallel < rockets.table.count ? rockets.parallel : rockets.table.count;

	fetches = calloc((size_t)count + 1, sizeof(*fetches));
	for (int i = 0; fetches && i < count; i++)
		begin(&fetches[i], next++);
}

static void closed(struct duet_op *op)
{
	struct fetch *fetch = op->context;

	active--;
	if (fetch == &list)
		begin_all();
	else if (next < rockets.table.count && !duet_scope_check(&scope))
		begin(fetch, next++);
	if (!active)
		duet_scope_join(&scope, joined);
}

/* A close can't be refused, and isn't the scope's to ask: it is what is left to do when that has asked. */
static void finish(struct fetch *fetch, int error)
{
	if (error) {
		table_fail(&rockets.table, fetch->index, error, &fetch->exchange);
		duet_scope_cancel(&scope);
	}
	http_forget(&fetch->exchange);
	fetch->op.done = closed;
	duet_op_close(&fetch->op, fetch->socket);
	if (duet_op_start(loop, &fetch->op))
		closed(&fetch->op); /* there was no socket yet */
}

static void start(struct fetch *fetch, duet_done_fn *done)
{
	int error;

	fetch->op.done = done;
	error = duet_scope_start(&scope, &fetch->member, &fetch->op);
	if (error)
		finish(fetch, error);
}

static void received(struct duet_op *op)
{
	struct fetch *fetch = op->context;
	int answer = op->result;

	if (answer >= 0)
		answer = http_feed(&fetch->exchange, op->transferred);
	if (answer == 0) {
		duet_op_recv(op, fetch->socket, fetch->exchange.piece,
			     sizeof(fetch->exchange.piece), 0);
		start(fetch, received);
		return;
	}
	if (answer == 1)
		answer = table_take(&rockets.table, fetch->index, &fetch->exchange);
	finish(fetch, answer);
}

static void sent(struct duet_op *op)
{
	struct fetch *fetch = op->context;

	if (op->result < 0) {
		finish(fetch, op->result);
		return;
	}
	duet_op_recv(op, fetch->socket, fetch->exchange.piece, sizeof(fetch->exchange.piece), 0);
	start(fetch, received);
}

static void connected(struct duet_op *op)
{
	struct fetch *fetch = op->context;

	if (op->result < 0) {
		finish(fetch, op->result);
		return;
	}
	duet_op_send(op, fetch->socket, fetch->exchange.request, fetch->exchange.request_bytes,
		     DUET_WHOLE);
	start(fetch, sent);
}

static void made(struct duet_op *op)
{
	struct fetch *fetch = op->context;

	fetch->socket = op->made;
	if (op->result < 0) {
		finish(fetch, op->result);
		return;
	}
	duet_op_connect(op, fetch->socket, (struct sockaddr *)&rockets.address,
			sizeof(rockets.address));
	start(fetch, connected);
}

static void begin(struct fetch *fetch, int index)
{
	active++;
	fetch->index = index;
	fetch->socket = DUET_HANDLE_NONE;
	table_ask(&rockets.table, index, &fetch->exchange);
	duet_op_init(&fetch->op, NULL, fetch);
	duet_op_socket(&fetch->op, AF_INET, SOCK_STREAM, 0);
	start(fetch, made);
}

int main(int argc, char **argv)
{
	struct duet_scope_options options;

	rockets_read(argc, argv, &rockets);
	loop = rockets_loop(&rockets);
	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	options.deadline_ns = rockets.deadline_ns;
	duet_scope_open(&scope, loop, NULL, &options);
	begin(&list, TABLE_LIST);
	duet_loop_run(loop);
	duet_loop_destroy(loop);
	return table_end(&rockets.table);
}
