/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Coroutines that receive one message each, again and again; so many of a hundred are sent
 * before their receive is started, and the others after it. */
#ifndef COMPARE_CLAIM_RECEIVERS_H
#define COMPARE_CLAIM_RECEIVERS_H

#include <duet/loop.h>
#include <stdint.h>

#include "compare/laboratory/mechanism.h"

/* Of what the options ask for. */
enum { RECEIVERS_BATCHES_MAX = 512, RECEIVERS_TIMES_MAX = 1024 };

struct receivers_options {
	struct mechanism mechanism;
	enum duet_try attempt; /* the backend's */
	uint32_t inline_max;   /* the scheduler's: 0, a task suspends for each receive */
	uint32_t early;        /* of a hundred */
	uint32_t batches;      /* of many receivers, for processor time and counts */
	uint32_t times;        /* of one receiver, for latency */
	uint64_t seed;         /* of which are early */
};

/* Of a receive. Latency is from when both are there, the message and the receive, to when the
 * coroutine has it. */
struct receivers_result {
	double cpu_ns;
	double latency_ns;        /* the two below, in the share of the pattern */
	double early_ns, late_ns; /* NAN of what never came */
	double calls, wasted, suspensions;
};

/* 0, a negative errno, or -EBADMSG: what came was not what was sent. */
int receivers_play(const struct receivers_options *options, struct receivers_result *result);

#endif
