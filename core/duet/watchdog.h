/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_WATCHDOG_H
#define DUET_WATCHDOG_H

#include <duet/api.h>
#include <duet/scheduler.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A watchdog: a thread that tells of a step while it still holds the loop, and so also of one that never
 * ends. step_limit_ns of the scheduler needs no thread and says more, but only when the step is over.
 * A step of a watched scheduler costs some sixty instructions and two looks at the clock more.
 */
struct duet_watchdog;

/* A step that lasts. What is pointed to is good for the call. */
struct duet_held {
	const char *task;             /* its name, the first 31 bytes of it */
	const char *model;
	const struct duet_site *from; /* where the step began; NULL: at the beginning of the task, or its
					 model doesn't say */
	uint64_t held_ns;             /* so far */
};

struct duet_watchdog_options {
	uint32_t size;     /* sizeof(struct duet_watchdog_options), set by the init function */
	uint64_t limit_ns; /* of a step, 10^5 to 10^12; default 10^8. It is told of before a quarter
			      more has gone by, if the system lets the thread run */
	/* Called on the watchdog's thread, once for a step: of the loop's it may use what any thread may.
	 * Default: a line on standard error. */
	void (*held)(struct duet_watchdog *watchdog, const struct duet_held *held);
	void *context; /* the caller's: duet_watchdog_context() */
};

DUET_API void duet_watchdog_options_init(struct duet_watchdog_options *options);

/* On the thread of the loop. options may be NULL. 0; -EINVAL (options); -EBUSY (the scheduler has one);
 * -ENOMEM, -EAGAIN (there is no thread to be had). Goes before its scheduler and its loop do. */
DUET_API int duet_watchdog_create(struct duet_watchdog **watchdog,
				  struct duet_scheduler *scheduler,
				  const struct duet_watchdog_options *options);

/* On the thread of the loop. held() has returned, and isn't called any more. Accepts NULL. */
DUET_API void duet_watchdog_destroy(struct duet_watchdog *watchdog);

/* From any thread. */
DUET_API void *duet_watchdog_context(const struct duet_watchdog *watchdog);
/* How often it has looked, and of how many steps it has told. */
DUET_API uint64_t duet_watchdog_looks(const struct duet_watchdog *watchdog);
DUET_API uint64_t duet_watchdog_tellings(const struct duet_watchdog *watchdog);

#ifdef __cplusplus
}
#endif

#endif
