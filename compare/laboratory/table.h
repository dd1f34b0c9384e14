/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The table as text. */
#ifndef COMPARE_LABORATORY_TABLE_H
#define COMPARE_LABORATORY_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* times: also a table of how long it took until each thing was to be had again. */
void table_print(const json_t *matrix, bool times, FILE *out);

#endif
