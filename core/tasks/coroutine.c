/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/coroutine.h"

#include <errno.h>

#include "core/scope.h"
#include "core/tasks/task.h"

/* Each body gives the one that goes on: a call and a return are a turn of this loop, whatever the
 * depth. */
static enum duet_readiness step(struct duet_task *task)
{
	struct duet_coroutine_task *self = CORE_CONTAINER(struct duet_coroutine_task, task, task);
	struct duet_coroutine *coroutine = self->top;

	if (!coroutine) {
		task->result = -EBUSY;
		return DUET_READY;
	}
	if (task->waiting) {
		coroutine->result = task->waiting->result;
		task->waiting = NULL;
	}
	while (coroutine)
		coroutine = coroutine->body(coroutine);
	if (!self->top)
		return DUET_READY;
	task->site = &self->top->point->site;
	return DUET_PENDING;
}

static const struct duet_task_model coroutine_model = {.name = "coroutine", .step = step,
						      .sites = 1};

void duet_coroutine_task_init(struct duet_coroutine_task *task, struct duet_coroutine *top)
{
	duet_task_init(&task->task, &coroutine_model);
	task->top = NULL;
	if (top->point) {
#ifdef DUET_DEBUG
		core_abort_under_way(top);
#endif
		return;
	}
	top->caller = NULL;
	top->task = &task->task;
	task->top = top;
}

struct duet_coroutine *duet_coroutine_refuse(struct duet_coroutine *caller,
					     const struct duet_coroutine *callee)
{
#ifdef DUET_DEBUG
	core_abort_under_way(callee);
#endif
	(void)callee;
	caller->result = -EBUSY;
	return caller;
}

int duet_coroutine_poll(struct duet_coroutine *coroutine, struct duet_future *future)
{
	if (duet_task_poll(coroutine->task, future) == DUET_PENDING) {
		coroutine->suspended = 1;
		return 0;
	}
	coroutine->result = future->result;
	duet_future_release(future);
	return 1;
}

int duet_coroutine_take(struct duet_coroutine *coroutine)
{
	struct duet_task *task = coroutine->task;

	if (!task->inline_left) {
		duet_task_yield(task);
		return 0;
	}
	task->inline_left--;
	return 1;
}

void duet_coroutine_finally(struct duet_coroutine *coroutine, uint64_t budget_ns)
{
	coroutine->outer_ns = duet_task_shield(coroutine->task, budget_ns);
	coroutine->finishing = 1;
}

struct duet_coroutine *duet_coroutine_leave(struct duet_coroutine *coroutine)
{
	struct duet_coroutine *caller = coroutine->caller;
	struct duet_coroutine_task *self =
		CORE_CONTAINER(struct duet_coroutine_task, task, coroutine->task);

	if (coroutine->finishing)
		duet_task_unshield(coroutine->task, coroutine->outer_ns);
	coroutine->finishing = 0;
	coroutine->point = NULL;
	self->top = caller;
	if (caller)
		caller->result = coroutine->value;
	else
		self->task.result = coroutine->value;
	return caller;
}

struct duet_coroutine *duet_coroutine_break(struct duet_coroutine *coroutine)
{
#ifdef DUET_DEBUG
	core_abort_returned_again(coroutine);
#endif
	return duet_coroutine_leave(coroutine);
}
