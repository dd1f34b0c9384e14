/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/change.h"

#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 256 };

bool change_is_same(const json_t *one, const json_t *other)
{
	bool neither = (!one || json_is_null(one)) && (!other || json_is_null(other));

	return neither || json_equal(one, other);
}

static bool has_all_of(const json_t *one, const json_t *other)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(size_t)one, key, value) {
		if (!change_is_same(value, json_object_get(other, key)))
			return false;
	}
	return true;
}

bool change_is_same_object(const json_t *one, const json_t *other)
{
	return has_all_of(one, other) && has_all_of(other, one);
}

static bool is_of_the_moment(const char *key)
{
	return !strcmp(key, "load_average") || !strcmp(key, "cpu_pressure");
}

static void add_members(json_t *list, const char *prefix, const json_t *before, const json_t *after)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(size_t)before, key, value)
		change_add(list, prefix, key, value, json_object_get(after, key));
	json_object_foreach((json_t *)(size_t)after, key, value) {
		if (!json_object_get(before, key))
			change_add(list, prefix, key, NULL, value);
	}
}

void change_add(json_t *list, const char *prefix, const char *key, const json_t *before,
		const json_t *after)
{
	char path[KEY_MAX];

	snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix && *key ? "." : "", key);
	if (change_is_same(before, after) || is_of_the_moment(key))
		return;
	if (json_is_object(before) && json_is_object(after))
		add_members(list, path, before, after);
	else
		json_array_append_new(list, json_pack("{s:s, s:O?, s:O?}", "key", path, "old",
						      before, "new", after));
}

json_t *change_list(const json_t *before, const json_t *after)
{
	static const char *const PARTS[] = { "environment", "tool" };
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(PARTS) / sizeof(*PARTS); i++)
		add_members(list, PARTS[i], json_object_get(before, PARTS[i]),
			    json_object_get(after, PARTS[i]));
	return list;
}
