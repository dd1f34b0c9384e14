/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "core/scope.h"
#include "core/tasks/shared_waker.h"
#include "core/tasks/task.h"
#include "core/tasks/watchdog.h"

static void defer(struct duet_scheduler *scheduler)
{
	if (scheduler->deferred)
		return;
	scheduler->deferred = 1;
	duet_loop_defer(scheduler->loop, &scheduler->message);
}

static void append(struct duet_line *line, struct duet_task *task)
{
	task->next = NULL;
	if (line->first)
		line->last->next = task;
	else
		line->first = task;
	line->last = task;
}

static void append_all(struct duet_line *line, struct duet_line *rest)
{
	if (!rest->first)
		return;
	if (line->first)
		line->last->next = rest->first;
	else
		line->first = rest->first;
	line->last = rest->last;
	rest->first = NULL;
}

void core_scheduler_queue(struct duet_scheduler *scheduler, struct duet_task *task)
{
	struct duet_task *behind = task;

	if (scheduler->newest_max && scheduler->running) {
		behind = scheduler->newest;
		scheduler->newest = task;
	}
	if (behind)
		append(&scheduler->line, behind);
	defer(scheduler);
}

void core_scheduler_queue_late(struct duet_scheduler *scheduler, struct duet_task *task)
{
	append(&scheduler->late, task);
	defer(scheduler);
}

static inline struct duet_task *next(struct duet_scheduler *scheduler)
{
	struct duet_task *task = scheduler->newest;

	if (task && (scheduler->newest_in_a_row < scheduler->newest_max || !scheduler->line.first ||
		     MUTANT(newest_keeps_the_line))) {
		scheduler->newest = NULL;
		scheduler->newest_in_a_row++;
		scheduler->stats.newest++;
		return task;
	}
	task = scheduler->line.first;
	if (!task)
		return NULL;
	scheduler->line.first = task->next;
	scheduler->newest_in_a_row = 0;
	return task;
}

static void run(struct duet_message *message)
{
	struct duet_scheduler *scheduler =
		CORE_CONTAINER(struct duet_scheduler, message, message);
	uint32_t left = scheduler->steps_max;
	struct duet_task *task;

	if (MUTANT(crowd_keeps_events_out))
		left = UINT32_MAX;
	for (; left && (task = next(scheduler)); left--) {
		scheduler->stats.stepped++;
		core_task_move(task, DUET_TASK_RUNNABLE, DUET_TASK_RUNNING);
		core_task_run(task);
	}
	append_all(&scheduler->line, &scheduler->late);
	scheduler->deferred = 0;
	if (scheduler->line.first || scheduler->newest)
		defer(scheduler);
}

/* ---- Steps that take too long. ---- */

static void judge(struct duet_scheduler *scheduler, const struct duet_task *task,
		  const struct duet_site *from, uint64_t held_ns)
{
	if (held_ns > scheduler->stats.held_max_ns)
		scheduler->stats.held_max_ns = held_ns;
	if (held_ns <= scheduler->step_limit_ns)
		return;
	scheduler->stats.stalled++;
	scheduler->stalled(scheduler, task, from, held_ns);
}

enum duet_readiness core_scheduler_step_watched(struct duet_scheduler *scheduler,
						struct duet_task *task)
{
	struct duet_loop *loop = scheduler->loop;
	/* A copy: the step may wait here and there, and go on at once. */
	const struct duet_site from = task->site ? *task->site : (struct duet_site){0};
	uint64_t begun_ns = loop->clock(loop);
	enum duet_readiness answer;

	if (scheduler->watchdog)
		core_watchdog_begin(scheduler->watchdog, task);
	answer = task->model->step(task);
	if (scheduler->watchdog)
		core_watchdog_end(scheduler->watchdog);
	/* It waits nowhere any more. */
	if (answer == DUET_READY)
		task->site = NULL;
	if (scheduler->step_limit_ns)
		judge(scheduler, task, from.file ? &from : NULL, loop->clock(loop) - begun_ns);
	return answer;
}

static void print_place(const char *word, const struct duet_site *site, const char *otherwise)
{
	if (site)
		fprintf(stderr, " %s %s:%d", word, site->file, site->line);
	else
		fprintf(stderr, " %s %s", word, otherwise);
}

static void print_stalled(struct duet_scheduler *scheduler, const struct duet_task *task,
			  const struct duet_site *from, uint64_t held_ns)
{
	flockfile(stderr);
	fprintf(stderr, "duet: task %s (%s) held its loop for %llu us, more than %llu:",
		task->name ? task->name : "unnamed", task->model->name,
		(unsigned long long)(held_ns / 1000),
		(unsigned long long)(scheduler->step_limit_ns / 1000));
	if (task->model->sites) {
		print_place("from", from, "its beginning");
		print_place("to", task->site, "its end");
	} else {
		fprintf(stderr, " in one step");
	}
	fprintf(stderr, "\n");
	funlockfile(stderr);
}

void duet_scheduler_options_init(struct duet_scheduler_options *options)
{
	*options = (struct duet_scheduler_options){.size = sizeof(*options),
						   .steps_max = 256,
						   .inline_max = 16,
						   .stalled = print_stalled};
}

static int check(const struct duet_scheduler_options *options)
{
	if (options->size != sizeof(*options))
		return -EINVAL;
	if (options->steps_max < 1 || options->steps_max > UINT16_MAX)
		return -EINVAL;
	if (options->inline_max > UINT16_MAX || options->newest_max > UINT16_MAX)
		return -EINVAL;
	if (options->shared_max > CORE_SHARED_MAX)
		return -EINVAL;
	return options->stalled ? 0 : -EINVAL;
}

int duet_scheduler_init(struct duet_scheduler *scheduler, struct duet_loop *loop,
			const struct duet_scheduler_options *options)
{
	struct duet_scheduler_options defaults;
	int error;

	duet_scheduler_options_init(&defaults);
	if (!options)
		options = &defaults;
	error = check(options);
	if (error)
		return error;
	*scheduler = (struct duet_scheduler){.loop = loop,
					     .context = options->context,
					     .steps_max = options->steps_max,
					     .inline_max = options->inline_max,
					     .newest_max = options->newest_max,
					     .step_limit_ns = options->step_limit_ns,
					     .watched = options->step_limit_ns != 0,
					     .stalled = options->stalled,
					     .message.fn = run};
	return options->shared_max ? core_shared_create(scheduler, options->shared_max) : 0;
}

int duet_scheduler_fini(struct duet_scheduler *scheduler)
{
	if (scheduler->live)
		return -EBUSY;
	return scheduler->shared ? core_shared_destroy(scheduler) : 0;
}
