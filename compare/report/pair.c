/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/pair.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/measure/interval.h"
#include "compare/measure/unpaired.h"
#include "compare/report/change.h"
#include "compare/report/conclude.h"
#include "compare/report/environment.h"
#include "compare/report/field.h"
#include "compare/report/store.h"
#include "compare/report/title.h"

enum { NAME_MAX_BYTES = 160, SIDES = 2 };

static const char *const SIDE[SIDES] = { "old", "new" };

struct pair {
	const json_t *results[SIDES], *cells[SIDES];
	bool *used[SIDES]; /* a flag for each cell: it has been compared, or why not has been said */
	json_t *compared, *not_compared;
};

static void tell(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(json_t *list, const char *format, ...)
{
	char *text = NULL;
	va_list values;

	va_start(values, format);
	if (vasprintf(&text, format, values) >= 0)
		json_array_append_new(list, store_string(text));
	va_end(values);
	free(text);
}

static const char *arm_name(const json_t *cell, size_t arm)
{
	return field_string(json_array_get(json_object_get(cell, "arms"), arm), "name");
}

static size_t arm_count(const json_t *cell)
{
	return json_array_size(json_object_get(cell, "arms"));
}

/* An arm may stand there twice: the second one answers to the second one. -1 where there is none. */
static int arm_partner(const json_t *cell, size_t arm, const json_t *other)
{
	int before = 0;

	for (size_t i = 0; i < arm; i++)
		before += !strcmp(arm_name(cell, i), arm_name(cell, arm));
	for (size_t i = 0; i < arm_count(other); i++) {
		if (!strcmp(arm_name(other, i), arm_name(cell, arm)) && !before--)
			return (int)i;
	}
	return -1;
}

static int common_arms(const json_t *cell, const json_t *other)
{
	int count = 0;

	for (size_t i = 0; i < arm_count(cell); i++)
		count += arm_partner(cell, i, other) >= 0;
	return count;
}

static bool same_workload(const json_t *cell, const json_t *other)
{
	return !strcmp(field_string(cell, "workload"), field_string(other, "workload"));
}

static bool same_cell(const json_t *cell, const json_t *other)
{
	return same_workload(cell, other) &&
		change_is_same_object(json_object_get(cell, "parameters"),
				      json_object_get(other, "parameters"));
}

/* Why a cell has no figures to compare, or NULL. */
static const char *cell_problem(const json_t *cell)
{
	if (json_is_false(json_object_get(cell, "correct")))
		return "a byte came back wrong, and its timings are void";
	if (!json_array_size(json_object_get(cell, "rounds")))
		return "no round was played to its end";
	return NULL;
}

/* Fills side from the rounds of one arm; values is where its figures are kept. */
static void fill_side(const json_t *cell, size_t metric, unsigned int arm, bool wall,
		      double *values, struct unpaired_side *side)
{
	double floors[INTERVAL_VALUES_MAX];
	unsigned int floor_rounds = conclude_floors(cell, metric, floors), left_out;

	side->values = values;
	side->rounds = conclude_figures(cell, metric, arm, values, &left_out);
	side->measured = side->rounds && (!left_out || side->rounds >= UNPAIRED_VALUES_MIN);
	side->floor = unpaired_floor(floors, floor_rounds);
	side->disturbed = wall && conclude_disturbed(cell);
}

static json_t *comparison_json(const json_t *const cells[SIDES], const unsigned int arms[SIDES],
			       size_t metric, bool wall)
{
	double values[SIDES][INTERVAL_VALUES_MAX];
	struct unpaired_side sides[SIDES];
	struct unpaired_result result;
	json_t *json;

	for (int i = 0; i < SIDES; i++)
		fill_side(cells[i], metric, arms[i], wall, values[i], &sides[i]);
	unpaired_decide(&sides[0], &sides[1], &result);
	json = json_pack("{s:s, s:i, s:i, s:s}", "arm", arm_name(cells[0], arms[0]), "old_arm",
			 (int)arms[0], "new_arm", (int)arms[1], "verdict",
			 unpaired_word(result.verdict));
	if (result.verdict == VERDICT_NOT_MEASURED)
		return json;
	json_object_update_new(json, json_pack("{s:i, s:i, s:f, s:f, s:f}", "old_rounds",
					       (int)sides[0].rounds, "new_rounds",
					       (int)sides[1].rounds, "old_median",
					       result.old_median, "new_median", result.new_median,
					       "ratio", result.ratio));
	if (result.verdict != VERDICT_TOO_FEW_ROUNDS)
		json_object_update_new(json, json_pack("{s:f, s:f, s:f, s:f, s:f}", "ratio_low",
						       result.low, "ratio_high", result.high,
						       "level", result.level, "floor", result.floor,
						       "detectable", result.detectable));
	return json;
}

static json_t *comparisons_json(const json_t *const cells[SIDES], size_t metric, bool wall)
{
	json_t *list = json_array();

	for (size_t i = 0; i < arm_count(cells[0]); i++) {
		int partner = arm_partner(cells[0], i, cells[1]);
		const unsigned int arms[SIDES] = { (unsigned int)i, (unsigned int)partner };

		if (partner >= 0)
			json_array_append_new(list, comparison_json(cells, arms, metric, wall));
	}
	return list;
}

static json_t *metrics_json(const json_t *const cells[SIDES])
{
	json_t *list = json_array();
	struct conclude_metric metric;

	for (size_t i = 0; conclude_metric(i, &metric); i++) {
		if (!conclude_speaks_of(cells[0], i))
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o}", "key", metric.key,
						      "title", metric.title, "unit", metric.unit,
						      "better", metric.better, "comparisons",
						      comparisons_json(cells, i, metric.wall)));
	}
	return list;
}

/* Arms are matched by name, but what a name comes to here may not be what it came to there. */
static json_t *cell_changes(const json_t *const cells[SIDES])
{
	static const char *const KEYS[] = { "warmup_ns", "duration_ns" };
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++)
		change_add(list, "cell", KEYS[i], json_object_get(cells[0], KEYS[i]),
			   json_object_get(cells[1], KEYS[i]));
	for (size_t i = 0; i < arm_count(cells[0]); i++) {
		int partner = arm_partner(cells[0], i, cells[1]);
		const json_t *arm = json_array_get(json_object_get(cells[0], "arms"), i);
		const json_t *other = json_array_get(json_object_get(cells[1], "arms"),
						     (size_t)partner);

		if (partner >= 0)
			change_add(list, arm_name(cells[0], i), "shape",
				   json_object_get(arm, "shape"), json_object_get(other, "shape"));
	}
	return list;
}

static void tell_lonely_arms(struct pair *pair, const json_t *const cells[SIDES], const char *name)
{
	for (int side = 0; side < SIDES; side++) {
		for (size_t i = 0; i < arm_count(cells[side]); i++) {
			if (arm_partner(cells[side], i, cells[!side]) < 0)
				tell(pair->not_compared, "%s: the arm %s is only in the %s result",
				     name, arm_name(cells[side], i), SIDE[side]);
		}
	}
}

static void compare_cells(struct pair *pair, const json_t *const cells[SIDES])
{
	char name[NAME_MAX_BYTES];
	const char *problem;

	title_cell(cells[0], name, sizeof(name));
	for (int i = 0; i < SIDES; i++) {
		problem = cell_problem(cells[i]);
		if (problem) {
			tell(pair->not_compared, "%s: in the %s result %s", name, SIDE[i], problem);
			return;
		}
	}
	tell_lonely_arms(pair, cells, name);
	json_array_append_new(pair->compared,
			      json_pack("{s:O, s:O?, s:o, s:o}", "workload",
					json_object_get(cells[0], "workload"), "parameters",
					json_object_get(cells[0], "parameters"), "differences",
					cell_changes(cells), "metrics", metrics_json(cells)));
}

/* The same workload may be there twice with other arms: the one with the most in common. */
static void match_cell(struct pair *pair, size_t index)
{
	const json_t *cells[SIDES] = { json_array_get(pair->cells[0], index) };
	int best = 0;
	size_t at = 0, i;
	json_t *other;

	json_array_foreach(pair->cells[1], i, other) {
		int common = same_cell(cells[0], other) ? common_arms(cells[0], other) : 0;

		if (common > best && !pair->used[1][i]) {
			best = common;
			at = i;
		}
	}
	if (!best)
		return;
	pair->used[0][index] = pair->used[1][at] = true;
	cells[1] = json_array_get(pair->cells[1], at);
	compare_cells(pair, cells);
}

/* The first parameter that tells the two apart is enough to see the mistake. */
static void tell_parameters(struct pair *pair, const char *name, const json_t *cell,
			    const json_t *other, int side)
{
	json_t *list = json_array(), *first;
	char *old, *new;

	change_add(list, "", "", json_object_get(cell, "parameters"),
		   json_object_get(other, "parameters"));
	first = json_array_get(list, 0);
	old = json_dumps(json_object_get(first, "old"), JSON_ENCODE_ANY);
	new = json_dumps(json_object_get(first, "new"), JSON_ENCODE_ANY);
	tell(pair->not_compared, "%s: only in the %s result; the %s one has it with other parameters "
	     "(%s: %s and not %s)", name, SIDE[side], SIDE[!side], field_string(first, "key"),
	     new ? new : "?", old ? old : "?");
	free(old);
	free(new);
	json_decref(list);
}

/* A cell that found no partner: the nearest one on the other side tells why. */
static void tell_lonely_cell(struct pair *pair, const json_t *cell, int side)
{
	const json_t *alike = NULL, *akin = NULL;
	char name[NAME_MAX_BYTES];
	json_t *other;
	size_t i;

	title_cell(cell, name, sizeof(name));
	json_array_foreach(pair->cells[!side], i, other) {
		if (pair->used[!side][i])
			continue;
		alike = same_cell(cell, other) ? other : alike;
		akin = same_workload(cell, other) ? other : akin;
	}
	if (alike)
		tell(pair->not_compared, "%s: no common arm: the %s result has %s and others, the %s "
		     "one has not", name, SIDE[side], arm_name(cell, 0), SIDE[!side]);
	else if (akin)
		tell_parameters(pair, name, cell, akin, side);
	else
		tell(pair->not_compared, "%s: only in the %s result", name, SIDE[side]);
}

static void tell_lonely_cells(struct pair *pair)
{
	for (int side = 0; side < SIDES; side++) {
		json_t *cell;
		size_t i;

		json_array_foreach(pair->cells[side], i, cell) {
			if (!pair->used[side][i])
				tell_lonely_cell(pair, cell, side);
		}
	}
}

static json_t *side_json(const struct pair_result *result)
{
	const json_t *json = result->json;
	json_t *name = store_string(result->name);

	return json_pack("{s:o, s:O?, s:O?, s:O?, s:O?}", "file", name, "started",
			 json_object_get(json_object_get(json, "run"), "started"), "version",
			 json_object_get(json_object_get(json, "tool"), "version"),
			 "kernel_release",
			 json_object_get(json_object_get(json, "environment"), "kernel_release"),
			 "complete", json_object_get(json, "complete"));
}

static void match_all(struct pair *pair)
{
	for (int side = 0; side < SIDES; side++) {
		pair->cells[side] = json_object_get(pair->results[side], "cells");
		pair->used[side] = calloc(json_array_size(pair->cells[side]) + 1, sizeof(bool));
		if (!pair->used[side])
			abort();
	}
	for (size_t i = 0; i < json_array_size(pair->cells[0]); i++)
		match_cell(pair, i);
	tell_lonely_cells(pair);
	free(pair->used[0]);
	free(pair->used[1]);
}

json_t *pair_json(const struct pair_result *before, const struct pair_result *after)
{
	struct pair pair = { .results = { before->json, after->json }, .compared = json_array(),
			     .not_compared = json_array() };

	match_all(&pair);
	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", STORE_SCHEMA, "kind",
			 "diff", "tool", environment_tool_json(), "old", side_json(before), "new",
			 side_json(after), "differences", change_list(before->json, after->json),
			 "cells", pair.compared, "not_compared", pair.not_compared);
}
