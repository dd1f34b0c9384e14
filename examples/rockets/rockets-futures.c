/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* By futures: a fetch is a sequence of them, one for each step; so many fetches are in a set, which is
 * polled for who has ended, and filled again. All of it is one task, and nothing is spawned. The first
 * failure asks the others to finish their cancelling. */
#include <duet/duet.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "examples/rockets/rockets.h"

static const uint64_t second_ns = 1000000000;
static struct rockets rockets;

/* ---- One fetch: step after step. ---- */

enum step { MADE, CONNECTED, SENT, RECEIVED, CLOSED };

struct fetch {
	struct duet_then_future steps; /* first: what is woken and has ended is the fetch */
	struct duet_child child;
	struct duet_op_future io; /* of the step */
	struct duet_limit_future closing; /* the last: no request comes in there */
	enum step step;
	duet_handle socket;
	int index, answer;
	struct http_exchange exchange;
};

static struct duet_future *close_socket(struct fetch *fetch)
{
	fetch->step = CLOSED;
	duet_op_future_reset(&fetch->io);
	duet_op_close(&fetch->io.op, fetch->socket);
	duet_shield_future_init(&fetch->closing, &fetch->io.future, second_ns);
	return &fetch->closing.future;
}

static struct duet_future *receive(struct fetch *fetch)
{
	fetch->step = RECEIVED;
	duet_op_future_reset(&fetch->io);
	duet_op_recv(&fetch->io.op, fetch->socket, fetch->exchange.piece,
		     sizeof(fetch->exchange.piece), 0);
	return &fetch->io.future;
}

static struct duet_future *take(struct fetch *fetch, int32_t bytes)
{
	fetch->answer = http_feed(&fetch->exchange, (size_t)bytes);
	if (fetch->answer == 0)
		return receive(fetch);
	if (fetch->answer == 1)
		fetch->answer = table_take(&rockets.table, fetch->index, &fetch->exchange);
	return close_socket(fetch);
}

/* What follows a step that went well. */
static struct duet_future *follow(struct fetch *fetch, int32_t result)
{
	if (fetch->step == RECEIVED)
		return take(fetch, result);
	if (fetch->step == SENT)
		return receive(fetch);
	duet_op_future_reset(&fetch->io);
	if (fetch->step++ == MADE) {
		fetch->socket = fetch->io.op.made;
		duet_op_connect(&fetch->io.op, fetch->socket, (struct sockaddr *)&rockets.address,
				sizeof(rockets.address));
	} else {
		duet_op_send(&fetch->io.op, fetch->socket, fetch->exchange.request,
			     fetch->exchange.request_bytes, DUET_WHOLE);
	}
	return &fetch->io.future;
}

static struct duet_future *next_step(struct duet_then_future *steps, int32_t result)
{
	struct fetch *fetch = (struct fetch *)(void *)steps;

	if (fetch->step == CLOSED)
		return NULL;
	if (result >= 0)
		return follow(fetch, result);
	fetch->answer = result;
	return fetch->step == MADE ? NULL : close_socket(fetch);
}

/* ---- All of them. ---- */

struct all {
	struct duet_future future;
	struct duet_future_set set;
	struct fetch list, *fetches;
	int next;
};

static void begin(struct all *all, struct fetch *fetch, int index)
{
	fetch->step = MADE;
	fetch->index = index;
	fetch->answer = 0;
	table_ask(&rockets.table, index, &fetch->exchange);
	duet_op_future_init(&fetch->io);
	duet_op_socket(&fetch->io.op, AF_INET, SOCK_STREAM, 0);
	duet_then_future_init(&fetch->steps, &fetch->io.future, next_step);
	duet_future_set_add(&all->set, &fetch->child, &fetch->steps.future);
}

static void begin_all(struct all *all)
{
	int count = rockets.parallel < rockets.table.count ? rockets.parallel : rockets.table.count;

	all->fetches = calloc((size_t)count + 1, sizeof(*all->fetches));
	for (int i = 0; all->fetches && i < count; i++)
		begin(all, &all->fetches[i], all->next++);
}

static void go_on(struct all *all, struct fetch *fetch)
{
	http_forget(&fetch->exchange);
	if (fetch->answer < 0) {
		table_fail(&rockets.table, fetch->index, fetch->answer, &fetch->exchange);
		all->future.result = fetch->answer;
		duet_future_set_cancel(&all->set);
	} else if (fetch == &all->list) {
		begin_all(all);
	} else if (!all->future.result && all->next < rockets.table.count) {
		begin(all, fetch, all->next++);
	}
}

static enum duet_readiness poll_all(struct duet_future *future, struct duet_context *context)
{
	struct all *all = (struct all *)(void *)future;
	struct duet_child *child;

	while ((child = duet_future_set_next(&all->set, context)))
		go_on(all, (struct fetch *)(void *)child->future);
	if (all->set.children.count)
		return duet_future_is_pending(future);
	free(all->fetches);
	return duet_future_is_ready(future, future->result);
}

static enum duet_readiness cancel_all(struct duet_future *future, struct duet_context *context)
{
	struct all *all = (struct all *)(void *)future;

	if (!future->result)
		future->result = -ECANCELED;
	duet_future_set_cancel(&all->set);
	return poll_all(future, context);
}

int main(int argc, char **argv)
{
	static const struct duet_future_table table = {"rockets", poll_all, cancel_all};
	struct duet_scheduler scheduler;
	struct duet_future_task task;
	struct duet_loop *loop;
	struct all all = {.next = 0};

	rockets_read(argc, argv, &rockets);
	loop = rockets_loop(&rockets);
	duet_scheduler_init(&scheduler, loop, NULL);
	duet_future_init(&all.future, &table);
	duet_future_set_init(&all.set);
	begin(&all, &all.list, TABLE_LIST);
	duet_future_task_init(&task, &all.future);
	task.task.deadline_ns = rockets.deadline_ns;
	duet_task_spawn(&scheduler, NULL, &task.task);
	duet_loop_run(loop);
	duet_loop_destroy(loop);
	return table_end(&rockets.table);
}
