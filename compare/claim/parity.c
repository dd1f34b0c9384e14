/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The price of parity: the common API is shaped so that both twins can carry it; what each
 * twin's own way to speak would save. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compare/measure/window.h"
#include "compare/claim/parity_scene.h"
#include "compare/claim/claim.h"
#include "compare/claim/sample.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { DEPTH = 32, BATCHES = 150, BATCHES_QUICK = 10, ALONE = 400, ALONE_QUICK = 40, WARM = 4 };

enum { CPU, LATENCY, CALLS };

static const char *const LEGEND[][2] = {
	{ "common",
	  "operations with callbacks, one source for both: echo by pooled multishot receives, "
	  "file by reads, churn by a multishot accept and a close each, cancel by a receive "
	  "that is begun and given up" },
	{ "native, polling", "tries and waits that own nothing, for churn each handle released and "
			     "closed, for cancel each wait forgotten; file, which has no "
			     "readiness, by the plain call that doesn't wait" },
	{ "native, completion",
	  "by hand, since the library has no header for it: registered files and, for "
	  "file, registered memory; of churn connections that never become "
	  "descriptors" },
	{ NULL, NULL },
};

/* ---- A play. ---- */

static bool play_batches(struct parity_scene *scene, const struct parity_player *player, void *self,
			 uint32_t batches, double *cpu_ns)
{
	bool good = true;

	for (uint32_t i = 0; i < batches && good; i++) {
		uint64_t begun_ns;

		good = parity_scene_prepare(scene);
		begun_ns = sample_cpu_ns();
		good = good && player->act(self);
		cpu_ns[i] = (double)(sample_cpu_ns() - begun_ns);
		good = good && parity_scene_check(scene);
	}
	return good;
}

static bool measure_crowd(struct parity_scene *scene, const struct parity_player *player,
			  void *self, bool quick, double *figures)
{
	const uint32_t batches = quick ? BATCHES_QUICK : BATCHES;
	double cpu_ns[BATCHES];
	uint64_t calls;

	if (!play_batches(scene, player, self, WARM, cpu_ns))
		return false;
	calls = player->calls(self);
	if (!play_batches(scene, player, self, batches, cpu_ns))
		return false;
	figures[CPU] = sample_median(cpu_ns, batches) / DEPTH;
	figures[CALLS] = (double)(player->calls(self) - calls) / (batches * DEPTH);
	return true;
}

static bool measure_alone(struct parity_scene *scene, const struct parity_player *player,
			  void *self, bool quick, double *figures)
{
	static double taken_ns[ALONE];
	const uint32_t times = quick ? ALONE_QUICK : ALONE;
	bool good = true;

	for (uint32_t i = 0; i < times + WARM && good; i++) {
		uint64_t begun_ns;

		good = parity_scene_prepare(scene);
		begun_ns = window_now_ns();
		good = good && player->act(self);
		if (i >= WARM)
			taken_ns[i - WARM] = (double)(window_now_ns() - begun_ns);
		good = good && parity_scene_check(scene);
	}
	figures[LATENCY] = sample_median(taken_ns, times);
	return good;
}

static int play_with(const struct claim_play *play, enum parity_workload workload,
		     const struct parity_player *player, uint32_t count, double *figures)
{
	struct parity_scene scene;
	void *self = NULL;
	int error = parity_scene_begin(&scene, workload, count, play->seed);

	if (!error)
		error = player->begin(&scene, &play->mechanism, &self);
	if (!error && !(count > 1 ? measure_crowd : measure_alone)(&scene, player, self,
								   play->quick, figures))
		error = -EBADMSG;
	if (self)
		player->end(self);
	parity_scene_end(&scene);
	return error;
}

static int play(const struct claim_play *play, double *figures)
{
	const struct parity_player *players = NULL;
	enum parity_workload workload = PARITY_ECHO;
	const char *dialect = strchr(play->arm, '/');
	size_t length = dialect ? (size_t)(dialect - play->arm) : 0;
	int error;

	while (workload < PARITY_WORKLOADS &&
	       (strlen(parity_workload_name(workload)) != length ||
		strncmp(parity_workload_name(workload), play->arm, length) != 0))
		workload++;
	if (dialect && !strcmp(dialect, "/common"))
		players = PARITY_COMMON;
	else if (dialect && !strcmp(dialect, "/native"))
		players = strcmp(play->mechanism.name, "polling") ? PARITY_RING : PARITY_POLLING;
	if (!players || workload == PARITY_WORKLOADS)
		return -EINVAL;
	error = play_with(play, workload, &players[workload], DEPTH, figures);
	return error ? error : play_with(play, workload, &players[workload], 1, figures);
}

/* ---- What is asked. ---- */

static void plan_mechanism(struct claim_plan *plan, const struct mechanism *mechanism)
{
	for (enum parity_workload workload = PARITY_ECHO; workload < PARITY_WORKLOADS; workload++) {
		struct claim_group *group = &plan->groups[plan->count++];
		const char *name = parity_workload_name(workload);
		char arm[CLAIM_NAME_MAX];

		*group = (struct claim_group){ .mechanism = mechanism->name, .size = DEPTH };
		snprintf(group->name, sizeof(group->name), "%s, %s", mechanism->name, name);
		snprintf(arm, sizeof(arm), "%s/common", name);
		claim_add_arm(group, arm, NULL, 0);
		snprintf(arm, sizeof(arm), "%s/native", name);
		claim_add_arm(group, arm, NULL, 0);
	}
}

static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	for (size_t i = 0; i < count; i++)
		plan_mechanism(plan, &mechanisms[i]);
}

/* ---- What came of it. ---- */

static const json_t *native_of(const json_t *group)
{
	return json_array_get(json_object_get(group, "arms"), 1);
}

static void conclude(json_t *result)
{
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		const json_t *ratio = json_object_get(native_of(group), "cpu");
		const double price = 1 / field_real(ratio, "ratio");
		char cpu[64], latency[64];

		claim_format_interval(ratio, cpu, sizeof(cpu));
		claim_format_interval(json_object_get(native_of(group), "latency"), latency,
				      sizeof(latency));
		claim_add_finding(result, field_string(group, "name"),
				  "%s; native / common is %s in "
				  "CPU, %s in latency.",
				  claim_shown(ratio) < 0   ? "parity has a price"
				  : claim_shown(ratio) > 0 ? "the common API is the cheaper one"
							   : "no price of parity is shown",
				  cpu, latency);
		json_object_set_new(group, "price",
				    claim_shown(ratio) < 0 ? json_real(price) : json_null());
	}
}

/* ---- The table. ---- */

enum { NAME_COLUMNS = 27 };

static void print_group(const json_t *group, FILE *out)
{
	const json_t *native = native_of(group);
	const json_t *common = json_array_get(json_object_get(group, "arms"), 0);
	char cpu[64], latency[64];

	claim_format_ratio(json_object_get(native, "cpu"), cpu, sizeof(cpu));
	claim_format_ratio(json_object_get(native, "latency"), latency, sizeof(latency));
	fprintf(out, "%-*s%7.0f%7.0f%6s%8.0f%7.0f%6s%6.2f%6.2f\n", NAME_COLUMNS,
		field_string(group, "name"), claim_figure(common, "cpu_ns"),
		claim_figure(native, "cpu_ns"), cpu, claim_figure(common, "latency_ns"),
		claim_figure(native, "latency_ns"), latency, claim_figure(common, "calls"),
		claim_figure(native, "calls"));
}

static void print(const json_t *result, FILE *out)
{
	json_t *group;
	size_t i;

	claim_print_head(&CLAIM_PARITY, result, out);
	fputs("An operation each, in ns; the ratio is native / common. ~: no difference shown.\n",
	      out);
	fprintf(out,
		"\n%-*s%s CPU                 latency             calls%s\n"
		"%-*s common native ratio  common native ratio  com.  nat.\n",
		NAME_COLUMNS, "", say_bold(out), say_plain(out), NAME_COLUMNS, "");
	json_array_foreach(json_object_get(result, "groups"), i, group) print_group(group, out);
	claim_print_end(result, out);
}

const struct claim CLAIM_PARITY = {
	.name = "parity",
	.kind = "compare parity",
	.summary = "The price of parity: each twin's native dialect against the common API, by "
		   "workload.",
	.varies = "depth",
	.figures = { "cpu_ns", "latency_ns", "calls" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
