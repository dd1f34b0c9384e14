/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Recorded results, as the pages under docs have them. */
#ifndef TESTS_SUPPORT_RECORDED_H
#define TESTS_SUPPORT_RECORDED_H

#include <jansson.h>
#include <stdio.h>

typedef void recorded_print_fn(const json_t *result, FILE *out);

/* What the program prints of the recorded file stands in the page. */
void recorded_check_page(const char *file, const char *page, recorded_print_fn *print);

/* It fits into so many columns, and has no blank at the end of a line. */
void recorded_check_width(const char *file, const char *columns, recorded_print_fn *print);

#endif
