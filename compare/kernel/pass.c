/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kernel/pass.h"

#include <stdlib.h>
#include <string.h>

#include "compare/kernel/calls.h"
#include "compare/kernel/view.h"
#include "compare/measure/process.h"
#include "compare/say.h"

static unsigned long long sum(const unsigned long long *places)
{
	unsigned long long all = 0;

	for (int i = 0; i < COUNTS_CALLS_MAX; i++)
		all += places[i];
	return all;
}

static json_t *share(unsigned long long count, double operations)
{
	return operations > 0 ? json_real((double)count / operations) : json_null();
}

struct entry {
	unsigned int number;
	unsigned long long count;
};

static int by_count(const void *left, const void *right)
{
	const struct entry *one = left, *two = right;

	if (one->count != two->count)
		return one->count < two->count ? 1 : -1;
	return one->number < two->number ? -1 : 1;
}

static json_t *by_call_json(const struct counts *counts, double operations)
{
	static struct entry entries[COUNTS_CALLS_MAX];
	json_t *pairs = json_array();
	char name[32];

	for (unsigned int i = 0; i < COUNTS_CALLS_MAX; i++)
		entries[i] = (struct entry){ i, counts->calls[i] };
	qsort(entries, COUNTS_CALLS_MAX, sizeof(*entries), by_count);
	for (int i = 0; i < COUNTS_CALLS_MAX && entries[i].count; i++) {
		calls_name(entries[i].number, name, sizeof(name));
		json_array_append_new(pairs, json_pack("[s, o]", name,
						       share(entries[i].count, operations)));
	}
	return pairs;
}

static json_t *off_json(const char *why)
{
	return json_pack("{s:b, s:s}", "on", 0, "why", why);
}

/* The counters are the loop's own of this very slot: the two can be set side by side to the call. */
static json_t *on_json(const struct counts *counts, uint64_t missed, const json_t *slot)
{
	json_t *total = json_object_get(slot, "operations_total");
	double operations = json_number_value(total);

	return json_pack("{s:b, s:n, s:O, s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:I, s:O}", "on", 1,
			 "why", "operations_total", total, "per_operation", "system_calls",
			 share(sum(counts->calls), operations), "wasted",
			 share(sum(counts->wasted), operations), "wakeups",
			 share(counts->wakeups, operations), "voluntary_switches",
			 share(counts->voluntary, operations), "involuntary_switches",
			 share(counts->involuntary, operations), "by_call",
			 by_call_json(counts, operations), "missed", (json_int_t)missed, "counters",
			 json_object_get(slot, "counters"));
}

static json_t *read_json(const struct view *view, const json_t *slot)
{
	static struct counts counts;
	uint64_t missed;

	if (view_read(view, &counts, &missed))
		return off_json("what was counted could not be read");
	return on_json(&counts, missed, slot);
}

static int play_arms(struct stage *stage, const struct cell *cell, uint64_t *random, json_t *arms)
{
	int code = SAY_OK;

	for (uint32_t i = 0; !code && i < cell->arm_count; i++) {
		json_t *slot = NULL;

		say_progress("%s  the kernel's view, %u of %u", cell->workload->name, i + 1,
			     cell->arm_count);
		stage->seed = rounds_random(random) >> 1;
		code = cell->workload->play(stage, cell, &cell->arms[i], &slot);
		if (!code && process_interrupted())
			code = WORKLOAD_INTERRUPTED;
		if (!code)
			json_array_append_new(arms, read_json(stage->view, slot));
		if (slot)
			json_decref(slot);
		if (code == SAY_WRONG_BYTE)
			say_failure(code, "arm %s: a byte came back wrong, was lost or doubled while "
				    "the kernel's view was taken: the timings are void",
				    cell->arms[i].name);
	}
	say_progress_end();
	return code;
}

/* Every arm has its entry, also those that the pass didn't come to. */
static void fill(json_t *arms, uint32_t count, const char *why)
{
	while (json_array_size(arms) < count)
		json_array_append_new(arms, off_json(why));
}

int pass_play(const struct stage *stage, const struct cell *cell, uint64_t random, json_t **json)
{
	char why[VIEW_WHY_MAX] = "switched off (--no-kernel-view)";
	struct stage watched = *stage;
	int code = SAY_OK;

	*json = json_array();
	if (cell->kernel_view && !view_open(&watched.view, why)) {
		code = play_arms(&watched, cell, &random, *json);
		view_close(watched.view);
		snprintf(why, sizeof(why), "the run was ended before");
	}
	fill(*json, cell->arm_count, why);
	return code;
}
