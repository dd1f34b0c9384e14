/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a loop of Duet's says of itself, as JSON: whole counts since it was created. */
#ifndef COMPARE_REPORT_COUNTERS_H
#define COMPARE_REPORT_COUNTERS_H

#include <jansson.h>
#include <stdint.h>

struct duet_loop;
struct model_counts;

/* life_ns is how long the loop has been at work. */
json_t *counters_json(const struct duet_loop *loop, uint64_t life_ns);

/* Adds what a model of tasks did: "steps", "task_wakes", "polls". */
void counters_add_model(json_t *counters, const struct model_counts *counts);

#endif
