/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The stress tier: millions of operations, cancelled at random moments while another thread really acts
 * at the same time. What the phases of op.h do one by one on purpose happens here by chance, and its
 * rates are counted. */
#ifndef COMPARE_LABORATORY_STRESS_H
#define COMPARE_LABORATORY_STRESS_H

#include <jansson.h>
#include <stdio.h>

#define STRESS_KIND "cancel stress"

/* duet cancel stress [KIND...]; argv[0] is "stress". An exit code. */
int stress_command(int argc, char **argv);

/* The table of a result, one that was stored included. */
void stress_print(const json_t *result, FILE *out);

/* NULL, or why this isn't a result of duet cancel stress. */
const char *stress_problem(const json_t *result);

#endif
