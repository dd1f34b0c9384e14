/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The fields of a stored object, whatever it has: what isn't there, or is of another kind, is "?"
 * or 0. */
#ifndef COMPARE_REPORT_FIELD_H
#define COMPARE_REPORT_FIELD_H

#include <jansson.h>

const char *field_string(const json_t *object, const char *key); /* lent by the object */
json_int_t field_integer(const json_t *object, const char *key);
double field_real(const json_t *object, const char *key);

/* What a noun ends with behind this number. */
const char *field_plural(const json_t *object, const char *key);

#endif
