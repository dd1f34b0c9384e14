/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * What a task costs in user instructions, as callgrind counts them: a longer run less a shorter one, so
 * that nothing but the steps is in it. Several hundred tasks share each turn of the loop, which is so
 * small a part that it is left in.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <duet/duet.h>

#include "support/alloc_count.h"
#include "support/child.h"
#include "support/options.h"
#include "support/report.h"
#include "support/tracer.h"
#include "support/twins.h"

enum { TASKS = 256, FEW = 10, MANY = 110 };

struct subject {
	struct duet_coroutine coroutine;	/* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	struct duet_scope scope;
	uint64_t left;
};

struct bench {
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	struct subject subjects[TASKS];
	uint32_t live;				/* operations that are restarted by their callback */
	uint64_t rounds;
	duet_handle end;
	unsigned char byte;
	struct duet_semaphore semaphore;
	struct duet_channel channel;
};

static struct bench bench;

static DUET_COROUTINE(return_at_once)
{
	DUET_BEGIN(struct subject, self);
	DUET_RETURN((int32_t)self->left);
	DUET_END;
}

static DUET_COROUTINE(yield_often)
{
	DUET_BEGIN(struct subject, self);
	while (self->left--)
		DUET_YIELD();
	DUET_END;
}

static DUET_COROUTINE(await_often)
{
	DUET_BEGIN(struct subject, self);
	while (self->left--) {
		duet_op_nop(&self->op);
		DUET_AWAIT(&self->op);
	}
	DUET_END;
}

static DUET_COROUTINE(join_often)
{
	DUET_BEGIN(struct subject, self);
	while (self->left--) {
		duet_task_scope_open(&self->task.task, &self->scope, NULL);
		duet_op_join_scope(&self->op, &self->scope);
		DUET_AWAIT(&self->op);
	}
	DUET_END;
}

static void spawn_all(duet_coroutine_fn *body)
{
	for (int index = 0; index < TASKS; index++) {
		struct subject *subject = &bench.subjects[index];

		subject->left = bench.rounds;
		duet_coroutine_init(&subject->coroutine, body);
		duet_coroutine_task_init(&subject->task, &subject->coroutine);
		duet_task_spawn(&bench.scheduler, NULL, &subject->task.task);
	}
}

static void run_all(void)
{
	while (bench.scheduler.live || bench.live)
		if (duet_loop_turn(bench.loop, 0) < 0)
			return;
}

static void play_spawn(void)
{
	for (uint64_t round = 0; round < bench.rounds; round++) {
		spawn_all(return_at_once);
		run_all();
	}
}

static void play_yield(void)
{
	spawn_all(yield_often);
	run_all();
}

static void play_await(void)
{
	spawn_all(await_often);
	run_all();
}

static void play_join(void)
{
	spawn_all(join_often);
	run_all();
}

/* One task alone, as often as all together would. */
static void play_alone(duet_coroutine_fn *body, uint64_t deadline_ns)
{
	struct subject *subject = &bench.subjects[0];

	subject->left = bench.rounds * TASKS;
	duet_coroutine_init(&subject->coroutine, body);
	duet_coroutine_task_init(&subject->task, &subject->coroutine);
	subject->task.task.deadline_ns = deadline_ns;
	duet_task_spawn(&bench.scheduler, NULL, &subject->task.task);
	run_all();
}

/* ---- Data that is there: taken without a suspension, as often as inline_max says. ---- */

/* All that will be received is in the socket before. */
static int fill(duet_handle *end)
{
	static unsigned char data[MANY * TASKS];
	int ends[2], size = 4 * (int)sizeof(data);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -1;
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (send(ends[0], data, bench.rounds * TASKS, 0) != (ssize_t)(bench.rounds * TASKS))
		return -1;
	return duet_handle_adopt(bench.loop, ends[1], DUET_HANDLE_NO_ANCILLARY, end);
}

static DUET_COROUTINE(receive_often)
{
	DUET_BEGIN(struct subject, self);
	while (self->left--) {
		duet_op_recv(&self->op, bench.end, &bench.byte, 1, 0);
		DUET_AWAIT(&self->op);
	}
	DUET_END;
}

static void play_receive(void)
{
	if (!fill(&bench.end))
		play_alone(receive_often, DUET_NO_DEADLINE);
}

static void receive_again(struct duet_op *op)
{
	struct subject *subject = op->context;

	if (!--subject->left) {
		bench.live--;
		return;
	}
	duet_op_recv(op, bench.end, &bench.byte, 1, 0);
	duet_op_start(bench.loop, op);
}

/* Until a time that never comes. */
static void play_receive_timed(void)
{
	if (!fill(&bench.end))
		play_alone(receive_often, DUET_NO_DEADLINE - 1);
}

static void play_receive_callback(void)
{
	struct subject *subject = &bench.subjects[0];

	if (fill(&bench.end))
		return;
	bench.live = 1;
	subject->left = bench.rounds * TASKS;
	duet_op_init(&subject->op, receive_again, subject);
	duet_op_recv(&subject->op, bench.end, &bench.byte, 1, 0);
	duet_op_start(bench.loop, &subject->op);
	run_all();
}

/* ---- Primitives that needn't be waited for. ---- */

static DUET_COROUTINE(acquire_often)
{
	DUET_BEGIN(struct subject, self);
	while (self->left--) {
		duet_op_acquire(&self->op, &bench.semaphore, 1);
		DUET_AWAIT(&self->op);
		duet_semaphore_release(&bench.semaphore, 1);
	}
	DUET_END;
}

static void play_acquire(void)
{
	duet_semaphore_init(&bench.semaphore, bench.loop, 1);
	play_alone(acquire_often, DUET_NO_DEADLINE);
}

/* By operations, as to another loop. */
static DUET_COROUTINE(pass_often)
{
	DUET_BEGIN(struct subject, self);
	while (self->left--) {
		duet_op_channel_send(&self->op, &bench.channel, &bench.byte);
		DUET_AWAIT(&self->op);
		duet_op_channel_recv(&self->op, &bench.channel, &bench.byte);
		DUET_AWAIT(&self->op);
	}
	DUET_END;
}

static void play_pass(void)
{
	static unsigned char room[1];

	duet_channel_init(&bench.channel, bench.loop, room, sizeof(room), 1);
	play_alone(pass_often, DUET_NO_DEADLINE);
}

/* ---- The same operations without a task. ---- */

static void again(struct duet_op *op)
{
	struct subject *subject = op->context;

	if (!subject->left--) {
		bench.live--;
		return;
	}
	duet_op_nop(op);
	duet_op_start(bench.loop, op);
}

static void play_callback(void)
{
	bench.live = TASKS;
	for (int index = 0; index < TASKS; index++) {
		struct subject *subject = &bench.subjects[index];

		subject->left = bench.rounds - 1;
		duet_op_init(&subject->op, again, subject);
		duet_op_nop(&subject->op);
		duet_op_start(bench.loop, &subject->op);
	}
	run_all();
}

/* ---- Woken and stepped, without a model's own work. ---- */

static enum duet_readiness park(struct duet_task *task)
{
	(void)task;
	return bench.rounds ? DUET_PENDING : DUET_READY;
}

static void play_wake(void)
{
	static const struct duet_task_model model = { .name = "parked", .step = park };
	static struct duet_task tasks[TASKS];

	bench.rounds++;
	for (int index = 0; index < TASKS; index++) {
		duet_task_init(&tasks[index], &model);
		duet_task_spawn(&bench.scheduler, NULL, &tasks[index]);
	}
	while (bench.scheduler.live) {
		duet_loop_turn(bench.loop, 0);
		bench.rounds -= bench.rounds > 0;
		for (int index = 0; index < TASKS; index++)
			duet_waker_wake(&tasks[index].waker);
	}
}

/* ---- The cases. ---- */

static const struct play {
	const char *name;
	const char *what;
	void (*play)(void);
	uint32_t inline_max;
	uint64_t step_limit_ns;
	double bound;
} plays[] = {
	{ "spawn", "spawn and finish", play_spawn, 16, 0, 250 },
	{ "yield", "suspend and resume, in line", play_yield, 16, 0, 110 },
	{ "wake", "wake and step", play_wake, 16, 0, 90 },
	{ "watched", "the same with a step limit", play_yield, 16, 1000000000, NAN },
	{ "await", "await a nop, resumed by it", play_await, 0, 0, NAN },
	{ "callback", "a nop and its callback", play_callback, 0, 0, NAN },
	{ "join", "open and join a scope", play_join, 16, 0, NAN },
	{ "receive", "await data that is there", play_receive, 16, 0, NAN },
	{ "timed", "the same under a deadline", play_receive_timed, 16, 0, NAN },
	{ "received", "the same by a callback", play_receive_callback, 16, 0, NAN },
	{ "acquire", "a permit that is free", play_acquire, 16, 0, NAN },
	{ "pass", "into a channel and out of it", play_pass, 16, 0, NAN },
};

static int play_one(const struct play *play, uint64_t rounds)
{
	struct duet_scheduler_options options;

	duet_scheduler_options_init(&options);
	options.inline_max = play->inline_max;
	options.step_limit_ns = play->step_limit_ns;
	bench.rounds = rounds;
	bench.loop = twin_loop(&twins[0], 2 * TASKS);
	if (!bench.loop || duet_scheduler_init(&bench.scheduler, bench.loop, &options))
		return 3;
	for (int index = 0; index < TASKS; index++)
		duet_op_init(&bench.subjects[index].op, NULL, NULL);
	play->play();
	return duet_loop_destroy(bench.loop) ? 3 : 0;
}

static int find_only(const char *name, uint64_t rounds)
{
	for (size_t index = 0; index < sizeof(plays) / sizeof(plays[0]); index++)
		if (strcmp(plays[index].name, name) == 0)
			return play_one(&plays[index], rounds);
	fprintf(stderr, "bench_task: only %s: give one of", name);
	for (size_t index = 0; index < sizeof(plays) / sizeof(plays[0]); index++)
		fprintf(stderr, " %s", plays[index].name);
	fprintf(stderr, "\n");
	return 2;
}

/* Of every spawn, wait and end of all tasks, MANY times, behind the first. */
static double allocations(void)
{
	struct duet_scheduler_options options;
	uint64_t before = 0;

	duet_scheduler_options_init(&options);
	options.inline_max = 0;
	bench.rounds = 1;
	bench.loop = twin_loop(&twins[0], 2 * TASKS);
	if (!bench.loop || duet_scheduler_init(&bench.scheduler, bench.loop, &options))
		return NAN;
	for (int index = 0; index < TASKS; index++)
		duet_op_init(&bench.subjects[index].op, NULL, NULL);
	for (int round = 0; round < MANY; round++) {
		play_await();
		if (round == 0)
			before = alloc_count();
	}
	before = alloc_count() - before;
	return duet_loop_destroy(bench.loop) ? NAN : (double)before;
}

/* What a coroutine that waits has beside its own variables and the operation. */
static double waiting_bytes(void)
{
	return sizeof(struct duet_coroutine_task) + sizeof(struct duet_coroutine);
}

static double counted(const struct play *play)
{
	char path[CHILD_PATH_MAX], few[24], many[24];
	struct trace_counts small, large;

	child_path(path, "bench_task");
	snprintf(few, sizeof(few), "%d", FEW);
	snprintf(many, sizeof(many), "%d", MANY);

	const char *short_run[] = { path, "--only", play->name, "--rounds", few, NULL };
	const char *long_run[] = { path, "--only", play->name, "--rounds", many, NULL };

	if (trace_command(TRACER_CALLGRIND, short_run, &small) < 0 ||
	    trace_command(TRACER_CALLGRIND, long_run, &large) < 0)
		return NAN;
	return (large.instructions - small.instructions) / ((MANY - FEW) * TASKS);
}

int main(int argc, char **argv)
{
	static struct report report;
	const char *json = NULL, *only = NULL;
	uint64_t rounds = 1;
	const struct bench_option options[] = {
		{ "only", NULL, 0, &only },
		{ "rounds", &rounds, 1000000, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	if (only)
		return find_only(only, rounds);
	report_begin(&report, "task", json, 0);
	if (!tracer_there(TRACER_CALLGRIND))
		printf("task: callgrind cannot be run here: nothing is counted\n");
	for (size_t index = 0; index < sizeof(plays) / sizeof(plays[0]); index++)
		report_count(&report, plays[index].what, twins[0].name, "instructions",
			     counted(&plays[index]), plays[index].bound, NAN, NULL);
	report_count(&report, "allocations of 27,904", twins[0].name, "", allocations(), 0, NAN,
		     "spawned, waited, ended");
	report_count(&report, "a waiting coroutine", twins[0].name, "bytes", waiting_bytes(), 256,
		     NAN, "beside variables and operation");
	return report_end(&report);
}
