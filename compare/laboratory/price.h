/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The price ladder: what each safe way to wait for an operation that may be asked to end costs, beside
 * the plain one that nobody asks. */
#ifndef COMPARE_LABORATORY_PRICE_H
#define COMPARE_LABORATORY_PRICE_H

#include <jansson.h>
#include <stdio.h>

#define PRICE_KIND "cancel price"

/* duet cancel price [POLICY...]; argv[0] is "price". An exit code. */
int price_command(int argc, char **argv);

/* The table of a result, one that was stored included. */
void price_print(const json_t *result, FILE *out);

/* NULL, or why this isn't a result of duet cancel price. */
const char *price_problem(const json_t *result);

#endif
