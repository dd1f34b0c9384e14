/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/scope.h"

/* A shield's. */
static const uint64_t budget_max_ns = 1000000000000;

/* ---- State. ---- */

/* For each state, the states that may follow it, as bits. */
static const uint8_t moves[DUET_TASK_STATE_COUNT] = {
	[DUET_TASK_IDLE] = 1 << DUET_TASK_RUNNABLE,
	[DUET_TASK_RUNNABLE] = 1 << DUET_TASK_RUNNING,
	[DUET_TASK_RUNNING] = 1 << DUET_TASK_IDLE | 1 << DUET_TASK_RUNNABLE |
			      1 << DUET_TASK_WAITING | 1 << DUET_TASK_PARKED |
			      1 << DUET_TASK_LINGERING,
	[DUET_TASK_WAITING] = 1 << DUET_TASK_RUNNING,
	[DUET_TASK_PARKED] = 1 << DUET_TASK_RUNNABLE | 1 << DUET_TASK_RUNNING,
	[DUET_TASK_LINGERING] = 1 << DUET_TASK_IDLE,
};

static void abort_moved(const struct duet_task *task, enum duet_task_state to)
{
	fprintf(stderr,
		"duet: task %p (%s): %u -> %u is no legal move: it was overwritten while lent, or "
		"never initialised\n",
		(const void *)task, task->name ? task->name : "unnamed", task->state, to);
	abort();
}

void core_task_set_state(struct duet_task *task, enum duet_task_state to)
{
	if (__builtin_expect(!(moves[task->state] >> to & 1), 0))
		abort_moved(task, to);
	task->state = (uint8_t)to;
}

/* ---- Requests to end. ---- */

static void hear(struct duet_task *task, enum duet_cause cause)
{
	if (task->asked == DUET_CAUSE_ITSELF)
		task->asked = (uint8_t)cause;
	if (task->shields)
		return;
	core_task_ask_children(task, cause);
	if (task->state == DUET_TASK_WAITING)
		core_request(task->scheduler->loop, task->waiting, cause);
	else if (task->state == DUET_TASK_PARKED)
		duet_waker_wake(&task->waker);
}

/* A scope that ends by a policy of its own asks with cause itself. */
static void ask(struct duet_member *member, enum duet_cause cause)
{
	hear(CORE_CONTAINER(struct duet_task, member, member),
	     cause == DUET_CAUSE_ITSELF ? DUET_CAUSE_SCOPE : cause);
}

void duet_task_cancel(struct duet_task *task)
{
	if (task->state == DUET_TASK_IDLE)
		return;
	core_check_owner(task->scheduler->loop);
	hear(task, DUET_CAUSE_CANCEL);
}

static int asked_error(const struct duet_task *task)
{
	return task->asked == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED;
}

int duet_task_check(const struct duet_task *task)
{
	return core_task_is_asked(task) ? asked_error(task) : 0;
}

/* ---- Shields. ---- */

/* What a step starts inherits the deadline that counts now. */
static void bound(struct duet_task *task)
{
	struct duet_loop *loop = task->scheduler->loop;
	uint64_t deadline_ns = task->shields ? task->shield_ns : task->deadline_ns;

	if (loop->deadline_ns == deadline_ns)
		return;
	loop->deadline_ns = deadline_ns;
	core_plain_bound(loop);
}

uint64_t duet_task_shield(struct duet_task *task, uint64_t budget_ns)
{
	uint64_t outer_ns = task->shield_ns;
	uint64_t end_ns;

	if (budget_ns > budget_max_ns)
		budget_ns = budget_max_ns;
	end_ns = duet_loop_now_ns(task->scheduler->loop) + budget_ns;
	if (!task->shields || end_ns < outer_ns)
		task->shield_ns = end_ns;
	task->shields++;
	bound(task);
	return outer_ns;
}

void duet_task_unshield(struct duet_task *task, uint64_t outer_ns)
{
	task->shields--;
	task->shield_ns = outer_ns;
	bound(task);
}

/* ---- Steps. ---- */

static void resume(struct duet_op *op)
{
	struct duet_task *task = op->context;

	/* An interim status is no result: the operation goes on. */
	if (op->more)
		return;
	task->scheduler->stats.resumed++;
	core_task_run(task);
}

bool core_task_shelters(const struct duet_op *op)
{
	const struct duet_task *task = op->context;

	return op->done == resume && (task->shields || task->sheltered);
}

void core_task_end(struct duet_task *task)
{
	struct duet_scheduler *scheduler = task->scheduler;

	core_task_set_state(task, DUET_TASK_IDLE);
	scheduler->live--;
	scheduler->stats.ended++;
	if (task->member.scope)
		duet_member_leave(&task->member, task->result);
	core_task_joined(task);
	if (task->ended)
		task->ended(task);
}

static void settle(struct duet_task *task, enum duet_readiness answer)
{
	if (answer == DUET_READY) {
		if (core_task_is_childless(task))
			core_task_end(task);
		return;
	}
	/* It waits for an operation, or stands in line already. */
	if (task->state != DUET_TASK_RUNNING)
		return;
	if (task->again)
		core_scheduler_queue_late(task->scheduler, task);
	else
		core_task_set_state(task, DUET_TASK_PARKED);
}

void core_task_run(struct duet_task *task)
{
	struct duet_scheduler *scheduler = task->scheduler;
	struct duet_loop *loop = scheduler->loop;
	struct duet_task *outside = scheduler->running;
	const uint64_t inherited_ns = loop->deadline_ns;
	const struct duet_site *from = task->site;
	uint64_t begun_ns = 0;
	enum duet_readiness answer;

	core_task_set_state(task, DUET_TASK_RUNNING);
	task->again = 0;
	task->inline_left = scheduler->inline_max;
	scheduler->running = task;
	bound(task);
	if (scheduler->step_limit_ns)
		begun_ns = loop->clock(loop);
	answer = task->model->step(task);
	if (begun_ns)
		core_scheduler_held(scheduler, task, from, begun_ns);
	scheduler->running = outside;
	if (loop->deadline_ns != inherited_ns) {
		loop->deadline_ns = inherited_ns;
		core_plain_bound(loop);
	}
	settle(task, answer);
}

/* ---- Waiting. ---- */

static void refuse(struct duet_op *op, int error, enum duet_cause cause)
{
	op->result = error;
	op->transferred = 0;
	op->disposition = cause == DUET_CAUSE_ITSELF ? DUET_FAILED : DUET_UNTOUCHED;
	op->cause = (uint8_t)cause;
	op->more = 0;
}

/* Without an operation that could tell when: at the end of the line. */
static int answer_now(struct duet_task *task)
{
	if (task->inline_left) {
		task->inline_left--;
		task->scheduler->stats.inlined++;
		return 1;
	}
	duet_task_yield(task);
	return 0;
}

static int start(struct duet_task *task, struct duet_op *op)
{
	struct duet_loop *loop = task->scheduler->loop;
	const bool sheltering = loop->sheltering;
	int answer;

	loop->sheltering = sheltering || task->shields || task->sheltered;
	answer = duet_op_start(loop, op);
	loop->sheltering = sheltering;
	return answer;
}

int duet_task_await(struct duet_task *task, struct duet_op *op, int32_t *result)
{
	int answer;

	if (op->state != STATE_IDLE) {
#ifdef DUET_DEBUG
		core_abort_awaited_twice(task, op);
#endif
		*result = -EBUSY;
		return 1;
	}
	if (core_task_is_asked(task)) {
		*result = asked_error(task);
		refuse(op, *result, (enum duet_cause)task->asked);
		return answer_now(task);
	}
	op->done = resume;
	op->context = task;
	op->flags = (uint16_t)(task->inline_left ? op->flags | DUET_INLINE
						 : op->flags & ~DUET_INLINE);
	answer = op->flags & DUET_MULTISHOT ? -EINVAL : start(task, op);
	if (answer == 0) {
		task->waiting = op;
		core_task_set_state(task, DUET_TASK_WAITING);
		return 0;
	}
	if (answer < 0)
		refuse(op, answer, DUET_CAUSE_ITSELF);
	*result = op->result;
	return answer_now(task);
}

void duet_task_resume(struct duet_task *task)
{
	if (task->state != DUET_TASK_PARKED)
		return;
	task->scheduler->stats.resumed++;
	core_task_run(task);
}

void duet_task_yield(struct duet_task *task)
{
	task->scheduler->stats.yielded++;
	core_scheduler_queue_late(task->scheduler, task);
}

/* ---- From idle to idle. ---- */

static void wake(struct duet_waker *waker)
{
	struct duet_task *task = CORE_CONTAINER(struct duet_task, waker, waker);

	if (task->state == DUET_TASK_PARKED)
		core_scheduler_queue(task->scheduler, task);
	else if (task->state == DUET_TASK_RUNNING)
		task->again = 1;
}

void duet_task_init(struct duet_task *task, const struct duet_task_model *model)
{
	*task = (struct duet_task){.waker.wake = wake, .model = model,
				   .deadline_ns = DUET_NO_DEADLINE};
}

int duet_task_spawn(struct duet_scheduler *scheduler, struct duet_scope *scope,
		    struct duet_task *task)
{
	int error = 0;

	if (task->state != DUET_TASK_IDLE)
		return -EBUSY;
	core_check_owner(scheduler->loop);
	if (scope && scope->loop != scheduler->loop)
		return -EINVAL;
	task->member = (struct duet_member){0};
	if (scope)
		error = duet_scope_enter(scope, &task->member, ask);
	if (error)
		return error;
	task->asked = DUET_CAUSE_ITSELF;
	task->result = 0;
	task->shields = 0;
	task->sheltered = scope && core_scope_is_shelter(scope);
	task->waiting = NULL;
	task->site = NULL;
	task->scheduler = scheduler;
	scheduler->live++;
	scheduler->stats.spawned++;
	core_scheduler_queue(scheduler, task);
	return 0;
}
