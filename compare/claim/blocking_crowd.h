/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A thousand that wait for timers, one of which now and then does what blocks: how late the others
 * are meanwhile, and what is told of it. */
#ifndef COMPARE_CLAIM_BLOCKING_CROWD_H
#define COMPARE_CLAIM_BLOCKING_CROWD_H

#include <stdint.h>

#include "compare/claim/blocking_record.h"
#include "compare/laboratory/mechanism.h"

enum blocking_way {
	BLOCKING_COROUTINE, /* it computes in a step */
	BLOCKING_SLEEPS,    /* it sleeps there */
	BLOCKING_FIBER,
	BLOCKING_CALLBACK,
	BLOCKING_WATCHED,   /* a coroutine's, with step_limit_ns and a watchdog */
	BLOCKING_OFFLOADED, /* on a thread of the loop's pool */
	BLOCKING_THREADS,   /* each of the thousand is one; no loop */
	BLOCKING_WAYS,
};

struct blocking_options {
	struct mechanism mechanism;
	enum blocking_way way;
	uint64_t hold_ns;
	uint32_t holds, calls; /* of offloading nothing, to see what that costs */
};

/* 0, or a negative errno. */
int blocking_play(const struct blocking_options *options, struct blocking_result *result);

#endif
