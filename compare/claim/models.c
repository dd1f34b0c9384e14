/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The programming models: what a task of each costs to make, to suspend and to wake, and to
 * keep. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/models_stage.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { CROWD = 100, SIZES = 3, PLAYERS = 6 };

enum { CPU, LATENCY, P99, ELAPSED, OWN, STACK, HEAP };

static const char *const JOBS[MODELS_JOBS] = { "create", "switch", "wait" };

static const uint32_t COUNTS[SIZES] = { 1, 100, 10000 };

static const char *const LEGEND[][2] = {
	{ "create, switch", "of 100 tasks: made, run and ended; the turn given up and had again. "
			    "Callbacks have no such "
			    "thing: times of coroutines" },
	{ "wait",
	  "of 1, 100 and 10000 tasks, each at an end of a socket pair of its own: a byte is sent "
	  "and taken. Times of callbacks" },
	{ "actors",
	  "a letter each time: to begin, to itself as a switch, from the callback that has the "
	  "byte" },
	{ "threads",
	  "no loop: receives that block, a turn handed on by a semaphore. Their stacks are "
	  "there before, 64 KiB each, as those of fibers are" },
	{ "C++20", "tasks of <duet/coroutine.hpp>: their frames are on the heap" },
	{ NULL, NULL },
};

static bool has_job(const struct models_player *player, enum models_job job)
{
	return player->spawn && (job == MODELS_WAIT || !player->waits_only);
}

/* ---- A play. ---- */

static int play(const struct claim_play *play, double *figures)
{
	struct models_options options = { .mechanism = play->mechanism,
					  .count = play->size,
					  .seed = play->seed,
					  .quick = play->quick };
	const char *model = strchr(play->arm, '/');
	struct models_result result;
	int error;

	while (options.job < MODELS_JOBS &&
	       (!model || strncmp(play->arm, JOBS[options.job], strlen(JOBS[options.job])) != 0))
		options.job++;
	for (size_t i = 0; model && MODELS_PLAYERS[i]; i++) {
		if (!strcmp(MODELS_PLAYERS[i]->name, model + 1))
			options.player = MODELS_PLAYERS[i];
	}
	if (options.job == MODELS_JOBS || !options.player || !play->size ||
	    !has_job(options.player, options.job))
		return -EINVAL;
	error = models_play(&options, &result);
	figures[CPU] = result.cpu_ns;
	figures[LATENCY] = result.latency_ns;
	figures[P99] = result.p99_ns;
	figures[ELAPSED] = result.elapsed_ns;
	figures[OWN] = result.own;
	figures[STACK] = result.stack;
	figures[HEAP] = result.heap;
	return error;
}

/* ---- What is asked. ---- */

static void format_group(char *text, size_t size, const char *mechanism, enum models_job job,
			 uint32_t count)
{
	if (job == MODELS_WAIT)
		snprintf(text, size, "%s, wait of %u", mechanism, count);
	else
		snprintf(text, size, "%s, %s", mechanism, JOBS[job]);
}

static void add_group(struct claim_plan *plan, const char *mechanism, enum models_job job,
		      uint32_t count)
{
	struct claim_group *group = &plan->groups[plan->count++];
	char arm[CLAIM_NAME_MAX];

	*group = (struct claim_group){ .mechanism = mechanism, .size = count };
	format_group(group->name, sizeof(group->name), mechanism, job, count);
	for (size_t i = 0; MODELS_PLAYERS[i]; i++) {
		if (!has_job(MODELS_PLAYERS[i], job))
			continue;
		snprintf(arm, sizeof(arm), "%s/%s", JOBS[job], MODELS_PLAYERS[i]->name);
		claim_add_arm(group, arm, NULL, 0);
	}
}

static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		add_group(plan, mechanisms[i].name, MODELS_CREATE, CROWD);
		add_group(plan, mechanisms[i].name, MODELS_SWITCH, CROWD);
		for (size_t k = 0; k < (plan->quick ? 2 : SIZES); k++)
			add_group(plan, mechanisms[i].name, MODELS_WAIT, COUNTS[k]);
	}
}

/* ---- What came of it. ---- */

/* The groups of one mechanism, or NULL where one wasn't played. */
struct played {
	const char *mechanism;
	const json_t *jobs[MODELS_WAIT], *waits[SIZES];
	const json_t *last; /* of the largest wait */
};

static const json_t *find_group(const json_t *result, const char *mechanism, enum models_job job,
				uint32_t count)
{
	char name[CLAIM_NAME_MAX];
	json_t *group;
	size_t i;

	format_group(name, sizeof(name), mechanism, job, count);
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		if (!strcmp(field_string(group, "name"), name))
			return group;
	}
	return NULL;
}

static bool find_played(const json_t *result, const char *mechanism, struct played *played)
{
	*played = (struct played){ .mechanism = mechanism };
	for (int job = 0; job < MODELS_WAIT; job++)
		played->jobs[job] = find_group(result, mechanism, (enum models_job)job, CROWD);
	for (size_t i = 0; i < SIZES; i++) {
		played->waits[i] = find_group(result, mechanism, MODELS_WAIT, COUNTS[i]);
		if (played->waits[i])
			played->last = played->waits[i];
	}
	return played->jobs[0] != NULL;
}

static const json_t *arm_of(const json_t *group, enum models_job job, const char *model)
{
	char name[CLAIM_NAME_MAX];

	snprintf(name, sizeof(name), "%s/%s", JOBS[job], model);
	return claim_arm_of(group, name);
}

/* "fibers 2.10 [2.05, 2.20]; ..." of all that are set against the first. */
static void list_ratios(const json_t *group, const char *metric, char *text, size_t size)
{
	json_t *arm;
	size_t i, used = 0;

	*text = 0;
	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		const char *model = strchr(field_string(arm, "name"), '/');
		char interval[64];

		if (!json_object_get(arm, metric) || !model || used >= size)
			continue;
		claim_format_interval(json_object_get(arm, metric), interval, sizeof(interval));
		used += (size_t)snprintf(text + used, size - used, "%s%s %s", used ? "; " : "",
					 model + 1, interval);
	}
}

static void conclude_job(json_t *result, const struct played *played, const json_t *group,
			 const char *what)
{
	const json_t *first = json_array_get(json_object_get(group, "arms"), 0);
	const char *model = strchr(field_string(first, "name"), '/');
	char text[400], about[96];

	list_ratios(group, "cpu", text, sizeof(text));
	snprintf(about, sizeof(about), "%s, %s", played->mechanism, what);
	claim_add_finding(result, about, "times %s' CPU: %s.", model ? model + 1 : "", text);
}

/* The words are those of the largest crowd. */
static void conclude_threads(json_t *result, const struct played *played)
{
	const json_t *threads = arm_of(played->last, MODELS_WAIT, MODELS_THREADS.name);
	const json_t *cpu = json_object_get(threads, "cpu"),
		     *latency = json_object_get(threads, "latency");
	char first[64], second[64], about[96];

	claim_format_interval(cpu, first, sizeof(first));
	claim_format_interval(latency, second, sizeof(second));
	snprintf(about, sizeof(about), "%s, a loop at all", played->mechanism);
	claim_add_finding(
		result, about,
		"%s: with %lld tasks threads take, times callbacks, %s in CPU, and %s in median "
		"latency.",
		claim_shown(cpu) > 0   ? "it pays in CPU"
		: claim_shown(cpu) < 0 ? "it costs more than threads do"
				       : "no difference in CPU is shown",
		(long long)field_integer(played->last, "tasks"), first, second);
}

static void conclude_memory(json_t *result, const struct played *played)
{
	char text[400] = "", about[96];
	size_t used = 0;

	for (size_t i = 0; MODELS_PLAYERS[i] && used < sizeof(text); i++) {
		const json_t *arm = arm_of(played->last, MODELS_WAIT, MODELS_PLAYERS[i]->name);

		if (!arm)
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %.0f",
					 used ? ", " : "", MODELS_PLAYERS[i]->name,
					 claim_figure(arm, "own") + claim_figure(arm, "stack") +
						 claim_figure(arm, "heap"));
	}
	snprintf(about, sizeof(about), "%s, bytes of a waiting task", played->mechanism);
	claim_add_finding(result, about, "%s; the kernel's stack of a thread isn't counted.", text);
}

static void conclude(json_t *result)
{
	json_t *mechanism;
	struct played played;
	size_t i;

	json_array_foreach(json_object_get(result, "mechanisms"), i, mechanism) {
		if (!find_played(result, field_string(mechanism, "name"), &played))
			continue;
		conclude_job(result, &played, played.jobs[MODELS_CREATE], "create");
		if (played.jobs[MODELS_SWITCH])
			conclude_job(result, &played, played.jobs[MODELS_SWITCH], "switch");
		if (!played.last)
			continue;
		conclude_job(result, &played, played.last, "wait of the most");
		conclude_threads(result, &played);
		conclude_memory(result, &played);
	}
}

/* ---- The table. ---- */

enum { NAME_COLUMNS = 12, COLUMNS = 7 };

static void print_ratio(const json_t *arm, const char *metric, const char *figure, FILE *out)
{
	const double value = claim_figure(arm, figure);
	char text[32] = "-";

	if (json_object_get(arm, metric))
		claim_format_ratio(json_object_get(arm, metric), text, sizeof(text));
	else if (isfinite(value))
		snprintf(text, sizeof(text), value < 1e3 ? "%.0fns" : "%.1fus",
			 value < 1e3 ? value : value / 1e3);
	fprintf(out, "%*s", COLUMNS, text);
}

/* What was recorded decides, and not what this program was built with. C++20 alone can be missing. */
static bool was_played(const struct played *played, const char *model)
{
	bool found = false;

	for (int job = 0; job < MODELS_WAIT; job++)
		found |= arm_of(played->jobs[job], (enum models_job)job, model) != NULL;
	return found || arm_of(played->last, MODELS_WAIT, model);
}

static void print_costs(const struct played *played, const char *model, FILE *out)
{
	if (!was_played(played, model)) {
		fprintf(out, "  %-*s  not measured: the program was built without a C++20 compiler\n",
			NAME_COLUMNS - 2, model);
		return;
	}
	fprintf(out, "  %-*s", NAME_COLUMNS - 2, model);
	for (int job = 0; job < MODELS_WAIT; job++)
		print_ratio(arm_of(played->jobs[job], (enum models_job)job, model), "cpu", "cpu_ns",
			    out);
	for (size_t i = 0; i < SIZES; i++)
		print_ratio(arm_of(played->waits[i], MODELS_WAIT, model), "cpu", "cpu_ns", out);
	for (size_t i = 0; i < SIZES; i++)
		print_ratio(arm_of(played->waits[i], MODELS_WAIT, model), "latency", "latency_ns",
			    out);
	fputc('\n', out);
}

static void print_number(double value, int decimals, FILE *out)
{
	if (isfinite(value))
		fprintf(out, "%*.*f", COLUMNS, decimals, value);
	else
		fprintf(out, "%*s", COLUMNS, "-");
}

static void print_tails(const struct played *played, const char *model, FILE *out)
{
	static const char *const bytes[] = { "own", "stack", "heap" };

	fprintf(out, "  %-*s", NAME_COLUMNS - 2, model);
	for (size_t i = 0; i < SIZES; i++)
		print_number(claim_figure(arm_of(played->waits[i], MODELS_WAIT, model), "p99_ns") /
				     1e3,
			     1, out);
	for (size_t i = 0; i < SIZES; i++)
		print_number(1e6 / claim_figure(arm_of(played->waits[i], MODELS_WAIT, model),
						"elapsed_ns"),
			     0, out);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++)
		print_number(claim_figure(arm_of(played->last, MODELS_WAIT, model), bytes[i]), 0,
			     out);
	fputc('\n', out);
}

static void print_played(const struct played *played, FILE *out)
{
	fprintf(out, "\n%s%s%s\n", say_bold(out), played->mechanism, say_plain(out));
	fprintf(out, "%-*s%*s%*s%*s%*s%*s%*s%*s%*s\n", NAME_COLUMNS, "CPU", COLUMNS, "create",
		COLUMNS, "switch", COLUMNS, "wait 1", COLUMNS, "100", COLUMNS, "10000", COLUMNS,
		"p50: 1", COLUMNS, "100", COLUMNS, "10000");
	for (size_t i = 0; MODELS_PLAYERS[i]; i++)
		print_costs(played, MODELS_PLAYERS[i]->name, out);
	fprintf(out, "%-*s%*s%*s%*s%*s%*s%*s%*s%*s%*s\n", NAME_COLUMNS, "", COLUMNS, "p99: 1",
		COLUMNS, "100", COLUMNS, "10000", COLUMNS, "k/s: 1", COLUMNS, "100", COLUMNS,
		"10000", COLUMNS, "own", COLUMNS, "stack", COLUMNS, "heap");
	for (size_t i = 0; MODELS_PLAYERS[i]; i++) {
		if (was_played(played, MODELS_PLAYERS[i]->name))
			print_tails(played, MODELS_PLAYERS[i]->name, out);
	}
}

static void print(const json_t *result, FILE *out)
{
	json_t *mechanism;
	struct played played;
	size_t i;

	claim_print_head(&CLAIM_MODELS, result, out);
	say_wrapped(
		out,
		"Above: CPU, with that of who sends; and median latency of a byte to one of all. "
		"Below: p99 of that in us; bytes taken, thousands a second, when all are sent one; "
		"and of a task that waits its structs, touched stack and heap, in bytes. ~: no "
		"difference shown.",
		0, 2);
	json_array_foreach(json_object_get(result, "mechanisms"), i, mechanism) {
		if (find_played(result, field_string(mechanism, "name"), &played))
			print_played(&played, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_MODELS = {
	.name = "models",
	.kind = "compare models",
	.summary = "The programming models: callbacks, coroutines, futures, fibers, actors, "
		   "C++20 and threads; "
		   "what a task of each costs to create, to switch, to wake and to keep.",
	.varies = "tasks",
	.takes_descriptors = true,
	.figures = { "cpu_ns", "latency_ns", "p99_ns", "elapsed_ns", "own", "stack", "heap" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
