/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One metric of a cell: a line an arm with its ratio, interval and verdict. */
#ifndef COMPARE_REPORT_METRIC_H
#define COMPARE_REPORT_METRIC_H

#include <jansson.h>
#include <stdio.h>

void metric_print(const json_t *cell, const json_t *metric, FILE *out);

#endif
