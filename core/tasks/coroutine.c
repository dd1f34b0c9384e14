/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/coroutine.h"

#include <errno.h>

#include "core/scope.h"
#include "core/tasks/task.h"

/* No answer of a start: it wasn't tried. */
enum { NOT_STARTED = 2 };

static inline struct duet_coroutine_task *task_of(struct duet_task *task)
{
	return CORE_CONTAINER(struct duet_coroutine_task, task, task);
}

/* Each body gives the one that goes on: a call and a return are a turn of this loop, whatever the
 * depth. */
static inline void go_on(const struct duet_coroutine_task *self)
{
	struct duet_coroutine *coroutine = self->top;

	do
		coroutine = coroutine->body(coroutine);
	while (coroutine);
}

static inline enum duet_readiness answer_of(struct duet_coroutine_task *self)
{
	if (!self->top)
		return DUET_READY;
	self->task.site = &self->top->point->site;
	return DUET_PENDING;
}

static inline void take_result(struct duet_coroutine_task *self, const struct duet_op *op)
{
	self->top->result = op->result;
	self->task.waiting = NULL;
}

static enum duet_readiness step(struct duet_task *task)
{
	if (!task_of(task)->top) {
		task->result = -EBUSY;
		return DUET_READY;
	}
	if (task->waiting)
		take_result(task_of(task), task->waiting);
	go_on(task_of(task));
	return answer_of(task_of(task));
}

/* Has the task of an operation that ended nothing about it that its step would have to heed? Between
 * steps the loop hands down no deadline. */
static inline bool resumes_plainly(const struct duet_task *task)
{
	return core_task_is_plainly(task, DUET_TASK_WAITING) &&
	       task->deadline_ns == DUET_NO_DEADLINE && !task->scheduler->watched;
}

/* The whole of a usual step: what core_task_resumed() comes to, without a call but the body's. */
void core_coroutine_resumed(struct duet_op *op)
{
	struct duet_task *task = op->context;
	struct duet_coroutine_task *self = task_of(task);
	struct duet_scheduler *scheduler = task->scheduler;

	if (__builtin_expect(op->more || !resumes_plainly(task), 0)) {
		core_task_resumed(op);
		return;
	}
	scheduler->stats.resumed++;
	core_task_step(task, DUET_TASK_WAITING, DUET_TASK_RUNNING);
	core_task_enter(task, scheduler);
	take_result(self, op);
	go_on(self);
	core_task_leave(scheduler);
	/* Who waits again has not ended: see duet_coroutine_leave(). */
	if (__builtin_expect(task->state == DUET_TASK_WAITING, 1))
		task->site = &self->top->point->site;
	else
		core_task_settle(task, answer_of(self));
}

/* The task waits before the start and not after it, so that nothing is left to be done here then;
 * inside a start nobody is called, who could see it. */
int duet_coroutine_start(struct duet_coroutine *coroutine, struct duet_op *op)
{
	struct duet_task *task = coroutine->task;
	struct duet_loop *loop = task->scheduler->loop;

	if (__builtin_expect(!core_task_starts_plainly(task, loop, op), 0))
		return NOT_STARTED;
	op->done = core_coroutine_resumed;
	op->context = task;
	core_task_inline(task, op);
	task->waiting = op;
	core_task_step(task, DUET_TASK_RUNNING, DUET_TASK_WAITING);
	return duet_op_start(loop, op);
}

int duet_coroutine_go_on(struct duet_coroutine *coroutine, struct duet_op *op, int answer)
{
	struct duet_task *task = coroutine->task;

	if (answer != NOT_STARTED) {
		task->waiting = NULL;
		core_task_move(task, DUET_TASK_WAITING, DUET_TASK_RUNNING);
	}
	if (answer == NOT_STARTED || answer == -ESHUTDOWN)
		return duet_task_await(task, op, &coroutine->result);
	return core_task_answered(task, op, answer, &coroutine->result);
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
	struct duet_coroutine_task *self = task_of(coroutine->task);

	if (coroutine->finishing)
		duet_task_unshield(coroutine->task, coroutine->outer_ns);
	coroutine->finishing = 0;
	coroutine->point = NULL;
	/* It would be the end of a task that waits. */
	if (__builtin_expect(self->task.state != DUET_TASK_RUNNING, 0))
		core_task_abort_moved(&self->task, DUET_TASK_RUNNING, DUET_TASK_IDLE);
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
