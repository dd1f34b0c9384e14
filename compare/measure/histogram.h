/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A log-linear histogram of nanoseconds: every power of two is cut into 128 equal buckets, so that
 * a value is known to within 1/128 (0.8 %) of itself, and values below 128 exactly. The scheme is
 * fixed, so that histograms of any two runs can be added and compared bucket by bucket. */
#ifndef COMPARE_MEASURE_HISTOGRAM_H
#define COMPARE_MEASURE_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 7,
	HISTOGRAM_TOP_BIT = 42, /* 2^43 ns is two and a half hours; longer values count as that */
	HISTOGRAM_BUCKETS = (HISTOGRAM_TOP_BIT - HISTOGRAM_SUB_BITS + 2) << HISTOGRAM_SUB_BITS,
};

struct histogram {
	uint64_t count;
	uint64_t min, max; /* exact; meaningless while count is 0 */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *histogram);
void histogram_record(struct histogram *histogram, uint64_t value);

size_t histogram_index(uint64_t value);
uint64_t histogram_lower_bound(size_t index);

/* The value below which the share q of all recorded values lies: linear inside a bucket, never
 * outside of what was recorded. 0 for an empty histogram. */
double histogram_quantile(const struct histogram *histogram, double q);

/* A tail is shown only where at least ten values lie beyond it: fewer than 10 / (1 - q) values in
 * all and the figure would be an anecdote. */
bool histogram_can_show(uint64_t count, double q);

#endif
