/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "core/scope.h"
#include "core/tasks/task.h"

/* The scopes that a task has opened for what it spawns: it doesn't end before they have. */

/* In a shield nothing comes from outside: it isn't the child of a scope that may have been asked to end,
 * and it has the time that the shield has. */
static int open_in_shield(const struct duet_task *task, struct duet_scope *scope,
			  const struct duet_scope_options *options)
{
	struct duet_scope_options shielded;

	duet_scope_options_init(&shielded);
	if (options)
		shielded = *options;
	shielded.shield = 1;
	if (task->shield_ns < shielded.deadline_ns)
		shielded.deadline_ns = task->shield_ns;
	return duet_scope_open(scope, task->scheduler->loop, NULL, &shielded);
}

int duet_task_scope_open(struct duet_task *task, struct duet_scope *scope,
			 const struct duet_scope_options *options)
{
	/* Also of one that was asked alone: its scope knows nothing of that. */
	int error = duet_task_check(task);

	if (error)
		return error;
	if (task->shields)
		error = open_in_shield(task, scope, options);
	else
		error = duet_scope_open(scope, task->scheduler->loop, task->member.scope, options);
	if (error)
		return error;
	scope->opener = task;
	scope->elder = task->scopes;
	task->scopes = scope;
	return 0;
}

void core_task_ask_children(struct duet_task *task, enum duet_cause cause)
{
	if (MUTANT(children_not_asked))
		return;
	for (struct duet_scope *scope = task->scopes; scope; scope = scope->elder)
		if (!scope->shield || MUTANT(shield_leaks))
			core_scope_ask(scope, cause);
}

bool core_task_joins_shield(const struct duet_task *task)
{
	const struct duet_op *op = task->waiting;

	return op->kind == DUET_JOIN_SCOPE &&
	       ((const struct duet_scope *)op->args.wait.on)->shield;
}

bool core_task_is_childless(struct duet_task *task)
{
	if (!task->scopes)
		return true;
#ifdef DUET_DEBUG
	core_abort_has_children(task);
#endif
	task->result = -EBUSY;
	core_task_move(task, DUET_TASK_RUNNING, DUET_TASK_LINGERING);
	for (struct duet_scope *scope = task->scopes; scope; scope = scope->elder) {
		core_scope_ask(scope, DUET_CAUSE_SCOPE);
		/* Who said so before has a callback of his own. */
		(void)duet_scope_join(scope, NULL);
	}
	return false;
}

bool core_task_scope_leaves(struct duet_task *task, const struct duet_scope *scope)
{
	struct duet_scope **place = &task->scopes;

	while (*place != scope)
		place = &(*place)->elder;
	*place = scope->elder;
	return task->state == DUET_TASK_LINGERING && !task->scopes;
}
