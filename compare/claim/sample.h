/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is taken of a play: processor time, and the middle of many times. */
#ifndef COMPARE_CLAIM_SAMPLE_H
#define COMPARE_CLAIM_SAMPLE_H

#include <stdint.h>

/* Of the calling thread; and of all threads. */
uint64_t sample_cpu_ns(void);
uint64_t sample_process_cpu_ns(void);

/* Of values in any order, which are sorted in place; NAN of none. */
double sample_median(double *values, unsigned int count);

#endif
