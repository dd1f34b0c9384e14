/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * What it costs to be woken and to ask again: a future's wake and poll beside the resumption of a
 * coroutine, in one program; and one woken child of 10 and of 10,000. User instructions: the further
 * passes of a longer run.
 */
#include <duet/coroutine.h>
#include <duet/futures.h>
#include <duet/naive.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/child.h"
#include "support/options.h"
#include "support/report.h"
#include "support/tracer.h"
#include "support/twins.h"

enum { CROWD = 64, ROUNDS = 64, FEW = 10, MANY = 10000, WOKEN = 2000, PER_TURN = 4 };

static const double wake_bound = 1.2, flat_bound = 1.1;

/* ---- A crowd of tasks, each ROUNDS times a pass. ---- */

struct member {
	union {
		struct duet_coroutine_task coroutine;
		struct duet_future_task future;
	} task;
	struct duet_coroutine coroutine; /* of those that are one */
	struct duet_future top;          /* of those that are that */
	struct duet_op_future leaf;
	struct duet_op op;
	uint64_t left;
};

/* A frame begins with its coroutine. */
struct frame {
	struct duet_coroutine coroutine;
	struct member *member;
};

static struct member members[CROWD];
static struct frame frames[CROWD];

static DUET_COROUTINE(await_operations)
{
	DUET_BEGIN(struct frame, self);
	while (self->member->left--) {
		duet_op_nop(&self->member->op);
		DUET_AWAIT(&self->member->op);
	}
	DUET_END;
}

static DUET_COROUTINE(await_futures)
{
	DUET_BEGIN(struct frame, self);
	while (self->member->left--) {
		duet_op_future_reset(&self->member->leaf);
		duet_op_nop(&self->member->leaf.op);
		DUET_AWAIT_FUTURE(&self->member->leaf.future);
	}
	DUET_END;
}

static DUET_COROUTINE(stand_in_line)
{
	DUET_BEGIN(struct frame, self);
	while (self->member->left--)
		DUET_YIELD();
	DUET_END;
}

static struct member *member_of(struct duet_future *top)
{
	return (struct member *)(void *)((char *)top - offsetof(struct member, top));
}

static enum duet_readiness poll_operations(struct duet_future *top, struct duet_context *context)
{
	struct member *member = member_of(top);

	while (duet_op_future_poll(&member->leaf, context) == DUET_READY) {
		if (!member->left--)
			return duet_future_is_ready(top, 0);
		duet_op_future_reset(&member->leaf);
		duet_op_nop(&member->leaf.op);
	}
	return duet_future_is_pending(top);
}

static enum duet_readiness poll_line(struct duet_future *top, struct duet_context *context)
{
	struct member *member = member_of(top);

	if (!member->left--)
		return duet_future_is_ready(top, 0);
	duet_waker_wake(context->waker);
	return duet_future_is_pending(top);
}

static const struct duet_future_table operations_table = {"operations", poll_operations,
							  poll_operations};
static const struct duet_future_table line_table = {"line", poll_line, poll_line};

struct way {
	const char *name;
	duet_coroutine_fn *body;
	const struct duet_future_table *table;
};

static const struct way ways[] = {
	{ "coroutine-operation", await_operations, NULL },
	{ "future-operation", NULL, &operations_table },
	{ "both-operation", await_futures, NULL },
	{ "coroutine-line", stand_in_line, NULL },
	{ "future-line", NULL, &line_table },
	{ 0 },
};

static void member_spawn(struct duet_scheduler *scheduler, const struct way *way, int index,
			 uint64_t rounds)
{
	struct member *member = &members[index];

	duet_op_init(&member->op, NULL, NULL);
	duet_op_future_init(&member->leaf);
	duet_op_nop(&member->leaf.op);
	member->left = rounds;
	frames[index].member = member;
	if (way->body) {
		duet_coroutine_init(&frames[index].coroutine, way->body);
		duet_coroutine_task_init(&member->task.coroutine, &frames[index].coroutine);
		duet_task_spawn(scheduler, NULL, &member->task.coroutine.task);
	} else {
		duet_future_init(&member->top, way->table);
		duet_future_task_init(&member->task.future, &member->top);
		duet_task_spawn(scheduler, NULL, &member->task.future.task);
	}
}

static int play_way(struct duet_loop *loop, struct duet_scheduler *scheduler,
		    const struct way *way, uint64_t passes)
{
	for (int i = 0; i < CROWD; i++)
		member_spawn(scheduler, way, i, passes * ROUNDS);
	while (scheduler->live)
		if (duet_loop_turn(loop, 0) < 0)
			return 3;
	return 0;
}

/* ---- One of many children, WOKEN times a pass. ---- */

struct leaf {
	struct duet_future future;
	struct duet_waker *waker;
};

static struct leaf leaves[MANY];
static struct duet_child children[MANY];
static struct duet_future *pointers[MANY];

static enum duet_readiness poll_leaf(struct duet_future *future, struct duet_context *context)
{
	((struct leaf *)(void *)future)->waker = context->waker;
	return duet_future_is_pending(future);
}

static enum duet_readiness end_leaf(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	return duet_future_is_ready(future, 0);
}

static const struct duet_future_table leaf_table = {"leaf", poll_leaf, end_leaf};

static struct duet_future *whole_of(const char *kind, uint32_t count)
{
	static struct duet_poll_all_future all;
	static struct duet_join_future join;

	for (uint32_t i = 0; i < count; i++) {
		duet_future_init(&leaves[i].future, &leaf_table);
		children[i].future = pointers[i] = &leaves[i].future;
	}
	if (!strcmp(kind, "all")) {
		duet_poll_all_join_init(&all, pointers, count);
		return &all.future;
	}
	duet_join_future_init(&join, children, count);
	return &join.future;
}

static int play_children(struct duet_loop *loop, struct duet_scheduler *scheduler,
			 const char *kind, uint32_t count, uint64_t passes)
{
	struct duet_future_task task;
	uint32_t which = 0;

	duet_future_task_init(&task, whole_of(kind, count));
	duet_task_spawn(scheduler, NULL, &task.task);
	while (!leaves[count - 1].waker || task.task.state != DUET_TASK_PARKED)
		duet_loop_turn(loop, 0);
	for (uint64_t i = 0; i < passes * WOKEN / PER_TURN; i++) {
		for (int k = 0; k < PER_TURN; k++) {
			duet_waker_wake(leaves[which].waker);
			which = (which + 7) % count;
		}
		if (duet_loop_turn(loop, 0) < 0)
			return 3;
	}
	duet_task_cancel(&task.task);
	while (scheduler->live)
		duet_loop_turn(loop, 0);
	return 0;
}

/* ---- One run, and what it cost. ---- */

static int play(const struct twin *twin, const char *part, uint64_t children_count,
		uint64_t passes)
{
	struct duet_scheduler_options options;
	struct duet_loop *loop = twin_loop(twin, CROWD * 2);
	struct duet_scheduler scheduler;
	const struct way *way = ways;
	int rc;

	if (!loop)
		return 3;
	duet_scheduler_options_init(&options);
	options.inline_max = 0;
	duet_scheduler_init(&scheduler, loop, &options);
	while (way->name && strcmp(way->name, part))
		way++;
	if (way->name)
		rc = play_way(loop, &scheduler, way, passes);
	else
		rc = play_children(loop, &scheduler, part, (uint32_t)children_count, passes);
	return duet_loop_destroy(loop) ? 3 : rc;
}

static double instructions(const char *twin, const char *part, uint32_t count, double events)
{
	struct trace_counts once, twice;
	char path[CHILD_PATH_MAX], number[24];

	child_path(path, "bench_future");
	snprintf(number, sizeof(number), "%u", count);

	const char *short_run[] = { path, "--only", twin, "--part", part, "--children", number,
				    "--passes", "1", NULL };
	const char *long_run[] = { path, "--only", twin, "--part", part, "--children", number,
				   "--passes", "2", NULL };

	if (trace_command(TRACER_CALLGRIND, short_run, &once) < 0 ||
	    trace_command(TRACER_CALLGRIND, long_run, &twice) < 0)
		return NAN;
	return (twice.instructions - once.instructions) / events;
}

static void judge(struct report *report, const char *name, const char *twin, const char *of,
		  double subject, double base, double bound)
{
	report_count(report, name, twin, of, subject / base, bound, base,
		     isnan(subject / base) ? "valgrind could not run it" : NULL);
}

static void play_twin(struct report *report, const char *twin)
{
	const double events = CROWD * ROUNDS;
	double operation = instructions(twin, "coroutine-operation", 0, events);
	double line = instructions(twin, "coroutine-line", 0, events);
	double few = instructions(twin, "join", FEW, WOKEN);

	judge(report, "future over an operation", twin, "of coroutine's",
	      instructions(twin, "future-operation", 0, events), operation, wake_bound);
	judge(report, "coroutine over a future", twin, "of coroutine's",
	      instructions(twin, "both-operation", 0, events), operation, NAN);
	judge(report, "future's wake and poll", twin, "of coroutine's",
	      instructions(twin, "future-line", 0, events), line, wake_bound);
	judge(report, "woken child of 10,000", twin, "of 10's",
	      instructions(twin, "join", MANY, WOKEN), few, flat_bound);
	judge(report, "poll-all of 10", twin, "of woken child's",
	      instructions(twin, "all", FEW, WOKEN), few, NAN);
	judge(report, "poll-all of 1,000", twin, "of woken child's",
	      instructions(twin, "all", MANY / 10, WOKEN), few, NAN);
}

int main(int argc, char **argv)
{
	static struct report report;
	const char *json = NULL, *only = NULL, *part = "join";
	uint64_t passes = 1, count = FEW;
	const struct bench_option options[] = {
		{ "passes", &passes, 10000, NULL },
		{ "children", &count, MANY, NULL },
		{ "only", NULL, 0, &only },
		{ "part", NULL, 0, &part },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	for (int index = 0; only && index < TWINS; index++)
		if (!strcmp(twins[index].name, only))
			return play(&twins[index], part, count, passes);
	report_begin(&report, "future", json, 0);
	if (!tracer_there(TRACER_CALLGRIND))
		printf("future: valgrind cannot be run here: nothing is measured\n");
	for (int index = 0; index < TWINS; index++)
		play_twin(&report, twins[index].name);
	return report_end(&report);
}
