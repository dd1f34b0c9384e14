/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Rockets by stackless coroutines: the parent fetches the list, spawns a task for each lane in a
 * scope, and joins that. Whoever waits is resumed by the end of its operation. */
#include <duet/coroutine.h>
#include <duet/join.h>

#include "compare/models/rockets_fetcher.h"

static const uint64_t CLOSE_NS = 1000000000;

/* ---- One exchange: called by who wants it. ---- */

struct fetch {
	struct duet_coroutine coroutine;
	struct duet_op op;
	duet_handle socket;
	int answer;
	struct exchange exchange;
};

static DUET_COROUTINE(fetch)
{
	DUET_BEGIN(struct fetch, self);
	self->socket = DUET_HANDLE_NONE;
	duet_op_init(&self->op, NULL, NULL);
	exchange_socket(&self->exchange, &self->op);
	DUET_AWAIT(&self->op);
	self->answer = DUET_RESULT;
	if (self->answer < 0)
		DUET_RETURN(self->answer);
	self->socket = self->op.made;
	exchange_connect(&self->exchange, &self->op, self->socket);
	DUET_AWAIT(&self->op);
	self->answer = DUET_RESULT;
	if (self->answer < 0)
		DUET_RETURN(self->answer);
	exchange_send(&self->exchange, &self->op, self->socket);
	DUET_AWAIT(&self->op);
	self->answer = DUET_RESULT < 0 ? DUET_RESULT : 0;
	while (!self->answer) {
		exchange_recv(&self->exchange, &self->op, self->socket);
		DUET_AWAIT(&self->op);
		self->answer = exchange_take(&self->exchange, DUET_RESULT);
	}
	DUET_RETURN(self->answer);
	DUET_FINALLY(CLOSE_NS);
	if (self->answer < 0)
		exchange_fail(&self->exchange, self->answer);
	if (self->socket.generation) {
		duet_op_close(&self->op, self->socket);
		DUET_AWAIT(&self->op);
	}
	DUET_END_FINALLY;
}

static struct duet_coroutine *called(struct fetch *frame)
{
	duet_coroutine_init(&frame->coroutine, fetch);
	return &frame->coroutine;
}

/* ---- A lane: a task of its own. ---- */

struct lane {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct fetch fetch;
};

static DUET_COROUTINE(follow)
{
	DUET_BEGIN(struct lane, self);
	while (exchange_next(&self->fetch.exchange)) {
		DUET_CALL(called(&self->fetch));
		if (DUET_RESULT < 0)
			DUET_RETURN(DUET_RESULT);
	}
	DUET_END;
}

/* ---- Their parent. ---- */

struct whole {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task; /* its first fetch is the list's */
	struct duet_op join;
	struct duet_scope scope;
	struct fetch list;
};

static int spawn_lanes(struct whole *whole)
{
	struct fetcher *fetcher = whole->list.exchange.fetcher;
	struct duet_scope_options options;
	int error;

	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	error = duet_task_scope_open(&whole->task.task, &whole->scope, &options);
	if (error) {
		exchange_fail(&whole->list.exchange, error);
		return error;
	}
	for (uint32_t i = 0; !error && i < fetcher_lanes(fetcher); i++) {
		struct lane *lane = fetcher_lane(fetcher, i);

		exchange_init(&lane->fetch.exchange, fetcher);
		duet_coroutine_init(&lane->coroutine, follow);
		duet_coroutine_task_init(&lane->task, &lane->coroutine);
		error = duet_task_spawn(fetcher_scheduler(fetcher), &whole->scope, &lane->task.task);
	}
	if (error) {
		exchange_fail(&whole->list.exchange, error);
		duet_scope_cancel(&whole->scope);
	}
	return 0; /* it is open, and to be joined */
}

static DUET_COROUTINE(parent)
{
	DUET_BEGIN(struct whole, self);
	exchange_list(&self->list.exchange);
	DUET_CALL(called(&self->list));
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	self->list.answer = spawn_lanes(self);
	if (self->list.answer < 0)
		DUET_RETURN(self->list.answer);
	duet_op_init(&self->join, NULL, NULL);
	duet_op_join_scope(&self->join, &self->scope); /* a deadline of ours is the scope's */
	DUET_AWAIT(&self->join);
	DUET_END;
}

static void on_ended(struct duet_task *task)
{
	struct whole *whole = (struct whole *)(void *)((char *)task - offsetof(struct whole, task));

	fetcher_fetched(whole->list.exchange.fetcher);
}

static int begin(struct fetcher *fetcher)
{
	struct whole *whole = fetcher_state(fetcher);

	exchange_init(&whole->list.exchange, fetcher);
	duet_coroutine_init(&whole->coroutine, parent);
	duet_coroutine_task_init(&whole->task, &whole->coroutine);
	whole->task.task.deadline_ns = fetcher_deadline_ns(fetcher);
	whole->task.task.ended = on_ended;
	return duet_task_spawn(fetcher_scheduler(fetcher), NULL, &whole->task.task);
}

static void cancel(struct fetcher *fetcher)
{
	struct whole *whole = fetcher_state(fetcher);

	duet_task_cancel(&whole->task.task);
}

const struct fetcher_model FETCHER_COROUTINE = { "coroutine", sizeof(struct whole),
						 sizeof(struct lane), begin, cancel };
