/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SCHEDULER_H
#define DUET_SCHEDULER_H

#include <duet/api.h>
#include <duet/loop.h>
#include <duet/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_watchdog;

/*
 * A scheduler: whose turn it is among the tasks of one loop.
 *
 * First come, first served, and at most steps_max steps from its line in a turn of the loop: then the
 * loop looks for events, and who is left goes on in the next turn. So does who gives up its turn, or
 * wakes itself. A task whose operation has ended is resumed by that itself, in the order in which
 * operations end, and stands in no line; the loop's own bounds hold for those.
 */
struct duet_scheduler_options {
	uint32_t size;       /* sizeof(struct duet_scheduler_options), set by the init function */
	uint32_t steps_max;  /* from the line, in a turn: 1 to 65535; default 256 */
	uint32_t inline_max; /* how many results a task may take in one step without suspending, where
				they are there at once: 0 to 65535; default 16. At the end of that it waits
				its turn, so that one that always finds data keeps nobody waiting */
	uint32_t newest_max; /* the task that the running one woke or spawned last is next, ahead of the line, so
				many times in a row: 0 to 65535; default 0. What it needs is still in the
				caches; who stands in line waits for it */
	uint64_t step_limit_ns; /* a step that has held the loop for longer is told of; 0, the default: the
				   clock isn't read. Of one that never ends a <duet/watchdog.h> tells */
	/* Called after such a step. from: where the step began, good for the call, NULL if at the beginning
	 * of the task or its model doesn't say; the task itself says where it waits now. Default: a line on
	 * standard error. */
	void (*stalled)(struct duet_scheduler *scheduler, const struct duet_task *task,
			const struct duet_site *from, uint64_t held_ns);
	void *context; /* the caller's, copied to the scheduler */
	uint32_t shared_max; /* wakers that other threads may wake, at once: see <duet/waker.h>. Up to 65536;
				default 0. Each takes 56 bytes, allocated by duet_scheduler_init() */
};

DUET_API void duet_scheduler_options_init(struct duet_scheduler_options *options);

/* What a scheduler did since it was made. */
struct duet_scheduler_stats {
	uint64_t spawned;
	uint64_t ended;
	uint64_t resumed; /* steps that the end of an operation began */
	uint64_t stepped; /* steps from the line, and from the newest's place */
	uint64_t newest;  /* of those, from the newest's place */
	uint64_t yielded; /* turns given up, also because inline_max was reached */
	uint64_t inlined; /* waits that needed none */
	uint64_t stalled; /* steps longer than step_limit_ns */
	uint64_t held_max_ns; /* the longest step, if step_limit_ns is set */
};

/* Tasks in line. */
struct duet_line {
	struct duet_task *first;
	struct duet_task *last;
};

struct core_shared_table;

struct duet_scheduler {
	/* Read by the caller. */
	struct duet_loop *loop;
	struct duet_task *running; /* whose step this is; NULL between steps */
	uint32_t live;             /* tasks spawned and not yet ended */
	void *context;
	struct duet_scheduler_stats stats;

	/* Its own. */
	struct duet_line line;
	struct duet_line late; /* gave up their turn in this one: they are next in the next */
	struct duet_task *newest;
	uint32_t newest_in_a_row;
	uint32_t steps_max;
	uint32_t inline_max;
	uint32_t newest_max;
	uint64_t step_limit_ns;
	void (*stalled)(struct duet_scheduler *scheduler, const struct duet_task *task,
			const struct duet_site *from, uint64_t held_ns);
	struct duet_watchdog *watchdog; /* see <duet/watchdog.h>; NULL: none */
	struct duet_message message;
	uint8_t deferred; /* `message` is under way */
	uint8_t watched;  /* somebody wants to know how long steps take */
	struct core_shared_table *shared; /* NULL without */
};

/* Any number on one loop; it lives as long as its tasks, and to the end of the turn in which the last of
 * them has ended. options may be NULL. 0, -EINVAL, or -ENOMEM. */
DUET_API int duet_scheduler_init(struct duet_scheduler *scheduler, struct duet_loop *loop,
				 const struct duet_scheduler_options *options);

/* Frees what init has allocated: needed only with shared_max above 0. 0, or -EBUSY: a task lives, or a
 * waker is shared still, or a wake is on its way. */
DUET_API int duet_scheduler_fini(struct duet_scheduler *scheduler);

#ifdef __cplusplus
}
#endif

#endif
