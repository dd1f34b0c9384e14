/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/field.h"

const char *field_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

json_int_t field_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

double field_real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

const char *field_plural(const json_t *object, const char *key)
{
	return field_integer(object, key) == 1 ? "" : "s";
}
