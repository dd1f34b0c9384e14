/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The four cells: the kernel completes or becomes ready, the program is resumed with a result or is
 * woken and asks again. Two axes that published comparisons mix up, each seen alone. */
#ifndef COMPARE_QUESTIONS_CELLS_H
#define COMPARE_QUESTIONS_CELLS_H

#include <jansson.h>
#include <stdio.h>

enum cells_arm {
	CELLS_COMPLETION_CONTINUATION,
	CELLS_COMPLETION_FUTURE,
	CELLS_POLLING_CONTINUATION,
	CELLS_POLLING_FUTURE,
	CELLS_COMPLETION_CALLBACK, /* the reference: no task at all */
	CELLS_POLLING_CALLBACK,
	CELLS_ARMS
};

extern const char *const CELLS_ARM_NAMES[CELLS_ARMS];

/* For struct question. */
void cells_print(const json_t *cell, FILE *out);

#endif
