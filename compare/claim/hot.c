/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * Hot or cold, in place or shared: a receive is done by something that is made for it, which begins
 * when it is made or when it is first awaited, and lies in its maker's memory or in a frame of a
 * pool. What each costs, and what a cancel does that comes before anybody awaits it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/hot_awaiters.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { BATCHES = 100, BATCHES_QUICK = 8, TIMES = 400, TIMES_QUICK = 40 };

enum { CPU, LATENCY, CALLS, STEPS, PLACE, POOL, TAKES, CANCEL, STARTED, CANCEL_CALLS, TAKEN };

/* A pooled one is set against the same in place, what two wait for against what one does. */
static const struct hot_arm {
	const char *name;
	unsigned int against;
} ARMS[HOT_WAYS] = {
	[HOT_DIRECT] = { "direct", HOT_DIRECT },
	[HOT_LAZY] = { "lazy", HOT_DIRECT },
	[HOT_LAZY_POOLED] = { "lazy, pooled", HOT_LAZY },
	[HOT_FUTURE] = { "future", HOT_DIRECT },
	[HOT_FUTURE_POOLED] = { "future, pooled", HOT_FUTURE },
	[HOT_EAGER] = { "eager", HOT_DIRECT },
	[HOT_EAGER_POOLED] = { "eager, shared", HOT_EAGER },
	[HOT_DEFERRED] = { "deferred", HOT_EAGER_POOLED },
	[HOT_CXX_DIRECT] = { "C++ direct", HOT_DIRECT },
	[HOT_CXX_LAZY] = { "C++ lazy", HOT_CXX_DIRECT },
	[HOT_CXX_EAGER] = { "C++ eager", HOT_CXX_DIRECT },
};

static const char *const LEGEND[][2] = {
	{ "direct", "nothing is made: a coroutine awaits the receive itself" },
	{ "lazy", "cold: a coroutine in its maker's memory, called: as C++'s lazy task" },
	{ "future", "cold: in its maker's memory, pinned, polled by its maker: Rust's" },
	{ "eager", "hot: a task of its own, spawned when made, joined: as C++'s eager task" },
	{ "deferred", "the same in a counted frame, for two who wait for its result: Kotlin's" },
	{ "..., pooled, ..., shared",
	  "in a frame of a pool; shared: with a count of who needs it. Times of the same in "
	  "place; deferred: of eager, shared; the others: of direct" },
	{ "C++ ...", "the same with maker and made in C++20, by <duet/coroutine.hpp>: frames of the "
		     "pool, what is eager a job in place. Times of C++ direct, that of direct" },
	{ NULL, NULL },
};

/* ---- What is asked. ---- */

static int play(const struct claim_play *play, double *figures)
{
	struct hot_options options = { .mechanism = play->mechanism,
				       .early = play->size,
				       .batches = play->quick ? BATCHES_QUICK : BATCHES,
				       .times = play->quick ? TIMES_QUICK : TIMES };
	struct hot_result result = { 0 };
	int error;

	while (options.way < HOT_WAYS && strcmp(ARMS[options.way].name, play->arm) != 0)
		options.way++;
	if (!hot_has(options.way) || (play->size != 0 && play->size != 100))
		return -EINVAL;
	error = hot_play(&options, &result);
	figures[CPU] = result.cpu_ns;
	figures[LATENCY] = result.latency_ns;
	figures[CALLS] = result.calls;
	figures[STEPS] = result.steps;
	figures[PLACE] = result.place;
	figures[POOL] = result.pool;
	figures[TAKES] = result.takes;
	figures[CANCEL] = result.cancel_ns;
	figures[STARTED] = result.started;
	figures[CANCEL_CALLS] = result.cancel_calls;
	figures[TAKEN] = result.taken;
	return error;
}

static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	for (size_t i = 0; i < 2 * count; i++) {
		struct claim_group *group = &plan->groups[plan->count++];
		const struct mechanism *mechanism = &mechanisms[i / 2];

		*group = (struct claim_group){ .mechanism = mechanism->name,
					       .size = i % 2 ? 100 : 0 };
		snprintf(group->name, sizeof(group->name), "%s, %u %%", mechanism->name,
			 group->size);
		for (enum hot_way way = 0; way < HOT_WAYS; way++) {
			if (hot_has(way))
				claim_add_arm(group, ARMS[way].name, NULL, ARMS[way].against);
		}
	}
}

/* ---- What came of it. ---- */

static const char *cpu(const json_t *group, enum hot_way way, char *text, size_t size)
{
	const json_t *arm = claim_arm_of(group, ARMS[way].name);

	claim_format_interval(json_object_get(arm, "cpu"), text, size);
	return text;
}

static double figure(const json_t *group, enum hot_way way, const char *key)
{
	return claim_figure(claim_arm_of(group, ARMS[way].name), key);
}

static void conclude_cost(json_t *result, const json_t *group)
{
	char lazy[64], future[64], eager[64], pooled[64], shared[64], deferred[64];
	enum { SIZE = sizeof(lazy) };

	claim_add_finding(
		result, field_string(group, "name"),
		"CPU against awaiting the operation itself: cold, a coroutine %s, a future %s; hot "
		"%s, with %.1f more steps; in a frame of a pool instead of in place: a coroutine "
		"%s, a shared task %s; a second who waits for it: %s.",
		cpu(group, HOT_LAZY, lazy, SIZE), cpu(group, HOT_FUTURE, future, SIZE),
		cpu(group, HOT_EAGER, eager, SIZE),
		figure(group, HOT_EAGER, "steps") - figure(group, HOT_DIRECT, "steps"),
		cpu(group, HOT_LAZY_POOLED, pooled, SIZE),
		cpu(group, HOT_EAGER_POOLED, shared, SIZE),
		cpu(group, HOT_DEFERRED, deferred, SIZE));
}

static void conclude_cxx(json_t *result, const json_t *group)
{
	char direct[64], lazy[64], eager[64], about[64];
	enum { SIZE = sizeof(direct) };

	if (!claim_arm_of(group, ARMS[HOT_CXX_DIRECT].name))
		return;
	snprintf(about, sizeof(about), "%s, C++20", field_string(group, "name"));
	claim_add_finding(
		result, about,
		"CPU against awaiting the operation itself, %s of what that is in C: cold %s, hot "
		"%s; cancelled before, cold: %.2f operations started, %.2f messages taken; hot: "
		"%.2f and %.2f.",
		cpu(group, HOT_CXX_DIRECT, direct, SIZE), cpu(group, HOT_CXX_LAZY, lazy, SIZE),
		cpu(group, HOT_CXX_EAGER, eager, SIZE), figure(group, HOT_CXX_LAZY, "started"),
		figure(group, HOT_CXX_LAZY, "taken"), figure(group, HOT_CXX_EAGER, "started"),
		figure(group, HOT_CXX_EAGER, "taken"));
}

/* Whether what is cold leaves everything as it was, in all ways to be cold. */
static bool is_untouched(const json_t *group)
{
	bool untouched = true;

	for (enum hot_way way = HOT_DIRECT; way <= HOT_FUTURE_POOLED; way++)
		untouched &= !(figure(group, way, "started") > 0) &&
			     !(figure(group, way, "cancel_calls") > 0) &&
			     !(figure(group, way, "taken") > 0);
	return untouched;
}

static void conclude_cancel(json_t *result, const json_t *group)
{
	char about[64];

	snprintf(about, sizeof(about), "%s, cancelled before", field_string(group, "name"));
	claim_add_finding(
		result, about,
		"cold: %s, %.0f ns with its making; hot: %.2f operations are under way and have to "
		"be ended, %.2f system calls, %.0f ns; %.2f messages have left the stream for it, "
		"and all of them are handed over.",
		is_untouched(group) ? "nothing has happened: no operation, no system call, no "
				      "message taken"
				    : "something has happened already",
		figure(group, HOT_LAZY, "cancel_ns"), figure(group, HOT_EAGER, "started"),
		figure(group, HOT_EAGER, "cancel_calls"), figure(group, HOT_EAGER, "cancel_ns"),
		figure(group, HOT_EAGER, "taken"));
}

static void conclude(json_t *result)
{
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		conclude_cost(result, group);
		conclude_cancel(result, group);
		conclude_cxx(result, group);
	}
}

/* ---- The table. ---- */

static void print_arm(const json_t *arm, FILE *out)
{
	char cpu[32] = "1", latency[32] = "1";

	if (json_object_get(arm, "cpu")) {
		claim_format_ratio(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
		claim_format_ratio(json_object_get(arm, "latency"), latency, sizeof(latency));
	}
	fprintf(out, "  %-14s%6.0f%6s%6s%5.1f%6.0f%5.0f%5.0f%7.0f%5.2f%6.2f%6.2f\n",
		field_string(arm, "name"), claim_figure(arm, "cpu_ns"), cpu, latency,
		claim_figure(arm, "steps"), claim_figure(arm, "place"), claim_figure(arm, "pool"),
		claim_figure(arm, "takes"), claim_figure(arm, "cancel_ns"),
		claim_figure(arm, "started"), claim_figure(arm, "cancel_calls"),
		claim_figure(arm, "taken"));
}

static void print(const json_t *result, FILE *out)
{
	json_t *group, *arm;
	size_t i, k;

	claim_print_head(&CLAIM_HOT, result, out);
	say_wrapped(out,
		    "By how many of a hundred messages are there before it is made. Of a receive: "
		    "CPU in ns and its ratio, latency's; steps of tasks; bytes in place and in the "
		    "pool; frames taken. Cancelled before it is awaited: ns with its making, "
		    "operations started, system calls, messages taken. ~: no difference shown.",
		    0, 2);
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		fprintf(out,
			"\n%s%-30s%s                            cancelled\n%-16s    ns   "
			"cpu   lat step place pool take     ns  ops calls taken\n",
			say_bold(out), field_string(group, "name"), say_plain(out), "");
		json_array_foreach(json_object_get(group, "arms"), k, arm) print_arm(arm, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_HOT = {
	.name = "hot",
	.kind = "compare hot",
	.summary = "Hot or cold, in place or shared: what does it cost to have an operation done "
		   "by something that is made for it, and what does a cancel before its start do?",
	.varies = "percent",
	.figures = { "cpu_ns", "latency_ns", "calls", "steps", "place", "pool", "takes",
		     "cancel_ns", "started", "cancel_calls", "taken" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
