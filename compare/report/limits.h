/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where the load, and not the arm, set the figures: the generator was itself the bottleneck, or a
 * rate was more than could be answered. Taken from the slots, as everything that is concluded. */
#ifndef COMPARE_REPORT_LIMITS_H
#define COMPARE_REPORT_LIMITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* The rate of this slot was not kept. */
bool limits_missed(const json_t *slot);

/* The same of any kept slot of the arm. */
bool limits_missed_by(const json_t *rounds, unsigned int arm);

/* Sets "load_limited_slots" and "rate_missed_slots" of a cell whose slots know of such a thing. */
void limits_conclude(json_t *cell);

/* A sentence under the cell for each that isn't all 0: which arm, and what it means. */
void limits_print(const json_t *cell, FILE *out);

#endif
