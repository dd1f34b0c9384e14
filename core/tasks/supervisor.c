/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/supervisor.h>
#include <errno.h>

#include "core/scope.h"

/*
 * From its first task on a supervisor is a member of its own scope, so that this doesn't join between the end of a task and its
 * next beginning; and it hears of each end by an operation that waits for it.
 */

static const uint64_t within_default_ns = UINT64_C(5000000000);

static int start(struct duet_supervised *child);

static void leave(struct duet_supervisor *supervisor, int result)
{
	if (supervisor->member.scope)
		duet_member_leave(&supervisor->member, result);
}

/* Its part is over when nobody is left to be started again. */
static void settle(struct duet_supervisor *supervisor)
{
	if (MUTANT(restart_too_late))
		leave(supervisor, 0);
	if (supervisor->live || supervisor->state == DUET_SUPERVISOR_RESTARTING)
		return;
	supervisor->state = DUET_SUPERVISOR_ENDING;
	leave(supervisor, 0);
}

static void ask(struct duet_member *member, enum duet_cause cause)
{
	struct duet_supervisor *supervisor =
		CORE_CONTAINER(struct duet_supervisor, member, member);

	(void)cause;
	supervisor->state = DUET_SUPERVISOR_ENDING;
	settle(supervisor);
}

/* The failure stays the scope's: it was not forgiven. */
static void escalate(struct duet_supervisor *supervisor, int error)
{
	supervisor->state = DUET_SUPERVISOR_ENDING;
	leave(supervisor, error);
	duet_scope_cancel(&supervisor->scope);
}

/* Counted from a failure on, for so long; then from the next. */
static bool is_allowed(struct duet_supervisor *supervisor)
{
	uint64_t now_ns = duet_loop_now_ns(supervisor->scope.loop);

	if (!supervisor->recent || now_ns - supervisor->since_ns > supervisor->within_ns) {
		supervisor->since_ns = now_ns;
		supervisor->recent = 0;
	}
	return supervisor->recent++ < supervisor->restarts_max;
}

/* What failed so far is mended by this. */
static void start_again(struct duet_supervisor *supervisor, struct duet_supervised *child)
{
	int error;

	core_scope_forgive(&supervisor->scope);
	supervisor->restarts++;
	error = start(child);
	if (error)
		escalate(supervisor, error);
}

static void start_all_again(struct duet_supervisor *supervisor)
{
	supervisor->state = DUET_SUPERVISOR_WATCHING;
	for (struct duet_supervised *child = supervisor->children;
	     child && supervisor->state == DUET_SUPERVISOR_WATCHING; child = child->next)
		if (!child->done)
			start_again(supervisor, child);
}

static void end_all(struct duet_supervisor *supervisor)
{
	supervisor->state = DUET_SUPERVISOR_RESTARTING;
	for (struct duet_supervised *child = supervisor->children; child; child = child->next)
		if (child->alive)
			duet_task_cancel(child->task);
}

static void mend(struct duet_supervisor *supervisor, struct duet_supervised *child, int error)
{
	if (!is_allowed(supervisor))
		escalate(supervisor, error);
	else if (supervisor->strategy == DUET_ONE_FOR_ALL)
		end_all(supervisor);
	else
		start_again(supervisor, child);
}

/* Who ended well because it was asked to, so that all begin again, has not done its work. */
static bool has_done(const struct duet_supervised *child, const struct duet_op *op)
{
	const bool stopped = child->supervisor->state == DUET_SUPERVISOR_RESTARTING &&
			     child->task->asked != DUET_CAUSE_ITSELF;

	return op->cause == DUET_CAUSE_ITSELF && op->result >= 0 && !stopped;
}

/* The end of a task; or a shutdown has ended the wait for it. */
static void child_ended(struct duet_op *op)
{
	struct duet_supervised *child = op->context;
	struct duet_supervisor *supervisor = child->supervisor;

	child->alive = 0;
	supervisor->live--;
	child->done = has_done(child, op);
	if (op->cause != DUET_CAUSE_ITSELF)
		supervisor->state = DUET_SUPERVISOR_ENDING;
	else if (op->result < 0 && supervisor->state == DUET_SUPERVISOR_WATCHING)
		mend(supervisor, child, op->result);
	if (supervisor->state == DUET_SUPERVISOR_RESTARTING && !supervisor->live)
		start_all_again(supervisor);
	settle(supervisor);
}

static int start(struct duet_supervised *child)
{
	struct duet_supervisor *supervisor = child->supervisor;
	int error = child->prepare(child);

	if (!error)
		error = duet_task_spawn(supervisor->scheduler, &supervisor->scope, child->task);
	if (error)
		return error;
	duet_op_init(&child->ended, child_ended, child);
	duet_op_join(&child->ended, child->task);
	error = duet_op_start(supervisor->scope.loop, &child->ended);
	if (error < 0) {
		/* Nobody watches over it: it ends before it has begun. */
		duet_task_cancel(child->task);
		return error;
	}
	child->alive = 1;
	child->done = 0;
	supervisor->live++;
	return 0;
}

/* ---- From open on. ---- */

void duet_supervisor_options_init(struct duet_supervisor_options *options)
{
	*options = (struct duet_supervisor_options){.size = sizeof(*options),
						    .strategy = DUET_ONE_FOR_ONE,
						    .restarts_max = 3,
						    .within_ns = within_default_ns,
						    .deadline_ns = DUET_NO_DEADLINE};
}

int duet_supervisor_open(struct duet_supervisor *supervisor, struct duet_scheduler *scheduler,
			 struct duet_scope *parent, const struct duet_supervisor_options *options)
{
	struct duet_supervisor_options defaults;
	struct duet_scope_options scope;

	duet_supervisor_options_init(&defaults);
	if (!options)
		options = &defaults;
	if (options->size != sizeof(*options) || options->strategy >= DUET_STRATEGY_COUNT)
		return -EINVAL;
	*supervisor = (struct duet_supervisor){.scheduler = scheduler,
					       .strategy = options->strategy,
					       .restarts_max = options->restarts_max,
					       .within_ns = options->within_ns};
	duet_scope_options_init(&scope);
	scope.deadline_ns = options->deadline_ns;
	return duet_scope_open(&supervisor->scope, scheduler->loop, parent, &scope);
}

/* A supervisor of nobody is no member: there is nobody for whom its scope would have to wait. */
static int enter(struct duet_supervisor *supervisor)
{
	if (supervisor->member.scope)
		return 0;
	return duet_scope_enter(&supervisor->scope, &supervisor->member, ask);
}

int duet_supervisor_add(struct duet_supervisor *supervisor, struct duet_supervised *child)
{
	int error;

	if (supervisor->state != DUET_SUPERVISOR_WATCHING)
		return supervisor->state == DUET_SUPERVISOR_ENDING ? -ESHUTDOWN : -EAGAIN;
	child->supervisor = supervisor;
	error = enter(supervisor);
	if (!error)
		error = start(child);
	if (error) {
		if (!supervisor->live)
			leave(supervisor, 0);
		return error;
	}
	child->next = supervisor->children;
	supervisor->children = child;
	return 0;
}
