/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One metric of one arm in two runs, whose rounds have nothing to do with each other. There are no
 * ratios of rounds then, only two samples: each median gets an interval at 97.5 % at least, and the
 * ratio of the medians lies between the quotients of their ends. That holds with 95 % whatever the
 * two distributions are, and whether or not the runs depend on each other, since the two ways to be
 * wrong add up at most to 5 %. It is wider than a paired interval, which is the price. */
#ifndef COMPARE_MEASURE_UNPAIRED_H
#define COMPARE_MEASURE_UNPAIRED_H

#include <stdbool.h>

#include "compare/measure/verdict.h"

enum { UNPAIRED_VALUES_MIN = 7 }; /* six carry 96.9 % */

struct unpaired_side {
	double *values; /* one a round; sorted in place */
	unsigned int rounds;
	double floor;   /* of unpaired_floor() */
	bool measured, disturbed; /* as in struct verdict_evidence */
};

/* What the first arm of a run showed against itself, from the ratios of its two plays, one a round,
 * as verdict_decide() takes it. They become their logarithms. -1 where they are too few. */
double unpaired_floor(double *ratios, unsigned int count);

struct unpaired_result {
	enum verdict verdict;    /* a is old, b is new */
	double old_median, new_median;
	double ratio, low, high; /* new / old */
	double level;            /* that is reached at least */
	double floor;            /* the larger one of the two runs */
	double detectable;
};

void unpaired_decide(const struct unpaired_side *before, const struct unpaired_side *after,
		     struct unpaired_result *result);

const char *unpaired_word(enum verdict verdict); /* "old lower" */

#endif
