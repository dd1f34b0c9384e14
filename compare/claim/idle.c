/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * What does an idle connection hold? A server's whole memory, by the regime of what it receives into, with
 * a receive pending on each of its connections.
 */
#include <duet/loop.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/regimes_scene.h"
#include "compare/measure/memory.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { BUFFER = 4096, MESSAGE = 64, BATCH = 32, BATCHES = 200, BATCHES_QUICK = 20, SINGLES = 400,
       SINGLES_QUICK = 40 };

/* The aim of the completion twin, pooled, at the most connections. */
enum { BOUND = 1024 };

enum { CPU, LATENCY, USER, TOUCHED, LOOP, RECORD, BUFFERS, LENT };

static const char *const LEGEND[][2] = {
	{ "lent", "a receive into 4096 bytes of the connection's own" },
	{ "moved, registered", "into a buffer that was taken of a pool, of which there is one for "
			       "each; registered: pinned, where the kernel knows of such" },
	{ "copied", "into the connection's own, by a buffer that stands in for it" },
	{ "pooled", "a multishot receive, which takes one of 64 shared buffers when data comes" },
	{ "try", "a wait of polling's native dialect, and a try into one buffer for all" },
	{ "bytes of a connection",
	  "user: all that the server holds, the shared included, as the allocator and the kernel "
	  "count it; of this loop: its tables, ledger and handles; conn: the program's, with the "
	  "operation; buf: buffers. pages: of user what was ever touched, each connection having had "
	  "one message. lent: out of the program's hands, as the ledger says. The kernel's "
	  "own: duet compare stateless" },
	{ NULL, NULL },
};

/* ---- A play. ---- */

static int stage(struct regimes_scene *scene, enum regimes_stage which, double *held_bytes)
{
	struct memory memory;
	int error = regimes_scene_stage(scene, which);

	memory_read(&memory);
	*held_bytes = memory.held_bytes;
	return error;
}

/* Each stage holds what was not held before it. */
static int measure_memory(struct regimes_scene *scene, double *figures)
{
	const double count = scene->options->connections;
	double held[REGIMES_STAGES];
	struct memory before, after;
	struct duet_ledger ledger;
	int error = regimes_scene_stage(scene, REGIMES_SOCKETS);

	memory_read(&before); /* what reading takes is there the second time */
	memory_read(&before);
	held[REGIMES_SOCKETS] = before.held_bytes;
	for (int i = REGIMES_LOOP; i < REGIMES_STAGES && !error; i++)
		error = stage(scene, (enum regimes_stage)i, &held[i]);
	if (error)
		return error;
	memory_read(&after);
	duet_loop_ledger(scene->loop, &ledger);
	figures[USER] = (after.held_bytes - before.held_bytes) / count;
	figures[TOUCHED] = (after.touched_bytes - before.touched_bytes) / count;
	figures[LOOP] = (held[REGIMES_LOOP] - held[REGIMES_SOCKETS]) / count;
	figures[RECORD] = (held[REGIMES_RECORDS] - held[REGIMES_LOOP]) / count;
	figures[BUFFERS] = (held[REGIMES_BUFFERS] - held[REGIMES_RECORDS]) / count;
	figures[LENT] = (double)ledger.lent_bytes / count;
	return 0;
}

static int play(const struct claim_play *play, double *figures)
{
	struct regimes_options options = { .mechanism = play->mechanism,
					   .connections = play->size,
					   .message_bytes = MESSAGE,
					   .buffer_bytes = BUFFER,
					   .seed = play->seed };
	struct regimes_scene scene = { .options = &options };
	struct regimes_latency latency;
	struct regimes_cost cost;
	int error;

	options.way = regimes_way_find(play->arm);
	if (options.way == REGIMES_WAYS || play->size < BATCH || play->size % 2)
		return -EINVAL;
	error = measure_memory(&scene, figures);
	if (!error)
		error = regimes_scene_cost(&scene, play->quick ? BATCHES_QUICK : BATCHES, BATCH,
					   &cost);
	if (!error)
		error = regimes_scene_latency(&scene, play->quick ? SINGLES_QUICK : SINGLES,
					      &latency);
	regimes_scene_end(&scene);
	if (error)
		return error;
	figures[CPU] = cost.cpu_ns;
	figures[LATENCY] = latency.p50_ns;
	return 0;
}

/* ---- What is asked. ---- */

/* All of one number of connections are one group: a regime is set against lent on the same mechanism, and
 * the lent ones against each other. */
static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	static const uint32_t sizes[] = { 100, 1000, 10000 };

	for (size_t i = 0; i < (plan->quick ? 2 : 3) && count; i++) {
		struct claim_group *group = &plan->groups[plan->count++];

		*group = (struct claim_group){ .size = sizes[i] };
		snprintf(group->name, sizeof(group->name), "%u connections", sizes[i]);
		for (size_t k = 0; k < count; k++)
			regimes_add_arms(group, &mechanisms[k], sizes[i], BUFFER);
	}
}

/* ---- What came of it. ---- */

static const char *way_of(const json_t *arm)
{
	const char *name = strrchr(field_string(arm, "name"), '/');

	return name ? name + 1 : "";
}

static void mechanism_of(const json_t *arm, char *text, size_t size)
{
	const char *name = field_string(arm, "name"), *end = strrchr(name, '/');

	snprintf(text, size, "%.*s", end ? (int)(end - name) : 0, name);
}

/* Of the mechanism of this arm the one of another way, or NULL. */
static const json_t *beside(const json_t *group, const json_t *arm, const char *way)
{
	char mechanism[CLAIM_NAME_MAX], name[2 * CLAIM_NAME_MAX];

	mechanism_of(arm, mechanism, sizeof(mechanism));
	snprintf(name, sizeof(name), "%s/%s", mechanism, way);
	return claim_arm_of(group, name);
}

static void conclude_bound(json_t *result, const json_t *group, const json_t *pooled)
{
	const double user = claim_figure(pooled, "user");
	const long long connections = (long long)field_integer(group, "connections");

	claim_add_finding(result, field_string(pooled, "name"),
			  "%.0f bytes of user memory a connection at %lld, of which %.0f are the "
			  "loop's and %.0f the program's: %s 1 KiB.",
			  user, connections, claim_figure(pooled, "loop"),
			  claim_figure(pooled, "record"), user <= BOUND ? "at most" : "more than");
}

static void conclude_lent(json_t *result, const json_t *lent, const json_t *pooled)
{
	claim_add_finding(result, field_string(lent, "name"),
			  "%.0f bytes more than pooled, %.0f of them in pages, and %.0f out of the "
			  "program's hands.",
			  claim_figure(lent, "user") - claim_figure(pooled, "user"),
			  claim_figure(lent, "touched") - claim_figure(pooled, "touched"),
			  claim_figure(lent, "lent"));
}

static void conclude_price(json_t *result, const json_t *arm)
{
	char cpu[64], latency[64];

	claim_format_interval(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
	claim_format_interval(json_object_get(arm, "latency"), latency, sizeof(latency));
	claim_add_finding(result, field_string(arm, "name"),
			  "a message to one of them, against %s: CPU %s, latency %s.",
			  field_string(arm, "against"), cpu, latency);
}

/* Of the most connections that were played. */
static void conclude(json_t *result)
{
	const json_t *groups = json_object_get(result, "groups");
	const json_t *group = json_array_get(groups, json_array_size(groups) - 1);
	json_t *arm;
	size_t i;

	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		const json_t *lent = beside(group, arm, "lent");

		if (strcmp(way_of(arm), "pooled") != 0)
			continue;
		conclude_bound(result, group, arm);
		if (lent)
			conclude_lent(result, lent, arm);
		if (json_object_get(arm, "cpu"))
			conclude_price(result, arm);
	}
	regimes_conclude_registered(result, group);
}

/* ---- The table. ---- */

enum { NAME_COLUMNS = 31, BYTES_COLUMNS = 6, RATIO_COLUMNS = 6 };

static void print_arm(const json_t *arm, FILE *out)
{
	static const char *const bytes[] = { "user", "loop", "record", "buffers", "touched", "lent" };
	char cpu[32] = "1", latency[32] = "1";

	if (json_object_get(arm, "cpu")) {
		claim_format_ratio(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
		claim_format_ratio(json_object_get(arm, "latency"), latency, sizeof(latency));
	}
	fprintf(out, "  %-*s", NAME_COLUMNS - 2, field_string(arm, "name"));
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++)
		fprintf(out, "%*.0f", BYTES_COLUMNS, claim_figure(arm, bytes[i]));
	fprintf(out, "%*s%*s\n", RATIO_COLUMNS, cpu, RATIO_COLUMNS, latency);
}

static void print(const json_t *result, FILE *out)
{
	json_t *group, *arm;
	size_t i, k;

	claim_print_head(&CLAIM_IDLE, result, out);
	say_wrapped(out,
		    "cpu, lat: of a message to one of them, times of lent; of lent, times of the first "
		    "row. ~: no difference shown.",
		    0, 2);
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		fprintf(out, "\n%s%-*s%s  user  loop  conn   buf pages  lent   cpu   lat\n",
			say_bold(out), NAME_COLUMNS, field_string(group, "name"), say_plain(out));
		json_array_foreach(json_object_get(group, "arms"), k, arm) print_arm(arm, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_IDLE = {
	.name = "idle",
	.kind = "compare idle",
	.summary = "What does an idle connection hold, by the regime of the memory that is received "
		   "into: of 100, 1,000 and 10,000, with a receive pending on each?",
	.varies = "connections",
	.takes_descriptors = true,
	.figures = { "cpu_ns", "latency_ns", "user", "touched", "loop", "record", "buffers",
		     "lent" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
