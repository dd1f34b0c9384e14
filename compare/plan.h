/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is to be played: the command line, and the cells that it comes to by itself, by --set or by
 * --like. */
#ifndef COMPARE_PLAN_H
#define COMPARE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "compare/gate.h"
#include "compare/like.h"
#include "compare/options.h"
#include "compare/outlet.h"
#include "compare/workloads/workload.h"

enum { PLAN_CELLS_MAX = 32 };

/* The command line. Texts are lent by it; NULL or 0 is what wasn't given, unless it says otherwise. */
struct wishes {
	const char *set, *like, *file, *a, *b;
	const char *operations, *method, *children;
	bool cells, deadlines, storm, direct, quick, no_kernel_view;
	uint32_t rounds, connections, size_bytes, depth, rate_per_s, read_bytes_per_s, block_bytes;
	uint32_t pending, within_percent, items;
	uint32_t repeats; /* UINT32_MAX: not given, 0 is a wish like any other */
	uint64_t duration_ns, delay_ns, latency_ns;
	uint64_t warmup_ns; /* UINT64_MAX: not given */
	uint64_t seed;      /* drawn where none was given */
	struct option_list fail_if;
	struct outlet outlet;
};

struct plan {
	struct wishes wishes;
	struct gates gates;
	struct like like; /* of --like: the cells lend from it */
	struct cell cells[PLAN_CELLS_MAX];
	unsigned int count;
	uint64_t patience_ns; /* after this disturbed rounds are no longer repeated; 0: no end */
};

/* Fills plan from argv, which is permuted and has to outlive it. OPTIONS_READ: there is something to
 * play. Anything else is the exit code to leave with; why has been said. */
int plan_read(struct plan *plan, int argc, char **argv);

void plan_forget(struct plan *plan);

#endif
