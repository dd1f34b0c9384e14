/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The exact order-statistic interval for a median: two of the sorted values themselves, chosen by
 * binomial ranks. It needs no random numbers and no assumption about the distribution, and anybody
 * can check it by sorting. For 15 values it is the 4th and the 12th (96.5 %). */
#ifndef COMPARE_MEASURE_INTERVAL_H
#define COMPARE_MEASURE_INTERVAL_H

enum { INTERVAL_VALUES_MIN = 6, INTERVAL_VALUES_MAX = 1000 };

struct interval {
	double middle, low, high;
	double level;               /* the coverage really reached, at least what was asked for */
	unsigned int count;         /* values it was taken from */
	unsigned int rank_low, rank_high; /* 1 is the smallest value */
};

/* Fills *out from count values in any order, which are sorted in place. Fewer than
 * INTERVAL_VALUES_MIN can't carry 95 %: then -ERANGE, and only middle and count are set. */
int interval_take(double *values, unsigned int count, struct interval *out);

/* The same for another level: at most outside_max may lie outside. How many values that takes
 * follows from it: 2^(1 - n) must not be more. */
int interval_take_outside(double *values, unsigned int count, double outside_max,
			  struct interval *out);

#endif
