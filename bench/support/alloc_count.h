/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * A program that calls this has its malloc family counted, the C library's and every other
 * library's calls included.
 */
#ifndef DUET_BENCH_ALLOC_COUNT_H
#define DUET_BENCH_ALLOC_COUNT_H

#include <stdint.h>

/* Allocations of this process so far. */
uint64_t alloc_count(void);

#endif
