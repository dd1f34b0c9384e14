/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/join.h>
#include <errno.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/queue.h"
#include "core/scope.h"
#include "core/tasks/task.h"
#include "core/waits.h"

/* ---- A task. ---- */

static int refuse_join(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_task *task = op->args.wait.on;

	if (!task->scheduler)
		return 0;
	if (task->scheduler->loop != loop)
		return -EINVAL;
	return task->scheduler->running == task ? -EDEADLK : 0;
}

int core_join_begin(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_task *task = op->args.wait.on;

	(void)loop;
	if (task->state == DUET_TASK_IDLE) {
		op->result = task->result;
		return BACKEND_ENDED;
	}
	core_ring_append(&task->joiners, op);
	return BACKEND_ISSUED;
}

void core_join_stop(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_task *task = op->args.wait.on;

	core_ring_remove(&task->joiners, op);
	core_finish(loop, op, -ECANCELED);
}

void core_task_joined(struct duet_task *task)
{
	struct duet_op *op;

	while ((op = task->joiners)) {
		core_ring_remove(&task->joiners, op);
		core_finish(op->loop, op, task->result);
	}
}

const struct core_wait core_wait_join = {.noun = "task", .refuse = refuse_join};

void duet_op_join(struct duet_op *op, struct duet_task *task)
{
	core_prepare_wait(op, DUET_JOIN, task);
}

/* ---- A scope. ---- */

static int refuse_join_scope(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_scope *scope = op->args.wait.on;

	if (scope->state == SCOPE_IDLE || scope->state >= SCOPE_CLEANING)
		return -ESHUTDOWN;
	if (scope->loop != loop)
		return -EINVAL;
	return scope->state >= SCOPE_JOINING ? -EALREADY : 0;
}

/* Was the scope stopped by what op was asked? */
static bool is_stopped(const struct duet_op *op, int result)
{
	return op->request &&
	       result == (op->request == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED);
}

static void joined(struct duet_scope *scope)
{
	struct duet_op *op = scope->joiner;

	core_finish(op->loop, op, is_stopped(op, scope->result) ? -ECANCELED : scope->result);
}

int core_join_scope_begin(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_scope *scope = op->args.wait.on;

	(void)loop;
	scope->joiner = op;
	duet_scope_join(scope, joined);
	return BACKEND_ISSUED;
}

void core_join_scope_stop(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_scope *scope = op->args.wait.on;
	bool outside = op->request == DUET_CAUSE_SCOPE || op->request == DUET_CAUSE_SHUTDOWN;

	(void)loop;
	core_state_set(op, STATE_CANCELLING);
	if (!(scope->shield && outside))
		core_scope_ask(scope, (enum duet_cause)op->request);
}

const struct core_wait core_wait_join_scope = {.noun = "scope", .refuse = refuse_join_scope};

void duet_op_join_scope(struct duet_op *op, struct duet_scope *scope)
{
	core_prepare_wait(op, DUET_JOIN_SCOPE, scope);
}
