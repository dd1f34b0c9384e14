/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/scope.h"
#include "core/tasks/coroutine.h"
#include "core/tasks/future.h"

/* A shield's. */
static const uint64_t budget_max_ns = 1000000000000;

/* ---- State. ---- */

void core_task_abort_moved(const struct duet_task *task, enum duet_task_state from,
			   enum duet_task_state to)
{
	fprintf(stderr,
		"duet: task %p (%s): %u -> %u, expected from %u, is no legal move: it was "
		"overwritten while lent, or never initialised, or its step waits twice\n",
		(const void *)task, task->name ? task->name : "unnamed", task->state, to, from);
	abort();
}

/* ---- Requests to end. ---- */

static void hear(struct duet_task *task, enum duet_cause cause)
{
	if (task->asked == DUET_CAUSE_ITSELF)
		task->asked = (uint8_t)cause;
	/* Who has been polled in this step already finds it in the next. */
	if (task->state == DUET_TASK_RUNNING && !MUTANT(request_from_within_lost))
		duet_waker_wake(&task->waker);
	if (task->shields && !MUTANT(task_shield_leaks))
		return;
	core_task_ask_children(task, cause);
	if (task->state == DUET_TASK_WAITING && !core_task_joins_shield(task))
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

/* Is it in its step, and waits for nothing yet? What follows is for nobody else to say. */
static inline bool runs(const struct duet_task *task, const char *call)
{
	if (__builtin_expect(task->state == DUET_TASK_RUNNING, 1))
		return true;
#ifdef DUET_DEBUG
	core_abort_not_running(task, call);
#endif
	(void)call;
	return false;
}

/* ---- Shields. ---- */

void core_task_inherit(struct duet_loop *loop, uint64_t deadline_ns)
{
	loop->deadline_ns = deadline_ns;
	core_plain_bound(loop);
}

uint64_t core_task_enter_shield(struct duet_task *task, uint64_t end_ns)
{
	uint64_t outer_ns = task->shield_ns;

	if (!task->shields || end_ns < outer_ns)
		task->shield_ns = end_ns;
	task->shields++;
	core_task_bound(task);
	return outer_ns;
}

void core_task_leave_shield(struct duet_task *task, uint64_t outer_ns)
{
	task->shields--;
	task->shield_ns = outer_ns;
	core_task_bound(task);
	/* What the task has opened before the shield hears now what was asked meanwhile. */
	if (core_task_is_asked(task) && !MUTANT(shield_keeps_request))
		core_task_ask_children(task, (enum duet_cause)task->asked);
}

uint64_t duet_task_shield(struct duet_task *task, uint64_t budget_ns)
{
	if (!runs(task, "duet_task_shield()"))
		return task->shield_ns;
	if (budget_ns > budget_max_ns)
		budget_ns = budget_max_ns;
	return core_task_enter_shield(task,
				      duet_loop_now_ns(task->scheduler->loop) + budget_ns);
}

void duet_task_unshield(struct duet_task *task, uint64_t outer_ns)
{
	if (!runs(task, "duet_task_unshield()"))
		return;
	if (!task->shields) {
#ifdef DUET_DEBUG
		core_abort_no_shield(task);
#endif
		return;
	}
	core_task_leave_shield(task, outer_ns);
	/* What was asked meanwhile is for whoever polls to find: it is polled once more. */
	if (core_task_is_asked(task) && !MUTANT(shield_swallows_request))
		task->again = 1;
}

/* ---- Steps. ---- */

void core_task_resumed(struct duet_op *op)
{
	struct duet_task *task = op->context;

	/* An interim status is no result: the operation goes on. */
	if (op->more)
		return;
	task->scheduler->stats.resumed++;
	core_task_move(task, DUET_TASK_WAITING, DUET_TASK_RUNNING);
	core_task_run(task);
}

void core_task_rouse(struct duet_op *op)
{
	struct duet_task *task = op->context;

	duet_waker_wake(&task->waker);
}

const struct duet_task *core_task_of(const struct duet_op *op)
{
	return op->done == core_task_resumed || op->done == core_coroutine_resumed ||
			       op->done == core_task_rouse
		       ? op->context
		       : NULL;
}

bool core_task_shelters(const struct duet_op *op)
{
	const struct duet_task *task = core_task_of(op);

	return task && (task->shields || task->sheltered);
}

void core_task_end(struct duet_task *task, enum duet_task_state from)
{
	struct duet_scheduler *scheduler = task->scheduler;

	core_task_move(task, from, DUET_TASK_IDLE);
	core_waker_end(scheduler, &task->waker);
	scheduler->live--;
	scheduler->stats.ended++;
	if (task->member.scope)
		duet_member_leave(&task->member, task->result);
	if (task->joiners)
		core_task_joined(task);
	if (task->ended)
		task->ended(task);
}

/* ---- Waiting. ---- */

/* Without an operation that could tell when: at the end of the line. */
static int answer_now(struct duet_task *task)
{
	if (task->inline_left) {
		task->inline_left -= !MUTANT(inline_without_end);
		task->scheduler->stats.inlined++;
		return 1;
	}
	duet_task_yield(task);
	return 0;
}

__attribute__((noinline)) int core_start_sheltered(struct duet_loop *loop, struct duet_op *op,
						   bool sheltered)
{
	const bool sheltering = loop->sheltering;
	int answer;

	loop->sheltering |= sheltered;
	answer = duet_op_start(loop, op);
	loop->sheltering = sheltering;
	return answer;
}

static bool joins_a_shield(const struct duet_op *op)
{
	const struct duet_scope *scope = op->args.wait.on;

	return op->kind == DUET_JOIN_SCOPE && scope && scope->shield;
}

/* The deadline of a task doesn't come into the shield of a scope that it joins. */
static __attribute__((noinline)) int start_timed(struct duet_loop *loop, struct duet_op *op)
{
	const uint64_t deadline_ns = loop->deadline_ns;
	int answer;

	if (joins_a_shield(op))
		loop->deadline_ns = DUET_NO_DEADLINE;
	answer = core_start_sheltered(loop, op, true);
	loop->deadline_ns = deadline_ns;
	return answer;
}

static inline int start(const struct duet_task *task, struct duet_op *op)
{
	struct duet_loop *loop = task->scheduler->loop;

	if (__builtin_expect(op->flags & DUET_MULTISHOT, 0))
		return -EINVAL;
	/* The task may have changed its own since the step began. */
	core_task_bound(task);
	/* A shutdown has no say in a shield, nor about waiting for children. */
	if (task->shields || task->sheltered || op->kind == DUET_JOIN_SCOPE)
		return loop->deadline_ns == DUET_NO_DEADLINE ? core_start_sheltered(loop, op, true)
							     : start_timed(loop, op);
	return duet_op_start(loop, op);
}

int core_task_start(const struct duet_task *task, struct duet_op *op)
{
	return start(task, op);
}

static __attribute__((noinline, cold)) int busy(const struct duet_task *task,
						const struct duet_op *op, int32_t *result)
{
#ifdef DUET_DEBUG
	if (op->state != STATE_IDLE)
		core_abort_awaited_twice(task, op);
#endif
	(void)op;
	*result = -EBUSY;
	return runs(task, "duet_task_await()");
}

int core_task_answered(struct duet_task *task, struct duet_op *op, int answer, int32_t *result)
{
	if (answer < 0)
		core_op_refuse(op, answer, DUET_CAUSE_ITSELF);
	*result = op->result;
	return answer_now(task);
}

static __attribute__((noinline, cold)) int refuse_asked(struct duet_task *task, struct duet_op *op,
							int32_t *result)
{
	*result = asked_error(task);
	core_op_refuse(op, *result, (enum duet_cause)task->asked);
	return answer_now(task);
}

int duet_task_await(struct duet_task *task, struct duet_op *op, int32_t *result)
{
	int answer;

	if (__builtin_expect(op->state != STATE_IDLE ||
				     !core_task_is_plainly(task, DUET_TASK_RUNNING), 0)) {
		if (op->state != STATE_IDLE || task->state != DUET_TASK_RUNNING)
			return busy(task, op, result);
		/* Who was asked to end still waits for its children, which have been asked as well. */
		if (core_task_is_asked(task) && op->kind != DUET_JOIN_SCOPE)
			return refuse_asked(task, op, result);
	}
	op->done = core_task_resumed;
	op->context = task;
	core_task_inline(task, op);
	answer = start(task, op);
	if (__builtin_expect(answer != 0, 0))
		return core_task_answered(task, op, answer, result);
	task->waiting = op;
	core_task_step(task, DUET_TASK_RUNNING, DUET_TASK_WAITING);
	return 0;
}

void duet_task_resume(struct duet_task *task)
{
	if (task->state != DUET_TASK_PARKED)
		return;
	if (task->scheduler->running) {
		duet_waker_wake(&task->waker);
		return;
	}
	core_task_move(task, DUET_TASK_PARKED, DUET_TASK_RUNNING);
	task->scheduler->stats.resumed++;
	core_task_run(task);
}

void duet_task_yield(struct duet_task *task)
{
	if (!runs(task, "duet_task_yield()"))
		return;
	core_task_move(task, DUET_TASK_RUNNING, DUET_TASK_RUNNABLE);
	task->scheduler->stats.yielded++;
	core_scheduler_queue_late(task->scheduler, task);
}

/* ---- From idle to idle. ---- */

static void wake(struct duet_waker *waker)
{
	struct duet_task *task = CORE_CONTAINER(struct duet_task, waker, waker);

	if (task->scheduler)
		core_check_owner(task->scheduler->loop);
	if (task->state == DUET_TASK_PARKED) {
		core_task_move(task, DUET_TASK_PARKED, DUET_TASK_RUNNABLE);
		core_scheduler_queue(task->scheduler, task);
	} else if (task->state == DUET_TASK_RUNNING) {
		task->again = 1;
	}
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
	else if (scheduler->loop->shutting_down)
		error = -ESHUTDOWN;
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
	core_task_move(task, DUET_TASK_IDLE, DUET_TASK_RUNNABLE);
	core_scheduler_queue(scheduler, task);
	return 0;
}
