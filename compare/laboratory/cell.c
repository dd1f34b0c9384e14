/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/cell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/mix.h"
#include "compare/laboratory/phase.h"
#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"

/* Then a fresh loop: which processor a kernel's worker stands on is settled once for each, and decides
 * races. */
enum { RUNS_A_LOOP = 5 };

enum cell_latency { LATENCY_TERMINAL, LATENCY_BUFFER, LATENCY_DESCRIPTOR, LATENCY_COUNT };

static const char *const LATENCIES[LATENCY_COUNT] = { "terminal", "buffer", "descriptor" };

struct breach {
	uint32_t count, first_run;
	char what[sizeof(((struct scene *)0)->run.what)];
};

struct cell {
	uint32_t runs, missed, released;
	struct mix mix;
	struct spread latencies[LATENCY_COUNT];
	struct duet_stats answers; /* of what the loops counted from the starts to the ends */
	struct breach breaches[VIOLATION_COUNT];
};

/* ---- A run. ---- */

static void note_latency(struct spread *spread, const struct scene_moment *moment)
{
	if (moment->reached)
		spread_add(spread, moment->turns, moment->ns);
}

static void note_violations(struct cell *cell, const struct scene *scene, uint32_t run)
{
	for (uint32_t i = 0; i < VIOLATION_COUNT; i++) {
		struct breach *breach = &cell->breaches[i];

		if (!(scene->run.violations >> i & 1))
			continue;
		if (!breach->count++) {
			breach->first_run = run;
			memcpy(breach->what, scene->run.what, sizeof(breach->what));
		}
	}
}

/* The target's cancels were handed over before its end, and may be answered behind it; those of what
 * stands around it come later, and are found. */
static void note_answers(struct cell *cell, const struct scene *scene)
{
	const struct duet_stats *before = &scene->run.before, *at_end = &scene->run.at_end;
	const struct duet_stats *after = &scene->run.after;

	cell->answers.cancels += at_end->cancels - before->cancels;
	cell->answers.cancels_again += at_end->cancels_again - before->cancels_again;
	cell->answers.cancels_ended += at_end->cancels_ended - before->cancels_ended;
	cell->answers.cancels_running += after->cancels_running - before->cancels_running;
	cell->answers.cancels_unknown += after->cancels_unknown - before->cancels_unknown;
	cell->answers.stale += after->stale - before->stale;
	cell->answers.reclaimed += after->reclaimed - before->reclaimed;
}

static void note_run(struct cell *cell, const struct scene *scene, uint32_t run)
{
	cell->runs++;
	note_violations(cell, scene, run);
	/* Where it has ended before, or the one that was to make it never came to it. */
	if (!scene->run.asked || !scene->run.ends) {
		cell->missed += !scene->run.asked;
		return;
	}
	cell->released += scene->run.released;
	note_answers(cell, scene);
	mix_add(&cell->mix, scene->run.disposition, scene->run.cause, scene->run.result);
	note_latency(&cell->latencies[LATENCY_TERMINAL], &scene->run.terminal);
	note_latency(&cell->latencies[LATENCY_BUFFER], &scene->run.buffer);
	note_latency(&cell->latencies[LATENCY_DESCRIPTOR], &scene->run.descriptor);
}

/* 0, or -errno where what it works on can't be had. */
static int play(struct cell *cell, const struct phase *phase, struct scene *scene)
{
	int error = scene_begin(scene);

	if (!error)
		phase->play(scene);
	else
		scene->run.ends = scene->run.satisfied = 1; /* only the end is left */
	scene_finish(scene);
	if (!error)
		note_run(cell, scene, cell->runs);
	return error;
}

/* What is still in flight owns the scene's memory: it is kept to the end of the process, and the rest of
 * the cell with it is not run. */
static int play_loop(struct cell *cell, const struct cell_plan *plan, uint32_t runs)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	int error = scene ? scene_open(scene, plan->mechanism, plan->subject,
				       plan->seed + cell->runs) : -ENOMEM;

	if (error) {
		free(scene);
		return error;
	}
	for (; !error && runs; runs--) {
		error = play(cell, plan->phase, scene);
		if (!scene->run.ends)
			error = -EBUSY;
	}
	if (!scene_close(scene))
		free(scene);
	return error;
}

static int play_all(struct cell *cell, const struct cell_plan *plan)
{
	int error = 0;

	while (!error && cell->runs < plan->runs) {
		uint32_t left = plan->runs - cell->runs;

		error = play_loop(cell, plan, left < RUNS_A_LOOP ? left : RUNS_A_LOOP);
	}
	return error == -EBUSY && cell->runs ? 0 : error;
}

/* ---- What came of it. ---- */

static json_t *latency_json(struct cell *cell)
{
	json_t *json = json_object();

	for (int i = 0; i < LATENCY_COUNT; i++)
		json_object_set_new(json, LATENCIES[i], spread_json(&cell->latencies[i]));
	return json;
}

static json_t *answers_json(const struct cell *cell)
{
	const struct duet_stats *answers = &cell->answers;
	uint64_t others = answers->cancels_ended + answers->cancels_running +
			  answers->cancels_unknown;
	/* An answer of its surroundings' own can be among them. */
	uint64_t found = others < answers->cancels ? answers->cancels - others : 0;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "cancels",
			 (json_int_t)answers->cancels, "ended", (json_int_t)answers->cancels_ended,
			 "found", (json_int_t)found, "running",
			 (json_int_t)answers->cancels_running, "unknown",
			 (json_int_t)answers->cancels_unknown, "cancels_again",
			 (json_int_t)answers->cancels_again, "stale", (json_int_t)answers->stale,
			 "reclaimed", (json_int_t)answers->reclaimed);
}

static json_t *violations_json(const struct cell *cell)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < VIOLATION_COUNT; i++) {
		const struct breach *breach = &cell->breaches[i];

		if (breach->count)
			json_array_append_new(list, json_pack(
				"{s:s, s:I, s:I, s:s}", "name", violation_name((enum violation)i),
				"count", (json_int_t)breach->count, "first_run",
				(json_int_t)breach->first_run, "what", breach->what));
	}
	return list;
}

static json_t *head_json(const struct cell_plan *plan)
{
	return json_pack("{s:s, s:s, s:s}", "kind", plan->subject->name, "phase", plan->phase->name,
			 "mechanism", plan->mechanism->name);
}

static json_t *unreachable_json(const struct cell_plan *plan, const char *why)
{
	json_t *json = head_json(plan);

	json_object_set_new(json, "unreachable", json_string(why));
	return json;
}

static json_t *cell_json(const struct cell_plan *plan, struct cell *cell)
{
	json_t *json = head_json(plan);

	json_object_set_new(json, "runs", json_integer(cell->runs));
	json_object_set_new(json, "missed", json_integer(cell->missed));
	json_object_set_new(json, "released", json_integer(cell->released));
	json_object_set_new(json, "outcomes", mix_json(&cell->mix));
	json_object_set_new(json, "latency", latency_json(cell));
	json_object_set_new(json, "answers", answers_json(cell));
	json_object_set_new(json, "violations", violations_json(cell));
	return json;
}

static json_t *refused_json(const struct cell_plan *plan, int error)
{
	char why[64];

	snprintf(why, sizeof(why), "can't be set up here: %s", duet_error_name(error));
	return unreachable_json(plan, why);
}

json_t *cell_run(const struct cell_plan *plan)
{
	const char *why = plan->phase->unreachable(plan->subject);
	struct cell *cell = why ? NULL : calloc(1, sizeof(*cell));
	json_t *json;
	int error;

	if (why)
		return unreachable_json(plan, why);
	if (!cell)
		return NULL;
	error = play_all(cell, plan);
	json = error ? refused_json(plan, error) : cell_json(plan, cell);
	for (int i = 0; i < LATENCY_COUNT; i++)
		spread_free(&cell->latencies[i]);
	free(cell);
	return json;
}
