/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_EXPLORE_COVERAGE_H
#define REFERENCE_EXPLORE_COVERAGE_H

#include <stdio.h>

#include "core/moves.h"

/* What was seen of the two tables of states, and what was not. */

/* How many of them saw a move, not how often. */
void coverage_add(struct core_moves *sum, const struct core_moves *more);

/* One line of a file to which many programs add theirs, and the sum of all its lines. -EINVAL: a line
 * is none of these. */
void coverage_note(const struct core_moves *moves, FILE *file);
int coverage_read(struct core_moves *sum, FILE *file);

void coverage_write(const struct core_moves *moves, FILE *out);

#endif
