/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Figures as people read them. */
#ifndef COMPARE_REPORT_FIGURE_H
#define COMPARE_REPORT_FIGURE_H

#include <jansson.h>
#include <stddef.h>

/* Whatever a file says, it takes no more than ten columns or so. */
void figure_real(double number, int decimals, char *text, size_t size);

/* A time or a rate: three digits that matter, in the unit that people read; "-" where it isn't a
 * number. */
void figure_text(const json_t *value, const char *unit, char *text, size_t size);

/* A count an operation: four digits that matter; "-" where it isn't a number. */
void figure_counter(const json_t *value, char *text, size_t size);

#endif
