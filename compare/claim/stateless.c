/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * Stateless informed polling: the claim is that a reactor alone can wait without a registration and
 * without memory of an operation between two polls. What each way to wait keeps, and what it costs
 * to give it up.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/claim/stateless_scene.h"
#include "compare/claim/claim.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum {
	CYCLES_WAITS = 30000,
	CYCLES_QUICK = 2000,
	CYCLES_MIN = 16,
	SINGLES = 200,
	SINGLES_QUICK = 20
};

enum { CPU, LATENCY, OWN, LENT, LOOP, KERNEL, KEPT, SLAB, REGISTRATIONS };

static const char *const WAYS[STATELESS_WAYS] = {
	[STATELESS_RECV] = "recv",
	[STATELESS_POOLED] = "pooled",
	[STATELESS_POLL] = "poll",
	[STATELESS_FORGOTTEN] = "stateless",
};

static const char *const LEGEND[][2] = {
	{ "recv", "a pending receive, 4096 bytes of its own lent to it" },
	{ "pooled", "a pending multishot receive, which takes a shared buffer when data comes" },
	{ "poll", "a pending operation that waits for readiness" },
	{ "stateless", "a wait of polling's native dialect, which is given up by forgetting it" },
	{ "bytes of a connection",
	  "own: the program's; lent: of these out of its hands; loop: set aside "
	  "by the loop; kernel: requests, registrations and the ring, counted, at "
	  "known or documented sizes; kept: of these when the wait is given up; "
	  "slab: the same as /proc/slabinfo shows it" },
	{ NULL, NULL },
};

/* ---- What is asked. ---- */

static int play(const struct claim_play *play, double *figures)
{
	const char *way = strrchr(play->arm, '/');
	struct stateless_options options = { .mechanism = play->mechanism,
					.seed = play->seed,
					.connections = play->size };
	struct stateless_result result = { .slab = NAN };
	int error;

	while (way && options.way < STATELESS_WAYS && strcmp(WAYS[options.way], way + 1) != 0)
		options.way++;
	if (!way || options.way == STATELESS_WAYS || !play->size || play->size % 2)
		return -EINVAL;
	options.cycles = (play->quick ? CYCLES_QUICK : CYCLES_WAITS) / play->size;
	if (options.cycles < CYCLES_MIN)
		options.cycles = CYCLES_MIN;
	options.singles = play->quick ? SINGLES_QUICK : SINGLES;
	error = stateless_play(&options, &result);
	figures[CPU] = result.cpu_ns;
	figures[LATENCY] = result.latency_ns;
	figures[OWN] = result.own;
	figures[LENT] = result.lent;
	figures[LOOP] = result.loop;
	figures[KERNEL] = result.kernel;
	figures[KEPT] = result.kept;
	figures[SLAB] = result.slab;
	figures[REGISTRATIONS] = result.registrations;
	return error;
}

static bool is_polling(const struct mechanism *mechanism)
{
	return !strcmp(mechanism->name, "polling");
}

static void add_arms(struct claim_group *group, const struct mechanism *mechanism)
{
	char name[CLAIM_NAME_MAX];

	for (int way = 0; way < STATELESS_WAYS; way++) {
		if (way == STATELESS_FORGOTTEN && !is_polling(mechanism))
			continue;
		snprintf(name, sizeof(name), "%s/%s", mechanism->name, WAYS[way]);
		claim_add_arm(group, name, mechanism->name, 0);
	}
}

/* All ways of all mechanisms are one group a size: those of one are to be set against the
 * other's. The first is a reactor's plain receive, if there is one. */
static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	static const uint32_t sizes[] = { 100, 1000, 10000 };

	for (size_t i = 0; i < (plan->quick ? 2 : 3) && count; i++) {
		struct claim_group *group = &plan->groups[plan->count++];

		*group = (struct claim_group){ .size = sizes[i] };
		snprintf(group->name, sizeof(group->name), "%u connections", sizes[i]);
		for (size_t k = 0; k < 2 * count; k++) {
			if (is_polling(&mechanisms[k % count]) == (k < count))
				add_arms(group, &mechanisms[k % count]);
		}
	}
}

/* ---- What came of it. ---- */

/* The first arm that is waited for in this way, on polling or not, or NULL. */
static const json_t *find_way(const json_t *group, const char *way, bool polling)
{
	json_t *arm;
	size_t i;

	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		const char *name = field_string(arm, "name"), *end = strrchr(name, '/');

		if (end && !strcmp(end + 1, way) && !strncmp(name, "polling", 7) == polling)
			return arm;
	}
	return NULL;
}

static void conclude_memory(json_t *result, const json_t *drop, const json_t *pooled)
{
	const double own = claim_figure(drop, "own"), lent = claim_figure(drop, "lent");

	claim_add_finding(result, "no operation memory",
			  "%s: a stateless wait is %.0f bytes of the "
			  "program's, and %.0f are lent, %.0f in the loop.",
			  lent > 0 ? "shown false" : "shown", own, lent,
			  claim_figure(drop, "loop"));
	if (pooled)
		claim_add_finding(
			result, "completion can't",
			"%s of buffers: a pooled receive lends "
			"%.0f bytes while it waits; %s of the operation: it is %.0f bytes, "
			"%.1f times those of the stateless wait, and %.0f more in the loop.",
			claim_figure(pooled, "lent") > 0 ? "shown" : "shown false",
			claim_figure(pooled, "lent"),
			claim_figure(pooled, "own") > own ? "shown" : "shown false",
			claim_figure(pooled, "own"), claim_figure(pooled, "own") / own,
			claim_figure(pooled, "loop") - claim_figure(drop, "loop"));
}

static void conclude_registration(json_t *result, const json_t *drop, const json_t *pooled)
{
	const double registrations = claim_figure(drop, "registrations");

	claim_add_finding(
		result, "no registration",
		"%s: edge-triggered epoll keeps %.2f "
		"registration%s a connection, made at its first wait; they are %.0f bytes of "
		"the kernel's, and %.0f of them stay when the wait is given up, until the "
		"handle is closed.",
		registrations > 0 ? "shown false" : "shown", registrations,
		registrations == 1 ? "" : "s", claim_figure(drop, "kernel"),
		claim_figure(drop, "kept"));
	if (pooled)
		claim_add_finding(result, "against a ring",
				  "a pooled receive there has %.0f bytes of "
				  "the kernel's while it waits, and %.0f stay: it is the %s that "
				  "keeps less of a connection that nobody waits for.",
				  claim_figure(pooled, "kernel"), claim_figure(pooled, "kept"),
				  claim_figure(pooled, "kept") < claim_figure(drop, "kept")
					  ? "ring"
					  : "reactor");
}

/* At each number of connections; the way is found by its place among the arms. */
static void conclude_cancel(json_t *result, const json_t *arm)
{
	const char *name = field_string(arm, "name");
	char text[400] = "";
	json_t *group;
	size_t i;

	if (!json_object_get(arm, "against"))
		return;
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		const size_t used = strlen(text);
		char cpu[64];

		claim_format_interval(json_object_get(claim_arm_of(group, name), "cpu"), cpu,
				      sizeof(cpu));
		snprintf(text + used, sizeof(text) - used, "%s%s at %lld", used ? "; " : "", cpu,
			 (long long)field_integer(group, "connections"));
	}
	claim_add_finding(result, "cost of a cancel", "%s / %s in CPU: %s connections.", name,
			  field_string(arm, "against"), text);
}

static void conclude(json_t *result)
{
	const json_t *groups = json_object_get(result, "groups");
	const json_t *group = json_array_get(groups, json_array_size(groups) - 1);
	const json_t *drop = find_way(group, "stateless", true);
	const json_t *pooled = find_way(group, "pooled", false);

	if (drop) {
		conclude_memory(result, drop, pooled);
		conclude_registration(result, drop, pooled);
		conclude_cancel(result, drop);
	}
	if (pooled)
		conclude_cancel(result, pooled);
}

/* ---- The table. ---- */

enum { NAME_COLUMNS = 30, BYTES_COLUMNS = 7, RATIO_COLUMNS = 6 };

static void print_arm(const json_t *arm, FILE *out)
{
	static const char *const bytes[] = { "own", "lent", "loop", "kernel", "kept", "slab" };
	char cpu[32] = "1", latency[32] = "1";

	if (json_object_get(arm, "cpu")) {
		claim_format_ratio(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
		claim_format_ratio(json_object_get(arm, "latency"), latency, sizeof(latency));
	}
	fprintf(out, "  %-*s%*s%*s", NAME_COLUMNS - 2, field_string(arm, "name"), RATIO_COLUMNS,
		cpu, RATIO_COLUMNS - 1, latency);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
		const double figure = claim_figure(arm, bytes[i]);

		if (isnan(figure))
			fprintf(out, "%*s", BYTES_COLUMNS - 1, "-");
		else
			fprintf(out, "%*.0f", BYTES_COLUMNS - 1, figure);
	}
	fputc('\n', out);
}

static void print(const json_t *result, FILE *out)
{
	json_t *group, *arm;
	size_t i, k;

	claim_print_head(&CLAIM_STATELESS, result, out);
	say_wrapped(out,
		    "cpu, lat: what it costs to give a wait up, in CPU and in time, times of the "
		    "first row. ~: no difference shown.",
		    0, 2);
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		fprintf(out, "\n%s%-*s%s   cpu  lat   own  lent  loop kernel kept  slab\n",
			say_bold(out), NAME_COLUMNS, field_string(group, "name"), say_plain(out));
		json_array_foreach(json_object_get(group, "arms"), k, arm) print_arm(arm, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_STATELESS = {
	.name = "stateless",
	.kind = "compare stateless",
	.summary = "Stateless informed polling: what does each way to wait for an idle connection "
		   "keep, "
		   "in the program and in the kernel, and what does it cost to give it up?",
	.varies = "connections",
	.takes_descriptors = true,
	.figures = { "cpu_ns", "latency_ns", "own", "lent", "loop", "kernel", "kept", "slab",
		     "registrations" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
