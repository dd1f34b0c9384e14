/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/op.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "compare/backends.h"
#include "compare/laboratory/against.h"
#include "compare/laboratory/matrix.h"
#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/price.h"
#include "compare/laboratory/stress.h"
#include "compare/laboratory/subject.h"
#include "compare/laboratory/sweep.h"
#include "compare/laboratory/table.h"
#include "compare/options.h"
#include "compare/outlet.h"
#include "compare/report/field.h"
#include "compare/say.h"

struct values {
	struct option_list backends;
	const char *against;
	uint32_t runs;
	uint64_t seed;
	bool times;
	struct outlet outlet;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "runs", OPTION_NUMBER, AT(runs), 1, 100000, "N", "of each cell; 25 by default" },
	{ "backend", OPTION_LIST, AT(backends), 0, 0, "NAME",
	  "only this: completion, completion/deferred, completion/plain, polling, polling/eager" },
	{ "seed", OPTION_SEED, AT(seed), 0, INT64_MAX, "N",
	  "of sizes and pauses; 1 by default" },
	{ "against", OPTION_TEXT, AT(against), 0, 0, "FILE",
	  "mark what ends otherwise than in this recorded table" },
	{ "times", OPTION_FLAG, AT(times), 0, 0, "",
	  "also how long until buffer and descriptor are to be had again" },
	OUTLET_ROWS(struct values, outlet),
	{ 0 },
};

static const struct option_set SET = {
	"cancel op", "[KIND...]",
	"Cancels one operation of each kind at each moment of its life, on each "
	"mechanism, and shows what became of it. Without a KIND: all.",
	ROWS,
};

/* As argv[0] in the line that repeats it. */
static char called[] = "cancel op";

static volatile int interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* ---- What is asked for. ---- */

static int refuse_kind(const char *name)
{
	char list[512] = "";
	const struct subject *subject;

	for (size_t i = 0; (subject = subject_at(i)); i++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", subject->name);
	}
	return say_failure(SAY_USAGE, "cancel op: no such kind as '%s'; there are %s", name, list);
}

static int check_kinds(char **names, int count)
{
	for (int i = 0; i < count; i++) {
		if (!subject_find(names[i]))
			return refuse_kind(names[i]);
	}
	return SAY_OK;
}

/* ---- What came of it. ---- */

static int say_violation(const json_t *matrix)
{
	json_t *cell, *violation;
	json_int_t seed = json_integer_value(
		json_object_get(json_object_get(matrix, "run"), "seed"));
	size_t i;

	json_array_foreach(json_object_get(matrix, "cells"), i, cell) {
		const char *kind, *phase, *mechanism, *what;

		violation = json_array_get(json_object_get(cell, "violations"), 0);
		if (json_unpack(cell, "{s:s, s:s, s:s}", "kind", &kind, "phase", &phase,
				"mechanism", &mechanism) ||
		    json_unpack(violation, "{s:s}", "what", &what))
			continue;
		return say_failure(SAY_WRONG_BYTE, "cancel op: %s, %s, on %s: %s; again: duet cancel "
				   "op %s --backend %s --seed %lld", kind, phase, mechanism, what,
				   kind, mechanism, (long long)seed);
	}
	return SAY_OK;
}

/* Each mechanism that is refused is told, the exit code depends on whether any is left. */
static int say_refusals(const json_t *matrix)
{
	json_t *mechanism;
	bool any = false;
	const char *why = "";
	size_t i;

	json_array_foreach(json_object_get(matrix, "mechanisms"), i, mechanism) {
		const char *reason = json_string_value(json_object_get(mechanism, "refused"));

		any |= !reason;
		why = reason && !*why ? reason : why;
	}
	return any ? SAY_OK : say_failure(SAY_UNMEASURED, "cancel op: nothing can run here: %s", why);
}

static void print_table(const json_t *matrix, FILE *out)
{
	table_print(matrix, false, out);
}

static void print_times(const json_t *matrix, FILE *out)
{
	table_print(matrix, true, out);
}

static int report(const struct values *values, const json_t *matrix)
{
	int code = say_refusals(matrix);

	if (code)
		return code;
	code = outlet_deliver(&values->outlet, matrix, values->times ? print_times : print_table);
	if (!code)
		code = say_violation(matrix);
	if (!code && interrupted && !json_array_size(json_object_get(matrix, "cells")))
		code = say_failure(SAY_UNMEASURED, "cancel op: interrupted before the first cell");
	return code;
}

static int run(const struct values *values, struct matrix_plan *plan)
{
	struct sigaction action = { .sa_handler = interrupt };
	json_t *recorded = NULL, *matrix;
	int code = values->against ? matrix_read(values->against, "cancel op", &recorded) : SAY_OK;

	if (!code)
		code = outlet_open(&values->outlet, "cancel op");
	if (code) {
		json_decref(recorded);
		return code;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	matrix = matrix_run(plan);
	if (recorded)
		against_compare(matrix, recorded, values->against);
	code = report(values, matrix);
	json_decref(recorded);
	json_decref(matrix);
	return code;
}

int op_command(int argc, char **argv)
{
	struct values values = { .runs = 25, .seed = 1 };
	struct mechanism mechanisms[MECHANISMS_MAX];
	struct matrix_plan plan = { .mechanisms = mechanisms, .interrupted = &interrupted };
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	code = check_kinds(argv + first, argc - first);
	if (!code)
		code = mechanism_choose(MECHANISM_OP, "cancel op", &values.backends, mechanisms,
					&plan.mechanisms_count);
	if (code)
		return code;
	plan.kinds = argv + first;
	plan.kinds_count = (size_t)(argc - first);
	plan.runs = values.runs;
	plan.seed = values.seed;
	argv[0] = called;
	plan.argc = argc;
	plan.argv = argv;
	return run(&values, &plan);
}

/* ---- A stored one. ---- */

struct show_values {
	bool times;
};

static const struct option_row SHOW_ROWS[] = {
	{ "times", OPTION_FLAG, offsetof(struct show_values, times), 0, 0, "",
	  "also how long until buffer and descriptor are to be had again" },
	{ 0 },
};

static const struct option_set SHOW_SET = {
	"cancel show", "FILE", "Prints what duet cancel op, sweep, stress or price has stored by --json.",
	SHOW_ROWS,
};

/* The kinds of stored results beside our own. */
static const struct {
	const char *kind;
	const char *(*problem)(const json_t *result);
	void (*print)(const json_t *result, FILE *out);
} OTHERS[] = { { SWEEP_KIND, sweep_problem, sweep_print },
	       { STRESS_KIND, stress_problem, stress_print },
	       { PRICE_KIND, price_problem, price_print } };

enum { OTHERS_COUNT = sizeof(OTHERS) / sizeof(*OTHERS) };

/* OTHERS_COUNT: it is ours, or nobody's. */
static size_t whose(const json_t *result)
{
	size_t i = 0;

	while (i < OTHERS_COUNT && strcmp(field_string(result, "kind"), OTHERS[i].kind) != 0)
		i++;
	return i;
}

static const char *problem(const json_t *result)
{
	size_t other = whose(result);

	if (other < OTHERS_COUNT)
		return OTHERS[other].problem(result);
	if (strcmp(field_string(result, "kind"), MATRIX_KIND) != 0)
		return "this is JSON, but not a result of duet cancel op, sweep, stress or price";
	return matrix_problem(result);
}

int op_show_command(int argc, char **argv)
{
	struct show_values values = { 0 };
	json_t *matrix = NULL;
	int first, code = options_read(&SHOW_SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc - first != 1)
		return say_failure(SAY_USAGE, "cancel show: give one file that duet cancel op, sweep, "
				   "stress or price has written by --json");
	code = matrix_load(argv[first], "cancel show", problem, &matrix);
	if (!code && whose(matrix) < OTHERS_COUNT)
		OTHERS[whose(matrix)].print(matrix, stdout);
	else if (!code)
		table_print(matrix, values.times, stdout);
	json_decref(matrix);
	return code;
}
