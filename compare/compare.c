/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/compare.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/conduct.h"
#include "compare/measure/process.h"
#include "compare/measure/window.h"
#include "compare/plan.h"
#include "compare/report/environment.h"
#include "compare/report/repeat.h"
#include "compare/report/store.h"
#include "compare/report/text.h"
#include "compare/say.h"

static json_t *begin_result(int argc, char **argv, uint64_t seed)
{
	return json_pack("{s:i, s:o, s:o, s:o, s:[], s:b, s:b}", "schema", STORE_SCHEMA, "tool",
			 environment_tool_json(), "run", repeat_run_json(argc, argv, seed),
			 "environment", environment_json(), "cells", "complete", 0, "correct", 1);
}

/* Where nothing was measured, nothing is printed. Without a file for the result a table that is lost
 * ends the run. */
static int print_cell(const struct wishes *wishes, const json_t *result, const json_t *cell)
{
	int error;

	if (!outlet_has_table(&wishes->outlet) || !json_array_size(json_object_get(cell, "rounds")))
		return SAY_OK;
	if (json_array_get(json_object_get(result, "cells"), 0) == cell)
		text_head(result, stdout);
	text_cell(cell, stdout);
	error = say_flush();
	if (!error || wishes->outlet.json)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "can't write to the standard output: %s",
			   strerror(-error));
}

static int play_cells(struct plan *plan, json_t *result)
{
	uint64_t random = plan->wishes.seed;
	struct conduct conduct = { .random = &random, .count = plan->count };
	int code = SAY_OK;

	if (plan->patience_ns)
		conduct.until_ns = window_now_ns() + plan->patience_ns;
	for (unsigned int i = 0; !code && i < plan->count; i++) {
		json_t *cell;
		int printed;

		conduct.index = i;
		code = conduct_cell(&conduct, &plan->cells[i], &cell);
		if (!cell)
			continue;
		json_array_append_new(json_object_get(result, "cells"), cell);
		printed = print_cell(&plan->wishes, result, cell);
		code = code ? code : printed;
	}
	json_object_set_new(result, "complete", json_boolean(code == SAY_OK));
	json_object_set_new(result, "correct", json_boolean(code != SAY_WRONG_BYTE));
	return code;
}

static bool has_rounds(const json_t *result)
{
	const json_t *first = json_array_get(json_object_get(result, "cells"), 0);

	return json_array_size(json_object_get(first, "rounds")) > 0;
}

static void say_where(const struct wishes *wishes)
{
	if (outlet_has_file(&wishes->outlet))
		printf("Stored in %s\n", wishes->outlet.json);
}

/* Where the old result stands, and how the two are set side by side. */
static void say_like(const struct wishes *wishes)
{
	const char *const words[] = { say_program(), "diff", wishes->like, wishes->outlet.json };

	if (!wishes->like)
		return;
	if (wishes->outlet.json) {
		printf("The old result is in %s; both side by side:\n ", wishes->like);
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
			putchar(' ');
			repeat_word(stdout, words[i]);
		}
		putchar('\n');
		return;
	}
	printf("The old result is in %s; duet diff OLD NEW sets the\n"
	       "two side by side, if this one is stored with --json.\n", wishes->like);
}

static int finish(const struct plan *plan, json_t *result, int code)
{
	const struct wishes *wishes = &plan->wishes;
	const struct outlet *outlet = &wishes->outlet;
	bool measured = has_rounds(result);
	int written = SAY_OK;

	process_pass_interrupt();
	gate_judge(&plan->gates, result);
	if (outlet_has_table(outlet) && measured)
		text_foot(result, stdout);
	if (measured)
		written = outlet_write(outlet, result, text_whole);
	if (outlet_has_table(outlet) && measured && !written) {
		say_where(wishes);
		say_like(wishes);
	}
	if (code == WORKLOAD_INTERRUPTED)
		code = outlet_interrupted(outlet, measured);
	if (!code)
		code = written;
	return code ? code : gate_say(result);
}

/* All of it before the first round: what is refused is refused at once. */
static int check_all(const struct plan *plan)
{
	int code = outlet_open(&plan->wishes.outlet, "compare");

	for (unsigned int i = 0; !code && i < plan->count; i++)
		code = conduct_check(&plan->cells[i]);
	return code;
}

static int run(struct plan *plan, int argc, char **argv)
{
	json_t *result;
	int code = check_all(plan);

	if (code)
		return code;
	result = begin_result(argc, argv, plan->wishes.seed);
	if (plan->wishes.like) {
		like_note_machine(&plan->like);
		json_object_set_new(json_object_get(result, "run"), "like",
				    store_string(plan->wishes.like));
	}
	process_catch_interrupts();
	code = finish(plan, result, play_cells(plan, result));
	json_decref(result);
	return code;
}

static int play_workloads(int argc, char **argv)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	int code;

	if (!plan || !words)
		abort();
	memcpy(words, argv, (size_t)argc * sizeof(*words)); /* reading permutes argv */
	code = plan_read(plan, argc, argv);
	if (code == OPTIONS_READ)
		code = run(plan, argc, words);
	plan_forget(plan);
	free(words);
	free(plan);
	return code;
}

int compare_command(int argc, char **argv)
{
	const struct claim *claim = argc > 1 ? claim_find(argv[1]) : NULL;

	return claim ? claim_command(claim, argc, argv) : play_workloads(argc, argv);
}
