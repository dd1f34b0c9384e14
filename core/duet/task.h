/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_TASK_H
#define DUET_TASK_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/scope.h>
#include <duet/site.h>
#include <duet/waker.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_scheduler;
struct duet_task;

/*
 * A task: one of many things that a program does on the thread of one loop, in steps between which it
 * waits. What all programming models have in common is here; how a step is written is the model's:
 * <duet/coroutine.h>, <duet/future.h>, <duet/fiber.h>, <duet/actor.h>.
 *
 *	        spawn              its turn comes             its operation is pending
 *	idle ---------> runnable ------------------> running --------------------------> waiting
 *	  ^              ^    ^                       | | |  ^                               |
 *	  |              |    |  gives up its turn    | | |  |         its operation ended   |
 *	  |              |    +-----------------------+ | |  +-------------------------------+
 *	  |              |   woken                      | |  asks again when it is woken
 *	  |              +------------- parked <--------|-+
 *	  +---------------------------------------------+  it has ended
 *
 * The memory is the caller's, lent from a spawn that returned 0 to ended(). Nothing is allocated. A
 * task is a member of the scope that it was spawned in: the scope doesn't end before it, a request to
 * end that reaches the scope reaches the task, and its failure is the scope's to judge. The task has no
 * scope of its own; one that spawns others opens one, and joins it before it ends.
 *
 * What a task waits for is an operation, of whatever kind, or its waker. A request to end reaches it
 * where it waits: the operation is asked to end, and what became of it is what the task is given; or it
 * is woken. From then on every further wait fails at its entry, as every start in the scope does
 * (level-triggered), but in a shield: see duet_task_shield().
 */
enum duet_task_state {
	DUET_TASK_IDLE,     /* the caller's */
	DUET_TASK_RUNNABLE, /* in the scheduler's line */
	DUET_TASK_RUNNING,
	DUET_TASK_WAITING, /* for an operation, whose end is its next step; its waker does nothing */
	DUET_TASK_PARKED,  /* until its waker is woken */
	DUET_TASK_LINGERING, /* it is over, and scopes that it has opened are not */
	DUET_TASK_STATE_COUNT
};

/* How the steps of a task are carried out. */
struct duet_task_model {
	const char *name; /* "coroutine", "future" ... */
	/* One step: ready if the task has ended, its result set; pending if it waits. Asked to end, it
	 * sees to it that what it has under way ends: duet_task_check(). */
	enum duet_readiness (*step)(struct duet_task *task);
	/* 1: a step leaves in task->site where it waits; its file name is there as long as the program. */
	uint8_t sites;
};

struct duet_task {
	/* First: a task is its waker. Woken it is in the scheduler's line, once, however often. */
	struct duet_waker waker;

	/* Read by the caller in ended(), and after it. */
	int32_t result; /* 0 and more, or a negative error */
	uint8_t state;  /* enum duet_task_state; only for debuggers */
	uint8_t asked;  /* enum duet_cause of the first request to end; itself: none has come */
	uint16_t shields; /* that it is in; only for debuggers */

	/* Set by the caller between duet_task_init() and spawn. */
	const char *name;                      /* for people; lent as long as the task */
	void (*ended)(struct duet_task *task); /* the memory is the caller's again; or NULL */
	/* Absolute, on the loop's clock. Every operation that a step starts inherits it, and the earliest
	 * wins. The task itself may set it, for the waits that follow. A future that stands for no
	 * operation knows none: duet_timeout_future_init() gives it one. */
	uint64_t deadline_ns;

	/* The scheduler's and the model's own. */
	uint8_t again;     /* woken while it ran */
	uint8_t sheltered; /* its scope was a shelter when it was spawned: see <duet/scope.h> */
	uint32_t inline_left; /* results that this step may still take without suspending */
	const struct duet_task_model *model;
	struct duet_scheduler *scheduler;
	struct duet_task *next;     /* in line */
	struct duet_op *waiting;    /* what it waits for, or has just waited for; NULL */
	const struct duet_site *site; /* where it waits, or has waited last; NULL */
	uint64_t shield_ns;         /* the deadline of its shield */
	struct duet_op *joiners;    /* operations that wait for its end */
	struct duet_scope *scopes;  /* opened by it, the newest first */
	struct duet_member member;  /* its place in its scope */
};

/* For models. Makes an idle task of any memory: no name, no deadline, ended() NULL. */
DUET_API void duet_task_init(struct duet_task *task, const struct duet_task_model *model);

/*
 * Spawns a task: its first step comes in a turn, never from inside this call. On the loop's thread.
 * scope may be NULL: then nobody waits for its end, and what asks it to end is duet_task_cancel() and
 * what ends its operations. 0; -EBUSY (not idle); -EINVAL (the scope is another loop's); the errors of
 * duet_scope_enter(); without a scope -ESHUTDOWN (the loop is shutting down): then it never began.
 */
DUET_API int duet_task_spawn(struct duet_scheduler *scheduler, struct duet_scope *scope,
			     struct duet_task *task);

/*
 * Opens a scope for what the task that runs spawns: a child of the task's own scope, which hears of every
 * request to end that reaches the task, unless its options make it a shield; in a shield one into which
 * none comes, with the shield's time.
 * It is to be joined before the task ends; if it isn't, debug builds stop there, and the others ask all
 * in it to end, and wait: the task ends after that, with -EBUSY. The errors of duet_scope_open();
 * -ECANCELED or -ETIMEDOUT also where the task alone was asked to end.
 */
DUET_API int duet_task_scope_open(struct duet_task *task, struct duet_scope *scope,
				  const struct duet_scope_options *options);

/* Requests the end of one task, on the loop's thread. Repeatable, at any time; an idle task hears
 * nothing. */
DUET_API void duet_task_cancel(struct duet_task *task);

/* The checkpoint: 0, or -ECANCELED or -ETIMEDOUT if the task was asked to end. Shields hold. */
DUET_API int duet_task_check(const struct duet_task *task);

/*
 * What follows is cleanup: until duet_task_unshield() requests don't come in, and nothing takes longer
 * than budget_ns from now (1 to 10^12), whatever the deadline of the task. Gives what unshield is to be
 * given: shields nest, and the earlier end of two counts. Only for the task that runs. Who parks after
 * a shield in which a request came is stepped once more, to find it. From elsewhere, and an unshield
 * without a shield: nothing happens; debug builds stop there.
 */
DUET_API uint64_t duet_task_shield(struct duet_task *task, uint64_t budget_ns);
DUET_API void duet_task_unshield(struct duet_task *task, uint64_t outer_ns);

/* ---- For models. ---- */

/*
 * The task that runs is to wait for op: 1 if there is nothing to wait for (its result is there, it
 * was refused, or the task was asked to end), 0 if the step is to return pending: the next step comes
 * when op has ended. The outcome is in op, and in *result, which is op's result, or the refusal: -EBUSY
 * where op is pending already, of which nothing is touched then; -EINVAL for a multishot (see
 * duet_stream); -ECANCELED, -ETIMEDOUT. done and context of op are the task's until then. Said a second
 * time in a step that waits already it is 0, and *result is -EBUSY; debug builds stop there.
 */
DUET_API int duet_task_await(struct duet_task *task, struct duet_op *op, int32_t *result);

/*
 * What the parked task waits for has come, and is no operation of its own: its next step is now,
 * inside this call, as the end of an operation would resume it. Only from a turn of the loop, and the
 * last that its caller does: the step may end the task. From inside another step it is a wake; a task in
 * any other state hears nothing.
 */
DUET_API void duet_task_resume(struct duet_task *task);

/* The task gives up its turn: the step is to return pending, and the next comes when those in line
 * have had theirs. */
DUET_API void duet_task_yield(struct duet_task *task);

#ifdef __cplusplus
}
#endif

#endif
