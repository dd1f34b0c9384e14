/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/text.h"

#include <stdbool.h>
#include <string.h>

#include "compare/gate.h"
#include "compare/questions/question.h"
#include "compare/report/beside.h"
#include "compare/report/field.h"
#include "compare/report/limits.h"
#include "compare/report/metric.h"
#include "compare/report/overview.h"
#include "compare/report/page.h"
#include "compare/report/repeat.h"
#include "compare/report/title.h"
#include "compare/say.h"

static void print_noise(const json_t *cell, FILE *out)
{
	const json_t *noise = json_object_get(cell, "noise");
	json_int_t repeated = field_integer(noise, "rounds_repeated");
	json_int_t disturbed = field_integer(noise, "rounds_disturbed");
	char line[160];
	int length = snprintf(line, sizeof(line), "%lld round%s of %.3g s",
			      (long long)field_integer(noise, "rounds_kept"),
			      field_plural(noise, "rounds_kept"),
			      field_real(cell, "duration_ns") / 1e9);

	if (repeated || disturbed)
		snprintf(line + length, sizeof(line) - (size_t)length, ", %lld repeated, %lld kept "
			 "though disturbed", (long long)repeated, (long long)disturbed);
	say_wrapped(out, line, fprintf(out, "  "), 4);
	if (repeated || disturbed) {
		snprintf(line, sizeof(line), "(%.70s)", field_string(noise, "cause"));
		say_wrapped(out, line, fprintf(out, "  "), 4);
	}
}

static void print_heading(const json_t *cell, FILE *out)
{
	const json_t *parameters = json_object_get(cell, "parameters");
	bool made = json_object_get(parameters, "transport") != NULL;
	const struct question *question = question_of(cell);
	const char *prefix = question ? question->title : NULL;
	char title[128], text[192], where[128];

	title_cell(cell, title, sizeof(title));
	snprintf(text, sizeof(text), "%s%s%.120s", prefix ? prefix : "", prefix ? ": " : "",
		 title);
	snprintf(where, sizeof(where), "%.60s, %s",
		 field_string(parameters, made ? "transport" : "file"),
		 field_string(parameters, "load"));
	fprintf(out, "\n%s", page_style(out, PAGE_BOLD));
	say_wrapped(out, text, 0, 2);
	fprintf(out, "%s  ", page_style(out, PAGE_PLAIN));
	say_wrapped(out, where, 2, 2);
	if (!json_object_get(cell, "noise"))
		return; /* nothing was concluded */
	print_noise(cell, out);
}

static void print_arms(const json_t *cell, FILE *out)
{
	json_t *arm, *before = NULL;
	size_t i;

	json_array_foreach(json_object_get(cell, "arms"), i, arm) {
		int column = fprintf(out, "  %c = %.95s: ", page_letter((json_int_t)i),
				     field_string(arm, "name"));

		if (i && !strcmp(field_string(arm, "shape"), field_string(before, "shape")))
			fprintf(out, "as %c\n", page_letter((json_int_t)i - 1));
		else
			say_wrapped(out, field_string(arm, "shape"), column, 6);
		before = arm;
	}
}

void text_cell(const json_t *cell, FILE *out)
{
	const struct question *question = question_of(cell);
	json_t *metric;
	size_t i;

	print_heading(cell, out);
	if (!question)
		print_arms(cell, out);
	if (json_is_false(json_object_get(cell, "correct"))) {
		fputs(page_style(out, PAGE_YELLOW), out);
		say_wrapped(out, "A byte came back wrong: the timings are void.", 0, 0);
		fputs(page_style(out, PAGE_PLAIN), out);
		return;
	}
	if (question) {
		question->print(cell, out);
		limits_print(cell, out);
		return;
	}
	json_array_foreach(json_object_get(cell, "metrics"), i, metric)
		metric_print(cell, metric, out);
	beside_print(cell, out);
	limits_print(cell, out);
}

void text_head(const json_t *result, FILE *out)
{
	const json_t *environment = json_object_get(result, "environment");
	char text[256];

	snprintf(text, sizeof(text), "duet %.20s on Linux %.60s, %.60s, %lld processor%s",
		 field_string(json_object_get(result, "tool"), "version"),
		 field_string(environment, "kernel_release"), field_string(environment, "cpu_model"),
		 (long long)field_integer(environment, "cpus_allowed"),
		 field_plural(environment, "cpus_allowed"));
	say_wrapped(out, text, 0, 2);
	if (json_is_true(json_object_get(environment, "shared_core")))
		say_wrapped(out, "One processor only: server and load share it, and disturb each "
			    "other.", 0, 0);
}

static void print_refusal(const json_t *result, FILE *out)
{
	const char *why = NULL;
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(result, "cells"), i, cell)
		why = why ? why : beside_refusal(cell);
	if (why)
		say_wrapped(out, why, fprintf(out, "kernel view: off: "), 2);
}

static size_t count_questions(const json_t *cells)
{
	size_t count = 0, i;
	json_t *cell;

	json_array_foreach(cells, i, cell)
		count += question_of(cell) != NULL;
	return count;
}

void text_foot(const json_t *result, FILE *out)
{
	const json_t *run = json_object_get(result, "run");

	const json_t *cells = json_object_get(result, "cells");
	size_t asked = count_questions(cells), count = json_array_size(cells);
	char text[320];

	if (count > 1 && asked < count)
		overview_print(result, out);
	fputc('\n', out);
	snprintf(text, sizeof(text), "The ratio is %s: the median of the ratios of the single rounds, "
		 "and so it need not be the quotient of the medians shown. [ ] holds the true median "
		 "in at least 95 of 100 runs.", !asked ? "a / other"
		 : asked == count ? "what the row names" : "a / other, or what the row names");
	say_wrapped(out, text, 0, 0);
	print_refusal(result, out);
	if (json_is_false(json_object_get(result, "complete")))
		say_wrapped(out, "Incomplete: the run was ended before all of it was measured.", 0,
			    0);
	gate_print(result, out);
	fprintf(out, "Again:\n  ");
	repeat_print(field_string(run, "repeat"), out);
}

void text_whole(const json_t *result, FILE *out)
{
	json_t *cell;
	size_t i;

	text_head(result, out);
	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		if (json_array_size(json_object_get(cell, "rounds")))
			text_cell(cell, out);
	}
	text_foot(result, out);
}
