/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The report for people, rendered from the JSON and from nothing else: what is seen is what was
 * stored. It fits 80 columns; where there are fewer, down to 40, what stood beside stands below. */
#ifndef COMPARE_REPORT_TEXT_H
#define COMPARE_REPORT_TEXT_H

#include <jansson.h>
#include <stdio.h>

void text_head(const json_t *result, FILE *out);
void text_cell(const json_t *cell, FILE *out);
void text_foot(const json_t *result, FILE *out);
void text_whole(const json_t *result, FILE *out);

#endif
