/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/report/conclude.h"
#include "compare/report/field.h"
#include "compare/report/store.h"
#include "compare/report/title.h"
#include "compare/say.h"

enum { NAME_MAX_BYTES = 160, LINE_MAX_BYTES = 512 };

static const struct {
	const char *name, *key;
} SHORT[] = {
	{ "cpu", "cpu_per_operation_ns" },     { "p50", "latency_p50_ns" },
	{ "throughput", "throughput_per_s" },  { "p99", "latency_p99_ns" },
	{ "p999", "latency_p999_ns" },
};
enum { SHORT_COUNT = sizeof(SHORT) / sizeof(*SHORT) };

/* The key of a metric by that or its short name; NULL if there is none. */
static const char *find_metric(const char *name, size_t length)
{
	struct conclude_metric metric;

	for (size_t i = 0; i < SHORT_COUNT; i++) {
		if (strlen(SHORT[i].name) == length && !strncmp(SHORT[i].name, name, length))
			return SHORT[i].key;
	}
	for (size_t i = 0; conclude_metric(i, &metric); i++) {
		if (strlen(metric.key) == length && !strncmp(metric.key, name, length))
			return metric.key;
	}
	return NULL;
}

static const char *short_name(const char *key)
{
	for (size_t i = 0; i < SHORT_COUNT; i++) {
		if (!strcmp(SHORT[i].key, key))
			return SHORT[i].name;
	}
	return "";
}

static int refuse(const char *command, const char *text)
{
	char list[LINE_MAX_BYTES] = "";
	struct conclude_metric metric;

	for (size_t i = 0; conclude_metric(i, &metric); i++) {
		const char *shorter = short_name(metric.key);
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s%s%s%s", i ? ", " : "", metric.key,
			 *shorter ? " (" : "", shorter, *shorter ? ")" : "");
	}
	return say_failure(SAY_USAGE, "%s: --fail-if %s: write METRIC>NUMBER or METRIC<NUMBER, where "
			   "METRIC is one of %s", command, text, list);
}

static int read_limit(const char *text, double *limit)
{
	char *end;

	text += strspn(text, " ");
	if (!*text || !strchr("0123456789.", *text) || strpbrk(text, "xX"))
		return -1;
	*limit = strtod(text, &end);
	end += strspn(end, " ");
	return *end || !isfinite(*limit) || *limit <= 0 ? -1 : 0;
}

static int read_one(struct gate *gate, const char *text)
{
	const char *name = text + strspn(text, " ");
	size_t length = strcspn(name, " <>");
	const char *mark = name + length + strspn(name + length, " ");

	gate->text = text;
	gate->metric = find_metric(name, length);
	gate->above = *mark == '>';
	if (!gate->metric || (*mark != '>' && *mark != '<'))
		return -1;
	return read_limit(mark + 1, &gate->limit);
}

int gate_read(struct gates *gates, const struct option_list *texts, const char *command)
{
	gates->count = 0;
	for (uint32_t i = 0; i < texts->count; i++) {
		if (read_one(&gates->list[gates->count++], texts->texts[i]))
			return refuse(command, texts->texts[i]);
	}
	return SAY_OK;
}

static bool claims(const json_t *comparison)
{
	return strstr(field_string(comparison, "verdict"), "lower") != NULL;
}

/* What has an interval, and wasn't called noise. */
static bool can_judge(const json_t *comparison)
{
	return claims(comparison) ||
		!strcmp(field_string(comparison, "verdict"), "no difference shown");
}

static bool is_beyond(const struct gate *gate, const json_t *comparison)
{
	bool off_one = gate->above ? gate->limit >= 1 : gate->limit <= 1;
	bool beyond = gate->above ? field_real(comparison, "ratio_low") > gate->limit
				  : field_real(comparison, "ratio_high") < gate->limit;

	return beyond && (claims(comparison) || !off_one);
}

/* "completion / polling", or of a diff "completion, new / old". */
static void name_arms(const json_t *cell, const json_t *comparison, char *text, size_t size)
{
	const json_t *arms = json_object_get(cell, "arms");
	size_t a = (size_t)json_integer_value(json_object_get(comparison, "a"));
	size_t b = (size_t)json_integer_value(json_object_get(comparison, "b"));

	if (json_object_get(comparison, "arm"))
		snprintf(text, size, "%s, new / old", field_string(comparison, "arm"));
	else
		snprintf(text, size, "%s / %s", field_string(json_array_get(arms, a), "name"),
			 field_string(json_array_get(arms, b), "name"));
}

static json_t *failure_json(const json_t *cell, const json_t *comparison)
{
	char name[NAME_MAX_BYTES], arms[NAME_MAX_BYTES * 2];

	title_cell(cell, name, sizeof(name));
	name_arms(cell, comparison, arms, sizeof(arms));
	return json_pack("{s:o, s:o, s:f, s:f, s:f}", "cell", store_string(name), "arms",
			 store_string(arms), "ratio", field_real(comparison, "ratio"), "ratio_low",
			 field_real(comparison, "ratio_low"), "ratio_high",
			 field_real(comparison, "ratio_high"));
}

/* Returns how many comparisons of this cell could be judged. */
static int judge_cell(const struct gate *gate, const json_t *cell, json_t *failures)
{
	json_t *metric, *comparison;
	int judged = 0;
	size_t i, k;

	json_array_foreach(json_object_get(cell, "metrics"), i, metric) {
		if (strcmp(field_string(metric, "key"), gate->metric) != 0)
			continue;
		json_array_foreach(json_object_get(metric, "comparisons"), k, comparison) {
			judged += can_judge(comparison);
			if (can_judge(comparison) && is_beyond(gate, comparison))
				json_array_append_new(failures, failure_json(cell, comparison));
		}
	}
	return judged;
}

static json_t *judge(const struct gate *gate, const json_t *cells)
{
	json_t *failures = json_array(), *cell;
	const char *verdict = "held";
	int judged = 0;
	size_t i;

	json_array_foreach(cells, i, cell)
		judged += judge_cell(gate, cell, failures);
	if (json_array_size(failures))
		verdict = "failed";
	else if (!judged)
		verdict = "not judged";
	return json_pack("{s:o, s:s, s:s, s:f, s:s, s:i, s:o}", "gate", store_string(gate->text),
			 "metric", gate->metric, "operator", gate->above ? ">" : "<", "limit",
			 gate->limit, "verdict", verdict, "judged", judged, "failures", failures);
}

void gate_judge(const struct gates *gates, json_t *result)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < gates->count; i++)
		json_array_append_new(list, judge(&gates->list[i],
						  json_object_get(result, "cells")));
	if (gates->count)
		json_object_set(result, "gates", list);
	json_decref(list);
}

static int say_one(const json_t *gate, bool complete)
{
	const char *verdict = field_string(gate, "verdict"), *text = field_string(gate, "gate");
	json_t *failure;
	size_t i;

	json_array_foreach(json_object_get(gate, "failures"), i, failure)
		say_failure(SAY_GATE, "--fail-if %s: %s of %s (%s) is %.3f [%.3f, %.3f], the limit is "
			    "%g", text, field_string(gate, "metric"), field_string(failure, "cell"),
			    field_string(failure, "arms"), field_real(failure, "ratio"),
			    field_real(failure, "ratio_low"), field_real(failure, "ratio_high"),
			    field_real(gate, "limit"));
	if (!strcmp(verdict, "failed"))
		return SAY_GATE;
	if (!strcmp(verdict, "not judged"))
		return say_failure(SAY_UNMEASURED, "--fail-if %s: no cell could be judged by it: %s "
				   "was not measured, in too few rounds, or too noisy", text,
				   field_string(gate, "metric"));
	if (!complete)
		return say_failure(SAY_UNMEASURED, "--fail-if %s: it held as far as was measured, but "
				   "the run was ended early", text);
	return SAY_OK;
}

int gate_say(const json_t *result)
{
	bool complete = !json_is_false(json_object_get(result, "complete"));
	int code = SAY_OK;
	json_t *gate;
	size_t i;

	json_array_foreach(json_object_get(result, "gates"), i, gate) {
		int one = say_one(gate, complete);

		if (one && code != SAY_GATE)
			code = one;
	}
	return code;
}

void gate_print(const json_t *result, FILE *out)
{
	char line[LINE_MAX_BYTES];
	json_t *gate;
	size_t i;

	json_array_foreach(json_object_get(result, "gates"), i, gate) {
		long long judged = json_integer_value(json_object_get(gate, "judged"));
		size_t failed = json_array_size(json_object_get(gate, "failures"));

		if (failed)
			snprintf(line, sizeof(line), "--fail-if %.100s: failed, %zu of %lld "
				 "comparisons lie wholly beyond it", field_string(gate, "gate"), failed,
				 judged);
		else
			snprintf(line, sizeof(line), "--fail-if %.100s: %.20s (%lld comparison%s)",
				 field_string(gate, "gate"), field_string(gate, "verdict"), judged,
				 say_plural((uint64_t)judged));
		say_wrapped(out, line, 0, 2);
	}
}
