/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/limits.h"

#include <string.h>

#include "compare/measure/rounds.h"
#include "compare/report/field.h"
#include "compare/report/page.h"
#include "compare/say.h"

typedef bool slot_fn(const json_t *slot);

bool limits_missed(const json_t *slot)
{
	return json_is_false(json_object_get(slot, "rate_kept"));
}

static bool is_limited(const json_t *slot)
{
	return json_is_true(json_object_get(slot, "load_limited"));
}

static bool is_any(const json_t *slot)
{
	(void)slot;
	return true;
}

static json_int_t count_slots(const json_t *rounds, unsigned int arm, slot_fn *counts)
{
	json_int_t count = 0;
	json_t *round, *slot;
	size_t i, k;

	json_array_foreach(rounds, i, round) {
		if (!json_is_true(json_object_get(round, "kept")))
			continue;
		json_array_foreach(json_object_get(round, "slots"), k, slot)
			count += json_integer_value(json_object_get(slot, "arm")) ==
				(json_int_t)arm && counts(slot);
	}
	return count;
}

bool limits_missed_by(const json_t *rounds, unsigned int arm)
{
	return count_slots(rounds, arm, limits_missed) > 0;
}

static json_t *counts_json(const json_t *cell, slot_fn *counts)
{
	const json_t *rounds = json_object_get(cell, "rounds");
	size_t arms = json_array_size(json_object_get(cell, "arms"));
	json_t *json = json_array();

	for (unsigned int arm = 0; arm < arms; arm++)
		json_array_append_new(json, json_integer(count_slots(rounds, arm, counts)));
	return json;
}

void limits_conclude(json_t *cell)
{
	const json_t *round = json_array_get(json_object_get(cell, "rounds"), 0);
	const json_t *slot = json_array_get(json_object_get(round, "slots"), 0);

	if (!json_object_get(slot, "load_limited"))
		return; /* the arm is its own load */
	json_object_set_new(cell, "load_limited_slots", counts_json(cell, is_limited));
	if (json_object_get(slot, "rate_kept"))
		json_object_set_new(cell, "rate_missed_slots", counts_json(cell, limits_missed));
}

/* "30 of 30 plays of a, 2 of 15 of b"; false if there is nothing to say. */
static bool list_arms(const json_t *cell, const char *key, char *text, size_t size)
{
	const json_t *rounds = json_object_get(cell, "rounds");
	const json_t *counts = json_object_get(cell, key);
	size_t used = 0;

	*text = 0;
	for (unsigned int arm = 0; arm < ROUNDS_ARMS_MAX; arm++) {
		json_int_t count = json_integer_value(json_array_get(counts, arm));

		if (count <= 0 || used >= size)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%lld of %lld%s of %c",
					 used ? ", " : "", (long long)count,
					 (long long)count_slots(rounds, arm, is_any),
					 used ? "" : " plays", page_letter(arm));
	}
	return used > 0;
}

void limits_print(const json_t *cell, FILE *out)
{
	const json_t *parameters = json_object_get(cell, "parameters");
	bool open = json_integer_value(json_object_get(parameters, "rate_per_s")) > 0;
	bool serves = !strcmp(field_string(cell, "workload"), "rockets");
	char arms[256], text[640];

	if (list_arms(cell, "rate_missed_slots", arms, sizeof(arms))) {
		snprintf(text, sizeof(text), "The rate was not kept in %s: throughput is what was "
			 "answered; latency grows for as long as it is tried, and is not measured.",
			 arms);
		say_wrapped(out, text, 0, 2);
	}
	if (!list_arms(cell, "load_limited_slots", arms, sizeof(arms)))
		return;
	snprintf(text, sizeof(text), "The %s was the bottleneck in %s: %s CPU per operation is the "
		 "arm's own.", serves ? "server of rockets" : "load generator", arms, open
		 ? "it came late to what was due, and latency contains that."
		 : "it was busy for 95 % of the time or more, and throughput and latency are as "
		   "much its own as the arm's.");
	say_wrapped(out, text, 0, 2);
}
