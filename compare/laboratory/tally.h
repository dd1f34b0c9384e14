/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One sweep: a workload under a policy on a mechanism, and what came of it as the result has it. */
#ifndef COMPARE_LABORATORY_TALLY_H
#define COMPARE_LABORATORY_TALLY_H

#include <jansson.h>

#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/spot.h"
#include "compare/laboratory/swept.h"

struct tally_plan {
	const struct swept *workload;
	const struct policy *policy;
	const struct mechanism *mechanism;
	const struct spot *spot; /* NULL: everywhere */
	uint32_t orders_depth;
};

/* Never NULL; the caller's. */
json_t *tally(const struct tally_plan *plan);

#endif
