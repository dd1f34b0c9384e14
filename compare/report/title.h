/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a cell is called: its workload and parameters in a few words, "echo, 1 connection, ...". */
#ifndef COMPARE_REPORT_TITLE_H
#define COMPARE_REPORT_TITLE_H

#include <jansson.h>
#include <stddef.h>

void title_cell(const json_t *cell, char *text, size_t size);

#endif
