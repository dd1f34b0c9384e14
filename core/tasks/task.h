/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_TASK_H
#define CORE_TASKS_TASK_H

#include <duet/scheduler.h>
#include <stdbool.h>
#include <string.h>

#include "core/loop.h"
#include "core/shortcut.h"

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

/* State, requests and shields of a task, in one load. */
static inline uint32_t core_task_word(const struct duet_task *task)
{
	uint32_t word;

	_Static_assert(offsetof(struct duet_task, asked) == offsetof(struct duet_task, state) + 1 &&
			       offsetof(struct duet_task, shields) ==
				       offsetof(struct duet_task, state) + 2,
		       "they are one word");
	memcpy(&word, &task->state, sizeof(word));
	return word;
}

/* In that state, asked for nothing, and in no shield? */
static inline bool core_task_is_plainly(const struct duet_task *task, enum duet_task_state state)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return core_task_word(task) == (uint32_t)state;
#else
	return core_task_word(task) == (uint32_t)state << 24;
#endif
}

/* core_task_move() from a state that the caller has just looked at: one store. */
static inline void core_task_step(struct duet_task *task, enum duet_task_state from,
				  enum duet_task_state to)
{
#ifdef DUET_DEBUG
	if (task->state != from)
		core_task_abort_moved(task, from, to);
#endif
	if (!(core_task_moves[from] >> to & 1))
		core_task_abort_moved(task, from, to);
	task->state = (uint8_t)to;
}

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

/* The end of what a task waits for, which is its next step. */
void core_task_resumed(struct duet_op *op);

/* The answer of a start that has left nothing to wait for: what duet_task_await() makes of it. */
int core_task_answered(struct duet_task *task, struct duet_op *op, int answer, int32_t *result);

/* done() of an operation beside which a task is parked, its context: wakes it. */
void core_task_rouse(struct duet_op *op);

/* The task that waits for op, or NULL. */
const struct duet_task *core_task_of(const struct duet_op *op);

/* Is op what a task in a shield waits for, or one in a shelter? No request comes in there. */
bool core_task_shelters(const struct duet_op *op);

/* What the step is about to start may end with its start, or not any more. */
static inline void core_task_inline(const struct duet_task *task, struct duet_op *op)
{
	/* In this form: a store that nearly always changes nothing is left out. */
	if (task->inline_left)
		op->flags |= DUET_INLINE;
	else if (__builtin_expect(op->flags & DUET_INLINE, 0))
		op->flags ^= DUET_INLINE;
}

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

/* ---- Steps: in a header, so that each of their few callers has them without a call. ---- */

/* What is started from now on inherits that deadline. */
void core_task_inherit(struct duet_loop *loop, uint64_t deadline_ns);

/* What a step starts inherits the deadline that counts now. */
static inline void core_task_bound(const struct duet_task *task)
{
	struct duet_loop *loop = task->scheduler->loop;
	const uint64_t deadline_ns = core_task_due_ns(task);

	if (__builtin_expect(loop->deadline_ns != deadline_ns, 0))
		core_task_inherit(loop, deadline_ns);
}

/* A step begins: the task has the loop, and nothing has happened in it yet. */
static inline void core_task_enter(struct duet_task *task, struct duet_scheduler *scheduler)
{
	task->again = 0;
	task->inline_left = scheduler->inline_max;
	scheduler->running = task;
}

/* It is over. */
static inline void core_task_leave(struct duet_scheduler *scheduler)
{
	struct duet_loop *loop = scheduler->loop;

	scheduler->running = NULL;
	if (__builtin_expect(loop->deadline_ns != DUET_NO_DEADLINE, 0) &&
	    !MUTANT(deadline_between_steps))
		core_task_inherit(loop, DUET_NO_DEADLINE);
}

/* What follows from its answer. */
static inline void core_task_settle(struct duet_task *task, enum duet_readiness answer)
{
	if (answer == DUET_READY) {
		if (!task->scopes || core_task_is_childless(task))
			core_task_end(task, DUET_TASK_RUNNING);
		return;
	}
	/* It waits for an operation, or stands in line already. */
	if (task->state != DUET_TASK_RUNNING)
		return;
	if (!task->again) {
		core_task_step(task, DUET_TASK_RUNNING, DUET_TASK_PARKED);
		return;
	}
	core_task_step(task, DUET_TASK_RUNNING, DUET_TASK_RUNNABLE);
	core_scheduler_queue_late(task->scheduler, task);
}

/* One step of a task that is running since just now. Steps don't nest: each begins from a turn, and turns
 * don't nest. */
static inline void core_task_run(struct duet_task *task)
{
	struct duet_scheduler *scheduler = task->scheduler;
	enum duet_readiness answer;

	core_task_enter(task, scheduler);
	core_task_bound(task);
	if (__builtin_expect(scheduler->watched, 0))
		answer = core_scheduler_step_watched(scheduler, task);
	else
		answer = task->model->step(task);
	core_task_leave(scheduler);
	core_task_settle(task, answer);
}

/* Could the start of op by the task, whose loop it is, meet anything but the loop's own refusals? Of a
 * shelter nobody asks before a shutdown has refused it. */
static inline bool core_task_starts_plainly(const struct duet_task *task,
					    const struct duet_loop *loop, const struct duet_op *op)
{
	_Static_assert(STATE_IDLE == 0, "one look at the head tells");
	return core_task_is_plainly(task, DUET_TASK_RUNNING) &&
	       !(core_head(op) & CORE_HEAD(0, UINT8_MAX, DUET_MULTISHOT)) &&
	       task->deadline_ns == DUET_NO_DEADLINE && loop->deadline_ns == DUET_NO_DEADLINE;
}

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
