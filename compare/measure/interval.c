/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/interval.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *left, const void *right)
{
	const double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* The chance that exactly k of n values fall below the true median. */
static double share_below(unsigned int n, unsigned int k)
{
	return exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma((double)(n - k) + 1.0) -
		   n * log(2.0));
}

/* The largest rank whose two tails together leave at most so much outside; 0 where there is none. */
static unsigned int low_rank(unsigned int count, double outside_max, double *level)
{
	double tail = 0;
	unsigned int rank = 0;

	*level = 0;
	while (rank < count / 2) {
		tail += share_below(count, rank);
		if (2 * tail > outside_max)
			break;
		*level = 1 - 2 * tail;
		rank++;
	}
	return rank;
}

int interval_take_outside(double *values, unsigned int count, double outside_max,
			  struct interval *out)
{
	unsigned int rank;

	memset(out, 0, sizeof(*out));
	out->count = count;
	if (!count)
		return -ERANGE;
	qsort(values, count, sizeof(*values), ascending);
	out->middle = (values[(count - 1) / 2] + values[count / 2]) / 2;
	rank = low_rank(count, outside_max, &out->level);
	if (!rank)
		return -ERANGE;
	out->rank_low = rank;
	out->rank_high = count + 1 - rank;
	out->low = values[out->rank_low - 1];
	out->high = values[out->rank_high - 1];
	return 0;
}

int interval_take(double *values, unsigned int count, struct interval *out)
{
	return interval_take_outside(values, count, 0.05, out);
}
