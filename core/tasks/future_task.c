/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/future.h"
#include "core/tasks/task.h"

static inline enum duet_readiness poll(struct duet_task *task, struct duet_future *future)
{
	struct duet_scheduler *scheduler = task->scheduler;
	struct duet_context context = {scheduler, scheduler->loop, &task->waker};
	const bool asked = core_task_is_asked(task);

	if (core_future_ask(future, &context, asked) == DUET_PENDING)
		return DUET_PENDING;
	if (asked && future->result == -ECANCELED)
		future->result = duet_task_check(task);
	return DUET_READY;
}

enum duet_readiness duet_task_poll(struct duet_task *task, struct duet_future *future)
{
	return poll(task, future);
}

static enum duet_readiness step(struct duet_task *task)
{
	struct duet_future_task *self = CORE_CONTAINER(struct duet_future_task, task, task);

	if (!self->top) {
		task->result = -EBUSY;
		return DUET_READY;
	}
	if (poll(task, self->top) == DUET_PENDING)
		return DUET_PENDING;
	task->result = self->top->result;
	duet_future_release(self->top);
	return DUET_READY;
}

static const struct duet_task_model future_model = {.name = "future", .step = step};

void duet_future_task_init(struct duet_future_task *task, struct duet_future *top)
{
	duet_task_init(&task->task, &future_model);
	task->top = duet_future_claim(top) ? NULL : top;
}
