/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_EXPLORE_COVERAGE_H
#define REFERENCE_EXPLORE_COVERAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "core/moves.h"

/* What was seen of the two tables of states, and what was not. */

/* How many of them saw a move, not how often. */
void coverage_add(struct core_moves *sum, const struct core_moves *more);

void coverage_write(const struct core_moves *moves, FILE *out);

/* By whole programs, on the backends that there are; those of them that played. */
enum { COVERAGE_PLAYERS = 3 };

struct coverage {
	struct core_moves moves[COVERAGE_PLAYERS];
	bool played[COVERAGE_PLAYERS];
};

/* Adds the lines of a file that core/moves.c has written. -EINVAL: a line is none of these. */
int coverage_read(struct coverage *coverage, FILE *file);
/* How many moves of the tables were not seen, or were and are impossible on that backend. */
unsigned coverage_write_suite(const struct coverage *coverage, FILE *out);

#endif
