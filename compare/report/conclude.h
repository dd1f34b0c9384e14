/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* From rounds to statements. Everything is taken from the stored JSON of a cell, so that a stored
 * result can be concluded again, by this program or another. */
#ifndef COMPARE_REPORT_CONCLUDE_H
#define COMPARE_REPORT_CONCLUDE_H

#include <jansson.h>

/* Sets "metrics", "counters" and "noise" of a cell from its "arms" and "rounds". */
void conclude_cell(json_t *cell);

/* Why a round was disturbed, or NULL: the first cause among its slots. */
const char *conclude_disturbance(const json_t *round);

#endif
