/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/histogram.h"

#include <string.h>

void histogram_clear(struct histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
}

size_t histogram_index(uint64_t value)
{
	const uint64_t sub = UINT64_C(1) << HISTOGRAM_SUB_BITS;
	const uint64_t top = (UINT64_C(1) << (HISTOGRAM_TOP_BIT + 1)) - 1;
	unsigned int bit;

	if (value > top)
		value = top;
	if (value < sub)
		return (size_t)value;
	bit = 63U - (unsigned int)__builtin_clzll(value);
	return ((size_t)(bit - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS) +
	       (size_t)((value >> (bit - HISTOGRAM_SUB_BITS)) & (sub - 1));
}

uint64_t histogram_lower_bound(size_t index)
{
	const size_t sub = (size_t)1 << HISTOGRAM_SUB_BITS;

	if (index < sub)
		return index;
	return (uint64_t)(sub + index % sub) << (index / sub - 1);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
	if (!histogram->count || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->count++;
	histogram->buckets[histogram_index(value)]++;
}

static double clamp(const struct histogram *histogram, double value)
{
	if (value < (double)histogram->min)
		return (double)histogram->min;
	return value > (double)histogram->max ? (double)histogram->max : value;
}

double histogram_quantile(const struct histogram *histogram, double q)
{
	double target = q * (double)histogram->count;
	double below = 0;

	if (!histogram->count)
		return 0;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		double here = (double)histogram->buckets[i];
		double lower = (double)histogram_lower_bound(i);

		if (here > 0 && below + here >= target) {
			double width = (double)histogram_lower_bound(i + 1) - lower;

			return clamp(histogram, lower + width * (target - below) / here);
		}
		below += here;
	}
	return (double)histogram->max;
}

bool histogram_can_show(uint64_t count, double q)
{
	/* A hair of slack: 1 - 0.99 is a little more than a hundredth in binary. */
	return (double)count * (1 - q) >= 10 - 1e-6;
}
