/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What may be said about one metric of two arms. The set is closed, and "lower" is about the figure
 * alone: whether lower is better is the metric's business. */
#ifndef COMPARE_MEASURE_VERDICT_H
#define COMPARE_MEASURE_VERDICT_H

#include <stdbool.h>

enum verdict {
	VERDICT_A_LOWER,
	VERDICT_B_LOWER,
	VERDICT_NO_DIFFERENCE,
	VERDICT_TOO_NOISY,
	VERDICT_TOO_FEW_ROUNDS,
	VERDICT_NOT_MEASURED,
	VERDICT_COUNT,
};

/* A floor above this is too noisy: the run could not have shown a difference of a quarter. */
extern const double VERDICT_FLOOR_MAX;

struct verdict_evidence {
	const double *ratios; /* a / b, one a round */
	const double *floors; /* a / a of the same rounds */
	unsigned int rounds;
	bool measured;        /* enough rounds could show this metric at all */
	bool disturbed;       /* more than half of the rounds were, and the metric suffers from it */
};

struct verdict_result {
	enum verdict verdict;
	double ratio, low, high, level;
	double floor;       /* the largest effect that a against itself showed: 0.016 is 1.6 % */
	double detectable;  /* the smallest effect that this run would have shown */
};

/* A difference needs the interval off 1 and an effect above the floor of the same run. A floor of
 * more than a quarter is too noisy to say anything. */
void verdict_decide(const struct verdict_evidence *evidence, struct verdict_result *result);

const char *verdict_word(enum verdict verdict); /* "a lower" */

#endif
