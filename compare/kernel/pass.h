/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The kernel view's pass: every arm of a cell plays one more slot, watched, after all rounds are
 * over. Its times are thrown away. */
#ifndef COMPARE_KERNEL_PASS_H
#define COMPARE_KERNEL_PASS_H

#include <jansson.h>
#include <stdint.h>

#include "compare/workloads/workload.h"

/* An exit code, or WORKLOAD_INTERRUPTED. *json is "kernel_view" of the cell, an entry an arm: also
 * where nothing could be counted, and then it says why. The stage is as for a slot. The order of
 * play doesn't move on by it: a seed means the same where there is no view. */
int pass_play(const struct stage *stage, const struct cell *cell, uint64_t random, json_t **json);

#endif
