/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* All cells of a result in short: the verdicts of the headlines. */
#ifndef COMPARE_REPORT_OVERVIEW_H
#define COMPARE_REPORT_OVERVIEW_H

#include <jansson.h>
#include <stdio.h>

void overview_print(const json_t *result, FILE *out);

#endif
