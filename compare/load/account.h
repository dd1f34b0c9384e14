/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the load generator says of itself, for programs and for people: whether it sent what it was
 * meant to, when it was meant to, and whether it or the server set the figures. */
#ifndef COMPARE_LOAD_ACCOUNT_H
#define COMPARE_LOAD_ACCOUNT_H

#include <jansson.h>
#include <stdio.h>

#include "compare/load/load.h"

/* Adds to a slot what only an echo's has. */
void account_add(const struct load_result *result, json_t *slot);

void account_print(const struct load_result *result, FILE *out);

/* An exit code: of a rate that wasn't kept one line says so, with both numbers. */
int account_judge(const struct load_result *result);

#endif
