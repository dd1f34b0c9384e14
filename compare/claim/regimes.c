/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What does it cost to hand memory over? One echo across the regimes of a buffer, and polling's dialect, in
 * which nothing is handed over. */
#include <duet/loop.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/regimes_scene.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { DEPTH = 32, BATCHES = 200, BATCHES_QUICK = 12, SINGLES = 1000, SINGLES_QUICK = 100, WARM = 4,
       WARM_SINGLES = 64 };

/* Few and large messages take as long as many small ones. */
enum { MESSAGE_MAX = 65536, LARGE = 16384, LARGE_DIVISOR = 4 };

enum { CPU, LATENCY, P99, INSTRUCTIONS, CALLS, WASTED, COPIED, LENT, BYTE_US, LOAN_US, FIGURES };

static const char *const LEGEND[][2] = {
	{ "lent", "received into the connection's own memory, twice a message, and sent from "
		  "there" },
	{ "moved, registered", "the same with a buffer of a pool, given and taken back; registered: "
			       "pinned, where the kernel knows of such" },
	{ "copied", "received and sent through a buffer that stands in for the connection's own" },
	{ "pooled", "a multishot receive; what it brings is sent from where it lies" },
	{ "try", "polling's native dialect: waits and tries, and one buffer for all" },
	{ NULL, NULL },
};

/* ---- A play. ---- */

/* What the loop has counted until now. */
static void count(const struct duet_loop *loop, double *counts)
{
	struct duet_stats stats;
	struct duet_ledger ledger;

	duet_loop_stats(loop, &stats);
	duet_loop_ledger(loop, &ledger);
	counts[CALLS] = (double)stats.system_calls;
	counts[WASTED] = (double)stats.wasted;
	counts[COPIED] = (double)stats.copied_bytes;
	counts[BYTE_US] = 1e6 * ledger.lent_byte_seconds;
	counts[LOAN_US] = 1e6 * ledger.lent_seconds;
}

static int measure_crowd(struct regimes_scene *scene, uint32_t batches, double *figures)
{
	static const int counted[] = { CALLS, WASTED, COPIED, BYTE_US, LOAN_US };
	double before[FIGURES], after[FIGURES];
	struct regimes_cost cost;
	struct duet_ledger ledger;
	int error = regimes_scene_cost(scene, WARM, DEPTH, &cost);

	duet_loop_ledger(scene->loop, &ledger);
	count(scene->loop, before);
	if (!error)
		error = regimes_scene_cost(scene, batches, DEPTH, &cost);
	if (error)
		return error;
	count(scene->loop, after);
	for (size_t i = 0; i < sizeof(counted) / sizeof(*counted); i++)
		figures[counted[i]] =
			(after[counted[i]] - before[counted[i]]) / (batches * DEPTH);
	figures[LENT] = (double)ledger.lent_bytes / DEPTH;
	figures[CPU] = cost.cpu_ns;
	figures[INSTRUCTIONS] = cost.instructions;
	return 0;
}

/* One connection by itself: a second scene, so that no others are looked at. */
static int measure_alone(struct regimes_options *options, uint32_t singles, double *figures)
{
	struct regimes_latency latency = { NAN, NAN };
	struct regimes_scene scene;
	int error;

	options->connections = 1;
	error = regimes_scene_begin(&scene, options);
	if (!error)
		error = regimes_scene_latency(&scene, WARM_SINGLES, &latency);
	if (!error)
		error = regimes_scene_latency(&scene, singles, &latency);
	regimes_scene_end(&scene);
	figures[LATENCY] = latency.p50_ns;
	figures[P99] = latency.p99_ns;
	return error;
}

static int play(const struct claim_play *play, double *figures)
{
	const uint32_t divisor = play->size >= LARGE ? LARGE_DIVISOR : 1;
	struct regimes_options options = { .mechanism = play->mechanism,
					   .connections = DEPTH,
					   .message_bytes = play->size,
					   .buffer_bytes = 2 * play->size,
					   .echoes = true,
					   .seed = play->seed };
	struct regimes_scene scene;
	int error;

	options.way = regimes_way_find(play->arm);
	if (options.way == REGIMES_WAYS || !play->size || play->size > MESSAGE_MAX)
		return -EINVAL;
	error = regimes_scene_begin(&scene, &options);
	if (!error)
		error = measure_crowd(&scene, (play->quick ? BATCHES_QUICK : BATCHES) / divisor,
				      figures);
	regimes_scene_end(&scene);
	if (error)
		return error;
	return measure_alone(&options, (play->quick ? SINGLES_QUICK : SINGLES) / divisor, figures);
}

/* ---- What is asked. ---- */

/* All of one size are one group: a regime is set against lent on the same mechanism, and the lent ones
 * against each other. */
static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	static const uint32_t sizes[] = { 64, 4096, MESSAGE_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes) && count; i++) {
		struct claim_group *group = &plan->groups[plan->count++];

		*group = (struct claim_group){ .size = sizes[i] };
		snprintf(group->name, sizeof(group->name), "%u bytes", sizes[i]);
		for (size_t k = 0; k < count; k++)
			regimes_add_arms(group, &mechanisms[k], DEPTH, 2 * sizes[i]);
	}
}

/* ---- What came of it. ---- */

/* Of an arm at each size; it is found by its name. */
static void conclude_arm(json_t *result, const json_t *arm, const char *metric, const char *words)
{
	const char *name = field_string(arm, "name");
	char text[400] = "";
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		const size_t used = strlen(text);
		char interval[64];

		claim_format_interval(json_object_get(claim_arm_of(group, name), metric), interval,
				      sizeof(interval));
		snprintf(text + used, sizeof(text) - used, "%s%s at %lld", used ? "; " : "",
			 interval, (long long)field_integer(group, "bytes"));
	}
	claim_add_finding(result, words, "%s / %s: %s bytes.", name, field_string(arm, "against"),
			  text);
}

static void conclude_instructions(json_t *result, const json_t *arm)
{
	if (isnan(claim_figure(arm, "instructions")))
		claim_add_finding(result, "instructions",
				  "not counted: this machine's processor offers no counter.");
}

static void conclude(json_t *result)
{
	const json_t *first = json_array_get(json_object_get(result, "groups"), 0);
	const json_t *arms = json_object_get(first, "arms");
	json_t *arm;
	size_t i;

	json_array_foreach(arms, i, arm) {
		if (!json_object_get(arm, "cpu"))
			continue;
		conclude_arm(result, arm, "cpu", "CPU");
		conclude_arm(result, arm, "latency", "latency");
	}
	regimes_conclude_registered(result, first);
	conclude_instructions(result, json_array_get(arms, 0));
}

/* ---- The table. ---- */

enum { NAME_COLUMNS = 30, FIGURE_COLUMNS = 8, RATIO_COLUMNS = 7 };

static void print_times(const json_t *arm, FILE *out)
{
	char cpu[32] = "1", latency[32] = "1";

	if (json_object_get(arm, "cpu")) {
		claim_format_ratio(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
		claim_format_ratio(json_object_get(arm, "latency"), latency, sizeof(latency));
	}
	fprintf(out, "  %-*s%*.2f%*s%*.2f%*s%*.2f\n", NAME_COLUMNS, field_string(arm, "name"),
		FIGURE_COLUMNS, claim_figure(arm, "cpu_ns") / 1e3, RATIO_COLUMNS, cpu,
		FIGURE_COLUMNS, claim_figure(arm, "latency_ns") / 1e3, RATIO_COLUMNS, latency,
		FIGURE_COLUMNS, claim_figure(arm, "p99_ns") / 1e3);
}

static void print_counts(const json_t *arm, FILE *out)
{
	static const struct {
		const char *key;
		int columns, decimals;
		double unit;
	} COUNTS[] = { { "calls", 6, 2, 1 },  { "wasted", 6, 2, 1 }, { "instructions", 6, 0, 1 },
		       { "copied", 7, 0, 1 }, { "lent", 7, 0, 1 },   { "byte_us", 8, 0, 1024 },
		       { "loan_us", 7, 1, 1 } };

	fprintf(out, "  %-*s", NAME_COLUMNS, field_string(arm, "name"));
	for (size_t i = 0; i < sizeof(COUNTS) / sizeof(*COUNTS); i++) {
		const double figure = claim_figure(arm, COUNTS[i].key) / COUNTS[i].unit;

		if (isnan(figure))
			fprintf(out, "%*s", COUNTS[i].columns, "-");
		else
			fprintf(out, "%*.*f", COUNTS[i].columns, COUNTS[i].decimals, figure);
	}
	fputc('\n', out);
}

static void print_group(const json_t *group, FILE *out)
{
	json_t *arm;
	size_t i;

	fprintf(out, "\n%s%-*s%s     CPU  times     p50  times     p99\n", say_bold(out),
		NAME_COLUMNS + 2, field_string(group, "name"), say_plain(out));
	json_array_foreach(json_object_get(group, "arms"), i, arm) print_times(arm, out);
	fprintf(out, "%-*s calls waste instr copied   lent  KiB-us     us\n", NAME_COLUMNS + 2, "");
	json_array_foreach(json_object_get(group, "arms"), i, arm) print_counts(arm, out);
}

static void print(const json_t *result, FILE *out)
{
	json_t *group;
	size_t i;

	claim_print_head(&CLAIM_REGIMES, result, out);
	say_wrapped(out,
		    "A message and its echo: CPU of one among 32, p50 and p99 of one alone, in us, and "
		    "times of lent; of lent, times of the first row. ~: no difference shown. Below, a "
		    "message: system calls, attempts that found nothing (those inside a ring aren't "
		    "seen), instructions in user mode, bytes copied by the library; of a connection "
		    "that waits, bytes on loan; and how much was on loan for how long (KiB-us), and "
		    "how long a buffer was (us).",
		    0, 2);
	json_array_foreach(json_object_get(result, "groups"), i, group) print_group(group, out);
	claim_print_end(result, out);
}

const struct claim CLAIM_REGIMES = {
	.name = "regimes",
	.kind = "compare regimes",
	.summary = "What does it cost to hand memory over: one echo across the regimes of a buffer, "
		   "and polling's dialect, in which nothing is handed over?",
	.varies = "bytes",
	.figures = { "cpu_ns", "latency_ns", "p99_ns", "instructions", "calls", "wasted", "copied",
		     "lent", "byte_us", "loan_us" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
