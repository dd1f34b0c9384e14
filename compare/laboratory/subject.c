/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/subject.h"

#include <string.h>

static const struct subject *const TABLES[] = { SUBJECTS_PLAIN, SUBJECTS_SOCKET, SUBJECTS_STREAM,
						SUBJECTS_FILE, SUBJECTS_NAME, SUBJECTS_EVENT };

const struct subject *subject_at(size_t index)
{
	for (size_t table = 0; table < sizeof(TABLES) / sizeof(*TABLES); table++) {
		for (const struct subject *at = TABLES[table]; at->name; at++) {
			if (!index--)
				return at;
		}
	}
	return NULL;
}

const struct subject *subject_find(const char *name)
{
	const struct subject *subject;

	for (size_t i = 0; (subject = subject_at(i)); i++) {
		if (!strcmp(subject->name, name))
			return subject;
	}
	return NULL;
}
