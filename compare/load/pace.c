/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/pace.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <time.h>

#include "compare/measure/window.h"

/* A wake-up is late by what the processor needs to leave its idle state, and that is deeper the
 * longer it slept: on a virtual machine a median of 22 us after 100 us, 28 us after 1 ms, 88 us
 * after 10 ms and 148 us after 100 ms (9 of 10 below 26, 56, 109 and 770 us). Awake for 200 us before the
 * time, a send is 0.2 us late. In that stretch epoll is asked again and again without waiting, so
 * that no answer is seen later. */
enum { SPIN_NS = 200000 };

/* A subject that we don't know of is taken to be elsewhere, or to find a processor beside ours. */
static bool has_own_processor(pid_t subject)
{
	cpu_set_t ours, theirs, both;

	if (sched_getaffinity(0, sizeof(ours), &ours))
		return false;
	if (!subject || sched_getaffinity(subject, sizeof(theirs), &theirs))
		return CPU_COUNT(&ours) > 1;
	CPU_AND(&both, &ours, &theirs);
	return !CPU_COUNT(&both);
}

void pace_prepare(struct pace *pace, pid_t subject)
{
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* the kernel's 50 us would all be lateness */
	pace->spin_ns = has_own_processor(subject) ? SPIN_NS : 0;
}

int pace_wait(const struct pace *pace, int epoll, struct epoll_event *events, int events_max,
	      uint64_t until_ns)
{
	uint64_t awake_ns = window_now_ns() + pace->spin_ns;
	struct timespec timeout = {0};
	int count;

	if (until_ns > awake_ns) {
		timeout.tv_sec = (time_t)((until_ns - awake_ns) / 1000000000);
		timeout.tv_nsec = (long)((until_ns - awake_ns) % 1000000000);
	}
	count = epoll_pwait2(epoll, events, events_max, &timeout, NULL);
	return count < 0 ? -errno : count;
}
