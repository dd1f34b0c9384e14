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
