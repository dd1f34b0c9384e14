/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* From rounds to statements. Everything is taken from the stored JSON of a cell, so that a stored
 * result can be concluded again, by this program or another. */
#ifndef COMPARE_REPORT_CONCLUDE_H
#define COMPARE_REPORT_CONCLUDE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Sets "metrics", "counters" and "noise" of a cell from its "arms" and "rounds". */
void conclude_cell(json_t *cell);

/* Why a round was disturbed, or NULL: that it was "stopped", or the first cause among its slots. */
const char *conclude_disturbance(const json_t *round);

/* The metrics, in the order in which they are told. */
struct conclude_metric {
	const char *key, *title, *unit, *better;
	bool wall; /* says nothing where most rounds were disturbed */
};

/* false behind the last one. */
bool conclude_metric(size_t index, struct conclude_metric *metric);

/* Not every metric is one of every workload. */
bool conclude_speaks_of(const json_t *cell, size_t metric);

/* A metric's figures of one arm, or with conclude_floors() the ratios of the first arm's two plays,
 * one for each kept round that can show it, at most INTERVAL_VALUES_MAX. Returns how many;
 * *left_out is how many rounds couldn't. */
unsigned int conclude_figures(const json_t *cell, size_t metric, unsigned int arm, double *values,
			      unsigned int *left_out);
unsigned int conclude_floors(const json_t *cell, size_t metric, double *values);

/* The figure of an arm in one round, of the first arm the geometric mean of its two plays; NAN where it
 * couldn't be measured. conclude_floor(): the ratio of those two plays, or NAN. */
double conclude_figure(const json_t *round, size_t metric, unsigned int arm);
double conclude_floor(const json_t *round, size_t metric);

/* A figure that says nothing whatever it is: a latency at a rate that the arm didn't keep. */
bool conclude_is_void(const json_t *cell, size_t metric, unsigned int arm);

/* Rounds that can't show a metric are left out of it as long as enough remain. */
bool conclude_enough(unsigned int rounds, unsigned int left_out);

/* Which metric has the key. */
size_t conclude_find(const char *key);

/* More than half of the kept rounds were. */
bool conclude_disturbed(const json_t *cell);

#endif
