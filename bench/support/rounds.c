/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "rounds.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[] = {
	[VERDICT_NONE] = "-",
	[VERDICT_HOLDS] = "holds",
	[VERDICT_FALLS_SHORT] = "falls short",
	[VERDICT_NOT_SHOWN] = "not shown",
};

const char *verdict_name(enum verdict verdict)
{
	return names[verdict];
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return (a > b) - (a < b);
}

/* The largest number of values that may lie outside on one side: the chance that a fair coin shows
 * at most that many heads stays within 2.5 %. -1 if not even none may. */
static int outside(size_t count)
{
	double chance = pow(0.5, (double)count);	/* of exactly k heads, k from 0 on */
	double sum = 0;
	int allowed = -1;

	for (size_t heads = 0; heads < count; heads++) {
		sum += chance;
		if (sum > 0.025)
			break;
		allowed = (int)heads;
		chance *= (double)(count - heads) / (double)(heads + 1);
	}
	return allowed;
}

struct estimate rounds_estimate(double *values, size_t count)
{
	struct estimate figure = { NAN, -INFINITY, INFINITY };
	int skip = outside(count);

	if (count == 0)
		return figure;
	qsort(values, count, sizeof(*values), compare);
	figure.middle = count % 2 ? values[count / 2]
				  : (values[count / 2 - 1] + values[count / 2]) / 2;
	if (skip >= 0) {
		figure.low = values[skip];
		figure.high = values[count - 1 - (size_t)skip];
	}
	return figure;
}

struct estimate rounds_ratio(const double *over, const double *under, size_t count)
{
	double ratios[ROUNDS_MAX];

	for (size_t index = 0; index < count; index++)
		ratios[index] = over[index] / under[index];
	return rounds_estimate(ratios, count);
}

enum verdict rounds_verdict(struct estimate figure, double bound)
{
	if (isnan(bound))
		return VERDICT_NONE;
	if (isnan(figure.middle))
		return VERDICT_NOT_SHOWN;
	if (figure.high <= bound)
		return VERDICT_HOLDS;
	return figure.low > bound ? VERDICT_FALLS_SHORT : VERDICT_NOT_SHOWN;
}

enum verdict rounds_verdict_least(struct estimate figure, double bound)
{
	struct estimate mirrored = { -figure.middle, -figure.high, -figure.low };

	return rounds_verdict(mirrored, -bound);
}

uint64_t rounds_random(uint64_t *seed)
{
	uint64_t mixed = *seed += 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
	return mixed ^ mixed >> 31;
}

void rounds_shuffle(unsigned int *order, size_t count, uint64_t *seed)
{
	for (size_t left = count; left > 1; left--) {
		size_t pick = rounds_random(seed) % left;
		unsigned int last = order[left - 1];

		order[left - 1] = order[pick];
		order[pick] = last;
	}
}
