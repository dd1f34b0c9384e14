/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a cell costs without any I/O: the same model, core and checks on the null backend. */
#ifndef COMPARE_HARNESS_H
#define COMPARE_HARNESS_H

#include <jansson.h>

#include "compare/workloads/workload.h"

/* {"cpu_per_operation_ns", "operations"}, or NULL: it couldn't be had here. Takes some 30 ms. */
json_t *harness_json(const struct cell *cell);

#endif
