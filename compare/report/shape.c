/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/shape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compare/measure/rounds.h"
#include "compare/measure/verdict.h"
#include "compare/questions/question.h"
#include "compare/say.h"
#include "compare/sets.h"

static bool is_index(const json_t *value, size_t count)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 &&
		(size_t)json_integer_value(value) < count;
}

static bool is_verdict(const json_t *value)
{
	const char *text = json_string_value(value);

	for (int i = 0; text && i < VERDICT_COUNT; i++) {
		if (!strcmp(text, verdict_word((enum verdict)i)))
			return true;
	}
	return false;
}

static const char *comparisons_problem(const json_t *comparisons, size_t arms)
{
	json_t *comparison;
	size_t i;

	if (json_array_size(comparisons) != arms - 1)
		return "a metric doesn't have one comparison for each arm but the first";
	json_array_foreach(comparisons, i, comparison) {
		if (!is_index(json_object_get(comparison, "a"), arms) ||
		    !is_index(json_object_get(comparison, "b"), arms))
			return "a comparison names an arm that isn't there";
		if (!is_verdict(json_object_get(comparison, "verdict")))
			return "a comparison has a verdict that this duet doesn't know";
	}
	return NULL;
}

static const char *figures_problem(const json_t *figures, size_t arms, bool compared)
{
	const char *problem = NULL;
	json_t *figure;
	size_t i;

	json_array_foreach(figures, i, figure) {
		if (json_array_size(json_object_get(figure, "medians")) != arms)
			return "a figure isn't given for every arm";
		if (compared)
			problem = comparisons_problem(json_object_get(figure, "comparisons"), arms);
		if (problem)
			return problem;
	}
	return NULL;
}

/* What is printed of a cell's parameters. */
static const struct {
	const char *workload, *numbers[3];
} WORKLOADS[] = {
	{ "echo", { "connections", "size_bytes", "depth" } },
	{ "churn", { "connections", "size_bytes" } },
	{ "slow", { "connections", "size_bytes", "read_bytes_per_s" } },
	{ "http", { "connections", "size_bytes", "depth" } },
	{ "kv", { "connections", "size_bytes", "depth" } },
	{ "proxy", { "connections", "size_bytes", "depth" } },
	{ "udp", { "connections", "size_bytes" } },
	{ "copy", { "connections", "size_bytes" } },
	{ "rockets", { "connections", "items" } },
	{ "file", { "block_bytes", "depth" } },
	{ "cancel", { "operations", "pending" } },
	{ "informed", { "rate_per_s" } },
};

static bool is_parameter(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) > 0 &&
		json_integer_value(value) <= UINT32_MAX;
}

static const char *workload_problem(const json_t *cell)
{
	const char *name = json_string_value(json_object_get(cell, "workload"));
	const json_t *parameters = json_object_get(cell, "parameters");
	size_t i = 0;

	while (name && i < sizeof(WORKLOADS) / sizeof(*WORKLOADS) &&
	       strcmp(WORKLOADS[i].workload, name) != 0)
		i++;
	if (!name || i == sizeof(WORKLOADS) / sizeof(*WORKLOADS))
		return "it has no workload that this duet knows";
	for (size_t k = 0; k < 3 && WORKLOADS[i].numbers[k]; k++) {
		const char *key = WORKLOADS[i].numbers[k];

		/* An open loop has a rate in the place of a depth. */
		if (!strcmp(key, "depth") && json_object_get(parameters, "rate_per_s"))
			key = "rate_per_s";
		if (!is_parameter(json_object_get(parameters, key)))
			return "a parameter of its workload is missing, or is no number that can be "
			       "played";
	}
	return NULL;
}

const char *shape_problem(const json_t *cell)
{
	size_t arms = json_array_size(json_object_get(cell, "arms"));
	const char *problem = workload_problem(cell);

	if (problem)
		return problem;
	if (!json_is_array(json_object_get(cell, "rounds")))
		return "it has no rounds";
	if (arms < 1 || arms > (question_of(cell) ? ROUNDS_ARMS_MAX : SETS_ARMS))
		return "it has no arms, or more than can be played";
	if (json_object_get(cell, "kernel_view") &&
	    json_array_size(json_object_get(cell, "kernel_view")) != arms)
		return "its kernel_view doesn't have one entry for each arm";
	problem = figures_problem(json_object_get(cell, "metrics"), arms, true);
	return problem ? problem : figures_problem(json_object_get(cell, "counters"), arms, false);
}

static void clean_string(json_t *json)
{
	char *copy = strdup(json_string_value(json));

	if (copy) {
		say_clean(copy);
		json_string_set_nocheck(json, copy);
	}
	free(copy);
}

void shape_clean(json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(json))
		clean_string(json);
	json_array_foreach(json, i, value)
		shape_clean(value);
	json_object_foreach(json, key, value)
		shape_clean(value);
}
