/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A cell of the table: one subject, phase and mechanism, run a number of times. */
#ifndef COMPARE_LABORATORY_CELL_H
#define COMPARE_LABORATORY_CELL_H

#include <jansson.h>
#include <stdint.h>

struct mechanism;
struct phase;
struct subject;

struct cell_plan {
	const struct subject *subject;
	const struct phase *phase;
	const struct mechanism *mechanism;
	uint32_t runs;
	uint64_t seed;
};

/* Runs it, and what came of it as docs/cancel-schema.md says; NULL: no memory. */
json_t *cell_run(const struct cell_plan *plan);

#endif
