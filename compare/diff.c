/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/diff.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "compare/gate.h"
#include "compare/options.h"
#include "compare/outlet.h"
#include "compare/report/pair.h"
#include "compare/report/side.h"
#include "compare/report/store.h"
#include "compare/say.h"

struct values {
	struct option_list fail_if;
	struct outlet outlet;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "fail-if", OPTION_LIST, AT(fail_if), 0, 0, "GATE",
	  "exit 1 if METRIC>NUMBER or METRIC<NUMBER" },
	OUTLET_ROWS(struct values, outlet),
	{ 0 },
};

static const struct option_set SET = {
	"diff", "OLD NEW",
	"Sets two results of duet compare --json side by side, as of two kernels or two "
	"versions. Cells are matched by workload and parameters, arms by name.",
	ROWS,
};

/* The text has all that can't be compared; the line on stderr has the first of it. */
static int check_compared(const json_t *diff)
{
	const char *why = json_string_value(
		json_array_get(json_object_get(diff, "not_compared"), 0));

	if (json_array_size(json_object_get(diff, "cells")))
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "diff: nothing could be compared: %s",
			   why ? why : "there are no cells");
}

static void print(const json_t *diff, FILE *out)
{
	side_text(diff, out);
	gate_print(diff, out);
}

static int report(const struct values *values, const struct gates *gates, json_t *diff)
{
	int code, written;

	gate_judge(gates, diff);
	written = outlet_deliver(&values->outlet, diff, print);
	code = check_compared(diff);
	if (!code)
		code = written;
	return code ? code : gate_say(diff);
}

static int diff_files(const struct values *values, const struct gates *gates, char **names)
{
	struct pair_result results[2];
	json_t *files[2] = { NULL, NULL };
	int code = SAY_OK;

	for (int i = 0; !code && i < 2; i++) {
		code = store_read(names[i], &files[i]);
		results[i] = (struct pair_result){ names[i], files[i] };
	}
	if (!code) {
		json_t *diff = pair_json(&results[0], &results[1]);

		code = report(values, gates, diff);
		json_decref(diff);
	}
	json_decref(files[0]);
	json_decref(files[1]);
	return code;
}

int diff_command(int argc, char **argv)
{
	struct values values = { 0 };
	struct gates gates;
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc - first != 2)
		return say_failure(SAY_USAGE, "diff: give two files written by duet compare --json, "
				   "the old one first");
	code = gate_read(&gates, &values.fail_if, "diff");
	if (!code)
		code = outlet_open(&values.outlet, "diff");
	return code ? code : diff_files(&values, &gates, argv + first);
}
