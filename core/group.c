/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/combinator.h>
#include <errno.h>

#include "core/operation.h"
#include "core/scope.h"

/*
 * Groups of operations, on top of scopes. In a `first` the group stands in the place of each
 * operation's callback, underneath the scope, to keep those that completed until they are asked for.
 */

/* ---- First: who completed, in order. ---- */

static void tell(struct duet_message *message);

static void defer(struct duet_group *group)
{
	if (group->deferred || !group->wanted || !group->completed)
		return;
	group->deferred = 1;
	group->message.fn = tell;
	duet_loop_defer(group->scope.loop, &group->message);
}

static struct duet_branch *pop_completed(struct duet_group *group)
{
	struct duet_branch *branch = group->completed;

	group->completed = branch->next;
	return branch;
}

static void push_completed(struct duet_branch *branch)
{
	struct duet_group *group = branch->group;

	branch->next = NULL;
	if (group->completed)
		group->last->next = branch;
	else
		group->completed = branch;
	group->last = branch;
	defer(group);
}

static void end(struct duet_group *group)
{
	if (group->scope.policy == DUET_RACE)
		group->winner = group->scope.winner
					? CORE_CONTAINER(struct duet_branch, member, group->scope.winner)
					: NULL;
	else
		group->winner = NULL;
	if (group->ended)
		group->ended(group);
}

static void tell(struct duet_message *message)
{
	struct duet_group *group = CORE_CONTAINER(struct duet_group, message, message);

	group->deferred = 0;
	group->wanted = 0;
	group->winner = pop_completed(group);
	group->won(group);
	if (group->over && !group->deferred)
		end(group);
}

static void joined(struct duet_scope *scope)
{
	struct duet_group *group = CORE_CONTAINER(struct duet_group, scope, scope);

	group->over = 1;
	if (!group->deferred)
		end(group);
}

/* As a scope sees it. */
static bool has_completed(const struct duet_op *op)
{
	return op->cause == DUET_CAUSE_ITSELF && op->result >= 0;
}

static void stand_aside(struct duet_branch *branch)
{
	branch->op->done = branch->done;
	branch->op->context = branch->context;
}

static void branch_ended(struct duet_op *op)
{
	struct duet_branch *branch = op->context;
	duet_done_fn *done = branch->done;
	bool completed;

	if (op->more) {
		op->context = branch->context;
		if (done)
			done(op);
		op->context = branch;
		return;
	}
	completed = has_completed(op);
	stand_aside(branch);
	if (done)
		done(op);
	if (completed)
		push_completed(branch);
}

/* ---- Starting. ---- */

static void refuse(struct duet_scope *scope, struct duet_branch *branch, int error)
{
	bool decided = duet_scope_check(scope) != 0;
	struct duet_op *op = branch->op;

	/* Named twice, it is pending by now, and says itself what became of it. */
	if (op->state == STATE_IDLE) {
		op->result = error;
		op->transferred = 0;
		op->disposition = decided ? DUET_UNTOUCHED : DUET_FAILED;
		op->cause = decided ? DUET_CAUSE_SCOPE : DUET_CAUSE_ITSELF;
		op->more = 0;
	}
	if (duet_scope_enter(scope, &branch->member, NULL))
		return;
	duet_member_leave(&branch->member, error);
}

static void start(struct duet_group *group, struct duet_branch *branch)
{
	bool keeps = group->won && branch->op->state == STATE_IDLE;
	int answer;

	branch->group = group;
	if (keeps) {
		branch->done = branch->op->done;
		branch->context = branch->op->context;
		branch->op->done = branch_ended;
		branch->op->context = branch;
	}
	answer = duet_scope_start(&group->scope, &branch->member, branch->op);
	if (answer == 0)
		return;
	if (keeps)
		stand_aside(branch);
	if (answer < 0)
		refuse(&group->scope, branch, answer);
	else if (keeps && has_completed(branch->op))
		push_completed(branch);
}

static int check_idle(const struct duet_branch *branches, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (branches[i].op->state != STATE_IDLE)
			return -EBUSY;
	return 0;
}

static int begin(struct duet_group *group, struct duet_loop *loop, struct duet_scope *parent,
		 const struct duet_scope_options *options, struct duet_branch *branches,
		 unsigned count)
{
	int error = check_idle(branches, count);

	if (!error)
		error = duet_scope_open(&group->scope, loop, parent, options);
	if (error)
		return error;
	for (unsigned i = 0; i < count; i++)
		start(group, &branches[i]);
	return duet_scope_join(&group->scope, joined);
}

static struct duet_scope_options chosen(const struct duet_scope_options *options)
{
	struct duet_scope_options defaults;

	duet_scope_options_init(&defaults);
	return options ? *options : defaults;
}

int duet_join(struct duet_group *group, struct duet_loop *loop, struct duet_scope *parent,
	      const struct duet_scope_options *options, struct duet_branch *branches, unsigned count,
	      duet_group_fn *ended)
{
	struct duet_scope_options own = chosen(options);

	if (own.policy != DUET_WAIT_ALL && own.policy != DUET_FAIL_FAST)
		return -EINVAL;
	*group = (struct duet_group){.ended = ended};
	return begin(group, loop, parent, &own, branches, count);
}

int duet_race(struct duet_group *group, struct duet_loop *loop, struct duet_scope *parent,
	      const struct duet_scope_options *options, struct duet_branch *branches, unsigned count,
	      duet_group_fn *ended)
{
	struct duet_scope_options own = chosen(options);

	if (!count)
		return -EINVAL;
	own.policy = DUET_RACE;
	*group = (struct duet_group){.ended = ended};
	return begin(group, loop, parent, &own, branches, count);
}

int duet_first(struct duet_group *group, struct duet_loop *loop, struct duet_scope *parent,
	       const struct duet_scope_options *options, struct duet_branch *branches,
	       unsigned count, duet_group_fn *won, duet_group_fn *ended)
{
	struct duet_scope_options own = chosen(options);

	if (!count || !won)
		return -EINVAL;
	own.policy = DUET_FIRST;
	own.first = NULL;
	*group = (struct duet_group){.won = won, .ended = ended, .wanted = 1};
	return begin(group, loop, parent, &own, branches, count);
}

void duet_first_next(struct duet_group *group)
{
	group->wanted = 1;
	defer(group);
}

/* ---- Not longer than that. ---- */

static uint64_t time_in(const struct duet_loop *loop, uint64_t timeout_ns)
{
	uint64_t now_ns = duet_loop_now_ns(loop);

	return timeout_ns < DUET_NO_DEADLINE - now_ns ? now_ns + timeout_ns : DUET_NO_DEADLINE;
}

void duet_op_within(struct duet_op *op, const struct duet_loop *loop, uint64_t timeout_ns)
{
	uint64_t deadline_ns = time_in(loop, timeout_ns);

	if (deadline_ns < op->deadline_ns)
		duet_op_deadline(op, deadline_ns);
}

int duet_scope_within(struct duet_scope *scope, uint64_t timeout_ns)
{
	/* One that was never opened knows no loop. */
	return scope->state == SCOPE_IDLE
		       ? -ESHUTDOWN
		       : duet_scope_deadline(scope, time_in(scope->loop, timeout_ns));
}
