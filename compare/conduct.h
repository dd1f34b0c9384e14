/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Plays the rounds of one cell. */
#ifndef COMPARE_CONDUCT_H
#define COMPARE_CONDUCT_H

#include <jansson.h>
#include <stdint.h>

#include "compare/workloads/workload.h"

struct conduct {
	uint64_t *random;   /* state of the order of play; goes on from cell to cell */
	unsigned int index, count; /* of the cell in the run, for people */
	uint64_t until_ns;  /* after this disturbed rounds are no longer repeated; 0: no end */
};

/* Whether every arm can be played here, and the workload's file is there: an exit code; why has
 * been said. */
int conduct_check(const struct cell *cell);

/* Returns an exit code, or WORKLOAD_INTERRUPTED; *json is the cell as far as it got, concluded, with
 * whole rounds only. NULL if not one arm can be played here. */
int conduct_cell(const struct conduct *conduct, const struct cell *cell, json_t **json);

#endif
