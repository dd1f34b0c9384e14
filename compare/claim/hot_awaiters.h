/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Coroutines that each have one receive done by something that they have made for it: hot or cold,
 * in their own memory or in a frame that is shared. */
#ifndef COMPARE_CLAIM_HOT_AWAITERS_H
#define COMPARE_CLAIM_HOT_AWAITERS_H

#include <stdbool.h>
#include <stdint.h>

#include "compare/laboratory/mechanism.h"

/* Of what the options ask for. */
enum { HOT_BATCHES_MAX = 512, HOT_TIMES_MAX = 1024 };

enum hot_way {
	HOT_DIRECT,        /* nothing is made: the operation itself is awaited */
	HOT_LAZY,          /* cold, in place: a coroutine that is called */
	HOT_LAZY_POOLED,   /* cold: its frame is of a pool */
	HOT_FUTURE,        /* cold, in place: a future that is polled */
	HOT_FUTURE_POOLED, /* cold */
	HOT_EAGER,         /* hot, in place: a task that is spawned, and joined */
	HOT_EAGER_POOLED,  /* hot, in a counted frame of a pool */
	HOT_DEFERRED,      /* the same, and two wait for its result */
	HOT_CXX_DIRECT,    /* the maker is a task of C++20: the operation itself is awaited */
	HOT_CXX_LAZY,      /* cold: a coroutine in a frame of the pool is awaited */
	HOT_CXX_EAGER,     /* hot: the same, spawned as a job in its maker's memory, and awaited */
	HOT_WAYS,
};

struct hot_options {
	struct mechanism mechanism;
	enum hot_way way;
	uint32_t early;   /* of a hundred messages, sent before anything is made: 0 or 100 */
	uint32_t batches; /* of many, for processor time and counts */
	uint32_t times;   /* of one, for latency */
};

/* Of an operation. */
struct hot_result {
	double cpu_ns, latency_ns;
	double calls, steps;
	double place, pool, takes; /* bytes of the maker's, bytes of a frame; how many frames */
	/* Made, left alone for some turns, and cancelled before anybody waits for it: processor
	 * time of that, operations started, system calls, and messages that were taken from the stream,
	 * all of which were handed over. */
	double cancel_ns, started, cancel_calls, taken;
};

/* Not those of C++20 where the program was built without a compiler for it. */
bool hot_has(enum hot_way way);

/* 0, a negative errno, or -EBADMSG: a message came wrong, or was lost. */
int hot_play(const struct hot_options *options, struct hot_result *result);

#endif
