/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/mechanism.h"

#include <duet/loop.h>
#include <string.h>

#include "compare/backends.h"

/* A ring is tried in both modes: the deferred one hides what a careless program loses. */
static const struct {
	const char *name, *backend, *tuning;
} MECHANISMS[MECHANISMS_MAX] = {
	{ "completion/deferred", "completion", "mode=deferred" },
	{ "completion/plain", "completion", "mode=plain" },
	{ "polling", "polling", NULL },
};

size_t mechanism_find(const char *name, struct mechanism *found)
{
	size_t count = 0;

	for (size_t i = 0; i < MECHANISMS_MAX; i++) {
		if (name && strcmp(name, MECHANISMS[i].name) != 0 &&
		    strcmp(name, MECHANISMS[i].backend) != 0)
			continue;
		found[count++] = (struct mechanism){ MECHANISMS[i].name,
						     backends_find(MECHANISMS[i].backend),
						     MECHANISMS[i].tuning };
	}
	return count;
}
