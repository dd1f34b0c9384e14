/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a report is printed on: how wide it is, how arms are called there, what stands out. */
#ifndef COMPARE_REPORT_PAGE_H
#define COMPARE_REPORT_PAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define PAGE_BOLD "\033[1m"
#define PAGE_DIM "\033[2m"
#define PAGE_YELLOW "\033[33m"
#define PAGE_PLAIN "\033[0m"

/* One of these codes, or "" where there are no colours. */
const char *page_style(FILE *out, const char *code);

/* Where the columns of the table don't fit beside each other, they stand below. */
bool page_is_narrow(FILE *out);

/* The first arm is a, the second b, and so on. */
char page_letter(json_int_t arm);

#endif
