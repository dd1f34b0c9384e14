/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_FUTURE_H
#define DUET_FUTURE_H

#include <duet/api.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <duet/task.h>
#include <duet/waker.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Be woken and ask again: the Rust way.
 *
 * A future is what may be asked whether it is ready. A poll answers ready, with a result; or pending, and
 * then the waker given with this poll, and only the one given last, is woken as soon as asking again may
 * say more. Futures are cold: nothing happens before the first poll. They are the caller's memory and
 * stay where they are from the first poll that says pending to the one that says ready.
 *
 *	       poll: ready
 *	cold ----------------------------------> ready
 *	  |  poll: pending                         ^
 *	  +---------------> pending ---------------+
 *	                       poll, or poll_cancel: ready
 *
 * What is pending can't be dropped: the kernel may still write to its memory. It is asked to finish its
 * cancelling instead: poll_cancel() is a poll, too, and is ready when nothing of the future is under way
 * any more. Then `result` says what became of it, and what came anyway is handed over (R3): bytes, handles,
 * an effect. A cold future that is asked has never begun, and is ready at once with -ECANCELED, or with
 * -ETIMEDOUT where it is an operation, and it was time that asked its task; one that is ready stays so.
 * The idea is that of poll_drop_ready (withoutboats, Rust RFC 2958, 2020) and of poll_cancel (tvalloton,
 * "Add poll_cancel to Future", 2022; E. Holk, "A mechanism for async cancellation", 2023), and what makes
 * it necessary over completions is in S. Jewson, "Async destructors, async genericity and completion
 * futures" (2022), and was found before by the crates iou and ringbahn.
 *
 * After poll_cancel() has been called every further poll goes on with that: the request is
 * level-triggered, as that of a task.
 */
struct duet_future;

/* Who asks, and what with. */
struct duet_context {
	struct duet_scheduler *scheduler; /* NULL: polled by hand, from no task */
	struct duet_loop *loop;
	struct duet_waker *waker; /* there until the future is ready, or polled with another */
};

/* How a future is carried out: for who writes one. Both functions keep `state`, by ending in
 * duet_future_is_pending() or duet_future_is_ready(). */
struct duet_future_table {
	const char *name; /* for people */
	enum duet_readiness (*poll)(struct duet_future *future, struct duet_context *context);
	enum duet_readiness (*poll_cancel)(struct duet_future *future, struct duet_context *context);
};

enum duet_future_state {
	DUET_FUTURE_COLD,    /* the caller's. -> PENDING, READY */
	DUET_FUTURE_PENDING, /* something of it may be under way; lent. -> READY */
	DUET_FUTURE_READY,   /* the caller's; result is set */
};

/* What all futures begin with. */
struct duet_future {
	const struct duet_future_table *table;
	int32_t result;    /* of one that is ready: 0 and more, or a negative error */
	uint8_t state;     /* enum duet_future_state */
	uint8_t awaited;   /* somebody has it: see duet_future_claim() */
	uint8_t asked;     /* poll_cancel() was called */
	uint8_t sheltered; /* what it has under way was started in a shield */
};

static inline void duet_future_init(struct duet_future *future,
				    const struct duet_future_table *table)
{
	future->table = table;
	future->result = 0;
	future->state = DUET_FUTURE_COLD;
	future->awaited = future->asked = future->sheltered = 0;
}

static inline enum duet_readiness duet_future_poll(struct duet_future *future,
						   struct duet_context *context)
{
	return future->table->poll(future, context);
}

static inline enum duet_readiness duet_future_poll_cancel(struct duet_future *future,
							  struct duet_context *context)
{
	return future->table->poll_cancel(future, context);
}

/* What a poll returns. */
static inline enum duet_readiness duet_future_is_pending(struct duet_future *future)
{
	future->state = DUET_FUTURE_PENDING;
	return DUET_PENDING;
}

static inline enum duet_readiness duet_future_is_ready(struct duet_future *future, int32_t result)
{
	future->result = result;
	future->state = DUET_FUTURE_READY;
	return DUET_READY;
}

/* The memory is to be used for something else: 0, or -EBUSY if it is pending: then it is lent. Debug
 * builds stop there. */
DUET_API int duet_future_drop(const struct duet_future *future);

/* Takes it upon oneself to poll a future: one at a time does. 0, or -EBUSY: somebody has it (debug builds
 * stop). Tasks, DUET_AWAIT_FUTURE() and combinators do this, and release what is ready. */
DUET_API int duet_future_claim(struct duet_future *future);
DUET_API void duet_future_release(struct duet_future *future);

/* ---- An operation. ---- */

/*
 * Any operation as a future. Initialise, say what the operation is to do (duet_op_recv(&future.op, ...)),
 * poll; the first poll starts it. Ready: what became of it is in op, and its result in `result`; polled
 * again it says the same, and can be used again from duet_op_future_reset(), which leaves one that is
 * pending as it is (debug builds stop there). One that cannot start is ready
 * at once with what duet_op_start() answered; a multishot operation has many results and is refused
 * with -EINVAL: duet_stream is for those. A task's deadline, and its shield, hold for what is started in its
 * steps, and the cause of a request to its task is that of the operation's; who asks of himself, as a race
 * does, says cancel. To cancel the operation itself and to poll on is the same as poll_cancel().
 */
struct duet_op_future {
	struct duet_future future;
	struct duet_op op;
	struct duet_waker *waker; /* who is woken; NULL while nobody waits */
};

DUET_API void duet_op_future_init(struct duet_op_future *future);
DUET_API void duet_op_future_reset(struct duet_op_future *future);
/* duet_future_poll() of one that is known to be this. */
DUET_API enum duet_readiness duet_op_future_poll(struct duet_op_future *future,
						 struct duet_context *context);

/* A timer: ready with 0 when the clock reaches due_ns, never earlier. */
DUET_API void duet_timer_future_init(struct duet_op_future *future, uint64_t due_ns);

/* ---- Futures without I/O. ---- */

/* Ready at the first poll, and at every other. */
DUET_API void duet_ready_future_init(struct duet_future *future, int32_t result);
/* Never ready, unless asked: -ECANCELED. */
DUET_API void duet_never_future_init(struct duet_future *future);

/* Ready when it is told so, on the loop's thread, from wherever: a callback, another task. No operation
 * waits for it, so that no deadline reaches it: see duet_timeout_future_init() in <duet/futures.h>. Told
 * twice it keeps the first result. Used again after duet_event_future_init(). */
struct duet_event_future {
	struct duet_future future;
	struct duet_waker *waker;
	int32_t told; /* the result */
	uint8_t set;
};

DUET_API void duet_event_future_init(struct duet_event_future *event);
DUET_API void duet_event_future_set(struct duet_event_future *event, int32_t result);

/* ---- A task. ---- */

/*
 * A task whose top is a future: a step is a poll of it, and its result is the task's. Asked to end it is
 * polled by poll_cancel() instead, from then on; if it was stopped by that the result is -ECANCELED or
 * -ETIMEDOUT, as the request has it. What isn't asked stands in duet_shield_future_init(). -EBUSY: somebody
 * else has the future.
 */
struct duet_future_task {
	struct duet_task task;
	struct duet_future *top;
};

/* Before spawn. top is lent until the task has ended. */
DUET_API void duet_future_task_init(struct duet_future_task *task, struct duet_future *top);

/* For models: one poll of a future by a task that runs, as above: what it is asked, what it results in. */
DUET_API enum duet_readiness duet_task_poll(struct duet_task *task, struct duet_future *future);

#ifdef __cplusplus
}
#endif

#endif
