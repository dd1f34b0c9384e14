/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/mechanism.h"

#include <duet/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "compare/backends.h"
#include "compare/options.h"
#include "compare/report/store.h"
#include "compare/say.h"

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

static int refuse(const char *command, const char *name)
{
	struct mechanism all[MECHANISMS_MAX];
	size_t count = mechanism_find(NULL, all);
	char list[256] = "";

	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, ", %s", all[i].name);
	}
	return say_failure(SAY_USAGE, "%s: --backend %s: there are completion%s", command, name,
			   list);
}

static bool is_named(const struct mechanism *mechanism, const char *name)
{
	struct mechanism found[MECHANISMS_MAX];
	size_t count = mechanism_find(name, found);

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(found[i].name, mechanism->name))
			return true;
	}
	return false;
}

int mechanism_choose(const char *command, const struct option_list *names,
		     struct mechanism *chosen, size_t *count)
{
	struct mechanism all[MECHANISMS_MAX];
	size_t known = mechanism_find(NULL, all);

	*count = 0;
	for (uint32_t k = 0; k < names->count; k++) {
		if (!mechanism_find(names->texts[k], chosen))
			return refuse(command, names->texts[k]);
	}
	for (size_t i = 0; i < known; i++) {
		bool wanted = !names->count;

		for (uint32_t k = 0; k < names->count; k++)
			wanted |= is_named(&all[i], names->texts[k]);
		if (wanted)
			chosen[(*count)++] = all[i];
	}
	return SAY_OK;
}

json_t *mechanism_probe(struct mechanism *mechanisms, size_t *count)
{
	json_t *list = json_array();
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		const struct mechanism *mechanism = &mechanisms[i];
		struct duet_probe answer;
		bool refused = duet_backend_probe(mechanism->backend, mechanism->tuning, &answer);

		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:o, s:o}", "name", mechanism->name, "backend",
			duet_backend_name(mechanism->backend), "shape",
			store_string(answer.shape), "refused",
			refused ? store_string(answer.reason) : json_null()));
		if (!refused)
			mechanisms[kept++] = *mechanism;
	}
	*count = kept;
	return list;
}
