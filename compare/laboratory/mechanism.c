/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/mechanism.h"

#include <duet/loop.h>
#include <string.h>

#include "compare/backends.h"

/*
 * A ring is tried in both modes: the deferred one hides what a careless program loses. An eager reactor is
 * one that behaves as a ring does; nobody is advised to run it, so it is there on request. The reference
 * has no kernel, and nothing of one operation's that could be timed.
 */
static const struct {
	const char *name, *backend, *tuning;
	bool native;
	bool single;  /* for single operations, too */
	bool usually; /* for workloads, unless others are asked for */
} MECHANISMS[MECHANISMS_MAX] = {
	{ "completion/deferred", "completion", "mode=deferred", false, true, true },
	{ "completion/plain", "completion", "mode=plain", false, true, true },
	{ "polling", "polling", NULL, false, true, true },
	{ "polling/native", "polling", NULL, true, false, true },
	{ "polling/eager", "polling", "eager=yes", false, false, false },
	/* Peers send in one piece, and are received so on the others; no cancel is put off, which
	 * would only add turns until it has joined. */
	{ "reference", "reference", "short=0,again=0,room=0", false, false, true },
};

bool mechanism_at(size_t index, struct mechanism *mechanism)
{
	const char *backend;

	if (index >= MECHANISMS_MAX)
		return false;
	backend = MECHANISMS[index].backend;
	*mechanism = (struct mechanism){ .name = MECHANISMS[index].name,
					 .backend = backends_find(backend),
					 .tuning = MECHANISMS[index].tuning,
					 .native = MECHANISMS[index].native,
					 .can_order = !strcmp(backend, "reference") };
	return true;
}

size_t mechanism_find(const char *name, struct mechanism *found)
{
	size_t count = 0;

	for (size_t i = 0; i < MECHANISMS_MAX; i++) {
		if (MECHANISMS[i].single &&
		    (!name || !strcmp(name, MECHANISMS[i].name) ||
		     !strcmp(name, MECHANISMS[i].backend)))
			mechanism_at(i, &found[count++]);
	}
	return count;
}

size_t mechanism_find_swept(const char *name, struct mechanism *found)
{
	size_t count = 0;

	for (size_t i = 0; name && i < MECHANISMS_MAX; i++) {
		if (!strcmp(name, MECHANISMS[i].name))
			return mechanism_at(i, found);
	}
	for (size_t i = 0; i < MECHANISMS_MAX; i++) {
		if (MECHANISMS[i].usually && (!name || !strcmp(name, MECHANISMS[i].backend)))
			mechanism_at(i, &found[count++]);
	}
	return count;
}
