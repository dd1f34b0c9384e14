/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_COMBINATOR_H
#define DUET_COMBINATOR_H

#include <duet/api.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <duet/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What is done with operations and scopes time and again: all of them, the first of them, not longer
 * than that, and again until it works. Each is a scope: it ends when all that was started in it has
 * ended, it can be cancelled as one (duet_scope_cancel(&group.scope), or its parent, a deadline, the
 * shutdown), and nothing that came is lost. All memory is the caller's, lent until ended() is called;
 * nothing is allocated; every callback comes from a turn.
 */

/* ---- A group of operations: join, race, first. ---- */

struct duet_group;

typedef void duet_group_fn(struct duet_group *group);

/* One of the group. op is the caller's: idle, and said what it is to do. */
struct duet_branch {
	struct duet_op *op;

	/* The group's own. */
	struct duet_member member;
	struct duet_group *group;
	struct duet_branch *next;
	duet_done_fn *done; /* op's own, while the group stands in its place */
	void *context;
};

struct duet_group {
	/* Read by the caller. */
	struct duet_branch *winner; /* race, first: who completed; NULL in ended() if nobody did */
	struct duet_scope scope;    /* what the whole has come to: result, cause; and its context */

	/* The group's own. */
	duet_group_fn *won;
	duet_group_fn *ended;
	struct duet_branch *completed; /* and not told of yet, in the order of their ends */
	struct duet_branch *last;
	struct duet_message message;
	uint8_t wanted;   /* won() is to be called for the next */
	uint8_t deferred; /* `message` is under way */
	uint8_t over;     /* the scope has joined meanwhile */
};

/*
 * Starts all branches in a scope of their own, in parent or in none, and calls ended() when the last has
 * ended; join with the policy of the options (wait for all, the default, or fail fast). What became of
 * each stands in its op then, and its done(), if there is one, was called as usual. One whose start
 * is refused takes part as a failure: the refusal is its `result`, its disposition failed (untouched, if
 * others had already decided the matter), and its done() isn't called. options may be NULL: its
 * deadline, shield, cleanup budget and context are those of the scope.
 * 0; the errors of duet_scope_open(); -EINVAL (a policy that is not one of the two); -EBUSY (an op
 * is pending). On an error nothing was started.
 */
DUET_API int duet_join(struct duet_group *group, struct duet_loop *loop, struct duet_scope *parent,
		       const struct duet_scope_options *options, struct duet_branch *branches,
		       unsigned count, duet_group_fn *ended);

/*
 * The same, and the first that completes asks the others to end. It is the `winner`. A loser that
 * completed all the same has its effect like the winner, and hands it over: look at every op, and
 * close what they have made. -EINVAL also for no branches at all; `policy` isn't looked at.
 */
DUET_API int duet_race(struct duet_group *group, struct duet_loop *loop, struct duet_scope *parent,
		       const struct duet_scope_options *options, struct duet_branch *branches,
		       unsigned count, duet_group_fn *ended);

/*
 * A race that keeps the losers running: won() is called with the first that completed as `winner`,
 * and the others go on. duet_first_next() asks for the next; losers may also be waited for,
 * cancelled each by itself or all together, or abandoned. ended() is called when none is left, and
 * in place of a won() that nobody can bring any more.
 */
DUET_API int duet_first(struct duet_group *group, struct duet_loop *loop, struct duet_scope *parent,
			const struct duet_scope_options *options, struct duet_branch *branches,
			unsigned count, duet_group_fn *won, duet_group_fn *ended);

/* Calls won() again, in a turn, with the next that completes or has completed since. In won() or
 * after it, until ended(). */
DUET_API void duet_first_next(struct duet_group *group);

/* ---- Not longer than that. ---- */

/*
 * Ends op timeout_ns from now (see duet_loop_now_ns()) at the latest: as duet_op_deadline(), to be said
 * between what it is to do and start. An earlier deadline of its own stays.
 */
DUET_API void duet_op_within(struct duet_op *op, const struct duet_loop *loop, uint64_t timeout_ns);

/* The same for all that is in an open scope: see duet_scope_deadline(). */
DUET_API int duet_scope_within(struct duet_scope *scope, uint64_t timeout_ns);

/* ---- Again until it works. ---- */

struct duet_retry;

/*
 * One attempt: starts what it is in scope, which is its own, and returns 0; or an error, and what it
 * has started is asked to end. The attempt is over when the scope has joined, its cleanup included, and
 * has worked if the scope's result is 0. Don't join the scope: that is done behind this, and another
 * joined() is not called.
 */
typedef int duet_attempt_fn(struct duet_retry *retry, struct duet_scope *scope);

typedef void duet_retry_fn(struct duet_retry *retry);

struct duet_retry_options {
	uint32_t size;           /* sizeof(struct duet_retry_options), set by the init function */
	uint32_t attempts_max;   /* 0, the default: as many as there is time for */
	uint64_t deadline_ns;    /* absolute, for everything; one of these two must be set */
	uint64_t attempt_ns;     /* for each attempt; 0, the default: no bound of its own */
	uint64_t backoff_ns;     /* the pause behind the first failure, doubled behind each that
				    follows, up to ... Default 10^7 */
	uint64_t backoff_max_ns; /* ... this, not less than it. Default 10^9 */
	/* Is this error worth another attempt? NULL, the default: each is. */
	int (*again)(struct duet_retry *retry, int error);
	void *context; /* the caller's, copied to scope.context */
};

DUET_API void duet_retry_options_init(struct duet_retry_options *options);

struct duet_retry {
	/* Read by the caller. */
	int32_t result;    /* in ended(): 0, the error of the last attempt, or see below */
	uint32_t attempts; /* begun so far */
	struct duet_scope scope;

	/* Its own. */
	struct duet_retry_options options;
	duet_attempt_fn *attempt;
	duet_retry_fn *ended;
	int32_t refused; /* what the attempt returned */
	uint64_t backoff_ns;
	struct duet_scope trying;    /* the attempt's scope */
	struct duet_member body;     /* what has its say in the end of `scope`: the whole */
	struct duet_member refusal;  /* and in that of `trying`: what the attempt returned */
	struct duet_member pausing;
	struct duet_op pause;
	struct duet_message message;
};

/*
 * Attempts until one works, an error isn't worth another, attempts_max are done, or the whole is asked
 * to end: by its deadline, duet_scope_cancel(&retry->scope), its parent or a shutdown, which end an attempt
 * and a pause alike at once. Then `result` is -ETIMEDOUT or -ECANCELED; an attempt that worked all the
 * same has worked. The first attempt begins in the next turn. Failures on the way are no failures
 * of the parent's. 0; -EINVAL (options); the errors of duet_scope_open().
 */
DUET_API int duet_retry_start(struct duet_retry *retry, struct duet_loop *loop, struct duet_scope *parent,
			const struct duet_retry_options *options, duet_attempt_fn *attempt,
			duet_retry_fn *ended);

#ifdef __cplusplus
}
#endif

#endif
