/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Gates: --fail-if METRIC>LIMIT or METRIC<LIMIT, about the ratio as it is printed. A gate fails only
 * if the whole interval lies beyond the limit and, where the limit is 1 or farther off, the verdict
 * claims a difference: so noise never fails one. */
#ifndef COMPARE_GATE_H
#define COMPARE_GATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "compare/options.h"

struct gate {
	const char *text; /* as it was written: the caller's */
	const char *metric;
	bool above;       /* fails above the limit, else below it */
	double limit;
};

struct gates {
	struct gate list[OPTION_LIST_MAX];
	unsigned int count;
};

/* An exit code; what is wrong with which gate has been said. */
int gate_read(struct gates *gates, const struct option_list *texts, const char *command);

/* Judges every comparison in the cells of a result, or of a diff, and sets its "gates". */
void gate_judge(const struct gates *gates, json_t *result);

/* Says what failed, a line each: SAY_GATE; else SAY_UNMEASURED if a gate could not be judged, or not
 * on all cells since the run was ended early; else SAY_OK. */
int gate_say(const json_t *result);

/* For people, a line each; nothing where there are no gates. */
void gate_print(const json_t *result, FILE *out);

#endif
