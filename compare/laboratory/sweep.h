/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* duet cancel sweep: a workload, cancelled at every point, in every phase, in every way. */
#ifndef COMPARE_LABORATORY_SWEEP_H
#define COMPARE_LABORATORY_SWEEP_H

#include <jansson.h>
#include <stdio.h>

/* An exit code. */
int sweep_command(int argc, char **argv);

/* What the command prints of its result. */
void sweep_print(const json_t *result, FILE *out);

#endif
