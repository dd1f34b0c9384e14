/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_TASK_H
#define CORE_TASKS_TASK_H

#include <duet/scheduler.h>
#include <stdbool.h>

#include "core/loop.h"

/* Between the scheduler and its tasks. */

/* The one place where a task's state changes. */
void core_task_set_state(struct duet_task *task, enum duet_task_state to);

/* One step, and what follows from its answer. */
void core_task_run(struct duet_task *task);

/* It has ended: so do the operations that wait for that. */
void core_task_joined(struct duet_task *task);

/* Into the scheduler's line; the other: into that of the loop's next turn. */
void core_scheduler_queue(struct duet_scheduler *scheduler, struct duet_task *task);
void core_scheduler_queue_late(struct duet_scheduler *scheduler, struct duet_task *task);

/* A step has held the loop since begun_ns. */
void core_scheduler_held(struct duet_scheduler *scheduler, const struct duet_task *task,
			 const struct duet_site *from, uint64_t begun_ns);

/* A request that has come through to a task is one to the scopes that it has opened. */
void core_task_ask_children(struct duet_task *task, enum duet_cause cause);

/* True: it has none. Else they are asked to end, and the task ends late. */
bool core_task_is_childless(struct duet_task *task);

/* A scope is about to end that the task has opened; and, when it has: was it the last one of a task
 * that is over? The task may be gone after that. */
void core_task_scope_leaves(struct duet_task *task, struct duet_scope *scope);
void core_task_end_late(struct duet_task *task);

void core_task_end(struct duet_task *task);

/* Is op what a task in a shield waits for, or one in a shelter? No request comes in there. */
bool core_task_shelters(const struct duet_op *op);

/* What debug builds say before they stop. */
void core_abort_has_children(const struct duet_task *task) __attribute__((noreturn));
void core_abort_awaited_twice(const struct duet_task *task, const struct duet_op *op)
	__attribute__((noreturn));

static inline bool core_task_is_asked(const struct duet_task *task)
{
	return task->asked != DUET_CAUSE_ITSELF && !task->shields;
}

#endif
