/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Messages at a constant rate to a loop that may have other work: how long each takes from when it
 * was to be sent to when the last of the three tasks that it passes through has it. */
#ifndef COMPARE_CLAIM_SCHEDULING_SCENE_H
#define COMPARE_CLAIM_SCHEDULING_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "compare/laboratory/mechanism.h"

enum { SCHEDULING_RATE = 12500 };

struct scheduling_options {
	struct mechanism mechanism;
	bool crowd;                     /* each message wakes 8 other tasks first, for 1 us each */
	uint32_t steps_max, newest_max; /* the scheduler's */
	uint32_t spin_ns;               /* the loop's */
	bool pinned; /* the loop to one processor, the sender to another if there is one */
	uint32_t messages;
};

struct scheduling_result {
	double cpu_ns;                  /* of the loop's thread, a message */
	double p50_ns, p99_ns, p999_ns; /* NAN: too few messages to say so */
	double sender_ns;               /* how late the sender was, half of the times less */
	double turns, calls;            /* of the loop, a message */
};

/* 0, a negative errno, or -EBADMSG: a message came wrong. */
int scheduling_play(const struct scheduling_options *options, struct scheduling_result *result);

#endif
