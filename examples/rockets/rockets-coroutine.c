/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* By coroutines: the parent fetches the list, spawns one task for each rocket in a scope, and joins the
 * scope. A semaphore says how many fetch at once; the first failure asks the others to end. */
#include <duet/coroutine.h>
#include <duet/duet.h>
#include <errno.h>
#include <stdlib.h>

#include "examples/rockets/rockets.h"

static const uint64_t second_ns = 1000000000;
static struct rockets rockets;
static struct duet_semaphore permits;

/* ---- One exchange: called by who wants it. ---- */

struct fetch {
	struct duet_coroutine coroutine;
	struct duet_op op;
	duet_handle socket;
	int index, answer;
	struct http_exchange exchange;
};

static DUET_COROUTINE(fetch)
{
	DUET_BEGIN(struct fetch, self);
	table_ask(&rockets.table, self->index, &self->exchange);
	duet_op_init(&self->op, NULL, NULL);
	duet_op_socket(&self->op, AF_INET, SOCK_STREAM, 0);
	DUET_AWAIT(&self->op);
	self->answer = DUET_RESULT;
	self->socket = self->answer ? DUET_HANDLE_NONE : self->op.made;
	if (self->answer < 0)
		DUET_RETURN(self->answer);
	duet_op_connect(&self->op, self->socket, (struct sockaddr *)&rockets.address,
			sizeof(rockets.address));
	DUET_AWAIT(&self->op);
	self->answer = DUET_RESULT;
	if (self->answer < 0)
		DUET_RETURN(self->answer);
	duet_op_send(&self->op, self->socket, self->exchange.request, self->exchange.request_bytes,
		     DUET_WHOLE);
	DUET_AWAIT(&self->op);
	self->answer = DUET_RESULT < 0 ? DUET_RESULT : 0;
	while (self->answer == 0) {
		duet_op_recv(&self->op, self->socket, self->exchange.piece,
			     sizeof(self->exchange.piece), 0);
		DUET_AWAIT(&self->op);
		self->answer = DUET_RESULT < 0 ? DUET_RESULT
					       : http_feed(&self->exchange, (size_t)DUET_RESULT);
	}
	if (self->answer == 1)
		self->answer = table_take(&rockets.table, self->index, &self->exchange);
	DUET_RETURN(self->answer);
	DUET_FINALLY(second_ns);
	if (self->answer < 0)
		table_fail(&rockets.table, self->index, self->answer, &self->exchange);
	http_forget(&self->exchange);
	if (self->socket.generation) {
		duet_op_close(&self->op, self->socket);
		DUET_AWAIT(&self->op);
	}
	DUET_END_FINALLY;
}

static struct duet_coroutine *fetch_init(struct fetch *frame, int index)
{
	duet_coroutine_init(&frame->coroutine, fetch);
	frame->index = index;
	return &frame->coroutine;
}

/* ---- A rocket: a task of its own. ---- */

struct item {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct duet_op op;
	int index;
	struct fetch fetch;
};

static DUET_COROUTINE(item)
{
	DUET_BEGIN(struct item, self);
	duet_op_init(&self->op, NULL, NULL);
	duet_op_acquire(&self->op, &permits, 1);
	DUET_AWAIT(&self->op);
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	DUET_CALL(fetch_init(&self->fetch, self->index));
	duet_semaphore_release(&permits, 1);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

/* ---- Their parent. ---- */

struct parent {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct duet_op join;
	struct duet_scope scope;
	struct item *items;
	struct fetch list;
};

static int spawn_all(struct parent *parent)
{
	struct duet_scheduler *scheduler = parent->task.task.scheduler;
	const int count = rockets.table.count;
	int error = 0;

	parent->items = calloc((size_t)count + 1, sizeof(*parent->items));
	for (int i = 0; parent->items && !error && i < count; i++) {
		struct item *one = &parent->items[i];

		one->index = i;
		duet_coroutine_init(&one->coroutine, item);
		duet_coroutine_task_init(&one->task, &one->coroutine);
		error = duet_task_spawn(scheduler, &parent->scope, &one->task.task);
	}
	return parent->items ? error : -ENOMEM;
}

static DUET_COROUTINE(parent)
{
	struct duet_scope_options options;

	DUET_BEGIN(struct parent, self);
	DUET_CALL(fetch_init(&self->list, TABLE_LIST));
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	duet_task_scope_open(&self->task.task, &self->scope, &options);
	spawn_all(self);
	duet_op_init(&self->join, NULL, NULL);
	duet_op_join_scope(&self->join, &self->scope); /* a deadline of ours is the scope's */
	DUET_AWAIT(&self->join);
	free(self->items);
	DUET_END;
}

int main(int argc, char **argv)
{
	struct parent all = {.items = NULL};
	struct duet_scheduler scheduler;
	struct duet_loop *loop;

	rockets_read(argc, argv, &rockets);
	loop = rockets_loop(&rockets);
	duet_scheduler_init(&scheduler, loop, NULL);
	duet_semaphore_init(&permits, loop, (uint32_t)rockets.parallel);
	duet_coroutine_init(&all.coroutine, parent);
	duet_coroutine_task_init(&all.task, &all.coroutine);
	all.task.task.deadline_ns = rockets.deadline_ns;
	duet_task_spawn(&scheduler, NULL, &all.task.task);
	duet_loop_run(loop);
	duet_loop_destroy(loop);
	return table_end(&rockets.table);
}
