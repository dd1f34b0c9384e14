/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Rockets by futures: the same tasks as by coroutines, with the same operations; but each is woken
 * when what it waits for has come, and polls that. */
#include <duet/future.h>
#include <duet/join.h>

#include "compare/models/rockets_fetcher.h"

static const uint64_t CLOSE_NS = 1000000000;

static enum duet_readiness poll(struct duet_task *task, struct fetcher *fetcher,
				struct duet_op_future *future)
{
	fetcher_polled(fetcher);
	return duet_task_poll(task, &future->future);
}

/* ---- One exchange: step after step. ---- */

/* What it will be when the operation that is under way has ended. */
enum step { MADE, CONNECTED, SENT, RECEIVED, CLOSED };

struct fetch {
	struct duet_op_future io; /* of the step */
	enum step step;
	duet_handle socket;
	int answer;
	uint64_t outer_ns; /* of the shield in which it closes */
	struct exchange exchange;
};

static void begin_fetch(struct fetch *fetch)
{
	fetch->step = MADE;
	fetch->answer = 0;
	duet_op_future_init(&fetch->io);
	exchange_socket(&fetch->exchange, &fetch->io.op);
}

static void begin_close(struct duet_task *task, struct fetch *fetch)
{
	fetch->step = CLOSED;
	fetch->outer_ns = duet_task_shield(task, CLOSE_NS);
	duet_op_future_reset(&fetch->io);
	duet_op_close(&fetch->io.op, fetch->socket);
}

/* What follows a step that went well. */
static void follow(struct fetch *fetch)
{
	duet_op_future_reset(&fetch->io);
	switch (fetch->step++) {
	case MADE:
		fetch->socket = fetch->io.op.made;
		exchange_connect(&fetch->exchange, &fetch->io.op, fetch->socket);
		break;
	case CONNECTED:
		exchange_send(&fetch->exchange, &fetch->io.op, fetch->socket);
		break;
	default:
		fetch->step = RECEIVED;
		exchange_recv(&fetch->exchange, &fetch->io.op, fetch->socket);
	}
}

/* False: nothing of it is left to do. */
static bool go_on(struct duet_task *task, struct fetch *fetch)
{
	int32_t result = fetch->io.future.result;

	if (fetch->step == CLOSED) {
		duet_task_unshield(task, fetch->outer_ns);
		return false;
	}
	if (fetch->step == RECEIVED)
		fetch->answer = exchange_take(&fetch->exchange, result);
	else if (result < 0)
		fetch->answer = result;
	if (fetch->answer < 0)
		exchange_fail(&fetch->exchange, fetch->answer);
	if (fetch->answer < 0 && fetch->step == MADE)
		return false;
	if (fetch->answer)
		begin_close(task, fetch);
	else
		follow(fetch);
	return true;
}

static enum duet_readiness poll_fetch(struct duet_task *task, struct fetch *fetch)
{
	do {
		if (poll(task, fetch->exchange.fetcher, &fetch->io) == DUET_PENDING)
			return DUET_PENDING;
	} while (go_on(task, fetch));
	return DUET_READY;
}

/* ---- A lane: a task of its own. ---- */

struct lane {
	struct duet_task task; /* first: the task is the lane */
	bool under_way;
	struct fetch fetch;
};

static enum duet_readiness step_lane(struct duet_task *task)
{
	struct lane *lane = (struct lane *)(void *)task;

	for (;;) {
		if (!lane->under_way && !exchange_next(&lane->fetch.exchange))
			return DUET_READY;
		if (!lane->under_way)
			begin_fetch(&lane->fetch);
		lane->under_way = true;
		if (poll_fetch(task, &lane->fetch) == DUET_PENDING)
			return DUET_PENDING;
		lane->under_way = false;
		task->result = lane->fetch.answer;
		if (task->result < 0)
			return DUET_READY;
	}
}

static const struct duet_task_model LANE = { .name = "future", .step = step_lane };

/* ---- Their parent. ---- */

struct whole {
	struct duet_task task; /* first: the task is the whole fetch */
	bool joining;
	struct duet_op_future join;
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
	error = duet_task_scope_open(&whole->task, &whole->scope, &options);
	if (error) {
		exchange_fail(&whole->list.exchange, error);
		return error;
	}
	for (uint32_t i = 0; !error && i < fetcher_lanes(fetcher); i++) {
		struct lane *lane = fetcher_lane(fetcher, i);

		exchange_init(&lane->fetch.exchange, fetcher);
		lane->under_way = false;
		duet_task_init(&lane->task, &LANE);
		error = duet_task_spawn(fetcher_scheduler(fetcher), &whole->scope, &lane->task);
	}
	if (error) {
		exchange_fail(&whole->list.exchange, error);
		duet_scope_cancel(&whole->scope);
	}
	return 0; /* it is open, and to be joined */
}

static enum duet_readiness step_whole(struct duet_task *task)
{
	struct whole *whole = (struct whole *)(void *)task;

	if (!whole->joining) {
		if (poll_fetch(task, &whole->list) == DUET_PENDING)
			return DUET_PENDING;
		if (whole->list.answer < 0 || spawn_lanes(whole))
			return DUET_READY;
		whole->joining = true;
		duet_op_future_init(&whole->join);
		duet_op_join_scope(&whole->join.op, &whole->scope);
	}
	return poll(task, whole->list.exchange.fetcher, &whole->join);
}

static const struct duet_task_model WHOLE = { .name = "future", .step = step_whole };

static void on_ended(struct duet_task *task)
{
	fetcher_fetched(((struct whole *)(void *)task)->list.exchange.fetcher);
}

static int begin(struct fetcher *fetcher)
{
	struct whole *whole = fetcher_state(fetcher);

	exchange_init(&whole->list.exchange, fetcher);
	exchange_list(&whole->list.exchange);
	begin_fetch(&whole->list);
	whole->joining = false;
	duet_task_init(&whole->task, &WHOLE);
	whole->task.deadline_ns = fetcher_deadline_ns(fetcher);
	whole->task.ended = on_ended;
	return duet_task_spawn(fetcher_scheduler(fetcher), NULL, &whole->task);
}

static void cancel(struct fetcher *fetcher)
{
	struct whole *whole = fetcher_state(fetcher);

	duet_task_cancel(&whole->task);
}

const struct fetcher_model FETCHER_FUTURE = { "future", sizeof(struct whole), sizeof(struct lane),
					      begin, cancel };
