/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/fiber.h>
#include <duet/futures.h>
#include <errno.h>
#include <stdlib.h>

#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/scope.h"
#include "core/tasks/context.h"
#include "core/tasks/stack.h"
#include "core/tasks/task.h"

/* ---- To and fro. ---- */

static void suspend(struct duet_fiber *fiber, const struct duet_site *site)
{
	struct duet_stack *stack = fiber->stack;
	const int kept = errno;

	fiber->task.site = site;
	core_note_leave(&stack->notes, false);
	fiber->context = core_context_switch(fiber->context);
	core_note_entered(&stack->notes);
	if (!MUTANT(errno_of_another_fiber))
		errno = kept;
}

/* In every build: nobody can wait for what stands on a part of the stack that is no more. */
static void check_scopes(const struct duet_fiber *fiber)
{
	const unsigned char *bottom = core_stack_bottom(fiber->stack);
	const struct duet_scope *scope = fiber->task.scopes;

	for (; scope; scope = scope->elder)
		if ((uintptr_t)scope - (uintptr_t)bottom < core_stack_bytes(fiber->stack))
			core_abort_open_scope(&fiber->task, scope);
}

static void begin(void *from, void *argument)
{
	struct duet_fiber *fiber = argument;
	struct duet_stack *stack = fiber->stack;

	core_note_entered(&stack->notes);
	fiber->context = from;
	fiber->task.result = fiber->fn(fiber->task.scheduler->loop, fiber->argument);
	check_scopes(fiber);
	fiber->task.site = NULL; /* it waits nowhere any more */
	stack->over = true;
	core_note_leave(&stack->notes, true);
	core_context_switch(fiber->context);
	abort();
}

/* Its stack is written to in its first step, and not before. */
static void start(struct duet_fiber *fiber)
{
	unsigned char *bottom = core_stack_bottom(fiber->stack);

	fiber->context = core_context_make(bottom, bottom + core_stack_bytes(fiber->stack), begin,
					   fiber);
}

/* The loop's side. One word for both contexts: whoever runs knows its own. */
static enum duet_readiness step(struct duet_task *task)
{
	struct duet_fiber *fiber = CORE_CONTAINER(struct duet_fiber, task, task);
	struct duet_loop *loop = task->scheduler->loop;
	struct duet_stack *stack = fiber->stack;

	if (!fiber->context)
		start(fiber);
	loop->fiber = fiber;
	core_note_enter(&stack->notes, core_stack_bottom(stack), core_stack_bytes(stack));
	fiber->context = core_context_switch(fiber->context);
	core_note_left(&stack->notes);
	loop->fiber = NULL;
	if (!stack->over)
		return DUET_PENDING;
	core_stack_give(stack);
	return DUET_READY;
}

static const struct duet_task_model fiber_model = {.name = "fiber", .step = step, .sites = 1};

/* ---- From idle to idle. ---- */

void duet_fiber_init(struct duet_fiber *fiber, duet_fiber_fn *fn, void *argument)
{
	duet_task_init(&fiber->task, &fiber_model);
	fiber->fn = fn;
	fiber->argument = argument;
}

int duet_fiber_spawn_at(const struct duet_site *site, struct duet_scheduler *scheduler,
			struct duet_scope *scope, struct duet_stacks *stacks,
			struct duet_fiber *fiber)
{
	int error;

	if (fiber->task.state != DUET_TASK_IDLE)
		return -EBUSY;
	core_check_owner(scheduler->loop);
	fiber->stack = core_stack_take(stacks, fiber, site);
	if (!fiber->stack)
		return -ENOBUFS;
	fiber->context = NULL;
	error = duet_task_spawn(scheduler, scope, &fiber->task);
	if (error)
		core_stack_give(fiber->stack);
	return error;
}

struct duet_fiber *duet_fiber_self(const struct duet_loop *loop)
{
	return loop->fiber;
}

/* ---- Waiting. ---- */

/* Outside of a fiber a wait is turns of the loop, if none is under way already. */
static int may_take_turns(const struct duet_loop *loop)
{
	core_check_owner(loop);
	if (!loop->in_turn)
		return 0;
#ifdef DUET_DEBUG
	core_abort_blocked(loop);
#endif
	return -EDEADLK;
}

/* op may stand on the caller's stack: there is no way out of here while it is lent, also if the
 * mechanism answers with errors. */
static int await_outside(struct duet_loop *loop, struct duet_op *op)
{
	int answer = may_take_turns(loop);

	if (op->state != STATE_IDLE)
		return -EBUSY;
	op->done = NULL;
	op->flags |= DUET_INLINE;
	if (!answer)
		answer = op->flags & DUET_MULTISHOT ? -EINVAL : duet_op_start(loop, op);
	if (answer < 0)
		core_op_refuse(op, answer, DUET_CAUSE_ITSELF);
	while (duet_op_pending(op))
		duet_loop_turn(loop, -1);
	return op->result;
}

int duet_fiber_await_at(const struct duet_site *site, struct duet_loop *loop, struct duet_op *op)
{
	struct duet_fiber *fiber = loop->fiber;
	int32_t result;

	if (!fiber)
		return await_outside(loop, op);
	if (duet_task_await(&fiber->task, op, &result))
		return result;
	suspend(fiber, site);
	return op->result;
}

static int turn_outside(struct duet_loop *loop, int64_t timeout_ns)
{
	int answer = may_take_turns(loop);

	if (answer)
		return answer;
	if (loop->outside_woken)
		timeout_ns = 0;
	loop->outside_woken = false;
	answer = duet_loop_turn(loop, timeout_ns);
	return answer < 0 ? answer : 0;
}

/* What was begun on its stack has ended before it goes on. */
static int park_in_time(const struct duet_site *site, struct duet_fiber *fiber)
{
	struct duet_op clock;
	int error;

	duet_op_init(&clock, core_task_rouse, &fiber->task);
	duet_op_timeout(&clock, DUET_NO_DEADLINE);
	error = core_task_start(&fiber->task, &clock);
	if (error)
		return error;
	suspend(fiber, site);
	if (!duet_op_pending(&clock))
		return clock.result;
	duet_op_cancel(&clock);
	while (duet_op_pending(&clock))
		suspend(fiber, site);
	return duet_task_check(&fiber->task);
}

int duet_fiber_park_at(const struct duet_site *site, struct duet_loop *loop)
{
	struct duet_fiber *fiber = loop->fiber;
	int error;

	if (!fiber)
		return turn_outside(loop, -1);
	error = duet_task_check(&fiber->task);
	if (error)
		return error;
	if (core_task_due_ns(&fiber->task) != DUET_NO_DEADLINE)
		return park_in_time(site, fiber);
	suspend(fiber, site);
	return duet_task_check(&fiber->task);
}

/* ---- Wakers, and futures. ---- */

static void wake_outside(struct duet_waker *waker)
{
	struct duet_loop *loop = CORE_CONTAINER(struct duet_loop, outside, waker);

	loop->outside_woken = true;
}

struct duet_waker *duet_fiber_waker(struct duet_loop *loop)
{
	if (loop->fiber)
		return &loop->fiber->task.waker;
	loop->outside.wake = wake_outside;
	return &loop->outside;
}

static int poll_outside(struct duet_loop *loop, struct duet_future *future)
{
	struct duet_context context = {NULL, loop, duet_fiber_waker(loop)};
	int error = may_take_turns(loop);

	if (error)
		return error;
	while (duet_future_poll(future, &context) == DUET_PENDING)
		turn_outside(loop, -1);
	return 0;
}

/* What is ready at once counts as a result that the step takes without suspending. */
static void poll_inside(const struct duet_site *site, struct duet_fiber *fiber,
			struct duet_future *future)
{
	struct duet_task *task = &fiber->task;

	if (duet_task_poll(task, future) == DUET_PENDING) {
		do
			suspend(fiber, site);
		while (duet_task_poll(task, future) == DUET_PENDING);
	} else if (task->inline_left) {
		task->inline_left--;
	} else {
		duet_task_yield(task);
		suspend(fiber, site);
	}
}

int duet_fiber_await_future_at(const struct duet_site *site, struct duet_loop *loop,
			       struct duet_future *future)
{
	int error = duet_future_claim(future);

	if (error)
		return error;
	if (loop->fiber)
		poll_inside(site, loop->fiber, future);
	else
		error = poll_outside(loop, future);
	duet_future_release(future);
	return error ? error : future->result;
}

/* ---- Turns. ---- */

int duet_fiber_yield_at(const struct duet_site *site, struct duet_loop *loop)
{
	struct duet_fiber *fiber = loop->fiber;
	int error;

	if (!fiber)
		return turn_outside(loop, 0);
	error = duet_task_check(&fiber->task);
	if (error)
		return error;
	duet_task_yield(&fiber->task);
	suspend(fiber, site);
	return duet_task_check(&fiber->task);
}

/* ---- Requests. ---- */

int duet_fiber_check(const struct duet_loop *loop)
{
	return loop->fiber ? duet_task_check(&loop->fiber->task) : 0;
}

uint64_t duet_fiber_shield(struct duet_loop *loop, uint64_t budget_ns)
{
	return loop->fiber ? duet_task_shield(&loop->fiber->task, budget_ns) : 0;
}

void duet_fiber_unshield(struct duet_loop *loop, uint64_t outer_ns)
{
	if (loop->fiber)
		duet_task_unshield(&loop->fiber->task, outer_ns);
}

/* ---- Scopes. ---- */

int duet_fiber_open(struct duet_loop *loop, struct duet_scope *scope,
		    const struct duet_scope_options *options)
{
	int error = duet_fiber_check(loop);

	if (!error)
		error = loop->fiber ? duet_task_scope_open(&loop->fiber->task, scope, options)
				    : duet_scope_open(scope, loop, NULL, options);
	/* So that who joins it all the same is told. */
	if (error)
		*scope = (struct duet_scope){.loop = loop};
	return error;
}

/* As every end that is waited for: who waits goes on there, and stands in no line. */
static void joined(struct duet_scope *scope)
{
	if (scope->opener && !MUTANT(fiber_waits_in_vain))
		duet_task_resume(scope->opener);
}

/* A request to the task goes to what it has opened, and wakes it for nothing. */
int duet_fiber_join_at(const struct duet_site *site, struct duet_scope *scope)
{
	struct duet_loop *loop = scope->loop;
	struct duet_fiber *fiber;
	int error;

	if (scope->state == SCOPE_IDLE)
		return -ESHUTDOWN;
	fiber = loop->fiber;
	error = fiber ? 0 : may_take_turns(loop);
	if (error)
		return error;
	if (scope->state != SCOPE_IDLE && scope->opener != (fiber ? &fiber->task : NULL)) {
#ifdef DUET_DEBUG
		core_abort_not_opener(scope);
#endif
		return -EINVAL;
	}
	error = duet_scope_join(scope, joined);
	if (error)
		return error;
	if (fiber && core_task_due_ns(&fiber->task) != DUET_NO_DEADLINE && !scope->shield)
		(void)duet_scope_deadline(scope, core_task_due_ns(&fiber->task));
	while (scope->state != SCOPE_IDLE) {
		if (fiber)
			suspend(fiber, site);
		else
			duet_loop_turn(loop, -1);
	}
	return scope->result;
}
