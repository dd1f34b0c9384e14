/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* duet cancel sweep: a workload, cancelled at every point, in every phase, in every way. */
#ifndef COMPARE_LABORATORY_SWEEP_H
#define COMPARE_LABORATORY_SWEEP_H

#include <jansson.h>
#include <stdio.h>

/* What a result of it says that it is. */
#define SWEEP_KIND "cancel sweep"

/* An exit code. */
int sweep_command(int argc, char **argv);

/* The line that makes the run of a sweep's first violation again. */
void sweep_again(const json_t *sweep, char *line, size_t size);

/* NULL, or why this isn't one that sweep_print() can print. */
const char *sweep_problem(const json_t *result);

/* What the command prints of its result. */
void sweep_print(const json_t *result, FILE *out);

#endif
