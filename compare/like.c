/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/like.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "compare/measure/interval.h"
#include "compare/models/crowd.h"
#include "compare/questions/question.h"
#include "compare/report/change.h"
#include "compare/report/environment.h"
#include "compare/report/store.h"
#include "compare/load/schedule.h"
#include "compare/say.h"
#include "compare/workloads/cancel.h"

struct number {
	const char *key;
	size_t offset;
	json_int_t min, max;
};

/* The parameters of all workloads that are numbers; what a workload doesn't have isn't there. */
#define AT(field) offsetof(struct cell, field)
static const struct number PARAMETERS[] = {
	{ "connections", AT(connections), 1, 20000 },
	{ "size_bytes", AT(size_bytes), 1, 1 << 20 },
	{ "items", AT(items), 1, WORKLOAD_ITEMS_MAX },
	{ "depth", AT(depth), 1, 1024 },
	{ "rate_per_s", AT(rate_per_s), 1, SCHEDULE_RATE_MAX },
	{ "read_bytes_per_s", AT(read_bytes_per_s), 1024, 1 << 30 },
	{ "block_bytes", AT(block_bytes), 512, 1 << 20 },
	{ "operations", AT(operations), 1, CROWD_MAX },
	{ "pending", AT(pending), 1, CROWD_MAX },
};

/* These are 64 bits wide, and may not be there. */
static const struct number LONG_PARAMETERS[] = {
	{ "delay_ns", AT(delay_ns), 1000, INT64_C(1000000000) },
	{ "latency_ns", AT(latency_ns), 0, INT64_C(60000000000) },
};

static const struct number TIMES[] = {
	{ "warmup_ns", AT(warmup_ns), 0, INT64_C(60000000000) },
	{ "duration_ns", AT(duration_ns), 10000000, INT64_C(3600000000000) },
};
#define COUNT(table) (sizeof(table) / sizeof(*(table)))

struct reading {
	const char *path;
	size_t number; /* of the cell, for people */
	const json_t *json;
	struct cell *cell;
};

static int refuse(const struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(const struct reading *reading, const char *format, ...)
{
	char why[256];
	va_list values;

	va_start(values, format);
	vsnprintf(why, sizeof(why), format, values);
	va_end(values);
	return say_failure(SAY_USAGE, "%s: cell %zu can't be played again: %s", reading->path,
			   reading->number, why);
}

/* The value itself, or a sentence about it. */
static int read_number(const struct reading *reading, const json_t *value,
		       const struct number *number, json_int_t *out)
{
	*out = json_integer_value(value);
	if (json_is_integer(value) && *out >= number->min && *out <= number->max)
		return SAY_OK;
	return refuse(reading, "%s isn't a number from %lld to %lld", number->key,
		      (long long)number->min, (long long)number->max);
}

/* A group that doesn't go into what is pending can't be played, whatever the table says. */
static int read_method(const struct reading *reading, const char *name)
{
	struct cell *cell = reading->cell;

	cell->method = cancel_method_find(name);
	if (cell->method == CANCEL_METHODS)
		return refuse(reading, "there is no method '%.40s'", name);
	if (!cell->operations || cell->pending % cell->operations)
		return refuse(reading, "pending isn't a multiple of operations");
	return SAY_OK;
}

static int read_parameters(const struct reading *reading)
{
	const json_t *parameters = json_object_get(reading->json, "parameters");
	const char *file = json_string_value(json_object_get(parameters, "file"));
	const char *method = json_string_value(json_object_get(parameters, "method"));
	int code = SAY_OK;

	for (size_t i = 0; !code && i < COUNT(PARAMETERS); i++) {
		const json_t *value = json_object_get(parameters, PARAMETERS[i].key);
		json_int_t number = 0;

		if (value)
			code = read_number(reading, value, &PARAMETERS[i], &number);
		*(uint32_t *)((char *)reading->cell + PARAMETERS[i].offset) = (uint32_t)number;
	}
	for (size_t i = 0; !code && i < COUNT(LONG_PARAMETERS); i++) {
		const json_t *value = json_object_get(parameters, LONG_PARAMETERS[i].key);
		json_int_t number = 0;

		if (value)
			code = read_number(reading, value, &LONG_PARAMETERS[i], &number);
		*(uint64_t *)((char *)reading->cell + LONG_PARAMETERS[i].offset) = (uint64_t)number;
	}
	reading->cell->direct = json_is_true(json_object_get(parameters, "direct"));
	reading->cell->storm = json_is_true(json_object_get(parameters, "storm"));
	if (!code && method)
		code = read_method(reading, method);
	reading->cell->idle_children =
		json_string_value(json_object_get(parameters, "idle_children"));
	if (file && strcmp(file, "made") != 0)
		reading->cell->file = file;
	return code;
}

/* What we would store must be what is stored: else there is a parameter that we can't play. */
static int check_parameters(const struct reading *reading)
{
	const json_t *stored = json_object_get(reading->json, "parameters");
	json_t *ours = reading->cell->workload->parameters(reading->cell);
	json_t *list = json_array(), *first;
	int code = SAY_OK;

	change_add(list, "parameter", "", stored, ours);
	first = json_array_get(list, 0);
	if (first)
		code = refuse(reading, "%s isn't one that this duet knows how to play",
			      json_string_value(json_object_get(first, "key")));
	json_decref(ours);
	json_decref(list);
	return code;
}

static int read_times(const struct reading *reading)
{
	int code = SAY_OK;

	for (size_t i = 0; !code && i < COUNT(TIMES); i++) {
		json_int_t number;

		code = read_number(reading, json_object_get(reading->json, TIMES[i].key), &TIMES[i],
				   &number);
		*(uint64_t *)((char *)reading->cell + TIMES[i].offset) = (uint64_t)number;
	}
	return code;
}

static json_int_t kept_rounds(const json_t *cell)
{
	json_int_t count = 0;
	json_t *round;
	size_t i;

	json_array_foreach(json_object_get(cell, "rounds"), i, round)
		count += json_is_true(json_object_get(round, "kept"));
	return count;
}

/* Older results don't say how many rounds were meant to be played: as many as were. */
static int read_rounds(const struct reading *reading)
{
	static const struct number ROUNDS = { "the number of rounds", 0, 1, INTERVAL_VALUES_MAX };
	static const struct number REPEATS = { "repeats_max", 0, 0, INTERVAL_VALUES_MAX };
	json_t *planned = json_object_get(reading->json, "rounds_planned");
	json_t *repeats = json_object_get(reading->json, "repeats_max");
	json_t *kept = json_integer(kept_rounds(reading->json));
	json_int_t rounds, most;
	int code = read_number(reading, planned ? planned : kept, &ROUNDS, &rounds);

	most = rounds;
	if (!code && repeats)
		code = read_number(reading, repeats, &REPEATS, &most);
	reading->cell->rounds = (uint32_t)rounds;
	reading->cell->repeats_max = (uint32_t)most;
	json_decref(kept);
	return code;
}

static int read_arms(const struct reading *reading)
{
	const json_t *arms = json_object_get(reading->json, "arms");
	struct cell *cell = reading->cell;
	char why[ARM_WHY_MAX];
	json_t *arm;
	size_t i;

	if (json_array_size(arms) < 2)
		return refuse(reading, "it has one arm only");
	json_array_foreach(arms, i, arm) {
		const char *name = json_string_value(json_object_get(arm, json_object_get(arm, "arm")
								      ? "arm" : "name"));

		if (arm_read(name ? name : "", &cell->arms[cell->arm_count++], why, sizeof(why)))
			return refuse(reading, "%s", why);
	}
	return SAY_OK;
}

static int read_cell(const struct reading *reading)
{
	const char *name = json_string_value(json_object_get(reading->json, "workload"));
	int code;

	memset(reading->cell, 0, sizeof(*reading->cell));
	reading->cell->workload = workload_find(name ? name : "");
	if (!reading->cell->workload)
		return refuse(reading, "there is no workload '%s'", name ? name : "");
	code = read_parameters(reading);
	if (!code)
		code = check_parameters(reading);
	if (!code && question_read(reading->json, reading->cell))
		code = refuse(reading, "its question isn't one that this duet knows");
	if (!code)
		code = read_times(reading);
	if (!code)
		code = read_rounds(reading);
	return code ? code : read_arms(reading);
}

int like_read(struct like *like, const char *path, struct cell *cells, unsigned int cells_max,
	      unsigned int *count)
{
	const json_t *list;
	int code = store_read(path, &like->result);

	like->path = path;
	if (code)
		return code;
	list = json_object_get(like->result, "cells");
	like->seed = (uint64_t)json_integer_value(
		json_object_get(json_object_get(like->result, "run"), "seed"));
	if (!json_array_size(list) || json_array_size(list) > cells_max)
		return say_failure(SAY_USAGE, "%s: it has %zu cells, and 1 to %u can be played", path,
				   json_array_size(list), cells_max);
	for (*count = 0; !code && *count < json_array_size(list); ++*count) {
		struct reading reading = { path, *count + 1, json_array_get(list, *count),
					   &cells[*count] };

		code = read_cell(&reading);
	}
	return code;
}

void like_note_machine(const struct like *like)
{
	static const char *const KEYS[] = { "cpu_model", "kernel_release" };
	const json_t *there = json_object_get(like->result, "environment");
	json_t *here = environment_json();
	char text[512] = "";

	for (size_t i = 0; i < COUNT(KEYS); i++) {
		const char *old = json_string_value(json_object_get(there, KEYS[i]));
		const char *new = json_string_value(json_object_get(here, KEYS[i]));
		size_t used = strlen(text);

		if (old && new && strcmp(old, new) != 0)
			snprintf(text + used, sizeof(text) - used, "%s%s %.100s, here %.100s",
				 used ? "; " : "", KEYS[i], old, new);
	}
	if (*text)
		say_note("%s was measured elsewhere: %s", like->path, text);
	json_decref(here);
}

void like_forget(struct like *like)
{
	json_decref(like->result);
	like->result = NULL;
}
