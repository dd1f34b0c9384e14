/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Paired rounds: what is compared is measured in the same round, in shuffled order, and judged by
 * the ratio within the round, because whole seconds of a shared machine are slow.
 */
#ifndef DUET_BENCH_ROUNDS_H
#define DUET_BENCH_ROUNDS_H

#include <stddef.h>
#include <stdint.h>

enum { ROUNDS_MAX = 101 };

enum verdict {
	VERDICT_NONE,		/* no bound: the figure is for information */
	VERDICT_HOLDS,
	VERDICT_FALLS_SHORT,
	VERDICT_NOT_SHOWN,	/* the interval straddles the bound, or nothing was measured */
};

const char *verdict_name(enum verdict verdict);

/* A figure and the interval it stands in; an exact count has low == middle == high. */
struct estimate {
	double middle;
	double low;
	double high;
};

/* Median and exact order-statistic interval of at least 95 %: of 15 values the 4th and the 12th.
 * Fewer than 6 values carry no such interval: then it is infinite. Sorts the values. */
struct estimate rounds_estimate(double *values, size_t count);

/* The same for over[i] / under[i]. At most ROUNDS_MAX. */
struct estimate rounds_ratio(const double *over, const double *under, size_t count);

/* The bound is an upper one; NAN: there is none. */
enum verdict rounds_verdict(struct estimate figure, double bound);

/* The same for a lower one. */
enum verdict rounds_verdict_least(struct estimate figure, double bound);

/* A small generator of its own, so that the order of a run can be repeated from its seed. */
uint64_t rounds_random(uint64_t *seed);
void rounds_shuffle(unsigned int *order, size_t count, uint64_t *seed);

#endif
