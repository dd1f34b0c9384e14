/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SUPERVISOR_H
#define DUET_SUPERVISOR_H

#include <duet/api.h>
#include <duet/join.h>
#include <duet/scheduler.h>
#include <duet/scope.h>
#include <duet/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A supervisor: a scope whose tasks are started again when they fail. After the supervisors of Erlang/OTP
 * (strategy, intensity, period), as one more rule of a scope: it ends when its last task has, a request
 * to end goes to all, and a failure that isn't mended is the scope's.
 */
enum duet_strategy {
	DUET_ONE_FOR_ONE, /* who failed is started again */
	DUET_ONE_FOR_ALL, /* all the others are asked to end, and then all are started again, however they
			     ended */
	DUET_STRATEGY_COUNT
};

struct duet_supervisor_options {
	uint32_t size;         /* sizeof(struct duet_supervisor_options), set by the init function */
	uint32_t strategy;     /* enum duet_strategy; default DUET_ONE_FOR_ONE */
	uint32_t restarts_max; /* so many failures are mended within within_ns of the first of them; the
				  next is the scope's, and ends all. Default 3 */
	uint64_t within_ns;    /* default 5 * 10^9 */
	uint64_t deadline_ns;  /* of the scope; default DUET_NO_DEADLINE */
};

DUET_API void duet_supervisor_options_init(struct duet_supervisor_options *options);

enum duet_supervisor_state {
	DUET_SUPERVISOR_WATCHING,
	DUET_SUPERVISOR_RESTARTING, /* one for all: the others are ending. Next: WATCHING, ENDING */
	DUET_SUPERVISOR_ENDING,     /* asked to end, a failure too many, or nobody is left: nobody is started
				       again */
};

struct duet_supervised;

struct duet_supervisor {
	/* To be joined by whoever has opened it: duet_op_join_scope(). Without a task it has nothing to wait
	 * for. */
	struct duet_scope scope;
	/* Read by the caller. */
	uint64_t restarts;
	uint8_t state; /* enum duet_supervisor_state; only for debuggers */
	/* Its own. */
	struct duet_scheduler *scheduler;
	struct duet_member member; /* keeps the scope while a task is to be started again */
	struct duet_supervised *children;
	uint32_t live;
	uint32_t strategy;
	uint32_t restarts_max;
	uint32_t recent; /* restarts since since_ns */
	uint64_t within_ns;
	uint64_t since_ns;
};

/* One task of a supervisor: the caller's memory, lent until the scope has joined. */
struct duet_supervised {
	/* The caller's. prepare() makes the task what it is before a spawn: called before each start. 0, or
	 * the error that the supervisor takes for its failure. The task is lent as this is. */
	struct duet_task *task;
	int (*prepare)(struct duet_supervised *child);
	/* The supervisor's. */
	struct duet_supervisor *supervisor;
	struct duet_supervised *next;
	struct duet_op ended;
	uint8_t alive;
	uint8_t done; /* it has ended well, by itself */
};

/* Opens the supervisor's scope in parent, or in none: the errors of duet_scope_open(). */
DUET_API int duet_supervisor_open(struct duet_supervisor *supervisor,
				  struct duet_scheduler *scheduler, struct duet_scope *parent,
				  const struct duet_supervisor_options *options);

/*
 * Starts a task, and each time that it ends with an error again, at once. One that ends well is done. The
 * supervisor is over when nobody is left, and then nothing can be added: -ESHUTDOWN. -EAGAIN: all are being
 * started again. Or what prepare(), the spawn, or the wait for the end of it (one operation more,
 * -ENOBUFS) said: it was not added.
 */
DUET_API int duet_supervisor_add(struct duet_supervisor *supervisor,
				 struct duet_supervised *child);

#ifdef __cplusplus
}
#endif

#endif
