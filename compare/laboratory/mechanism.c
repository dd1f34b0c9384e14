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
	/* Peers send in one piece, and are received so on the others. */
	{ "reference", "reference", "short=0" },
};

enum { KERNEL_MECHANISMS = 3 };

static size_t find(size_t known, const char *name, struct mechanism *found)
{
	size_t count = 0;

	for (size_t i = 0; i < known; i++) {
		if (name && strcmp(name, MECHANISMS[i].name) != 0 &&
		    strcmp(name, MECHANISMS[i].backend) != 0)
			continue;
		found[count++] = (struct mechanism){ MECHANISMS[i].name,
						     backends_find(MECHANISMS[i].backend),
						     MECHANISMS[i].tuning,
						     i >= KERNEL_MECHANISMS };
	}
	return count;
}

size_t mechanism_find(const char *name, struct mechanism *found)
{
	return find(KERNEL_MECHANISMS, name, found);
}

size_t mechanism_find_swept(const char *name, struct mechanism *found)
{
	return find(MECHANISMS_MAX, name, found);
}
