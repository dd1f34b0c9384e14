/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/blocking_crowd.h"

#include <duet/coroutine.h>
#include <duet/fiber.h>
#include <duet/scheduler.h>
#include <duet/watchdog.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/claim/blocking_threads.h"
#include "compare/claim/sample.h"
#include "compare/loop.h"
#include "compare/measure/window.h"

enum {
	SETTLE_NS = 2000000,
	TURN_NS = 1000000000,
	CALLS_MAX = 1024,
	CALLS_WARM = 8,
	DOG_MAX = 64,
	STACK_BYTES = 16384,
};

#define BLOCKER "the one that blocks"

struct crowd;

struct member {
	struct duet_coroutine coroutine; /* first: the frame */
	struct duet_coroutine_task task;
	struct duet_fiber fiber;
	struct duet_op op;
	struct crowd *crowd;
	uint32_t who, tick; /* the last one blocks, and counts its holds */
};

/* As the watchdog's thread was told it. */
struct telling {
	bool is_blocker;
	struct duet_site from;
	uint64_t held_ns;
};

struct crowd {
	const struct blocking_options *options;
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	struct duet_stacks *stacks;
	struct duet_watchdog *watchdog;
	struct blocking_record *record;
	struct blocking_tellings tellings;
	struct telling dog[DOG_MAX];
	uint32_t dog_count; /* also those beyond DOG_MAX; the watchdog's until it is gone */
	int line;           /* where the one that blocks has waited before it does */
	uint32_t finished;
	uint64_t call_ns[CALLS_MAX];
	struct member members[BLOCKING_OTHERS + 1];
};

static bool is_offloaded(const struct crowd *crowd)
{
	return crowd->options->way == BLOCKING_OFFLOADED;
}

static int hold_elsewhere(void *context)
{
	blocking_hold(context);
	return 0;
}

/* ---- Coroutines. ---- */

static DUET_COROUTINE(be_woken_often)
{
	DUET_BEGIN(struct member, self);
	while (self->tick < blocking_ticks(self->crowd->record)) {
		duet_op_timeout(&self->op,
				blocking_due_ns(self->crowd->record, self->who, self->tick));
		DUET_AWAIT(&self->op);
		blocking_note(self->crowd->record, self->who, self->tick++);
	}
	self->crowd->finished++;
	DUET_END;
}

static DUET_COROUTINE(block_often)
{
	DUET_BEGIN(struct member, self);
	while (self->tick < self->crowd->record->holds) {
		duet_op_timeout(&self->op, blocking_hold_due_ns(self->crowd->record, self->tick));
		self->crowd->line = __LINE__ + 1; /* of the next, which is what is to be told */
		DUET_AWAIT(&self->op);
		self->tick++;
		if (is_offloaded(self->crowd)) {
			duet_op_work(&self->op, hold_elsewhere, self->crowd->record);
			DUET_AWAIT(&self->op);
		} else {
			blocking_hold(self->crowd->record);
		}
	}
	self->crowd->finished++;
	DUET_END;
}

static int spawn_coroutine(struct member *self)
{
	struct duet_task *task = &self->task.task;

	duet_coroutine_init(&self->coroutine,
			    self->who == BLOCKING_OTHERS ? block_often : be_woken_often);
	duet_coroutine_task_init(&self->task, &self->coroutine);
	task->name = self->who == BLOCKING_OTHERS ? BLOCKER : "another";
	return duet_task_spawn(&self->crowd->scheduler, NULL, task);
}

/* ---- Fibers. ---- */

static int live_as_fiber(struct duet_loop *loop, void *argument)
{
	struct member *self = argument;
	struct blocking_record *record = self->crowd->record;

	for (uint32_t tick = 0; tick < blocking_ticks(record) && self->who < BLOCKING_OTHERS;
	     tick++) {
		duet_fiber_sleep_until(loop, blocking_due_ns(record, self->who, tick));
		blocking_note(record, self->who, tick);
	}
	for (uint32_t hold = 0; hold < record->holds && self->who == BLOCKING_OTHERS; hold++) {
		duet_fiber_sleep_until(loop, blocking_hold_due_ns(record, hold));
		blocking_hold(record);
	}
	self->crowd->finished++;
	return 0;
}

static int spawn_fiber(struct member *self)
{
	duet_fiber_init(&self->fiber, live_as_fiber, self);
	return duet_fiber_spawn(&self->crowd->scheduler, NULL, self->crowd->stacks, &self->fiber);
}

/* ---- Callbacks. ---- */

static int go_on(struct member *self)
{
	const struct blocking_record *record = self->crowd->record;
	const bool blocks = self->who == BLOCKING_OTHERS;

	if (self->tick == (blocks ? record->holds : blocking_ticks(record))) {
		self->crowd->finished++;
		return 0;
	}
	duet_op_timeout(&self->op, blocks ? blocking_hold_due_ns(record, self->tick)
					  : blocking_due_ns(record, self->who, self->tick));
	return duet_op_start(self->crowd->loop, &self->op);
}

static void on_time(struct duet_op *op)
{
	struct member *self = op->context;

	if (self->who == BLOCKING_OTHERS)
		blocking_hold(self->crowd->record);
	else
		blocking_note(self->crowd->record, self->who, self->tick);
	self->tick++;
	go_on(self);
}

/* ---- What is told. ---- */

/* Whether it is where it is. The watchdog has a thread of its own: of that it is asked when all is
 * over. */
static bool is_right(const struct crowd *crowd, bool is_blocker, const struct duet_site *from)
{
	return is_blocker && from && from->file && !strcmp(from->file, __FILE__) &&
	       from->line == crowd->line;
}

static void on_stalled(struct duet_scheduler *scheduler, const struct duet_task *task,
		       const struct duet_site *from, uint64_t held_ns)
{
	struct crowd *crowd = scheduler->context;

	if (is_right(crowd, task == &crowd->members[BLOCKING_OTHERS].task.task, from)) {
		crowd->tellings.right++;
		crowd->tellings.told_ns += held_ns;
	} else {
		crowd->tellings.wrong++;
	}
}

static void on_held(struct duet_watchdog *watchdog, const struct duet_held *held)
{
	struct crowd *crowd = duet_watchdog_context(watchdog);

	if (crowd->dog_count < DOG_MAX)
		crowd->dog[crowd->dog_count] = (struct telling){
			!strcmp(held->task, BLOCKER),
			held->from ? *held->from : (struct duet_site){ 0 }, held->held_ns
		};
	crowd->dog_count++;
}

static void count_tellings(struct crowd *crowd)
{
	struct blocking_tellings *tellings = &crowd->tellings;

	for (uint32_t i = 0; i < crowd->dog_count && i < DOG_MAX; i++) {
		const bool right = is_right(crowd, crowd->dog[i].is_blocker, &crowd->dog[i].from);

		tellings->dog_right += right;
		tellings->dog_ns += right ? crowd->dog[i].held_ns : 0;
	}
	tellings->dog_wrong = crowd->dog_count - tellings->dog_right;
}

/* ---- The crowd. ---- */

static int watch(struct crowd *crowd)
{
	struct duet_watchdog_options options;

	duet_watchdog_options_init(&options);
	options.limit_ns = BLOCKING_LIMIT_NS;
	options.held = on_held;
	options.context = crowd;
	return duet_watchdog_create(&crowd->watchdog, &crowd->scheduler, &options);
}

static int begin_scheduler(struct crowd *crowd)
{
	const bool watched = crowd->options->way == BLOCKING_WATCHED;
	struct duet_scheduler_options options;
	int error;

	duet_scheduler_options_init(&options);
	options.context = crowd;
	if (watched) {
		options.step_limit_ns = BLOCKING_LIMIT_NS;
		options.stalled = on_stalled;
	}
	error = duet_scheduler_init(&crowd->scheduler, crowd->loop, &options);
	return error || !watched ? error : watch(crowd);
}

static int begin_stacks(struct crowd *crowd)
{
	struct duet_stacks_options options;

	if (crowd->options->way != BLOCKING_FIBER)
		return 0;
	duet_stacks_options_init(&options);
	options.count = BLOCKING_OTHERS + 1;
	options.stack_bytes = STACK_BYTES;
	return duet_stacks_create(&crowd->stacks, &options);
}

static int begin_crowd(struct crowd *crowd)
{
	struct duet_loop_options options;
	int error;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.work_threads = is_offloaded(crowd);
	options.tuning = crowd->options->mechanism.tuning;
	error = duet_loop_create(&crowd->loop, crowd->options->mechanism.backend, &options);
	if (!error)
		error = begin_scheduler(crowd);
	return error ? error : begin_stacks(crowd);
}

static int spawn(struct crowd *crowd, uint32_t who)
{
	struct member *self = &crowd->members[who];

	self->crowd = crowd;
	self->who = who;
	duet_op_init(&self->op, on_time, self);
	switch (crowd->options->way) {
	case BLOCKING_FIBER:
		return spawn_fiber(self);
	case BLOCKING_CALLBACK:
		return go_on(self);
	default:
		return spawn_coroutine(self);
	}
}

static int turn_until(struct crowd *crowd, uint32_t finished)
{
	while (crowd->finished < finished) {
		int result = duet_loop_turn(crowd->loop, TURN_NS);

		if (result < 0)
			return result;
	}
	return 0;
}

static int run_crowd(struct crowd *crowd)
{
	uint64_t begun_ns = sample_process_cpu_ns();
	int error = duet_loop_turn(crowd->loop, 0); /* its clock is read again */

	error = error < 0 ? error : 0;
	crowd->record->start_ns = window_now_ns() + SETTLE_NS;
	for (uint32_t who = 0; who <= BLOCKING_OTHERS && !error; who++)
		error = spawn(crowd, who);
	if (!error)
		error = turn_until(crowd, BLOCKING_OTHERS + 1);
	crowd->record->cpu_ns = sample_process_cpu_ns() - begun_ns;
	return error;
}

/* What can't be destroyed goes with the process. */
static int end_crowd(struct crowd *crowd)
{
	int error;

	duet_watchdog_destroy(crowd->watchdog);
	error = loop_end(crowd->loop);
	if (!error)
		error = duet_stacks_destroy(crowd->stacks);
	count_tellings(crowd);
	return error;
}

/* ---- What it costs to have it done elsewhere. ---- */

static int nothing(void *context)
{
	(void)context;
	return 0;
}

/* From the start of the call to when its result is here. */
static DUET_COROUTINE(call_often)
{
	DUET_BEGIN(struct member, self);
	while (self->tick < self->crowd->options->calls + CALLS_WARM) {
		self->crowd->call_ns[self->tick] = window_now_ns();
		duet_op_work(&self->op, nothing, NULL);
		DUET_AWAIT(&self->op);
		self->crowd->call_ns[self->tick] =
			window_now_ns() - self->crowd->call_ns[self->tick];
		self->tick++;
	}
	self->crowd->finished++;
	DUET_END;
}

static int measure_calls(struct crowd *crowd, struct blocking_result *result)
{
	const uint32_t calls = crowd->options->calls;
	struct member *self = &crowd->members[0];
	double taken_ns[CALLS_MAX];
	uint64_t begun_ns = sample_process_cpu_ns();
	int error;

	crowd->finished = self->tick = 0;
	duet_coroutine_init(&self->coroutine, call_often);
	duet_coroutine_task_init(&self->task, &self->coroutine);
	error = duet_task_spawn(&crowd->scheduler, NULL, &self->task.task);
	if (!error)
		error = turn_until(crowd, 1);
	for (uint32_t i = 0; i < calls; i++)
		taken_ns[i] = (double)crowd->call_ns[CALLS_WARM + i];
	result->call_ns = sample_median(taken_ns, calls);
	result->call_cpu_ns = (double)(sample_process_cpu_ns() - begun_ns) / (calls + CALLS_WARM);
	return error;
}

/* ---- A play. ---- */

static int play_crowd(struct crowd *crowd, struct blocking_result *result)
{
	struct blocking_result calls = { .call_cpu_ns = NAN, .call_ns = NAN };
	int error = begin_crowd(crowd), ended;

	if (!error)
		error = run_crowd(crowd);
	if (!error && is_offloaded(crowd))
		error = measure_calls(crowd, &calls);
	ended = end_crowd(crowd);
	error = error ? error : ended;
	if (error)
		return error;
	blocking_judge(crowd->record,
		       crowd->options->way == BLOCKING_WATCHED ? &crowd->tellings : NULL, result);
	result->call_cpu_ns = calls.call_cpu_ns;
	result->call_ns = calls.call_ns;
	return 0;
}

static int play_loop(const struct blocking_options *options, struct blocking_record *record,
		     struct blocking_result *result)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	int error;

	if (!crowd)
		return -ENOMEM;
	crowd->options = options;
	crowd->record = record;
	error = play_crowd(crowd, result);
	if (!error)
		free(crowd);
	return error;
}

/* What failed midway may still be in use, and goes with the process. */
static int play_recorded(const struct blocking_options *options, struct blocking_record *record,
			 struct blocking_result *result)
{
	int error;

	if (options->way != BLOCKING_THREADS)
		return play_loop(options, record, result);
	error = blocking_play_threads(record);
	if (!error)
		blocking_judge(record, NULL, result);
	return error;
}

int blocking_play(const struct blocking_options *options, struct blocking_result *result)
{
	struct blocking_record *record;
	int error;

	if (options->holds > BLOCKING_HOLDS_MAX || options->calls > CALLS_MAX - CALLS_WARM)
		return -EINVAL;
	record = calloc(1, sizeof(*record));
	if (!record)
		return -ENOMEM;
	memset(record->late_ns, 1, sizeof(record->late_ns)); /* its pages are there */
	record->hold_ns = options->hold_ns;
	record->holds = options->holds;
	record->sleeps = options->way == BLOCKING_SLEEPS;
	error = play_recorded(options, record, result);
	if (!error)
		free(record);
	return error;
}
