/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/matrix.h"

#include <duet/loop.h>
#include <string.h>
#include <sys/stat.h>

#include "compare/laboratory/cell.h"
#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/phase.h"
#include "compare/laboratory/subject.h"
#include "compare/report/environment.h"
#include "compare/report/repeat.h"
#include "compare/report/shape.h"
#include "compare/report/store.h"
#include "compare/say.h"

/* ---- What is the same for all cells. ---- */

static const char *const CLASSES[] = {
	[DUET_CANCEL_TOTAL] = "total",
	[DUET_CANCEL_PARTIAL] = "partial",
	[DUET_CANCEL_TAINTING] = "tainting",
	[DUET_CANCEL_NOT] = "not once issued",
};

static bool is_wanted(const struct matrix_plan *plan, const struct subject *subject)
{
	for (size_t i = 0; i < plan->kinds_count; i++) {
		if (!strcmp(plan->kinds[i], subject->name))
			return true;
	}
	return !plan->kinds_count;
}

static json_t *kinds_json(const struct matrix_plan *plan)
{
	json_t *list = json_array();
	const struct subject *subject;

	for (size_t i = 0; (subject = subject_at(i)); i++) {
		if (is_wanted(plan, subject))
			json_array_append_new(list, json_pack(
				"{s:s, s:s, s:s, s:s}", "name", subject->name, "operation",
				duet_kind_name(subject->kind), "cancel_class",
				CLASSES[duet_kind_cancel_class(subject->kind)], "what",
				subject->what));
	}
	return list;
}

static json_t *phases_json(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < PHASES_COUNT; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", PHASES[i].name, "what",
						      PHASES[i].what));
	return list;
}

/* ---- The cells. ---- */

/* The same script on every mechanism, also if others are left out. */
static uint64_t cell_seed(uint64_t seed, const char *kind, const char *phase)
{
	for (; *kind; kind++)
		seed = (seed ^ (unsigned char)*kind) * 0x100000001b3u;
	for (; *phase; phase++)
		seed = (seed ^ (unsigned char)*phase) * 0x100000001b3u;
	return seed;
}

static bool holds(const json_t *cell)
{
	return !json_array_size(json_object_get(cell, "violations"));
}

static bool is_interrupted(const struct matrix_plan *plan)
{
	return plan->interrupted && *plan->interrupted;
}

static void run_cells(const struct matrix_plan *plan, const struct subject *subject,
		      json_t *matrix)
{
	json_t *cells = json_object_get(matrix, "cells");

	for (size_t i = 0; i < PHASES_COUNT * plan->mechanisms_count; i++) {
		const struct phase *phase = &PHASES[i / plan->mechanisms_count];
		struct cell_plan cell = { subject, phase,
					  &plan->mechanisms[i % plan->mechanisms_count], plan->runs,
					  cell_seed(plan->seed, subject->name, phase->name) };
		json_t *json;

		if (is_interrupted(plan))
			return;
		say_progress("%s, %s, %s", subject->name, phase->name, cell.mechanism->name);
		json = cell_run(&cell);
		if (!holds(json))
			json_object_set_new(matrix, "correct", json_false());
		json_array_append_new(cells, json);
	}
}

json_t *matrix_run(struct matrix_plan *plan)
{
	json_t *run = repeat_run_json(plan->argc, plan->argv, plan->seed);
	json_t *matrix = json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:[], s:b, s:b}",
				   "schema", STORE_SCHEMA, "kind", MATRIX_KIND, "tool",
				   environment_tool_json(), "run", run, "environment",
				   environment_json(), "mechanisms", mechanism_probe(plan->mechanisms,
							  &plan->mechanisms_count), "kinds",
				   kinds_json(plan), "phases", phases_json(), "cells", "complete", 0,
				   "correct", 1);
	const struct subject *subject;

	json_object_set_new(run, "runs", json_integer(plan->runs));
	for (size_t i = 0; (subject = subject_at(i)); i++) {
		if (is_wanted(plan, subject))
			run_cells(plan, subject, matrix);
	}
	say_progress_end();
	json_object_set_new(matrix, "complete",
			    json_boolean(plan->mechanisms_count && !is_interrupted(plan)));
	return matrix;
}

/* ---- Reading. ---- */

static bool says(const json_t *object, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && !strcmp(text, value);
}

json_t *matrix_cell(const json_t *matrix, const char *kind, const char *phase,
		    const char *mechanism)
{
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(matrix, "cells"), i, cell) {
		if (says(cell, "kind", kind) && says(cell, "phase", phase) &&
		    says(cell, "mechanism", mechanism))
			return cell;
	}
	return NULL;
}

static bool has_texts(const json_t *object, const char *const *keys)
{
	for (; *keys; keys++) {
		if (!json_is_string(json_object_get(object, *keys)))
			return false;
	}
	return true;
}

static bool is_cell(const json_t *cell)
{
	static const char *const NAMES[] = { "kind", "phase", "mechanism", NULL };
	static const char *const OUTCOME[] = { "disposition", "cause", "result", NULL };
	json_t *outcome;
	size_t i;

	if (!has_texts(cell, NAMES))
		return false;
	if (json_is_string(json_object_get(cell, "unreachable")))
		return true;
	json_array_foreach(json_object_get(cell, "outcomes"), i, outcome) {
		if (!has_texts(outcome, OUTCOME) ||
		    !json_is_integer(json_object_get(outcome, "count")))
			return false;
	}
	return json_is_integer(json_object_get(cell, "runs")) &&
	       json_is_integer(json_object_get(cell, "missed"));
}

const char *matrix_problem(const json_t *matrix)
{
	json_t *cell;
	size_t i;

	if (!says(matrix, "kind", MATRIX_KIND))
		return "this is JSON, but not a table of duet cancel op";
	if (json_integer_value(json_object_get(matrix, "schema")) != STORE_SCHEMA)
		return "written with another schema; use the duet that wrote it";
	json_array_foreach(json_object_get(matrix, "cells"), i, cell) {
		if (!is_cell(cell))
			return "not as duet cancel op writes it: a cell lacks what it needs";
	}
	return i ? NULL : "it has no cells";
}

int matrix_load(const char *path, const char *command, const char *(*problem_of)(const json_t *),
		json_t **matrix)
{
	struct stat status;
	json_error_t error;
	const char *problem;

	if (!stat(path, &status) && S_ISDIR(status.st_mode))
		return say_failure(SAY_USAGE, "%s: %s: this is a folder; give a file", command, path);
	*matrix = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!*matrix && error.line < 0)
		return say_failure(SAY_USAGE, "%s: %s", command, error.text);
	if (!*matrix)
		return say_failure(SAY_USAGE, "%s: %s: line %d: %s; it is cut short or no JSON",
				   command, path, error.line, error.text);
	problem = problem_of(*matrix);
	if (!problem) {
		shape_clean(*matrix);
		return SAY_OK;
	}
	json_decref(*matrix);
	*matrix = NULL;
	return say_failure(SAY_USAGE, "%s: %s: %s", command, path, problem);
}

int matrix_read(const char *path, const char *command, json_t **matrix)
{
	return matrix_load(path, command, matrix_problem, matrix);
}
