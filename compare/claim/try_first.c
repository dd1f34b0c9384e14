/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * Try first (opportunistic sync), at both layers apart: the backend may attempt a receive before it
 * waits for readiness, and a coroutine may go on without suspending where the result is there.
 */
#include <errno.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/receivers.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { BATCHES = 100, BATCHES_QUICK = 8, TIMES = 400, TIMES_QUICK = 40, INLINE_MANY = 65535 };

enum { CPU, LATENCY, EARLY, LATE, CALLS, WASTED, SUSPENSIONS };

static const struct try_arm {
	const char *name;
	enum duet_try attempt;
	uint32_t inline_max;
} ARMS[] = {
	{ "never", DUET_TRY_NEVER, 0 },
	{ "predict", DUET_TRY_PREDICT, 0 },
	{ "always", DUET_TRY_ALWAYS, 0 },
	{ "predict-inline", DUET_TRY_PREDICT, INLINE_MANY },
	{ "always-inline", DUET_TRY_ALWAYS, INLINE_MANY },
};

enum { ARMS_COUNT = sizeof(ARMS) / sizeof(*ARMS) };

static const char *const LEGEND[][2] = {
	{ "never", "the backend waits for readiness first, and the coroutine suspends" },
	{ "predict, always",
	  "it attempts unless it knows that nothing is there; or in any case: times "
	  "of never" },
	{ "...-inline",
	  "and the coroutine goes on without suspending if the result is there: times of "
	  "the same attempt with a suspension" },
	{ NULL, NULL },
};

static int play(const struct claim_play *play, double *figures)
{
	struct receivers_options options = { .mechanism = play->mechanism,
					     .early = play->size,
					     .batches = play->quick ? BATCHES_QUICK : BATCHES,
					     .times = play->quick ? TIMES_QUICK : TIMES,
					     .seed = play->seed };
	struct receivers_result result = { 0 };
	const struct try_arm *arm = NULL;
	int error;

	for (size_t i = 0; i < ARMS_COUNT; i++) {
		if (!strcmp(ARMS[i].name, play->arm))
			arm = &ARMS[i];
	}
	if (!arm || play->size > 100)
		return -EINVAL;
	options.attempt = arm->attempt;
	options.inline_max = arm->inline_max;
	error = receivers_play(&options, &result);
	figures[CPU] = result.cpu_ns;
	figures[LATENCY] = result.latency_ns;
	figures[EARLY] = result.early_ns;
	figures[LATE] = result.late_ns;
	figures[CALLS] = result.calls;
	figures[WASTED] = result.wasted;
	figures[SUSPENSIONS] = result.suspensions;
	return error;
}

/* ---- What is asked. ---- */

static void plan_mechanism(struct claim_plan *plan, const struct mechanism *mechanism)
{
	for (uint32_t percent = 0; percent <= 100; percent += plan->quick ? 50 : 25) {
		struct claim_group *group = &plan->groups[plan->count++];

		*group = (struct claim_group){ .mechanism = mechanism->name, .size = percent };
		snprintf(group->name, sizeof(group->name), "%s, %u %%", mechanism->name, percent);
		for (unsigned int i = 0; i < ARMS_COUNT; i++)
			claim_add_arm(group, ARMS[i].name, NULL, i < 3 ? 0 : i - 2);
	}
}

static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	for (size_t i = 0; i < count; i++)
		plan_mechanism(plan, &mechanisms[i]);
}

/* ---- What came of it. ---- */

/* One arm's ratios over the shares of one mechanism. */
struct line {
	const json_t *groups[CLAIM_GROUPS_MAX];
	unsigned int count;
};

static void find_line(const json_t *result, const char *mechanism, struct line *line)
{
	json_t *group;
	size_t i;

	line->count = 0;
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		if (!strcmp(field_string(group, "mechanism"), mechanism))
			line->groups[line->count++] = group;
	}
}

static const json_t *ratio_at(const struct line *line, unsigned int at, const char *arm,
			      const char *metric)
{
	return json_object_get(claim_arm_of(line->groups[at], arm), metric);
}

/* "CPU pays from 50 % on (0.91 [0.90, 0.93] at 100 %)", or what else is to be said of one
 * metric. */
static void format_pays(const struct line *line, const char *arm, const char *metric, char *text,
			size_t size)
{
	const unsigned int last = line->count - 1;
	const char *words = !strcmp(metric, "cpu") ? "CPU" : "latency";
	unsigned int from = line->count;
	char interval[64];

	while (from && claim_shown(ratio_at(line, from - 1, arm, metric)) < 0)
		from--;
	claim_format_interval(ratio_at(line, last, arm, metric), interval, sizeof(interval));
	if (from == line->count)
		snprintf(text, size, "%s isn't shown to gain (%s at 100 %%)", words, interval);
	else if (from == last)
		snprintf(text, size, "%s gains at 100 %% alone (%s)", words, interval);
	else
		snprintf(text, size, "%s gains from %lld %% on (%s at 100 %%)", words,
			 (long long)field_integer(line->groups[from], "percent"), interval);
}

/* By its first and last share, which are 0 and 100 unless it was ended early. */
static void add_finding(json_t *result, const char *mechanism, const struct line *line,
			const char *arm)
{
	const json_t *first = claim_arm_of(line->groups[0], arm);
	char cpu[160], latency[160], price[64], about[64];

	format_pays(line, arm, "cpu", cpu, sizeof(cpu));
	format_pays(line, arm, "latency", latency, sizeof(latency));
	claim_format_interval(json_object_get(first, "cpu"), price, sizeof(price));
	snprintf(about, sizeof(about), "%s, %s", mechanism, arm);
	claim_add_finding(result, about, "%s; %s; at %lld %%: CPU %s, %.2f attempts wasted.", cpu,
			  latency, (long long)field_integer(line->groups[0], "percent"), price,
			  claim_figure(first, "wasted"));
}

static void conclude(json_t *result)
{
	json_t *mechanism;
	struct line line;
	size_t i;

	json_array_foreach(json_object_get(result, "mechanisms"), i, mechanism) {
		const char *name = field_string(mechanism, "name");

		find_line(result, name, &line);
		if (!line.count)
			continue;
		add_finding(result, name, &line, "predict");
		add_finding(result, name, &line, "always");
		add_finding(result, name, &line, "predict-inline");
		add_finding(result, name, &line, "always-inline");
	}
}

/* ---- The table. ---- */

enum { NAME_COLUMNS = 20, RATIO_COLUMNS = 6 };

static void print_shares(const struct line *line, FILE *out)
{
	for (unsigned int i = 0; i < line->count; i++)
		fprintf(out, "%*lld%%", RATIO_COLUMNS - 1,
			(long long)field_integer(line->groups[i], "percent"));
}

static void print_ratios(const struct line *line, const char *arm, const char *metric, FILE *out)
{
	const char *figure = !strcmp(metric, "cpu") ? "cpu_ns" : "latency_ns";
	char text[32];

	for (unsigned int i = 0; i < line->count; i++) {
		const json_t *ratio = ratio_at(line, i, arm, metric);

		if (ratio)
			claim_format_ratio(ratio, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%.1fus",
				 claim_figure(claim_arm_of(line->groups[i], arm), figure) / 1e3);
		fprintf(out, "%*s", RATIO_COLUMNS, text);
	}
}

static void print_counts(const struct line *line, const char *arm, FILE *out)
{
	static const char *const counts[] = { "calls", "wasted", "suspensions" };

	fprintf(out, "  %-*s", NAME_COLUMNS - 2, arm);
	for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++) {
		const unsigned int shown[] = { 0, line->count / 2, line->count - 1 };

		for (size_t i = 0; i < 3; i++)
			fprintf(out, "%*.2f", RATIO_COLUMNS,
				claim_figure(claim_arm_of(line->groups[shown[i]], arm), counts[k]));
	}
	fputc('\n', out);
}

static void print_mechanism(const char *mechanism, const struct line *line, FILE *out)
{
	fprintf(out, "\n%s%-*s%s", say_bold(out), NAME_COLUMNS, mechanism, say_plain(out));
	print_shares(line, out);
	print_shares(line, out);
	fputc('\n', out);
	for (size_t i = 0; i < ARMS_COUNT; i++) {
		fprintf(out, "  %-*s", NAME_COLUMNS - 2, ARMS[i].name);
		print_ratios(line, ARMS[i].name, "cpu", out);
		print_ratios(line, ARMS[i].name, "latency", out);
		fputc('\n', out);
	}
	for (size_t i = 0; i < ARMS_COUNT; i++)
		print_counts(line, ARMS[i].name, out);
}

static void print(const json_t *result, FILE *out)
{
	json_t *mechanism;
	struct line line;
	size_t i;

	claim_print_head(&CLAIM_TRY_FIRST, result, out);
	say_wrapped(
		out,
		"Columns: CPU, then latency, by how many of a hundred receives found their "
		"message there. Below, for the first, middle and last share, of a receive: system "
		"calls, wasted attempts (those inside a ring aren't seen), suspensions. "
		"~: no difference shown.",
		0, 2);
	json_array_foreach(json_object_get(result, "mechanisms"), i, mechanism) {
		find_line(result, field_string(mechanism, "name"), &line);
		if (line.count)
			print_mechanism(field_string(mechanism, "name"), &line, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_TRY_FIRST = {
	.name = "try-first",
	.kind = "compare try-first",
	.summary = "Opportunistic sync: from which share of messages that are there already does "
		   "it pay "
		   "to try before waiting, in the backend and in the task?",
	.varies = "percent",
	.figures = { "cpu_ns", "latency_ns", "early_ns", "late_ns", "calls", "wasted",
		     "suspensions" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
