/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Two results side by side for people, rendered from the JSON of pair_json(). */
#ifndef COMPARE_REPORT_SIDE_H
#define COMPARE_REPORT_SIDE_H

#include <jansson.h>
#include <stdio.h>

void side_text(const json_t *diff, FILE *out);

#endif
