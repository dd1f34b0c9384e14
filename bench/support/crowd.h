/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * A crowd: so many receives on as many sockets, one each, on which nothing comes but what the crowd
 * sends them itself. For benches of how they end.
 */
#ifndef DUET_BENCH_CROWD_H
#define DUET_BENCH_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "twins.h"

enum { CROWD_MAX = 10000 };

struct crowd;

/* NULL after a line on stderr that says why not. */
struct crowd *crowd_create(const struct twin *twin, uint32_t count);

/* 0, or -EIO if an operation ended as it shouldn't have. */
int crowd_destroy(struct crowd *crowd);

/* Starts all in scopes of so many each, a divisor of all, and cancels one scope after the other, in
 * random order, when the kernel has them. Processor time from the first request to the last join. */
uint64_t crowd_cancel_scopes(struct crowd *crowd, uint32_t each);

/* Starts all; then so many receives end, in random order, because a byte comes, and each is started
 * again at its end. Processor time of all but the sending of those bytes. With a deadline: each has
 * one, half a minute away. */
uint64_t crowd_answer(struct crowd *crowd, uint32_t receives, bool deadline);

#endif
