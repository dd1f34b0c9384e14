/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is blocking: one of a thousand on a loop doesn't come back from its step. Who waits for it,
 * how long, who tells of it, and what it costs to have it done elsewhere. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/claim/blocking_crowd.h"
#include "compare/claim/claim.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { HOLDS = 6, HOLDS_QUICK = 2, CALLS = 400, CALLS_QUICK = 40, US = 1000 };

enum { CPU, STALL, P50, P99, LATE, CALL_CPU, CALL, TOLD, WRONG, HELD, DOG, DOG_AFTER };

static const char *const WAYS[BLOCKING_WAYS] = {
	[BLOCKING_COROUTINE] = "coroutine", [BLOCKING_SLEEPS] = "sleeps",
	[BLOCKING_FIBER] = "fiber",         [BLOCKING_CALLBACK] = "callback",
	[BLOCKING_WATCHED] = "watched",     [BLOCKING_OFFLOADED] = "offloaded",
	[BLOCKING_THREADS] = "threads",
};

static const char *const LEGEND[][2] = {
	{ "coroutine, fiber, callback",
	  "999 wait for timers, 12 ms apart; the thousandth computes so long in one step, every 24 "
	  "ms; all on one loop" },
	{ "sleeps", "the same coroutine, but it sleeps there instead" },
	{ "watched", "the coroutine, with a limit of 0.5 ms a step, and a watchdog of the same" },
	{ "offloaded", "the coroutine has it done on a thread of the loop's pool" },
	{ "threads", "a thousand threads, no loop" },
	{ NULL, NULL },
};

/* ---- What is asked. ---- */

static int play(const struct claim_play *play, double *figures)
{
	struct blocking_options options = { .mechanism = play->mechanism,
					    .hold_ns = (uint64_t)play->size * US,
					    .holds = play->quick ? HOLDS_QUICK : HOLDS,
					    .calls = play->quick ? CALLS_QUICK : CALLS };
	struct blocking_result result = { 0 };
	int error;

	while (options.way < BLOCKING_WAYS && strcmp(WAYS[options.way], play->arm) != 0)
		options.way++;
	if (options.way == BLOCKING_WAYS || options.hold_ns >= BLOCKING_PERIOD_NS)
		return -EINVAL;
	error = blocking_play(&options, &result);
	if (error)
		return error;
	figures[CPU] = result.cpu_ns;
	figures[STALL] = result.stall_ns;
	figures[P50] = result.p50_ns;
	figures[P99] = result.p99_ns;
	figures[LATE] = result.late_percent;
	figures[CALL_CPU] = result.call_cpu_ns;
	figures[CALL] = result.call_ns;
	figures[TOLD] = result.told;
	figures[WRONG] = result.wrong;
	figures[HELD] = result.held;
	figures[DOG] = result.dog;
	figures[DOG_AFTER] = result.dog_ns;
	return 0;
}

static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	static const uint32_t holds_us[] = { 0, 1000, 10000 };
	const size_t sizes = plan->quick ? 2 : 3, step = plan->quick ? 2 : 1;

	for (size_t i = 0; i < sizes * count; i++) {
		struct claim_group *group = &plan->groups[plan->count++];
		const struct mechanism *mechanism = &mechanisms[i / sizes];

		*group = (struct claim_group){ .mechanism = mechanism->name,
					       .size = holds_us[i % sizes * step] };
		snprintf(group->name, sizeof(group->name), "%s, %u ms", mechanism->name,
			 group->size / 1000);
		for (int way = 0; way < BLOCKING_WAYS; way++)
			claim_add_arm(group, WAYS[way], NULL, 0);
	}
}

/* ---- What came of it. ---- */

static const char *interval(const json_t *group, const char *arm, const char *metric, char *text,
			    size_t size)
{
	claim_format_interval(json_object_get(claim_arm_of(group, arm), metric), text, size);
	return text;
}

static const char *about(const json_t *group, const char *what, char *text, size_t size)
{
	snprintf(text, size, "%s, %s", field_string(group, "mechanism"), what);
	return text;
}

static double stall_ms(const json_t *group, const char *arm)
{
	return claim_figure(claim_arm_of(group, arm), "latency_ns") / 1e6;
}

/* It is one if those who wait are late by most of the hold. */
static bool is_stall(const json_t *group, const char *arm)
{
	return stall_ms(group, arm) > (double)field_integer(group, "hold_us") / 1e3 * 0.8;
}

static void conclude_stall(json_t *result, const json_t *group)
{
	const json_t *arm = claim_arm_of(group, "coroutine");
	char sleeps[64], fiber[64], callback[64];

	claim_add_finding(
		result, field_string(group, "name"),
		"%s: the others' worst timer is %.1f ms late, one in a hundred by %.1f ms, and "
		"%.0f %% by more than 0.5 ms; against it: sleeping %s, a fiber %s, a callback %s; "
		"of threads the worst is %.1f ms late.",
		is_stall(group, "coroutine") ? "what computes stalls all others"
					     : "no stall is shown",
		stall_ms(group, "coroutine"), claim_figure(arm, "p99_ns") / 1e6,
		claim_figure(arm, "late_percent"),
		interval(group, "sleeps", "latency", sleeps, sizeof(sleeps)),
		interval(group, "fiber", "latency", fiber, sizeof(fiber)),
		interval(group, "callback", "latency", callback, sizeof(callback)),
		stall_ms(group, "threads"));
}

static void conclude_detected(json_t *result, const json_t *group)
{
	const json_t *arm = claim_arm_of(group, "watched");
	char cpu[64], title[64];

	claim_add_finding(
		result, about(group, "detected", title, sizeof(title)),
		"of 100 stalls the scheduler told of %.0f with the right task and line, %.2f of "
		"their true length; the watchdog of %.0f, while they lasted, %.1f ms into them; "
		"%.2f other steps were told of beside each; CPU of a wake against not watched: %s.",
		100 * claim_figure(arm, "told"), claim_figure(arm, "held"),
		100 * claim_figure(arm, "dog"), claim_figure(arm, "dog_ns") / 1e6,
		claim_figure(arm, "wrong"), interval(group, "watched", "cpu", cpu, sizeof(cpu)));
}

static void conclude_offloaded(json_t *result, const json_t *group)
{
	const json_t *arm = claim_arm_of(group, "offloaded");
	const int shown = claim_shown(json_object_get(arm, "latency"));
	char latency[64], title[64];

	claim_add_finding(
		result, about(group, "offloaded", title, sizeof(title)),
		"%s: the worst timer is %.1f ms late, against computing in the step %s; a call "
		"that does nothing costs %.1f us of CPU and %.1f us of time, so that what is "
		"shorter isn't worth it.",
		shown < 0 ? "the stall is gone" : "the stall isn't shown to be gone",
		stall_ms(group, "offloaded"),
		interval(group, "offloaded", "latency", latency, sizeof(latency)),
		claim_figure(arm, "call_cpu_ns") / 1e3, claim_figure(arm, "call_ns") / 1e3);
}

/* What holds of all mechanisms, and of each way to write it. */
static void conclude_all(json_t *result, const json_t *longest)
{
	static const char *const ways[] = { "coroutine", "sleeps", "fiber", "callback" };
	unsigned int stalls = 0, all = 0;
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		for (size_t way = 0; field_integer(group, "hold_us") && way < 4; way++, all++)
			stalls += is_stall(group, ways[way]);
	}
	claim_add_finding(result, "what is blocking",
			  "a step that doesn't come back, computing or sleeping, of a coroutine, a "
			  "fiber or a callback: %u of %u such stall all others of their loop for "
			  "as long; of %lld ms a coroutine's by %.1f, and offloaded by %.1f.",
			  stalls, all, (long long)field_integer(longest, "hold_us") / 1000,
			  stall_ms(longest, "coroutine"), stall_ms(longest, "offloaded"));
}

static void conclude(json_t *result)
{
	const json_t *longest = NULL;
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		const json_int_t hold_us = field_integer(group, "hold_us");

		if (!longest || field_integer(longest, "hold_us") < hold_us)
			longest = group;
		if (hold_us)
			conclude_stall(result, group);
		if (hold_us < 10000)
			continue;
		conclude_detected(result, group);
		conclude_offloaded(result, group);
	}
	conclude_all(result, longest);
}

/* ---- The table. ---- */

static void print_call(const json_t *arm, FILE *out)
{
	const double told = claim_figure(arm, "told"), call_ns = claim_figure(arm, "call_ns");

	if (isfinite(call_ns))
		fprintf(out, "  %.1f us a call", call_ns / 1e3);
	if (isfinite(told))
		fprintf(out, "  told %.2f, %.2f", told, claim_figure(arm, "dog"));
}

static void print_arm(const json_t *arm, FILE *out)
{
	char cpu[32] = "1", latency[32] = "1";

	if (json_object_get(arm, "cpu")) {
		claim_format_ratio(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
		claim_format_ratio(json_object_get(arm, "latency"), latency, sizeof(latency));
	}
	fprintf(out, "  %-11s%6s%7s%8.2f%7.2f%7.2f%6.1f", field_string(arm, "name"), cpu,
		latency, claim_figure(arm, "latency_ns") / 1e6, claim_figure(arm, "p50_ns") / 1e6,
		claim_figure(arm, "p99_ns") / 1e6, claim_figure(arm, "late_percent"));
	print_call(arm, out);
	fputc('\n', out);
}

static void print(const json_t *result, FILE *out)
{
	json_t *group, *arm;
	size_t i, k;

	claim_print_head(&CLAIM_BLOCKING, result, out);
	say_wrapped(out,
		    "cpu: of a wake of the others; stall: their worst timer behind a hold, of the "
		    "quietest one, since noise only adds; both times of the first row; then stall, "
		    "p50 and p99 lateness in ms; how many of a hundred are more than 0.5 ms late; "
		    "told: of a stall, by scheduler and watchdog. ~: no difference shown.",
		    0, 2);
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		fprintf(out, "\n%s%s%s\n%-13s   cpu  stall      ms    p50    p99  late\n",
			say_bold(out), field_string(group, "name"), say_plain(out), "");
		json_array_foreach(json_object_get(group, "arms"), k, arm) print_arm(arm, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_BLOCKING = {
	.name = "blocking",
	.kind = "compare blocking",
	.summary = "What is blocking: one of a thousand holds the loop for 0, 1 or 10 ms; how late "
		   "are the others, who tells of it, and what does it cost to have it done "
		   "elsewhere?",
	.varies = "hold_us",
	.figures = { "cpu_ns", "latency_ns", "p50_ns", "p99_ns", "late_percent", "call_cpu_ns",
		     "call_ns", "told", "wrong", "held", "dog", "dog_ns" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
