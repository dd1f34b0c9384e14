/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A stored result may come from anywhere: what is printed from it must be what compare can have
 * written, and never command a terminal. */
#ifndef COMPARE_REPORT_SHAPE_H
#define COMPARE_REPORT_SHAPE_H

#include <jansson.h>

/* What is wrong with a cell, as a sentence without an end, or NULL. */
const char *shape_problem(const json_t *cell);

/* Control characters in all strings become '?'. */
void shape_clean(json_t *json);

#endif
