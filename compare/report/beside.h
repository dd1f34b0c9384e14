/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What stands beside the times of a cell and explains them: the counters, what all but the I/O
 * costs, and what the kernel counted. */
#ifndef COMPARE_REPORT_BESIDE_H
#define COMPARE_REPORT_BESIDE_H

#include <jansson.h>
#include <stdio.h>

void beside_print(const json_t *cell, FILE *out);

/* Why the kernel counted nothing of any arm; NULL where it did, or wasn't asked. */
const char *beside_refusal(const json_t *cell);

#endif
