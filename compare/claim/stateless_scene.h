/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A crowd of idle connections, each of which is waited for in one of several ways: what a wait
 * keeps, and what it costs to give it up. */
#ifndef COMPARE_CLAIM_STATELESS_SCENE_H
#define COMPARE_CLAIM_STATELESS_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "compare/laboratory/mechanism.h"

enum { STATELESS_BUFFER = 4096 };

enum stateless_way {
	STATELESS_RECV,      /* a receive into memory of the connection's own */
	STATELESS_POOLED,    /* a multishot receive that takes a buffer when data comes */
	STATELESS_POLL,      /* an operation that waits for readiness */
	STATELESS_FORGOTTEN, /* a wait of the native dialect */
	STATELESS_WAYS,
};

struct stateless_options {
	struct mechanism mechanism;
	enum stateless_way way;
	uint32_t connections;
	uint32_t cycles, singles; /* of cancelling all, and one */
	uint64_t seed;            /* of the order of cancelling */
};

/* All but the first two are bytes a connection. */
struct stateless_result {
	double cpu_ns, latency_ns; /* of a cancel, to its end */
	double own, lent;          /* the program's for a wait; of it out of its hands */
	double loop;               /* what the loop has set aside for it */
	double kernel, kept; /* the kernel's while it waits, and when it is given up: from counts */
	double slab;         /* what the kernel's own table says; NAN where it may not be read */
	double registrations; /* how many */
};

/* 0, a negative errno, or -EBADMSG: a wait ended otherwise than it should. */
int stateless_play(const struct stateless_options *options, struct stateless_result *result);

#endif
