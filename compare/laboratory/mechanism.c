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

enum {
	OP = 1 << MECHANISM_OP,
	SWEEP = 1 << MECHANISM_SWEEP,
	STRESS = 1 << MECHANISM_STRESS,
	PRICE = 1 << MECHANISM_PRICE,
	CLAIM = 1 << MECHANISM_CLAIM,
};

/*
 * A ring is tried in both modes: the deferred one hides what a careless program loses. An eager reactor is
 * one that behaves as a ring does, and nobody is advised to run it. The native dialect has no operation
 * that could be cancelled, and the reference no kernel, and nothing of one operation's that could be
 * timed.
 */
static const struct {
	const char *name, *backend, *tuning;
	bool native;
	unsigned int usual, on_request; /* by which commands */
} MECHANISMS[MECHANISMS_MAX] = {
	{ "completion/deferred", "completion", "mode=deferred", false,
	  OP | SWEEP | STRESS | PRICE | CLAIM, 0 },
	{ "completion/plain", "completion", "mode=plain", false, OP | SWEEP | STRESS | PRICE,
	  CLAIM },
	{ "polling", "polling", NULL, false, OP | SWEEP | STRESS | PRICE | CLAIM, 0 },
	{ "polling/native", "polling", NULL, true, SWEEP, 0 },
	{ "polling/eager", "polling", "eager=yes", false, STRESS, OP | SWEEP },
	/* Peers send in one piece, and are received so on the others; no cancel is put off, which
	 * would only add turns until it has joined. */
	{ "reference", "reference", "short=0,again=0,room=0", false, SWEEP, 0 },
};

static struct mechanism make(size_t row)
{
	const char *backend = MECHANISMS[row].backend;

	return (struct mechanism){ .name = MECHANISMS[row].name,
				   .backend = backends_find(backend),
				   .tuning = MECHANISMS[row].tuning,
				   .native = MECHANISMS[row].native,
				   .can_order = !strcmp(backend, "reference") };
}

static bool is_usual(enum mechanism_use use, size_t row)
{
	return MECHANISMS[row].usual & 1u << use;
}

static bool is_known(enum mechanism_use use, size_t row)
{
	return (MECHANISMS[row].usual | MECHANISMS[row].on_request) & 1u << use;
}

bool mechanism_at(enum mechanism_use use, size_t index, struct mechanism *mechanism)
{
	for (size_t row = 0; row < MECHANISMS_MAX; row++) {
		if (!is_known(use, row) || index--)
			continue;
		*mechanism = make(row);
		return true;
	}
	return false;
}

/* The rows that name stands for: a bit each. */
static unsigned int rows_of(enum mechanism_use use, const char *name)
{
	unsigned int rows = 0;

	for (size_t row = 0; row < MECHANISMS_MAX; row++) {
		if (name && is_known(use, row) && !strcmp(name, MECHANISMS[row].name))
			return 1u << row;
		if (is_usual(use, row) && (!name || !strcmp(name, MECHANISMS[row].backend)))
			rows |= 1u << row;
	}
	return rows;
}

static size_t make_rows(unsigned int rows, struct mechanism *made)
{
	size_t count = 0;

	for (size_t row = 0; row < MECHANISMS_MAX; row++) {
		if (rows & 1u << row)
			made[count++] = make(row);
	}
	return count;
}

size_t mechanism_find(enum mechanism_use use, const char *name, struct mechanism *found)
{
	return make_rows(rows_of(use, name), found);
}

static int refuse(enum mechanism_use use, const char *command, const char *name)
{
	struct mechanism one;
	char list[256] = "";

	for (size_t i = 0; mechanism_at(use, i, &one); i++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, ", %s", one.name);
	}
	return say_failure(SAY_USAGE, "%s: --backend %s: there are completion%s", command, name,
			   list);
}

int mechanism_choose(enum mechanism_use use, const char *command, const struct option_list *names,
		     struct mechanism *chosen, size_t *count)
{
	unsigned int rows = names->count ? 0 : rows_of(use, NULL);

	for (uint32_t i = 0; i < names->count; i++) {
		unsigned int named = rows_of(use, names->texts[i]);

		if (!named)
			return refuse(use, command, names->texts[i]);
		rows |= named;
	}
	*count = make_rows(rows, chosen);
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
