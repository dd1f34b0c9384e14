/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The twins by name, for benches of the library alone.
 */
#ifndef DUET_BENCH_TWINS_H
#define DUET_BENCH_TWINS_H

#include <duet/loop.h>
#include <stdint.h>

enum { TWINS = 2 };

struct twin {
	const char *name;
	const struct duet_backend *(*backend)(void);
};

extern const struct twin twins[TWINS];

/* A loop for this many operations and no workers; NULL after a line on stderr that says why not. */
struct duet_loop *twin_loop(const struct twin *twin, uint32_t operations_max);

#endif
