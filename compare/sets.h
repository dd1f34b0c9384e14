/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Named, fixed sets of cells, so that two people who say "quick" mean the same. */
#ifndef COMPARE_SETS_H
#define COMPARE_SETS_H

#include <stdint.h>

#include "compare/workloads/workload.h"

struct sets_row {
	const struct workload *workload;
	uint32_t connections, size_bytes, depth, rate_per_s, block_bytes;
	bool direct;
	const struct question *question;
	bool cells; /* cancel: all mechanisms side by side, and not a against b */
	enum cancel_method method;
	uint32_t operations, pending;
	bool storm;
	bool ring; /* of a deadline that doesn't come: what it costs on the ring, or on the reactor */
};

struct sets {
	const char *name;
	const struct sets_row *rows; /* ends with a row without a workload */
	uint32_t rounds;
	uint64_t warmup_ns, duration_ns;
	uint64_t patience_ns; /* after this no round is repeated; 0: no end */
};

const struct sets *sets_find(const char *name);

/* The mechanisms of a cancel: the ring in both modes, the reactor, and either written by hand. */
enum { SETS_ARMS = 5 };
extern const char *const SETS_CANCEL_CELLS[SETS_ARMS];

#endif
