/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A table against a recorded one, as of another kernel: what became of the operations, not how often or
 * how fast. */
#ifndef COMPARE_LABORATORY_AGAINST_H
#define COMPARE_LABORATORY_AGAINST_H

#include <jansson.h>
#include <stdbool.h>

/* Sets "against" in matrix. */
void against_compare(json_t *matrix, const json_t *recorded, const char *path);

bool against_differs(const json_t *matrix, const json_t *cell);

#endif
