/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * Scheduling and low latency: messages come at a constant rate, and each is timed from when it was
 * to be sent. What the order of tasks, the budget of a turn, looking instead of sleeping, and a
 * processor of one's own do to that, and what they cost.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/scheduling_ring.h"
#include "compare/claim/scheduling_scene.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { MESSAGES = 10000, MESSAGES_QUICK = 1000, SPIN_NS = 100000 };

enum { CPU, LATENCY, P99, P999, SENDER, TURNS, CALLS };

/* KERNEL is by hand, of a ring alone. */
enum knob { ORDER, BUDGET, WAIT, KERNEL, KNOBS };

static const char *const KNOB_NAMES[KNOBS] = { "order", "budget", "wait", "kernel" };

/* The first of a knob is the measure of its others. What isn't named is 0, and doesn't count. */
static const struct scheduling_arm {
	const char *name;
	enum knob knob;
	uint32_t steps_max, newest_max, spin_ns;
	bool pinned, kernel_thread;
} ARMS[] = {
	{ "newest 0", ORDER, .steps_max = 256 },
	{ "newest 1", ORDER, .steps_max = 256, .newest_max = 1 },
	{ "newest 8", ORDER, .steps_max = 256, .newest_max = 8 },
	{ "steps 256", BUDGET, .steps_max = 256 },
	{ "steps 1", BUDGET, .steps_max = 1 },
	{ "steps 16", BUDGET, .steps_max = 16 },
	{ "steps 4096", BUDGET, .steps_max = 4096 },
	{ "sleep", WAIT, .steps_max = 256 },
	{ "spin", WAIT, .steps_max = 256, .spin_ns = SPIN_NS },
	{ "pinned", WAIT, .steps_max = 256, .pinned = true },
	{ "pinned, spin", WAIT, .steps_max = 256, .spin_ns = SPIN_NS, .pinned = true },
	{ "by hand", KERNEL, .kernel_thread = false },
	{ "thread", KERNEL, .kernel_thread = true },
	{ "thread, spin", KERNEL, .spin_ns = SPIN_NS, .kernel_thread = true },
};

enum { ARMS_COUNT = sizeof(ARMS) / sizeof(*ARMS) };

static const char *const LEGEND[][2] = {
	{ "newest", "so many times in a row the task that was woken last is next, ahead of the "
		    "line: each message wakes 8 others, 1 us each, and then the first of three "
		    "whom it passes through" },
	{ "steps", "so many steps of the line a turn, until the loop looks for events again; the "
		   "same others; first come, first served" },
	{ "sleep, spin", "no others: a turn without events sleeps, or first looks for 0.1 ms" },
	{ "pinned", "the loop has a processor that it stays on, and the sender another" },
	{ "by hand", "no others and no tasks: receives on a ring, with nothing of the library" },
	{ "thread", "the same, but a thread in the kernel fetches what is submitted and runs what "
		    "completes (IORING_SETUP_SQPOLL), and its CPU counts" },
	{ NULL, NULL },
};

/* ---- What is asked. ---- */

static int play(const struct claim_play *play, double *figures)
{
	struct scheduling_options options = { .mechanism = play->mechanism,
					      .messages = play->quick ? MESSAGES_QUICK : MESSAGES };
	struct scheduling_result result = { 0 };
	const struct scheduling_arm *arm = NULL;
	int error;

	for (size_t i = 0; i < ARMS_COUNT; i++) {
		if (!strcmp(ARMS[i].name, play->arm))
			arm = &ARMS[i];
	}
	if (!arm || play->size != SCHEDULING_RATE)
		return -EINVAL;
	options.crowd = arm->knob != WAIT;
	options.steps_max = arm->steps_max;
	options.newest_max = arm->newest_max;
	options.spin_ns = arm->spin_ns;
	options.pinned = arm->pinned;
	error = arm->knob == KERNEL
			? scheduling_ring_play(&options, arm->kernel_thread, &result)
			: scheduling_play(&options, &result);
	figures[CPU] = result.cpu_ns;
	figures[LATENCY] = result.p50_ns;
	figures[P99] = result.p99_ns;
	figures[P999] = result.p999_ns;
	figures[SENDER] = result.sender_ns;
	figures[TURNS] = result.turns;
	figures[CALLS] = result.calls;
	return error;
}

/* Of a reactor there is nothing that a thread could fetch. */
static bool has_knob(const struct mechanism *mechanism, enum knob knob)
{
	return knob != KERNEL ||
	       (strcmp(mechanism->name, "polling") != 0 && scheduling_ring_has_thread());
}

static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	for (size_t i = 0; i < KNOBS * count; i++) {
		const struct mechanism *mechanism = &mechanisms[i / KNOBS];
		struct claim_group *group = &plan->groups[plan->count];

		if (!has_knob(mechanism, i % KNOBS))
			continue;
		plan->count++;
		*group = (struct claim_group){ .mechanism = mechanism->name,
					       .size = SCHEDULING_RATE };
		snprintf(group->name, sizeof(group->name), "%s, %s", mechanism->name,
			 KNOB_NAMES[i % KNOBS]);
		for (size_t arm = 0; arm < ARMS_COUNT; arm++) {
			if (ARMS[arm].knob == i % KNOBS)
				claim_add_arm(group, ARMS[arm].name, NULL, 0);
		}
	}
}

/* ---- What came of it. ---- */

static bool is_either(const json_t *arm, const char *verdict)
{
	return !strcmp(field_string(json_object_get(arm, "latency"), "verdict"), verdict) ||
	       !strcmp(field_string(json_object_get(arm, "cpu"), "verdict"), verdict);
}

static const char *verdict(const json_t *arm)
{
	const int latency = claim_shown(json_object_get(arm, "latency"));
	const int cpu = claim_shown(json_object_get(arm, "cpu"));

	if (latency < 0)
		return cpu > 0 ? "sooner, and dearer" : cpu < 0 ? "sooner, and cheaper" : "sooner";
	if (latency > 0)
		return cpu > 0 ? "later, and dearer" : cpu < 0 ? "later, and cheaper" : "later";
	if (cpu)
		return cpu > 0 ? "dearer, and not shown to be sooner" : "cheaper";
	if (is_either(arm, "too few rounds"))
		return "too few rounds to say";
	return is_either(arm, "too noisy") ? "too noisy to say" : "no effect shown";
}

static void conclude_knob(json_t *result, const json_t *group)
{
	char text[500] = "";
	json_t *arm;
	size_t i;

	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		const size_t used = strlen(text);
		char cpu[64], latency[64];

		if (!json_object_get(arm, "against"))
			continue;
		claim_format_interval(json_object_get(arm, "latency"), latency, sizeof(latency));
		claim_format_interval(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
		snprintf(text + used, sizeof(text) - used, "%s%s: %s (p50 %s, CPU %s)",
			 used ? "; " : "", field_string(arm, "name"), verdict(arm), latency, cpu);
	}
	claim_add_finding(result, field_string(group, "name"), "against %s: %s.",
			  field_string(json_array_get(json_object_get(group, "arms"), 0), "name"),
			  text);
}

/* Tails have no verdict: a flag says how much of the run other programs have been in. */
static void conclude_noise(json_t *result)
{
	json_int_t disturbed = 0, rounds = 0;
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		disturbed += field_integer(group, "disturbed");
		rounds += (json_int_t)json_array_size(json_object_get(group, "rounds"));
	}
	claim_add_finding(result, "tails",
			  "%s: other programs were in the way in %lld of %lld rounds; p99 and "
			  "p99.9 are shown, and nothing is claimed of them.",
			  disturbed * 10 > rounds ? "noisy" : "quiet", (long long)disturbed,
			  (long long)rounds);
}

static bool has_kernel_thread(const json_t *result)
{
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		if (claim_arm_of(group, "thread"))
			return true;
	}
	return false;
}

static void conclude(json_t *result)
{
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) conclude_knob(result,
										       group);
	conclude_noise(result);
	claim_add_finding(result, "absent",
			  "%sNAPI busy polling: it is a network device's, and between two sockets "
			  "of one machine there is none.",
			  has_kernel_thread(result)
				  ? ""
				  : "a polling thread in the kernel: it is a ring's, and of "
				    "those that were asked here none has one. ");
}

/* ---- The table. ---- */

static void print_us(double ns, FILE *out)
{
	if (isnan(ns))
		fprintf(out, "%9s", "-");
	else
		fprintf(out, "%9.1f", ns / 1e3);
}

static void print_arm(const json_t *arm, FILE *out)
{
	static const char *const times[] = { "latency_ns", "p99_ns", "p999_ns", "sender_ns" };
	char cpu[32] = "1", latency[32] = "1";

	if (json_object_get(arm, "cpu")) {
		claim_format_ratio(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
		claim_format_ratio(json_object_get(arm, "latency"), latency, sizeof(latency));
	}
	fprintf(out, "  %-12s%7.2f%6s%6s", field_string(arm, "name"),
		claim_figure(arm, "cpu_ns") / 1e3, cpu, latency);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		print_us(claim_figure(arm, times[i]), out);
	fprintf(out, "%5.1f%6.1f\n", claim_figure(arm, "turns"), claim_figure(arm, "calls"));
}

static void print(const json_t *result, FILE *out)
{
	char text[500];
	json_t *group, *arm;
	size_t i, k;

	claim_print_head(&CLAIM_SCHEDULING, result, out);
	snprintf(text, sizeof(text),
		 "%lld messages a second, whatever becomes of them, each timed from when it was to "
		 "be sent to when the last of three tasks has it, in us. CPU of the loop's thread, "
		 "a message, in us and times of the first row; lat: p50's ratio; sender: how late "
		 "it was itself, p50; turns and system calls a message. ~: no difference shown.",
		 (long long)field_integer(json_array_get(json_object_get(result, "groups"), 0),
					  "rate"));
	say_wrapped(out, text, 0, 2);
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		fprintf(out,
			"\n%s%s%s\n%-14s     us   CPU   lat      p50      p99    p99.9   sender "
			"turn  call\n",
			say_bold(out), field_string(group, "name"), say_plain(out), "");
		json_array_foreach(json_object_get(group, "arms"), k, arm) print_arm(arm, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_SCHEDULING = {
	.name = "scheduling",
	.kind = "compare scheduling",
	.summary = "Scheduling and low latency: what do order, budget, looking instead of "
		   "sleeping, and a processor of one's own do to messages at a constant rate?",
	.varies = "rate",
	.figures = { "cpu_ns", "latency_ns", "p99_ns", "p999_ns", "sender_ns", "turns", "calls" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
