/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What isn't the same in two stored results, beside what was measured: a difference between their
 * figures may be theirs. */
#ifndef COMPARE_REPORT_CHANGE_H
#define COMPARE_REPORT_CHANGE_H

#include <jansson.h>
#include <stdbool.h>

/* A key that is missing is as good as null: later versions add keys. */
bool change_is_same(const json_t *one, const json_t *other);
bool change_is_same_object(const json_t *one, const json_t *other);

/* Environments and tools as a list of {"key", "old", "new"}. What no two runs have in common, the
 * load at the moment of the start, is left out. */
json_t *change_list(const json_t *before, const json_t *after);

/* Appends one such entry, if the two differ; the key is PREFIX.KEY, either of
 * which may be "". Objects are entered. */
void change_add(json_t *list, const char *prefix, const char *key, const json_t *before,
		const json_t *after);

#endif
