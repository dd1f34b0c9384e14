/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_FUTURES_H
#define DUET_FUTURES_H

#include <duet/api.h>
#include <duet/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Several futures as one: all of them, the first of them, one after the other, not longer than that, and a
 * set that more may be added to.
 *
 * Each child has a waker of its own, so that of ten thousand only those are polled that were woken, in the
 * order of their wakes; and in one poll of the whole each at most once, and DUET_CHILD_POLLS_MAX in all: a
 * child that wakes itself keeps neither its siblings waiting nor the loop (as FuturesUnordered of futures-rs
 * bounds itself since J. Gjengset's report, and unicycle from the start). Memory is the caller's; nothing
 * is allocated. A combinator is ready when none of its children is under way any more: the losers of a race
 * and whom a failure stops are asked to finish their cancelling, and what became of each is in its future
 * (R12). What is ready again and again (a stream, a set) leaves with its first item, and goes on: ask it
 * yourself. Asked itself, the whole asks all. Ready, it isn't polled again (debug builds stop), where
 * nothing else is said.
 */
#define DUET_CHILD_POLLS_MAX 64

struct duet_children;

struct duet_child {
	/* The combinator's own, but for `future`, which the caller sets. First: a child is its waker. */
	struct duet_waker waker;
	struct duet_future *future;
	struct duet_children *children; /* NULL: it is in none */
	struct duet_child *woken_next;
	struct duet_child *next; /* of all, in the order in which they came */
	struct duet_child *prev;
	uint8_t woken; /* asleep, in line to be polled, polled, and woken meanwhile */
	uint8_t asked; /* it is polled by poll_cancel() */
};

/* What the combinators have in common. */
struct duet_children {
	struct duet_waker *waker; /* who is woken; NULL while nobody waits */
	struct duet_child *woken;
	struct duet_child *woken_last;
	struct duet_child *first;
	struct duet_child *last;
	uint32_t count;  /* that are not ready */
	uint64_t polls;  /* of children, so far */
};

/* Asks one child to finish its cancelling; the others go on. On the loop's thread; nothing happens if it
 * has ended. */
DUET_API void duet_child_cancel(struct duet_child *child);

/* ---- All of them. ---- */

/*
 * Ready when all are; `result` is 0, or the first failure, or, if none has failed but some were stopped by
 * a request, -ECANCELED (-ETIMEDOUT): as that of a scope. try-join: the first failure asks the others.
 * No children at all: 0.
 */
struct duet_join_future {
	struct duet_future future;
	struct duet_children children;
	int32_t failure;
	int32_t stopped;
	uint8_t fails_fast;
};

/* children is an array whose `future` fields are set. 0, or -EBUSY: a future is awaited by somebody, and
 * none was taken. */
DUET_API int duet_join_future_init(struct duet_join_future *join, struct duet_child *children,
				   uint32_t count);
DUET_API int duet_try_join_future_init(struct duet_join_future *join, struct duet_child *children,
				       uint32_t count);

/* ---- The first of them. ---- */

/*
 * race: the first that completes (result 0 and more) wins; failures are passed over, and if all fail
 * `result` is the last one's. select: the first that ends wins, however. The `winner` asks the others to
 * finish their cancelling, and the whole is ready when they have, with the winner's result. A loser that
 * completed all the same has its effect, and hands it over: look at every future.
 * With `keeps` set before the first poll it is ready as soon as there is a winner, and the losers go on: poll
 * it again to learn that they have ended, each by itself, or poll_cancel() it; until then it is pending.
 */
struct duet_race_future {
	struct duet_future future;
	struct duet_children children;
	struct duet_child *members; /* the caller's array */
	int32_t winner;             /* index into that; -1: none yet, or none at all */
	int32_t last;               /* for a race without winner */
	uint8_t takes_any;
	uint8_t keeps;
	uint8_t told; /* of the winner */
};

/* As for a join; -EINVAL for no children. */
DUET_API int duet_race_future_init(struct duet_race_future *race, struct duet_child *children,
				   uint32_t count);
DUET_API int duet_select_future_init(struct duet_race_future *race, struct duet_child *children,
				     uint32_t count);

/* ---- One after the other. ---- */

/*
 * When the current one is ready next() is asked what follows, with its result: another future, which was not
 * polled yet, or NULL: then the whole is ready, with this result. It is asked also when the whole is asked to
 * end: what is cold ends at once then, and a shield is carried out: the place for cleanup. After
 * DUET_THEN_STEPS_MAX without waiting it is the others' turn.
 */
#define DUET_THEN_STEPS_MAX 16

struct duet_then_future {
	struct duet_future future;
	struct duet_future *current;
	struct duet_future *(*next)(struct duet_then_future *then, int32_t result);
};

/* 0, or -EBUSY. */
DUET_API int duet_then_future_init(struct duet_then_future *then, struct duet_future *first,
				   struct duet_future *(*next)(struct duet_then_future *then,
							       int32_t result));

/* ---- Not longer than that. ---- */

/*
 * timeout: ends inner timeout_ns after the first poll at the latest, by poll_cancel(); `expired` says so.
 * `result` is inner's, so also what came until then; -ETIMEDOUT if it was stopped by that with no effect.
 * Ahead of that the deadline of the task ends it, also where inner is no operation.
 * shield: a request to end doesn't come in to inner, which has budget_ns (1 to 10^12) from its first poll on,
 * also if it was asked before that; neither do the deadline of the task and the loop's shutdown. Polled by
 * hand, from no task, it is a timeout that isn't asked.
 * Both have a timer beside inner, and are ready when it has given its memory back, too.
 */
struct duet_limit_future {
	struct duet_future future;
	struct duet_future *inner;
	struct duet_op_future timer; /* one that can't be started is over at once */
	uint64_t limit_ns;
	uint64_t end_ns;
	uint8_t shields;
	uint8_t expired;
	uint8_t over; /* inner is ready */
};

/* 0, -EINVAL (out of range), -EBUSY. */
DUET_API int duet_timeout_future_init(struct duet_limit_future *limit, struct duet_future *inner,
				      uint64_t timeout_ns);
DUET_API int duet_shield_future_init(struct duet_limit_future *shield, struct duet_future *inner,
				     uint64_t budget_ns);

/* ---- A set. ---- */

/*
 * Futures that come and go, as FuturesUnordered, or a JoinSet of tokio's. Ready: a child has ended and left
 * the set; it is `ended`, and its result is the set's. It is polled again for the next. Ready with `ended`
 * NULL: there are none. Children may be added at any time, also from inside a poll. Asked to finish its
 * cancelling it is ready when the last child has ended; duet_future_set_cancel() asks them all without
 * waiting, so that each can still be had by further polls.
 */
struct duet_future_set {
	struct duet_future future;
	struct duet_children children;
	struct duet_child *ended;
};

DUET_API void duet_future_set_init(struct duet_future_set *set);
/* 0, or -EBUSY: the future is awaited. child is in no combinator; both are lent until it has ended. */
DUET_API int duet_future_set_add(struct duet_future_set *set, struct duet_child *child,
				 struct duet_future *future);
/* A poll: the child that has ended; NULL: none yet, and context's waker is woken when one may have; or none
 * is left (children.count is 0). */
DUET_API struct duet_child *duet_future_set_next(struct duet_future_set *set,
						 struct duet_context *context);
DUET_API void duet_future_set_cancel(struct duet_future_set *set);

#ifdef __cplusplus
}
#endif

#endif
