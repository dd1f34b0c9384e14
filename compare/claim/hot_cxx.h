/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Makers that are tasks of C++20, and so is what they make: in frames of the pool, and what is hot a
 * job in its maker's memory. */
#ifndef COMPARE_CLAIM_HOT_CXX_H
#define COMPARE_CLAIM_HOT_CXX_H

#include <duet/frame.h>
#include <duet/scheduler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/claim/hot_awaiters.h"

/* What a maker has of its stand. */
struct hot_cxx_needs {
	enum hot_way way;
	struct duet_scheduler *scheduler;
	struct duet_frame_pool *pool;
	uint64_t *takes; /* frames, counted */
	const bool *over;
	duet_handle handle;
	unsigned char *memory;
	size_t size;
	void *context; /* of these two */
	void (*received)(void *context, int32_t result);
	void (*stopped)(void *context, int32_t result); /* one that was made, and cancelled */
};

struct hot_cxx {
	size_t bytes; /* a maker's; 0: C++20 is not in this build */
	size_t job_bytes;
	void (*begin)(void *maker, const struct hot_cxx_needs *needs);
	void (*end)(void *maker); /* its task has ended */
	/* Of the maker: the task whose waker it is woken by, or NULL: it was refused. */
	struct duet_task *(*spawn)(void *maker);
	/* Of what it makes: for nobody to await. False: refused. */
	bool (*make)(void *maker);
	void (*cancel)(void *maker);
};

extern const struct hot_cxx HOT_CXX;

#endif
