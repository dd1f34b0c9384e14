/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * The optional paths of a ring, each by hand against what it would replace: which of them pay on this
 * machine? What doesn't is not used by the library, however new it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/claim/claim.h"
#include "compare/claim/paths_scene.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { OPERATIONS = 16000, OPERATIONS_QUICK = 800, LARGE_DIVISOR = 8, ARMS_MAX = 4, SIZES_MAX = 4 };

static const struct path {
	const char *name;
	const char *arms[ARMS_MAX];
	uint32_t sizes[SIZES_MAX];
	bool of_files;
} PATHS[] = {
	{ "receive", { "lent", "pooled", "multishot", "bundle" }, { 64, 1024 }, false },
	{ "descriptors", { "descriptor", "registered" }, { 64 }, false },
	{ "task work", { "plain", "deferred" }, { 64 }, false },
	{ "wake", { "eventfd", "message" }, { 8 }, false },
	{ "send", { "copied", "zero-copy" }, { 4096, 65536, 1048576 }, false },
	{ "read, O_DIRECT", { "memory", "registered memory" }, { 4096, 65536, 1048576 }, true },
};

enum { PATHS_COUNT = sizeof(PATHS) / sizeof(*PATHS) };

static const char *const LEGEND[][2] = {
	{ "lent", "a receive for each of eight messages, into memory of its own" },
	{ "pooled, multishot, bundle",
	  "with the buffers of a ring; armed once; several buffers in one completion (Linux 6.10): "
	  "times of lent" },
	{ "registered", "of a registered descriptor: times of a plain one" },
	{ "deferred", "single issuer and deferred task work: times of a plain ring, multishot" },
	{ "message", "a wake by MSG_RING: times of a write to an eventfd that the other ring polls" },
	{ "zero-copy", "over TCP on loopback, where the kernel copies all the same: times of a copy" },
	{ "registered memory", "one behind the other, around the cache: times of plain memory" },
	{ NULL, NULL },
};

static uint32_t operations_of(const struct claim_play *play)
{
	uint32_t operations = play->quick ? OPERATIONS_QUICK : OPERATIONS;

	if (play->size >= 1 << 20)
		return operations / LARGE_DIVISOR / LARGE_DIVISOR;
	return play->size >= 4096 ? operations / LARGE_DIVISOR : operations;
}

static int play(const struct claim_play *play, double *figures)
{
	struct paths_result result = { 0 };
	int error = paths_play(play->arm, play->size, operations_of(play), &result);

	figures[0] = result.cpu_ns;
	figures[1] = result.latency_ns;
	figures[2] = result.completions;
	return error;
}

/* ---- What is asked. ---- */

/* A path that this kernel or machine lacks is left out, with all that stands behind it. */
static void plan_path(struct claim_plan *plan, const struct path *path, const char *mechanism,
		      uint32_t size)
{
	struct claim_group *group = &plan->groups[plan->count];
	struct paths_result unused;

	*group = (struct claim_group){ .mechanism = mechanism, .size = size };
	snprintf(group->name, sizeof(group->name), "%s, %u bytes", path->name, size);
	for (unsigned int i = 0; i < ARMS_MAX && path->arms[i]; i++) {
		if (!paths_play(path->arms[i], size, 1, &unused))
			claim_add_arm(group, path->arms[i], NULL, 0);
		else if (!i)
			return;
	}
	plan->count += group->count > 1;
}

static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	const char *mechanism = NULL;

	for (size_t i = 0; i < count && !mechanism; i++) {
		if (!strncmp(mechanisms[i].name, "completion", strlen("completion")))
			mechanism = mechanisms[i].name;
	}
	for (size_t i = 0; i < PATHS_COUNT && mechanism; i++) {
		for (int k = 0; k < SIZES_MAX && PATHS[i].sizes[k]; k++)
			plan_path(plan, &PATHS[i], mechanism, PATHS[i].sizes[k]);
	}
}

/* ---- What came of it. ---- */

static const char NO_DIFFERENCE[] = "no difference shown";

static const char *verdict(const json_t *arm)
{
	int cpu = claim_shown(json_object_get(arm, "cpu"));
	int latency = claim_shown(json_object_get(arm, "latency"));

	if (!cpu && !latency &&
	    !strcmp(field_string(json_object_get(arm, "cpu"), "verdict"), "too noisy"))
		return "too noisy to say";
	if (cpu + latency < 0)
		return "pays";
	if (cpu + latency > 0)
		return "doesn't pay";
	return cpu ? "pays and costs" : NO_DIFFERENCE;
}

static void conclude_group(json_t *result, const json_t *group)
{
	char cpu[64], latency[64];
	json_t *arm;
	size_t i;

	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		if (!json_object_get(arm, "cpu"))
			continue;
		claim_format_interval(json_object_get(arm, "cpu"), cpu, sizeof(cpu));
		claim_format_interval(json_object_get(arm, "latency"), latency, sizeof(latency));
		claim_add_finding(result, field_string(group, "name"), "%s: %s (CPU %s, time %s).",
				  field_string(arm, "name"), verdict(arm), cpu, latency);
	}
}

static bool has_group(const json_t *result, const char *name)
{
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		if (!strncmp(field_string(group, "name"), name, strlen(name)))
			return true;
	}
	return false;
}

static void conclude(json_t *result)
{
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) conclude_group(result, group);
	for (i = 0; i < PATHS_COUNT; i++) {
		if (!has_group(result, PATHS[i].name))
			claim_add_finding(result, PATHS[i].name,
					  "not there: this kernel or file system lacks it, or it wasn't "
					  "reached.");
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
	fprintf(out, "  %-18s%9.2f%8s%9.2f%8s%8.2f", field_string(arm, "name"),
		claim_figure(arm, "cpu_ns") / 1e3, cpu, claim_figure(arm, "latency_ns") / 1e3,
		latency, claim_figure(arm, "completions"));
	if (json_object_get(arm, "cpu") && verdict(arm) != NO_DIFFERENCE)
		fprintf(out, "  %s", verdict(arm));
	fputc('\n', out);
}

static void print(const json_t *result, FILE *out)
{
	json_t *group, *arm;
	size_t i, k;

	claim_print_head(&CLAIM_PATHS, result, out);
	say_wrapped(out,
		    "By hand, one operation behind the other, with nothing of the library. CPU of the "
		    "process and time, of an operation, in us and times of the first row; completions "
		    "of an operation. ~: no difference shown.",
		    0, 2);
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		fprintf(out, "\n%s%s%s\n%-20s      CPU   times     time   times    comp\n",
			say_bold(out), field_string(group, "name"), say_plain(out), "");
		json_array_foreach(json_object_get(group, "arms"), k, arm) print_arm(arm, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_PATHS = {
	.name = "paths",
	.kind = "compare paths",
	.summary = "The optional paths of a ring (provided buffers, multishot, bundles, registered "
		   "descriptors and memory, deferred task work, messages between rings, zero-copy): "
		   "which of them pay on this machine?",
	.varies = "bytes",
	.figures = { "cpu_ns", "latency_ns", "completions" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
