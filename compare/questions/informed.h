/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Informed or not: what an event costs as the number of idle children beside it grows, by precise
 * wakers, by polling all children, and by spinning, on both backends. The arms are, for each backend
 * and each style, one for each number of idle children, from the smallest on. */
#ifndef COMPARE_QUESTIONS_INFORMED_H
#define COMPARE_QUESTIONS_INFORMED_H

#include <jansson.h>
#include <stdio.h>

enum { INFORMED_BACKENDS = 2, INFORMED_SIZES_MAX = 5 };

extern const char *const INFORMED_BACKEND[INFORMED_BACKENDS];

/* How many numbers of idle children a cell has; 0 where its arms aren't such. */
unsigned int informed_sizes(const json_t *cell);

/* The arm of a backend, a style and a size. */
unsigned int informed_arm(unsigned int sizes, unsigned int backend, unsigned int style,
			  unsigned int size);

/* How many idle children its arms of this size have. */
double informed_idle(const json_t *cell, unsigned int size);

/* For struct question. */
void informed_print(const json_t *cell, FILE *out);

/* What a figure does from the smallest number of children to the largest. */
enum informed_slope {
	INFORMED_FLAT,      /* within the bound */
	INFORMED_LINEAR,    /* grows, at the end by as much for each child as before */
	INFORMED_GROWS,
	INFORMED_FALLS,
	INFORMED_NOT_SHOWN, /* none of these, or it could not be said */
	INFORMED_SLOPES
};

const char *informed_slope_word(enum informed_slope slope);

/* From the verdict of largest / smallest, that ratio, and the medians, one a size; sizes >= 2.
 * *each is set to what one more child costs between the last two sizes. */
enum informed_slope informed_slope_of(const char *verdict, double ratio, const double *idle,
				      const double *medians, unsigned int sizes, double *each);

#endif
