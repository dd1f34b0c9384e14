/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* How an open loop waits for the next due time: in nanoseconds, and the last stretch without
 * sleeping where the load generator has a processor of its own. */
#ifndef COMPARE_LOAD_PACE_H
#define COMPARE_LOAD_PACE_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct pace {
	uint64_t spin_ns; /* before a due time; 0 where the processor may be the subject's */
};

/* subject is the serving process, if it is on this machine, or 0. */
void pace_prepare(struct pace *pace, pid_t subject);

/* As epoll_wait(), until until_ns at the latest, and up to spin_ns earlier: call it again. A count
 * or -errno; -ENOSYS before Linux 5.11. */
int pace_wait(const struct pace *pace, int epoll, struct epoll_event *events, int events_max,
	      uint64_t until_ns);

#endif
