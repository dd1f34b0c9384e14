/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The measured stretch of one run: opened after the warm-up, closed when the time is over. All that
 * is read from outside of the measured process (its processor clock, procfs) is read at the two
 * edges by the process that measures, so that an arm that isn't ours is accounted for alike. */
#ifndef COMPARE_MEASURE_WINDOW_H
#define COMPARE_MEASURE_WINDOW_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

#include "compare/measure/noise.h"

struct window_edge {
	uint64_t at_ns;
	uint64_t subject_cpu_ns, own_cpu_ns, carrier_cpu_ns;
	struct noise_process subject, own, carrier;
	struct noise_machine machine;
};

struct window {
	pid_t subject; /* the measured process: the caller's own, or 0 where there is none here */
	pid_t carrier; /* of packets between the two, or who answers, no other program either; 0: none */
	cpu_set_t processors; /* of these processes: what runs elsewhere disturbs none of them */
	struct window_edge opened, closed;
};

uint64_t window_now_ns(void); /* monotonic */

void window_open(struct window *window, pid_t subject, pid_t carrier);
void window_close(struct window *window);

static inline uint64_t window_elapsed_ns(const struct window *window)
{
	return window->closed.at_ns - window->opened.at_ns;
}

void window_noise(const struct window *window, struct noise *out);

#endif
