/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A crowd of receives that are ended early, again and again: the same passes whatever engine has them.
 * What is measured is the way from the request to each end; that all are started again in between is
 * left out. */
#ifndef COMPARE_MODELS_CROWD_H
#define COMPARE_MODELS_CROWD_H

#include "bench/floors/cancel_engine.h"
#include "compare/measure/histogram.h"

enum { CROWD_MAX = 10000, CROWD_STORM = 100 };

struct crowd_options {
	const struct cancel_engine *engine;
	const void *host;        /* of the engine */
	enum cancel_method method;
	uint32_t pending, group; /* as in struct cancel_shape */
	bool storm;              /* of each CROWD_STORM one is answered before its deadline */
	bool timed;              /* CANCEL_NEVER: each has a deadline that doesn't come */
	uint64_t seed;           /* of the order in which groups are asked */
};

/* From the request (of a deadline: when it is due) to the moment at which ... */
struct crowd_result {
	struct histogram ended;  /* ... the result is known */
	struct histogram memory; /* ... the next receive into the same memory has begun */
	struct histogram closed; /* ... the descriptor's number is free again */
	uint64_t operations;     /* that cpu_ns was spent on: passes in which no end looks at the clock */
	uint64_t cpu_ns;         /* from the requests to the ends */
	uint64_t operations_total;
	uint64_t wrong;          /* ended as they should not have, or not at all */
};

struct crowd;

/* 0 or a negative errno. */
int crowd_create(struct crowd **crowd, const struct crowd_options *options);

/* One pass of each kind. 0 or a negative errno. */
int crowd_play(struct crowd *crowd, struct crowd_result *result);

/* After its loop is gone, if the engine has one. */
void crowd_destroy(struct crowd *crowd);

#endif
