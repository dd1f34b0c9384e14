/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SCOPE_H
#define DUET_SCOPE_H

#include <duet/api.h>
#include <duet/loop.h>
#include <duet/operation.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_scope;
struct duet_member;
struct duet_task;

/*
 * A scope: the parent of operations, tasks and other scopes, which does not end before they have.
 *
 * Its memory is the caller's, anywhere, and is the loop's from duet_scope_open() to the call of
 * joined(). Members come in (start, enter, a child's open), and leave when they end. A request to end
 * goes down to all members; what went wrong comes up by policy. joined() is called once, on the loop's
 * thread, in a turn: then nothing that was started in the scope is alive, all that was registered for
 * its end has been done, and the memory is the caller's again.
 *
 *	    open                 join                 the last member ends
 *	idle ----> open --------------------> joining ---------------------> cleaning ----> ended
 *	            |                            |                              ^
 *	            | cancel, deadline, parent   | the same                     |
 *	            v              join          v      the last member ends    |
 *	          asked ---------------------> leaving -------------------------+
 *
 * A request is level-triggered: from then on every start in the scope fails at its entry, without
 * touching the kernel, until the scope is over. Structured concurrency as of Trio's nurseries and
 * cancel scopes (N. J. Smith, "Timeouts and cancellation for humans", 2018).
 */

/* What the end of one member means for the others. */
enum duet_policy {
	DUET_WAIT_ALL,  /* nothing; `result` is the first failure */
	DUET_FAIL_FAST, /* the first failure asks the others to end */
	DUET_RACE,      /* the first that completes asks the others to end; each has its own outcome */
	DUET_FIRST,     /* as a race that is told at once by first(); the others go on */
	DUET_POLICY_COUNT
};

typedef void duet_scope_fn(struct duet_scope *scope);

struct duet_scope_options {
	uint32_t size;              /* sizeof(struct duet_scope_options), set by the init function */
	uint32_t policy;            /* enum duet_policy; default DUET_WAIT_ALL */
	uint64_t deadline_ns;       /* absolute; asks all to end, with cause deadline */
	uint64_t cleanup_budget_ns; /* for all steps of the cleanup together, 1 to 10^12; default 10^9 */
	uint32_t shield;            /* 1: requests from outside don't come in. Needs a deadline */
	duet_scope_fn *first;       /* DUET_FIRST: called once, in a turn, when `winner` is known */
	void *context;              /* the caller's, copied to the scope */
};

DUET_API void duet_scope_options_init(struct duet_scope_options *options);

/*
 * A member's place in its scope. The caller's memory, beside what it stands for (in the same struct,
 * as a rule), lent from duet_scope_start() or _enter() until the end of the member. Zero is idle.
 */
struct duet_member {
	/* The scope's own: touching it is a bug. */
	struct duet_member *next;
	struct duet_member *prev;
	struct duet_scope *scope;
	void (*ask)(struct duet_member *member, enum duet_cause cause);
	union {
		struct duet_op *op;
		struct duet_scope *child;
	};
	duet_done_fn *done; /* an operation's own, while the scope stands in its place */
	void *context;
};

/* A step of the cleanup: see duet_scope_defer(). */
struct duet_cleanup {
	void (*run)(struct duet_scope *scope, struct duet_cleanup *cleanup);
	struct duet_cleanup *next; /* the scope's */
};

struct duet_scope {
	/* Read by the caller. */
	int32_t result;             /* 0, or the error that the policy names; see duet_scope_join() */
	uint8_t cause;              /* enum duet_cause: why it was asked to end; itself if it was not */
	uint8_t state;              /* the scope's; only for debuggers */
	uint8_t overran;            /* 1: the cleanup took longer than its budget */
	uint8_t policy;
	struct duet_member *winner; /* race, first: who completed first, or NULL; of a child scope it
				       is the address of its `member` */
	struct duet_loop *loop;
	void *context;              /* the caller's */

	/* The scope's own. */
	struct duet_member *members; /* in the order in which they came */
	struct duet_member *last;
	struct duet_member *cursor; /* who is asked next, while a request goes round */
	uint32_t count;
	int32_t failure; /* for the policy: the error that counts, and that of who was stopped */
	int32_t stopped;
	uint8_t shield;
	uint8_t sheltered; /* a shield, or inside one */
	uint8_t present;   /* `presence` is pending */
	uint8_t budgeted;  /* and stands for the budget of the cleanup */
	uint8_t deferred;  /* `message` is under way */
	uint8_t told;      /* of the winner */
	uint8_t stepping;  /* inside a callback of its own: whoever comes in now is none from outside */
	uint64_t cleanup_budget_ns;
	uint64_t cleanup_end_ns;
	struct duet_cleanup *cleanups; /* the newest first */
	struct duet_task *opener;      /* see duet_task_scope_open(); or NULL */
	struct duet_scope *elder;      /* the one that the same task opened before */
	duet_scope_fn *first;
	duet_scope_fn *joined;
	struct duet_op *joiner; /* what ends with it: see <duet/join.h> */
	struct duet_message message;
	struct duet_member member; /* its own place in its parent */
	struct duet_op presence;   /* what stands for the scope in its loop: one pending operation */
};

/*
 * Opens a scope in parent, or in none: then the loop is its parent, and duet_loop_shutdown() asks it.
 * options may be NULL. The scope's memory need not be initialised, but must not be an open scope's.
 * 0; -EINVAL (options: a shield without a deadline, a budget out of range); -ECANCELED or -ETIMEDOUT
 * (the parent was asked to end: nothing opens in it); -ESHUTDOWN (the loop is shutting down, or the
 * parent has ended); -ENOBUFS (operations_max: an open scope counts as one operation, so that a loop
 * with a scope is busy and its shutdown asks the scope to end). On an error nothing is lent.
 */
DUET_API int duet_scope_open(struct duet_scope *scope, struct duet_loop *loop,
			     struct duet_scope *parent,
			     const struct duet_scope_options *options);

/*
 * Starts an operation in a scope: duet_op_start(), and from there its end is the scope's business,
 * too. done() may be NULL: what became of the operation then stands in it when the scope has joined
 * (a multishot, whose interim completions would be lost, is refused: -EINVAL). done() is called
 * before the scope acts upon the end; op and member are idle then, and may be started again.
 * 0 or 1 as duet_op_start(); its errors; -ECANCELED or -ETIMEDOUT if the scope was asked to end;
 * -ESHUTDOWN if it has ended or was never opened. In the cleanup: only from its steps, and from what
 * those have started; between them as if the scope were over.
 */
DUET_API int duet_scope_start(struct duet_scope *scope, struct duet_member *member,
			      struct duet_op *op);

/*
 * Lets in anything else that can be asked to end: a task of whatever model. ask() is called at most
 * once, from wherever the request comes; it may call duet_member_leave(). 0, or the errors of
 * duet_scope_start() that are the scope's.
 */
DUET_API int duet_scope_enter(struct duet_scope *scope, struct duet_member *member,
			      void (*ask)(struct duet_member *member, enum duet_cause cause));

/* Such a member has ended: 0 and more completed, an error failed (-ECANCELED, -ETIMEDOUT after a
 * request of the scope's: it stopped). Its memory is the caller's again. To leave twice does nothing;
 * debug builds stop there. */
DUET_API void duet_member_leave(struct duet_member *member, int result);

/* The checkpoint: 0, or -ECANCELED or -ETIMEDOUT if the scope was asked to end. Shields hold. */
DUET_API int duet_scope_check(const struct duet_scope *scope);

/* Requests the end of all members and of what they own, on the loop's thread, the newest first: what
 * waits in line behind another ends before that one. Repeatable, at any time until joined(). */
DUET_API void duet_scope_cancel(struct duet_scope *scope);

/*
 * Sets the deadline of an open scope, as options.deadline_ns would have; an earlier one stays, and one
 * in the past comes in the next turn. 0, or -ESHUTDOWN if the scope isn't open.
 */
DUET_API int duet_scope_deadline(struct duet_scope *scope, uint64_t deadline_ns);

/*
 * To be done at the end of the scope, last registered first, when no member is left: to be said in the
 * step that acquires what is to be given back, so that there is no moment between. run() may start
 * operations in the scope, and the next step begins when those have ended; for that the scope is its
 * own shield, with cleanup_budget_ns from the first step on. When the budget is used up what a step
 * has under way is asked to end (cause deadline) and every further start but that of a close fails
 * with -ETIMEDOUT; all steps are still run, and `overran` says so. What run() polls or starts itself, as
 * no member, begins although the loop shuts down, and a future's operation isn't asked by that either; but
 * only a member is waited for, and what goes on behind run() is a task's: spawn one in the scope.
 * 0, or -ESHUTDOWN if the scope has ended. Also after a request to end, and in the cleanup. cleanup is
 * lent until its run(); debug builds stop where it is registered a second time before that.
 */
DUET_API int duet_scope_defer(struct duet_scope *scope, struct duet_cleanup *cleanup);

/* The usual step: closes a handle. */
struct duet_closing {
	struct duet_cleanup cleanup;
	struct duet_member member;
	struct duet_op op;
	duet_handle handle;
};

DUET_API int duet_scope_defer_close(struct duet_scope *scope, struct duet_closing *closing,
				    duet_handle handle);

/*
 * No more comes from outside: when the last member has ended and the cleanup is done, joined() is
 * called, from a turn. Members may still start others until then. `result` is
 * 0: all completed (wait for all, fail fast), or one did (race, first);
 * the error of the first failure (race, first: of the last), where the policy counts one;
 * -ECANCELED or -ETIMEDOUT: somebody was stopped, because the scope was asked to end or by a
 * request of its own (a cancel, a close of its handle): no failure, but not all has completed; or
 * (race, first) nobody took part to the end.
 * A member that completed although it was asked to end has completed. As an operation:
 * <duet/join.h>. 0, or -ESHUTDOWN if the scope
 * isn't open, or -EALREADY if this was said before.
 */
DUET_API int duet_scope_join(struct duet_scope *scope, duet_scope_fn *joined);

/* A request from another thread: a message to the loop's. The memory is lent until the loop has taken
 * it; the sender sees to it that the scope is still there then. Its fields are the loop's. */
struct duet_scope_request {
	struct duet_message message;
	struct duet_scope *scope;
	uint8_t taken;
};

DUET_API void duet_scope_post_cancel(struct duet_scope *scope, struct duet_scope_request *request);

/* On any thread. 1: the loop has taken it, so the scope was asked, unless it had ended or was asked before;
 * and the memory is the sender's again. 0: it is under way. */
DUET_API int duet_scope_request_taken(const struct duet_scope_request *request);

#ifdef __cplusplus
}
#endif

#endif
