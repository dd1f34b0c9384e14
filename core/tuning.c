/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "core/backend.h"

/* "key=value,key=value": the options that only one backend understands. */

static const char *next_pair(const char *at, size_t *key_bytes, size_t *pair_bytes)
{
	if (!at || !*at)
		return NULL;
	*pair_bytes = strcspn(at, ",");
	*key_bytes = strcspn(at, "=,");
	return at;
}

static const char *behind(const char *at, size_t pair_bytes)
{
	return at[pair_bytes] ? at + pair_bytes + 1 : NULL;
}

size_t duet_core_tuning(const char *tuning, const char *key, char *text, size_t size)
{
	size_t key_bytes, pair_bytes;

	for (const char *at = tuning; (at = next_pair(at, &key_bytes, &pair_bytes));
	     at = behind(at, pair_bytes)) {
		size_t length = pair_bytes - key_bytes;

		if (length < 2 || strlen(key) != key_bytes || memcmp(at, key, key_bytes) != 0)
			continue;
		length = length - 1 < size - 1 ? length - 1 : size - 1;
		memcpy(text, at + key_bytes + 1, length);
		text[length] = '\0';
		return length;
	}
	return 0;
}

static int known(const char *key, size_t bytes, const char *const *keys)
{
	for (; *keys; keys++)
		if (strlen(*keys) == bytes && memcmp(*keys, key, bytes) == 0)
			return 1;
	return 0;
}

/* Is the key of the pair at `at` in an earlier one? */
static int repeated(const char *tuning, const char *at, size_t bytes)
{
	size_t key_bytes = 0, pair_bytes = 0;

	for (const char *before = tuning; before != at; before = behind(before, pair_bytes)) {
		next_pair(before, &key_bytes, &pair_bytes);
		if (key_bytes == bytes && memcmp(before, at, bytes) == 0)
			return 1;
	}
	return 0;
}

int duet_core_tuning_check(const char *tuning, const char *const *keys)
{
	size_t key_bytes, pair_bytes;

	for (const char *at = tuning; (at = next_pair(at, &key_bytes, &pair_bytes));
	     at = behind(at, pair_bytes)) {
		size_t value_bytes = pair_bytes - key_bytes;

		if (value_bytes < 2 || value_bytes > LIMIT_TUNING_VALUE_BYTES ||
		    !known(at, key_bytes, keys) || repeated(tuning, at, key_bytes))
			return -EINVAL;
	}
	return 0;
}
