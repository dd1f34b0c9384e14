/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What one factor makes of a figure, and whether that is next to nothing. "No difference shown" says
 * that none was seen; that there is none to speak of is another statement, and it needs a bound. It is
 * made where the whole interval lies within the bound (two one-sided tests, each at half of what the
 * interval leaves outside). */
#ifndef COMPARE_MEASURE_EFFECT_H
#define COMPARE_MEASURE_EFFECT_H

#include <stdbool.h>

enum effect_verdict {
	EFFECT_WITHIN,    /* the interval lies within the bound */
	EFFECT_BEYOND,    /* it lies outside, and the effect is above the floor */
	EFFECT_NOT_SHOWN, /* neither of these */
	EFFECT_TOO_NOISY, /* an arm against itself was farther off than the bound, or by a quarter */
	EFFECT_TOO_FEW_ROUNDS,
	EFFECT_NOT_MEASURED,
	EFFECT_VERDICT_COUNT,
};

/* The logarithms of an effect in each round are a sum: of each arm's figure, so many times its
 * logarithm. A ratio of two arms is 1 and -1; a ratio of two ratios 1, -1, -1 and 1. */
enum { EFFECT_TERMS_MAX = 4 };

struct effect_shape {
	struct {
		unsigned int arm;
		double times;
	} terms[EFFECT_TERMS_MAX]; /* up to the first that counts 0 times */
	double floors; /* how many of the floor's ratios it is made of: 2 of a ratio of ratios */
};

/* figure(context, round, arm) > 0, or NAN where it couldn't be measured. */
typedef double effect_figure_fn(const void *context, unsigned int round, unsigned int arm);

/* The logarithm of the effect in one round, NAN where an arm in it has no figure. */
double effect_of_round(const struct effect_shape *shape, effect_figure_fn *figure,
		       const void *context, unsigned int round);

struct effect_evidence {
	const double *logs;   /* of the effect, one a round */
	const double *floors; /* logarithms of a / a of the same rounds */
	unsigned int rounds;
	double floor_times;   /* as in struct effect_shape */
	double within;        /* the bound: 0.05 is from 1 / 1.05 to 1.05 */
	bool measured;
	bool disturbed;       /* as in struct verdict_evidence */
};

struct effect {
	enum effect_verdict verdict;
	double ratio, low, high, level;
	double floor; /* what the machine alone makes of such an effect */
};

void effect_decide(const struct effect_evidence *evidence, struct effect *effect);

const char *effect_word(enum effect_verdict verdict); /* "within" */

#endif
