/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_TWINS_CAMPAIGN_H
#define REFERENCE_TWINS_CAMPAIGN_H

#include <stdint.h>

#include "reference/twins/examine.h"

#define CAMPAIGN_JOBS 16u
#define CAMPAIGN_SCRIPTS 1000u

/* Many scripts, one seed after the other. */
struct campaign {
	uint64_t seed;    /* of the first script */
	uint64_t scripts; /* how many; 0: until the time is over */
	uint64_t seconds; /* at most so long; 0: no bound */
	unsigned jobs;    /* processes that play at once */
	const char *tuning; /* see struct cast */
};

void campaign_init(struct campaign *campaign);

/* Asks every backend of DUET_TEST_BACKENDS (unset: all) whether it can be had here; says in one
 * line of stderr which can't. */
void campaign_cast(struct cast *cast);

/* Plays, prints totals and what was found. 0, 1 a violation. */
int campaign_run(const struct campaign *campaign);

#endif
