/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_TASK_H
#define CORE_TASKS_TASK_H

#include <duet/scheduler.h>
#include <stdbool.h>

#include "core/loop.h"

/* Between the scheduler and its tasks. */

/* For each state, the states that may follow it, as bits: see <duet/task.h>. Here, so that the compiler
 * judges a move between two known states. */
static const uint8_t core_task_moves[DUET_TASK_STATE_COUNT] = {
	[DUET_TASK_IDLE] = 1 << DUET_TASK_RUNNABLE,
	[DUET_TASK_RUNNABLE] = 1 << DUET_TASK_RUNNING,
	[DUET_TASK_RUNNING] = 1 << DUET_TASK_IDLE | 1 << DUET_TASK_RUNNABLE |
			      1 << DUET_TASK_WAITING | 1 << DUET_TASK_PARKED |
			      1 << DUET_TASK_LINGERING,
	[DUET_TASK_WAITING] = 1 << DUET_TASK_RUNNING,
	[DUET_TASK_PARKED] = 1 << DUET_TASK_RUNNABLE | 1 << DUET_TASK_RUNNING,
	[DUET_TASK_LINGERING] = 1 << DUET_TASK_IDLE,
};

/* An illegal move is a bug, of a model's as a rule: it stops the program in every build. */
void core_task_abort_moved(const struct duet_task *task, enum duet_task_state from,
			   enum duet_task_state to) __attribute__((noreturn, cold));

/* The one place where a task's state changes. */
static inline void core_task_move(struct duet_task *task, enum duet_task_state from,
				  enum duet_task_state to)
{
	if (__builtin_expect(task->state != from || !(core_task_moves[from] >> to & 1), 0))
		core_task_abort_moved(task, from, to);
	task->state = (uint8_t)to;
}

/* One step of a task that is running since just now, and what follows from its answer. */
void core_task_run(struct duet_task *task);

/* It has ended: so do the operations that wait for that. */
void core_task_joined(struct duet_task *task);

/* A task that is runnable since just now gets into the scheduler's line; the other: one that has run
 * in this turn, into the line of the next. */
void core_scheduler_queue(struct duet_scheduler *scheduler, struct duet_task *task);
void core_scheduler_queue_late(struct duet_scheduler *scheduler, struct duet_task *task);

/* The same as model->step(), with an eye on the clock. */
enum duet_readiness core_scheduler_step_watched(struct duet_scheduler *scheduler,
						struct duet_task *task);

/* A request that has come through to a task is one to the scopes that it has opened, but to shields. */
void core_task_ask_children(struct duet_task *task, enum duet_cause cause);

/* Does a task that waits do so for the end of a shield? No request to the task comes in there. */
bool core_task_joins_shield(const struct duet_task *task);

/* True: it has none. Else they are asked to end, and the task ends late. */
bool core_task_is_childless(struct duet_task *task);

/* A scope is about to end that the task has opened. True: the task is over and has waited for nothing
 * else, so it is to be ended when the scope has. */
bool core_task_scope_leaves(struct duet_task *task, const struct duet_scope *scope);

/* from: running, or lingering. */
void core_task_end(struct duet_task *task, enum duet_task_state from);

/* done() of an operation beside which a task is parked, its context: wakes it. */
void core_task_rouse(struct duet_op *op);

/* Is op what a task in a shield waits for, or one in a shelter? No request comes in there. */
bool core_task_shelters(const struct duet_op *op);

/* The deadline of what it waits for next. */
static inline uint64_t core_task_due_ns(const struct duet_task *task)
{
	return task->shields ? task->shield_ns : task->deadline_ns;
}

/* duet_op_start(); sheltered: also while the loop shuts down. */
int core_start_sheltered(struct duet_loop *loop, struct duet_op *op, bool sheltered);

/* duet_op_start() as a step of the task has it: with its deadline, and its shield. */
int core_task_start(const struct duet_task *task, struct duet_op *op);

/* What a shield is, until end_ns, for the length of a poll: who asks afterwards is told what was asked. */
uint64_t core_task_enter_shield(struct duet_task *task, uint64_t end_ns);
void core_task_leave_shield(struct duet_task *task, uint64_t outer_ns);

/* What an operation says whose wait was refused: nothing of it has begun. */
void core_task_refuse(struct duet_op *op, int error, enum duet_cause cause);

/* What debug builds say before they stop. */
void core_abort_has_children(const struct duet_task *task) __attribute__((noreturn));
void core_abort_not_running(const struct duet_task *task, const char *call)
	__attribute__((noreturn));
void core_abort_no_shield(const struct duet_task *task) __attribute__((noreturn));
void core_abort_awaited_twice(const struct duet_task *task, const struct duet_op *op)
	__attribute__((noreturn));
void core_abort_open_scope(const struct duet_task *task, const struct duet_scope *scope)
	__attribute__((noreturn));
void core_abort_not_opener(const struct duet_scope *scope) __attribute__((noreturn));
void core_abort_blocked(const struct duet_loop *loop) __attribute__((noreturn));
struct duet_shard;
void core_abort_nobody_there(const struct duet_shard *shard) __attribute__((noreturn));

static inline bool core_task_is_asked(const struct duet_task *task)
{
	return task->asked != DUET_CAUSE_ITSELF && !task->shields;
}

#endif
