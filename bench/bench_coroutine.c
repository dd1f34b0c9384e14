/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * What it costs to suspend a coroutine and to resume it, in instructions: Duet's in C beside those of
 * C++20, in one program: by itself, and over the same event, an operation that does nothing. The callback
 * is the event alone.
 */
#include <duet/coroutine.h>
#include <duet/polling.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/cxx/resume.h"
#include "support/child.h"
#include "support/options.h"
#include "support/report.h"
#include "support/tracer.h"

static const double resume_bound = 1.1;

/* ---- Callbacks. ---- */

struct called {
	struct duet_op op;
	uint64_t left;
};

static void call_again(struct duet_op *op)
{
	struct called *called = op->context;

	if (!--called->left)
		return;
	duet_op_nop(op);
	duet_op_start(op->loop, op);
}

static int resume_callbacks(struct duet_loop *loop, uint64_t waits)
{
	static struct called called[RESUMED];

	for (int i = 0; i < RESUMED; i++) {
		called[i].left = waits;
		duet_op_init(&called[i].op, call_again, &called[i]);
		duet_op_nop(&called[i].op);
		if (duet_op_start(loop, &called[i].op) < 0)
			return -EIO;
	}
	return duet_loop_run(loop);
}

/* ---- Coroutines. ---- */

struct callee {
	struct duet_coroutine coroutine;
	uint64_t *done;
};

struct waiter {
	struct duet_coroutine coroutine;
	struct duet_op op;
	struct callee callee;
	uint64_t times;
	uint64_t done;
};

static DUET_COROUTINE(wait_often)
{
	DUET_BEGIN(struct waiter, self);
	while (self->times--) {
		duet_op_nop(&self->op);
		DUET_AWAIT(&self->op);
		if (DUET_RESULT == 0)
			self->done++;
	}
	DUET_END;
}

/* No loop, no task: what the two forms of a coroutine cost, and nothing else. */
static DUET_COROUTINE(step_often)
{
	DUET_BEGIN(struct waiter, self);
	for (;;) {
		DUET_SUSPEND_UNLESS(0);
		self->done++;
	}
	DUET_END;
}

static int switch_coroutines(struct duet_loop *loop, uint64_t times)
{
	static struct waiter waiters[RESUMED];

	(void)loop;
	for (int i = 0; i < RESUMED; i++) {
		duet_coroutine_init(&waiters[i].coroutine, step_often);
		waiters[i].coroutine.body(&waiters[i].coroutine);
	}
	for (uint64_t round = 0; round < times; round++)
		for (int i = 0; i < RESUMED; i++)
			waiters[i].coroutine.body(&waiters[i].coroutine);
	for (int i = 0; i < RESUMED; i++)
		if (waiters[i].done != times)
			return -EIO;
	return 0;
}

static DUET_COROUTINE(return_at_once)
{
	DUET_BEGIN(struct callee, self);
	++*self->done;
	DUET_END;
}

static DUET_COROUTINE(call_often)
{
	DUET_BEGIN(struct waiter, self);
	self->callee.done = &self->done;
	while (self->times--) {
		duet_coroutine_init(&self->callee.coroutine, return_at_once);
		DUET_CALL(&self->callee.coroutine);
	}
	DUET_END;
}

static int play(struct duet_loop *loop, uint64_t times, duet_coroutine_fn *body)
{
	static struct duet_coroutine_task tasks[RESUMED];
	static struct waiter waiters[RESUMED];
	struct duet_scheduler_options options;
	struct duet_scheduler scheduler;

	duet_scheduler_options_init(&options);
	options.inline_max = 0;
	duet_scheduler_init(&scheduler, loop, &options);
	for (int i = 0; i < RESUMED; i++) {
		waiters[i].times = times;
		duet_op_init(&waiters[i].op, NULL, NULL);
		duet_coroutine_init(&waiters[i].coroutine, body);
		duet_coroutine_task_init(&tasks[i], &waiters[i].coroutine);
		duet_task_spawn(&scheduler, NULL, &tasks[i].task);
	}
	while (scheduler.live)
		if (duet_loop_turn(loop, 0) < 0)
			return -EIO;
	for (int i = 0; i < RESUMED; i++)
		if (waiters[i].done != times)
			return -EIO;
	return 0;
}

static int resume_coroutines(struct duet_loop *loop, uint64_t waits)
{
	return play(loop, waits, wait_often);
}

static int call_coroutines(struct duet_loop *loop, uint64_t calls)
{
	return play(loop, calls, call_often);
}

/* ---- Counting: the further rounds of a longer run. ---- */

static const struct form {
	const char *name;
	int (*play)(struct duet_loop *loop, uint64_t times);
} forms[] = {
	{ "callback", resume_callbacks }, { "coroutine", resume_coroutines },
	{ "cxx-bare", resume_bare },	  { "cxx-task", resume_tasks },
	{ "switch", switch_coroutines },  { "cxx-switch", switch_bare },
	{ "call", call_coroutines },	  { "cxx-call", call_tasks },
};

enum { CALLBACK, COROUTINE, CXX_BARE, CXX_TASK, SWITCH, CXX_SWITCH, CALL, CXX_CALL, FORMS };

static const char *const cases[FORMS] = {
	[CALLBACK] = "wait for an event",      [COROUTINE] = "wait for an event",
	[CXX_BARE] = "wait for an event",      [CXX_TASK] = "wait for an event",
	[SWITCH] = "suspend, resume",	       [CXX_SWITCH] = "suspend, resume",
	[CALL] = "call, return",	       [CXX_CALL] = "call, return",
};

static int play_form(const char *name, uint64_t times)
{
	struct duet_loop *loop;

	for (int i = 0; i < FORMS; i++) {
		if (strcmp(forms[i].name, name) != 0)
			continue;
		if (duet_loop_create(&loop, duet_polling(), NULL))
			return 3;
		return forms[i].play(loop, times) || duet_loop_destroy(loop) ? 3 : 0;
	}
	fprintf(stderr, "bench_coroutine: there is no form \"%s\"\n", name);
	return 2;
}

static double instructions(const char *form)
{
	static const char *const times[] = { "100", "600" };
	struct trace_counts counts[2];
	char path[CHILD_PATH_MAX];

	child_path(path, "bench_coroutine");
	for (int i = 0; i < 2; i++) {
		const char *argv[] = { path, "--only", form, "--times", times[i], NULL };

		if (trace_command(TRACER_CALLGRIND, argv, &counts[i]) < 0)
			return NAN;
	}
	return (counts[1].instructions - counts[0].instructions) / (500.0 * RESUMED);
}

static void judge(struct report *report, const double *counted, int subject, int floor,
		  const char *name, double bound)
{
	double ratio = counted[subject] / counted[floor];

	report_count(report, name, forms[subject].name, "of floor's", ratio, bound, counted[floor],
		     isnan(ratio) ? "valgrind could not run it" : NULL);
}

static void count(struct report *report)
{
	double counted[FORMS];

	for (int i = 0; i < FORMS; i++) {
		counted[i] = instructions(forms[i].name);
		report_count(report, cases[i], forms[i].name, "instructions", counted[i], NAN, NAN,
			     isnan(counted[i]) ? "valgrind could not run it" : NULL);
	}
	judge(report, counted, SWITCH, CXX_SWITCH, "of a C++20 coroutine", resume_bound);
	judge(report, counted, COROUTINE, CXX_TASK, "of a C++20 task", resume_bound);
	judge(report, counted, COROUTINE, CXX_BARE, "of C++20 without a task", resume_bound);
	judge(report, counted, COROUTINE, CALLBACK, "of a callback", NAN);
	judge(report, counted, CALL, CXX_CALL, "a call, of a C++20 task's", resume_bound);
}

int main(int argc, char **argv)
{
	static struct report report;
	const char *json = NULL, *only = NULL;
	uint64_t times = 100;
	const struct bench_option options[] = {
		{ "only", NULL, 0, &only },
		{ "times", &times, 1000000, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	if (only)
		return play_form(only, times);
	report_begin(&report, "resume", json, 0);
	count(&report);
	return report_end(&report);
}
