/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/step.h"

#include <duet/owned.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define STEP_OF(pointer, field) \
	((struct step *)(void *)((char *)(pointer)-offsetof(struct step, field)))

void step_init(struct step *step, const struct policy *policy, struct duet_lab *lab,
	       void (*told)(struct step *step), void *context)
{
	step->policy = policy;
	step->lab = lab;
	step->told = told;
	step->context = context;
	duet_scheduler_init(&step->scheduler, duet_lab_loop(lab), NULL);
}

/* ---- The end. ---- */

/* Who discards believes that nothing has happened since it was asked to end. */
static void note(struct step *step, const struct duet_op *op)
{
	bool believed = !step->left &&
		!(step->policy->discards && duet_scope_check(step->scope));

	if (step->policy->release == RELEASE_REAPED)
		believed = true;
	step->data = op->args.io.vectors[0].iov_base;
	step->bytes = believed ? op->transferred : 0;
	step->over |= op->cause == DUET_CAUSE_ITSELF && op->result <= 0;
}

static int result_of(const struct duet_op *op)
{
	return op->result < 0 ? op->result : 0;
}

/* ---- Waited for: as the scope has it. ---- */

static void awaited(struct duet_op *op)
{
	struct step *step = op->context;

	note(step, op);
	step->told(step);
}

static void await(struct step *step)
{
	duet_scope_start(step->scope, &step->member, step->op);
}

/* ---- Left at the request. ---- */

static void ask_to_leave(struct duet_member *member, enum duet_cause cause)
{
	struct step *step = STEP_OF(member, member);
	const struct iovec *lent = &step->op->args.io.vectors[0];

	(void)cause;
	step->left = true;
	duet_op_cancel(step->op);
	if (step->policy->reuses)
		duet_lab_takes_back(step->lab, lent->iov_base, lent->iov_len);
	duet_member_leave(member, -ECANCELED);
}

/* Somebody waits, or has waited: only then there is anybody to go on. */
static void left_ended(struct duet_op *op)
{
	struct step *step = op->context;

	note(step, op);
	if (!step->left)
		duet_member_leave(&step->member, result_of(op));
	step->told(step);
}

static bool enter(struct step *step, void (*ask)(struct duet_member *, enum duet_cause))
{
	if (duet_scope_enter(step->scope, &step->member, ask))
		return false;
	step->left = false;
	return true;
}

static void leave_at_request(struct step *step)
{
	if (enter(step, ask_to_leave) && duet_op_start(duet_lab_loop(step->lab), step->op) < 0)
		duet_member_leave(&step->member, -ECANCELED);
}

/* ---- Moved and reaped: the operation and its memory are the loop's. ---- */

/* What came is handed back: to who waits, or to the account of who comes next. */
static void reaped(struct duet_op *op)
{
	struct step *step = op->context;

	step->op = NULL;
	left_ended(op);
	duet_op_return(op);
}

/* The next body finds the operation of the one before it on its way to its end: that is its own now. */
static bool take_up(struct step *step, struct duet_scope *scope)
{
	if (step->policy->release != RELEASE_REAPED || !step->op)
		return false;
	step->scope = scope;
	(void)enter(step, ask_to_leave);
	return true;
}

static void *take(struct step *step, const void *memory, uint32_t bytes)
{
	void *buffer;

	if (duet_op_take(duet_lab_loop(step->lab), reaped, step, &step->op))
		return NULL;
	buffer = duet_op_buffer(step->op);
	memcpy(buffer, memory, bytes);
	return buffer;
}

static void move_in(struct step *step)
{
	struct duet_op *op = step->op;

	if (enter(step, ask_to_leave)) {
		if (!duet_op_start(duet_lab_loop(step->lab), op))
			return;
		duet_member_leave(&step->member, -ECANCELED);
	}
	step->op = NULL;
	duet_op_return(op);
}

/* ---- Polled to its end. ---- */

/* Not to be freed while this says pending: the end is asked for, and has to come. */
static enum duet_readiness poll_drop(struct step *step)
{
	struct duet_context context = {&step->scheduler, duet_lab_loop(step->lab),
				       &step->task.waker};

	return step->polled ? duet_future_poll_cancel(&step->own.future, &context) : DUET_READY;
}

static void ask_to_drop(struct duet_member *member, enum duet_cause cause)
{
	struct step *step = STEP_OF(member, member);

	(void)cause;
	step->dropping = true;
	/* Ready or not: the task is what ends it. */
	(void)poll_drop(step);
}

static enum duet_readiness poll(struct duet_task *task)
{
	struct step *step = STEP_OF(task, task);
	struct duet_context context = {&step->scheduler, duet_lab_loop(step->lab), &task->waker};

	if (step->dropping)
		return poll_drop(step);
	step->polled = true;
	return duet_op_future_poll(&step->own, &context);
}

static const struct duet_task_model poll_model = {.name = "future", .step = poll};

static void task_ended(struct duet_task *task)
{
	struct step *step = STEP_OF(task, task);

	/* One that was given up before its first poll has never begun. */
	step->bytes = 0;
	if (step->polled)
		note(step, step->op);
	duet_member_leave(&step->member, step->polled ? result_of(step->op) : -ECANCELED);
	step->told(step);
}

static void poll_through(struct step *step)
{
	if (!enter(step, ask_to_drop))
		return;
	step->polled = step->dropping = false;
	duet_task_init(&step->task, &poll_model);
	step->task.ended = task_ended;
	/* A loop that shuts down takes no task that no scope answers for. */
	if (duet_task_spawn(&step->scheduler, NULL, &step->task))
		duet_member_leave(&step->member, -ECANCELED);
}

/* ---- In a scope of its own. ---- */

static void said_goodbye(struct duet_op *op)
{
	(void)op;
}

/* Takes a turn, as a cleanup that says goodbye would. */
static void return_lease(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	struct step *step = STEP_OF(cleanup, lease.cleanup);

	duet_lab_cleanup_ran(step->lab);
	duet_op_init(&step->lease.op, said_goodbye, NULL);
	duet_op_nop(&step->lease.op);
	duet_scope_start(scope, &step->lease.member, &step->lease.op);
}

static void child_joined(struct duet_scope *child)
{
	struct step *step = child->context;

	step->told(step);
}

static void child_awaited(struct duet_op *op)
{
	note(op->context, op);
}

static void scope_through(struct step *step)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.context = step;
	if (duet_scope_open(&step->child, duet_lab_loop(step->lab), step->scope, &options))
		return;
	step->lease.cleanup.run = return_lease;
	duet_lab_cleanup_registered(step->lab);
	duet_scope_defer(&step->child, &step->lease.cleanup);
	step->bytes = 0;
	duet_scope_start(&step->child, &step->member, step->op);
	duet_scope_join(&step->child, child_joined);
}

/* ---- By policy. ---- */

static const struct {
	duet_done_fn *done; /* NULL: the future's own */
	void (*begin)(struct step *step);
} WAYS[] = {
	[RELEASE_AT_END] = { awaited, await },
	[RELEASE_AT_REQUEST] = { left_ended, leave_at_request },
	[RELEASE_REAPED] = { reaped, move_in },
	[RELEASE_POLLED] = { NULL, poll_through },
	[RELEASE_SCOPED] = { child_awaited, scope_through },
};

/* The memory that it lends; NULL: there is no operation to be had. */
static void *prepare(struct step *step, struct duet_scope *scope, void *memory, uint32_t bytes)
{
	duet_done_fn *done = WAYS[step->policy->release].done;

	step->scope = scope;
	if (step->policy->release == RELEASE_REAPED)
		return take(step, memory, bytes);
	step->op = &step->own.op;
	if (done)
		duet_op_init(step->op, done, step);
	else
		duet_op_future_init(&step->own);
	return memory;
}

void step_receive(struct step *step, struct duet_scope *scope, duet_handle handle, void *memory,
		  uint32_t bytes)
{
	if (take_up(step, scope))
		return;
	memory = prepare(step, scope, memory, bytes);
	if (!memory)
		return;
	duet_op_recv(step->op, handle, memory, bytes, 0);
	WAYS[step->policy->release].begin(step);
}

void step_send(struct step *step, struct duet_scope *scope, duet_handle handle, void *memory,
	       uint32_t bytes)
{
	if (take_up(step, scope))
		return;
	memory = prepare(step, scope, memory, bytes);
	if (!memory)
		return;
	duet_op_send(step->op, handle, memory, bytes, 0);
	WAYS[step->policy->release].begin(step);
}
