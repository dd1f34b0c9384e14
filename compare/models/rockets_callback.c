/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Rockets by callbacks: an operation ends in a function, which starts the next; a scope holds the
 * deadline, and asks all to end when one fails. */
#include <duet/loop.h>
#include <duet/scope.h>
#include <errno.h>

#include "compare/models/rockets_fetcher.h"

/* One operation is enough: what a lane does, it does one after the other. */
struct lane {
	struct duet_op op;
	struct duet_member member;
	duet_handle socket;
	struct exchange exchange;
};

struct whole {
	struct duet_scope scope; /* its context is the fetcher */
	struct lane list;
	uint32_t active;         /* lanes, and the list's */
};

static struct whole *whole_of(const struct lane *lane)
{
	return fetcher_state(lane->exchange.fetcher);
}

static void joined(struct duet_scope *scope)
{
	fetcher_fetched(scope->context);
}

/* ---- A lane: step after step. ---- */

static void on_closed(struct duet_op *op);

/* A close is not the scope's to ask: it is what is left to do when that has asked. */
static void finish(struct lane *lane, int error)
{
	if (error < 0) {
		exchange_fail(&lane->exchange, error);
		duet_scope_cancel(&whole_of(lane)->scope);
	}
	lane->op.done = on_closed;
	duet_op_close(&lane->op, lane->socket);
	if (duet_op_start(whole_of(lane)->scope.loop, &lane->op))
		on_closed(&lane->op); /* there was no socket yet */
}

static void start(struct lane *lane, duet_done_fn *done)
{
	int error;

	lane->op.done = done;
	error = duet_scope_start(&whole_of(lane)->scope, &lane->member, &lane->op);
	if (error)
		finish(lane, error);
}

static void on_received(struct duet_op *op)
{
	struct lane *lane = op->context;
	int answer = exchange_take(&lane->exchange, op->result);

	if (answer) {
		finish(lane, answer);
		return;
	}
	exchange_recv(&lane->exchange, op, lane->socket);
	start(lane, on_received);
}

static void on_sent(struct duet_op *op)
{
	struct lane *lane = op->context;

	if (op->result < 0) {
		finish(lane, op->result);
		return;
	}
	exchange_recv(&lane->exchange, op, lane->socket);
	start(lane, on_received);
}

static void on_connected(struct duet_op *op)
{
	struct lane *lane = op->context;

	if (op->result < 0) {
		finish(lane, op->result);
		return;
	}
	exchange_send(&lane->exchange, op, lane->socket);
	start(lane, on_sent);
}

static void on_made(struct duet_op *op)
{
	struct lane *lane = op->context;

	lane->socket = op->made;
	if (op->result < 0) {
		finish(lane, op->result);
		return;
	}
	exchange_connect(&lane->exchange, op, lane->socket);
	start(lane, on_connected);
}

static void begin_lane(struct lane *lane)
{
	lane->socket = DUET_HANDLE_NONE;
	duet_op_init(&lane->op, NULL, lane);
	exchange_socket(&lane->exchange, &lane->op);
	start(lane, on_made);
}

/* ---- All of them. ---- */

static void begin_lanes(struct fetcher *fetcher)
{
	struct whole *whole = fetcher_state(fetcher);

	for (uint32_t i = 0; i < fetcher_lanes(fetcher); i++) {
		struct lane *lane = fetcher_lane(fetcher, i);

		exchange_init(&lane->exchange, fetcher);
		if (!exchange_next(&lane->exchange))
			break;
		whole->active++;
		begin_lane(lane);
	}
}

static void on_closed(struct duet_op *op)
{
	struct lane *lane = op->context;
	struct whole *whole = whole_of(lane);
	bool goes_on = !duet_scope_check(&whole->scope);

	if (goes_on && lane == &whole->list) {
		begin_lanes(lane->exchange.fetcher);
	} else if (goes_on && exchange_next(&lane->exchange)) {
		begin_lane(lane);
		return;
	}
	if (!--whole->active)
		duet_scope_join(&whole->scope, joined);
}

static int begin(struct fetcher *fetcher)
{
	struct whole *whole = fetcher_state(fetcher);
	struct duet_scope_options options;
	int error;

	exchange_init(&whole->list.exchange, fetcher);
	exchange_list(&whole->list.exchange);
	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	options.deadline_ns = fetcher_deadline_ns(fetcher);
	options.context = fetcher;
	error = duet_scope_open(&whole->scope, fetcher_scheduler(fetcher)->loop, NULL, &options);
	if (error)
		return error;
	whole->active = 1;
	begin_lane(&whole->list);
	return 0;
}

static void cancel(struct fetcher *fetcher)
{
	struct whole *whole = fetcher_state(fetcher);

	duet_scope_cancel(&whole->scope);
}

const struct fetcher_model FETCHER_CALLBACK = { "callback", sizeof(struct whole),
						sizeof(struct lane), begin, cancel };
