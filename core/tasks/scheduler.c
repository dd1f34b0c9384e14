/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "core/scope.h"
#include "core/tasks/shared_waker.h"
#include "core/tasks/task.h"

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

	core_task_set_state(task, DUET_TASK_RUNNABLE);
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
	core_task_set_state(task, DUET_TASK_RUNNABLE);
	append(&scheduler->late, task);
	defer(scheduler);
}

static struct duet_task *next(struct duet_scheduler *scheduler)
{
	struct duet_task *task = scheduler->newest;

	if (task && (scheduler->newest_left || !scheduler->line.first)) {
		scheduler->newest = NULL;
		if (scheduler->newest_left)
			scheduler->newest_left--;
		scheduler->stats.newest++;
		return task;
	}
	scheduler->newest_left = scheduler->newest_max;
	task = scheduler->line.first;
	if (task)
		scheduler->line.first = task->next;
	return task;
}

static void run(struct duet_message *message)
{
	struct duet_scheduler *scheduler =
		CORE_CONTAINER(struct duet_scheduler, message, message);
	struct duet_task *task;

	for (uint32_t left = scheduler->steps_max; left && (task = next(scheduler)); left--) {
		scheduler->stats.stepped++;
		core_task_run(task);
	}
	append_all(&scheduler->line, &scheduler->late);
	scheduler->deferred = 0;
	if (scheduler->line.first || scheduler->newest)
		defer(scheduler);
}

void core_scheduler_held(struct duet_scheduler *scheduler, const struct duet_task *task,
			 const struct duet_site *from, uint64_t begun_ns)
{
	uint64_t held_ns = scheduler->loop->clock(scheduler->loop) - begun_ns;

	if (held_ns > scheduler->stats.held_max_ns)
		scheduler->stats.held_max_ns = held_ns;
	if (held_ns <= scheduler->step_limit_ns)
		return;
	scheduler->stats.stalled++;
	scheduler->stalled(scheduler, task, from, held_ns);
}

static void print_stalled(struct duet_scheduler *scheduler, const struct duet_task *task,
			  const struct duet_site *from, uint64_t held_ns)
{
	const struct duet_site *to = task->site;

	(void)scheduler;
	fprintf(stderr, "duet: task %s (%s) held its loop for %llu us: from %s:%d to %s:%d\n",
		task->name ? task->name : "unnamed", task->model->name,
		(unsigned long long)(held_ns / 1000), from ? from->file : "its beginning",
		from ? from->line : 0, to ? to->file : "its end", to ? to->line : 0);
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
					     .newest_left = options->newest_max,
					     .steps_max = options->steps_max,
					     .inline_max = options->inline_max,
					     .newest_max = options->newest_max,
					     .step_limit_ns = options->step_limit_ns,
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
