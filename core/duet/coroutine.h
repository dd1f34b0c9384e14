/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_COROUTINE_H
#define DUET_COROUTINE_H

#include <duet/api.h>
#include <duet/future.h>
#include <duet/scheduler.h>
#include <duet/task.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Stackless coroutines: straight-line C that waits in the middle.
 *
 *	struct greeting {
 *		struct duet_coroutine coroutine;	(first)
 *		struct duet_op op;			(whatever is to be there after a wait)
 *		duet_handle peer;
 *		char text[16];
 *	};
 *
 *	static DUET_COROUTINE(greet)
 *	{
 *		DUET_BEGIN(struct greeting, self);
 *		duet_op_recv(&self->op, self->peer, self->text, sizeof(self->text), 0);
 *		DUET_AWAIT(&self->op);
 *		if (DUET_RESULT < 0)
 *			DUET_RETURN(DUET_RESULT);
 *		duet_op_send(&self->op, self->peer, self->text, (size_t)DUET_RESULT, DUET_WHOLE);
 *		DUET_AWAIT(&self->op);
 *		DUET_FINALLY(1000000000);
 *		duet_op_close(&self->op, self->peer);
 *		DUET_AWAIT(&self->op);
 *		DUET_END_FINALLY;
 *	}
 *
 * A coroutine is a function of this form and a frame: the caller's struct, of a size that the compiler
 * knows, placed anywhere, lent while it runs; <duet/frame.h> has places for those without one. Variables
 * of the function itself don't outlive a wait; what is to do so stands in the frame. It may wait for
 * operations, call other coroutines to any depth (the C stack doesn't grow: as the symmetric transfer of
 * C++20), and return a value. A wait may stand in a loop, an if, a switch; not inside a declaration's
 * initialiser, nor inside a statement expression.
 * Needs labels as values, as gcc and clang have them; only the body does: a C++ program may
 * start and join coroutines, and writes its own with <duet/coroutine.hpp>.
 */
struct duet_coroutine;

/* A step: gives the coroutine that goes on in this one's place, NULL if the task waits or has ended. */
typedef struct duet_coroutine *duet_coroutine_fn(struct duet_coroutine *duet_coroutine);

/* A place where a coroutine goes on. */
struct duet_point {
	struct duet_site site;
	void *label;
};

struct duet_coroutine {
	const struct duet_point *point; /* NULL: at its beginning */
	duet_coroutine_fn *body;
	struct duet_coroutine *caller; /* NULL: the task's first */
	struct duet_task *task;
	uint64_t outer_ns;  /* of the shield around its finally section */
	int32_t result;     /* of the last wait, or what the last called coroutine returned */
	int32_t value;      /* what it returns itself; 0 if it doesn't say */
	uint8_t finishing;  /* in its finally section */
	uint8_t suspended;  /* by the future that it awaits */
};

/* A task whose steps are those of a coroutine, and of what that calls. */
struct duet_coroutine_task {
	struct duet_task task;
	struct duet_coroutine *top; /* who goes on; NULL: it has ended */
};

/* The frame, before each call or spawn. What else stands in it is the caller's business. */
static inline void duet_coroutine_init(struct duet_coroutine *coroutine, duet_coroutine_fn *body)
{
	coroutine->point = NULL;
	coroutine->body = body;
	coroutine->value = 0;
	coroutine->finishing = 0;
}

/* Before spawn: `top` is an initialised frame. If that is under way the task ends with -EBUSY, and debug
 * builds stop here. */
DUET_API void duet_coroutine_task_init(struct duet_coroutine_task *task,
				       struct duet_coroutine *top);

/* ---- In a body. ---- */

/* The addresses of its labels are good in the one copy of it alone. */
#ifdef __clang__
#define DUET_COROUTINE_ATTRIBUTES __attribute__((noinline))
#else
#define DUET_COROUTINE_ATTRIBUTES __attribute__((noinline, noclone))
#endif

#define DUET_COROUTINE(name)                                                                       \
	DUET_COROUTINE_ATTRIBUTES struct duet_coroutine *name(                                     \
		struct duet_coroutine *duet_coroutine)

/* Gives the frame its name; goes on where it has waited. Clang takes no jump without a label whose address
 * was asked for, and a body that never waits has none of its own. */
#define DUET_BEGIN(type, self)                                                                     \
	type *const self = (type *)(void *)duet_coroutine;                                         \
	_Static_assert(offsetof(type, coroutine) == 0, "a frame begins with its coroutine");       \
	/* Also in a body without a wait there is a label whose address is taken. */               \
	static const void *const duet_first __attribute__((unused)) = __extension__ &&duet_begin;  \
	if (duet_coroutine->point)                                                                 \
	__extension__({ goto *duet_coroutine->point->label; });                                    \
	duet_begin:                                                                                \
	__attribute__((unused))

/* The result of the last wait, or what the last call returned. */
#define DUET_RESULT (duet_coroutine->result)

/* A label of its own for each place. */
#define DUET_LABEL_JOIN(number) duet_here_##number
#define DUET_LABEL(number) DUET_LABEL_JOIN(number)

/* From here the next step goes on at `label`. */
#define DUET_POINT_AT(label)                                                                       \
	static const struct duet_point duet_point = {{__FILE__, __LINE__}, __extension__ &&label}; \
	duet_coroutine->point = &duet_point

/* Suspends if `wait` says 0, and goes on behind it. */
#define DUET_SUSPEND_UNLESS(wait) DUET_SUSPEND_UNLESS_AT(DUET_LABEL(__COUNTER__), wait)
#define DUET_SUSPEND_UNLESS_AT(label, wait)                                                        \
	do {                                                                                       \
		DUET_POINT_AT(label);                                                              \
		if (!(wait))                                                                       \
			return NULL;                                                               \
	label:;                                                                                    \
	} while (0)

/* Waits for an operation that has been told what it is to do. Its outcome is in it; DUET_RESULT is its
 * result, or the refusal: see duet_task_await(). */
#define DUET_AWAIT(op) DUET_SUSPEND_UNLESS(duet_coroutine_await(duet_coroutine, op))

/* Waits for a future; DUET_RESULT is its result. Asked to end, the task polls it by poll_cancel() until it is
 * ready: see duet_task_poll(). `future` is evaluated at each poll. -EBUSY: somebody else awaits it. */
#define DUET_AWAIT_FUTURE(future) DUET_AWAIT_FUTURE_AT(DUET_LABEL(__COUNTER__), future)
#define DUET_AWAIT_FUTURE_AT(label, future)                                                        \
	do {                                                                                       \
		{                                                                                  \
			DUET_POINT_AT(label);                                                      \
			if (!duet_coroutine_claim(duet_coroutine, future))                         \
				break;                                                             \
		label:                                                                             \
			if (!duet_coroutine_poll(duet_coroutine, future))                          \
				return NULL;                                                       \
		}                                                                                  \
		DUET_SUSPEND_UNLESS(duet_coroutine_may_go_on(duet_coroutine));                     \
	} while (0)

/* Lets those in line have their turn. */
#define DUET_YIELD() DUET_SUSPEND_UNLESS((duet_task_yield(duet_coroutine->task), 0))

/* Calls another coroutine, whose frame was initialised; DUET_RESULT is what it returned. -EBUSY: its frame is
 * under way, in a call further up or in another task; debug builds stop there. */
#define DUET_CALL(callee) DUET_CALL_AT(DUET_LABEL(__COUNTER__), callee)
#define DUET_CALL_AT(label, callee)                                                                \
	do {                                                                                       \
		DUET_POINT_AT(label);                                                              \
		return duet_coroutine_enter(duet_coroutine, callee);                               \
	label:;                                                                                    \
	} while (0)

/* Ends the coroutine, through its finally section. To say it there is misuse: debug builds stop, others
 * end the coroutine at once with this value, and the rest of the section isn't done. */
#define DUET_RETURN(returned)                                                                      \
	do {                                                                                       \
		duet_coroutine->value = (returned);                                                \
		if (__builtin_expect(duet_coroutine->finishing, 0))                                \
			return duet_coroutine_break(duet_coroutine);                               \
		goto duet_finally;                                                                 \
	} while (0)

/* What is done on every way out, whatever was asked: shielded, and with budget_ns for all of it. */
#define DUET_FINALLY(budget_ns)                                                                    \
	duet_finally:                                                                              \
	__attribute__((unused));                                                                   \
	duet_coroutine_finally(duet_coroutine, budget_ns)

#define DUET_END_FINALLY return duet_coroutine_leave(duet_coroutine)

#define DUET_END                                                                                   \
	duet_finally:                                                                              \
	__attribute__((unused));                                                                   \
	return duet_coroutine_leave(duet_coroutine)

/* ---- What the macros call. ---- */

DUET_API int duet_coroutine_start(struct duet_coroutine *coroutine, struct duet_op *op);
DUET_API int duet_coroutine_go_on(struct duet_coroutine *coroutine, struct duet_op *op, int answer);

/* In two parts, of which the usual wait needs the first alone. 0: it waits. */
static inline int duet_coroutine_await(struct duet_coroutine *coroutine, struct duet_op *op)
{
	int answer = duet_coroutine_start(coroutine, op);

	return answer ? duet_coroutine_go_on(coroutine, op, answer) : 0;
}

DUET_API struct duet_coroutine *duet_coroutine_refuse(struct duet_coroutine *caller,
						      const struct duet_coroutine *callee);

static inline struct duet_coroutine *duet_coroutine_enter(struct duet_coroutine *caller,
							  struct duet_coroutine *callee)
{
	if (__builtin_expect(callee->point != NULL, 0))
		return duet_coroutine_refuse(caller, callee);
	callee->caller = caller;
	callee->task = caller->task;
	((struct duet_coroutine_task *)(void *)caller->task)->top = callee;
	return callee;
}

static inline int duet_coroutine_claim(struct duet_coroutine *coroutine, struct duet_future *future)
{
	coroutine->suspended = 0;
	coroutine->result = duet_future_claim(future);
	return coroutine->result == 0;
}

DUET_API int duet_coroutine_poll(struct duet_coroutine *coroutine, struct duet_future *future);
DUET_API int duet_coroutine_take(struct duet_coroutine *coroutine);

/* A result that was there at once is one that the step takes without suspending. */
static inline int duet_coroutine_may_go_on(struct duet_coroutine *coroutine)
{
	return coroutine->suspended ? 1 : duet_coroutine_take(coroutine);
}

DUET_API void duet_coroutine_finally(struct duet_coroutine *coroutine, uint64_t budget_ns);
DUET_API struct duet_coroutine *duet_coroutine_leave(struct duet_coroutine *coroutine);
DUET_API struct duet_coroutine *duet_coroutine_break(struct duet_coroutine *coroutine);

#ifdef __cplusplus
}
#endif

#endif
