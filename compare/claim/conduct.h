/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The rounds of a claim. */
#ifndef COMPARE_CLAIM_CONDUCT_H
#define COMPARE_CLAIM_CONDUCT_H

#include "compare/claim/claim.h"

/* The figures of the rounds of one group; the place behind the last arm is the first one's
 * second play. */
struct claim_plays {
	double figures[CLAIM_ROUNDS_MAX][CLAIM_ARMS_MAX + 1][CLAIM_FIGURES_MAX];
	unsigned int rounds, repeated, disturbed; /* kept; played again; kept all the same */
};

struct claim_conduct {
	const struct claim *claim;
	const struct claim_plan *plan;
	uint32_t rounds;
	uint64_t random;
};

/* Plays the rounds of plan->groups[index]. An exit code, WORKLOAD_INTERRUPTED among them; why
 * has been said. plays has whole rounds only. */
int claim_play_group(struct claim_conduct *conduct, unsigned int index, struct claim_plays *plays);

/* By their keys; what doesn't apply is absent. */
json_t *claim_figures_json(const struct claim *claim, const double *figures);

/* The group as JSON: docs/claim-schema.md names the keys. */
json_t *claim_group_json(const struct claim *claim, const struct claim_group *group,
			 const struct claim_plays *plays);

#endif
