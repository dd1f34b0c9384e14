/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_FUTURE_H
#define CORE_TASKS_FUTURE_H

#include <duet/future.h>
#include <duet/scheduler.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/loop.h"
#include "core/mutant.h"
#include "core/operation.h"
#include "core/scope.h"

/* What futures have in common. */

/* Wakes who waits, once. */
static inline void core_waker_take(struct duet_waker **place)
{
	struct duet_waker *waker = *place;

	*place = NULL;
	if (waker)
		duet_waker_wake(waker);
}

/* Shares in a waker that ends are void from here on. */
static inline void core_waker_end(struct duet_scheduler *scheduler, struct duet_waker *waker)
{
	if (__builtin_expect(waker->shared != 0, 0) && !MUTANT(share_outlives_its_task))
		duet_waker_unshare(scheduler, waker);
}

/* A poll of who was asked to end, or of who wasn't. */
static inline enum duet_readiness core_future_ask(struct duet_future *future,
						  struct duet_context *context, bool asked)
{
	return asked ? duet_future_poll_cancel(future, context) : duet_future_poll(future, context);
}

/* The outcome of an operation that was given up before its start. */
static inline void core_op_stop(struct duet_op *op, enum duet_cause cause)
{
	core_op_refuse(op, cause == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED, cause);
}

/* Is op that of a future which began in a shield? No request comes in there. */
bool core_future_shelters(const struct duet_op *op);

/* It begins, with an operation that ends in one of these, or in that of <duet/future.h>: does it so in a
 * shield? */
void core_future_shelter(struct duet_future *future, const struct duet_context *context);
void core_stream_done(struct duet_op *op);
void core_readiness_done(struct duet_op *op);

/* Why a poll_cancel() asks: as the task that polls was asked, or because a combinator wants it so. */
enum duet_cause core_future_cause(const struct duet_context *context);

/* What a future ends with because it was asked to. */
static inline bool core_is_stop(int32_t result)
{
	return result == -ECANCELED || result == -ETIMEDOUT;
}

/* What debug builds say before they stop. */
void core_abort_future(const struct duet_future *future, const char *what)
	__attribute__((noreturn));

/* A poll of what is ready, where that has no meaning: the same again. */
static inline enum duet_readiness core_future_again(const struct duet_future *future)
{
#ifdef DUET_DEBUG
	core_abort_future(future, "is ready, and was polled again: take its result instead");
#else
	(void)future;
#endif
	return DUET_READY;
}

#endif
