/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/side.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "compare/report/field.h"
#include "compare/report/figure.h"
#include "compare/report/title.h"
#include "compare/say.h"

enum { NAME_MAX_BYTES = 160, LINE_MAX_BYTES = 1024 };

static void print_side(const json_t *diff, const char *which, FILE *out)
{
	const json_t *side = json_object_get(diff, which);
	char line[LINE_MAX_BYTES];

	snprintf(line, sizeof(line), "%.400s, %.40s, duet %.40s on Linux %.100s%s",
		 field_string(side, "file"), field_string(side, "started"),
		 field_string(side, "version"), field_string(side, "kernel_release"),
		 json_is_false(json_object_get(side, "complete"))
			 ? "; incomplete, the run was ended early" : "");
	say_wrapped(out, line, fprintf(out, "%s: ", which), 5);
}

static char *value_text(const json_t *value)
{
	if (json_is_string(value))
		return strdup(json_string_value(value));
	return json_dumps(value ? value : json_null(), JSON_ENCODE_ANY);
}

static void print_difference(const json_t *difference, FILE *out)
{
	char *before = value_text(json_object_get(difference, "old"));
	char *after = value_text(json_object_get(difference, "new"));
	char *line = NULL;

	if (asprintf(&line, "%s: %s -> %s", field_string(difference, "key"), before ? before : "?",
		     after ? after : "?") >= 0)
		say_wrapped(out, line, fprintf(out, "  "), 4);
	free(line);
	free(before);
	free(after);
}

static void print_differences(const json_t *list, const char *heading, FILE *out)
{
	json_t *difference;
	size_t i;

	if (json_array_size(list))
		say_wrapped(out, heading, 0, 0);
	json_array_foreach(list, i, difference)
		print_difference(difference, out);
}

static void print_verdict(const json_t *comparison, FILE *out)
{
	const char *verdict = field_string(comparison, "verdict");
	char line[96];

	if (!strcmp(verdict, "no difference shown"))
		snprintf(line, sizeof(line), "%s (%.1f %% would have been seen)", verdict,
			 100 * field_real(comparison, "detectable"));
	else
		snprintf(line, sizeof(line), "%.40s", verdict);
	fprintf(out, "%6s%s", "", strstr(verdict, "lower") ? say_bold(out) : "");
	say_wrapped(out, line, 6, 6);
	fputs(strstr(verdict, "lower") ? say_plain(out) : "", out);
}

static void print_ratio(const json_t *comparison, FILE *out)
{
	if (json_object_get(comparison, "ratio_low"))
		fprintf(out, "  %5.3f  [%5.3f, %5.3f]\n", field_real(comparison, "ratio"),
			field_real(comparison, "ratio_low"), field_real(comparison, "ratio_high"));
	else
		fprintf(out, "  %5s\n", "-");
}

static void print_comparison(const json_t *metric, const json_t *comparison, FILE *out)
{
	const char *name = field_string(comparison, "arm"), *unit = field_string(metric, "unit");
	bool narrow = say_columns(out) < SAY_COLUMNS_MAX;
	char before[32], after[32];

	figure_text(json_object_get(comparison, "old_median"), unit, before, sizeof(before));
	figure_text(json_object_get(comparison, "new_median"), unit, after, sizeof(after));
	if (narrow)
		fprintf(out, "  %.36s\n      %s, %s\n    ", name, before, after);
	else if (strlen(name) > 28)
		fprintf(out, "  %.26s.. %10s %10s", name, before, after);
	else
		fprintf(out, "  %-28s %10s %10s", name, before, after);
	print_ratio(comparison, out);
	print_verdict(comparison, out);
}

static bool is_unmeasured(const json_t *metric)
{
	json_t *comparison;
	size_t i;

	json_array_foreach(json_object_get(metric, "comparisons"), i, comparison) {
		if (strcmp(field_string(comparison, "verdict"), "not measured") != 0)
			return false;
	}
	return true;
}

static void print_metric(const json_t *metric, FILE *out)
{
	const json_t *comparisons = json_object_get(metric, "comparisons");
	const json_t *first = json_array_get(comparisons, 0);
	char line[160] = "not measured";
	json_t *comparison;
	size_t i;
	int column;

	fputs(say_bold(out), out);
	column = fprintf(out, "%s", field_string(metric, "title"));
	fputs(say_plain(out), out);
	if (is_unmeasured(metric)) {
		say_wrapped(out, line, column + fprintf(out, ": "), 2);
		return;
	}
	column += fprintf(out, " ");
	snprintf(line, sizeof(line), "(%s is better)", field_string(metric, "better"));
	if (json_object_get(first, "floor"))
		snprintf(line, sizeof(line), "(%s is better); either run against itself: within "
			 "%.1f %%", field_string(metric, "better"), 100 * field_real(first, "floor"));
	say_wrapped(out, line, column, 2);
	json_array_foreach(comparisons, i, comparison)
		print_comparison(metric, comparison, out);
}

static void print_cell(const json_t *cell, FILE *out)
{
	char name[NAME_MAX_BYTES];
	json_t *metric;
	size_t i;

	title_cell(cell, name, sizeof(name));
	fprintf(out, "\n%s", say_bold(out));
	say_wrapped(out, name, 0, 2);
	fputs(say_plain(out), out);
	print_differences(json_object_get(cell, "differences"), "What differs in this cell:", out);
	if (say_columns(out) < SAY_COLUMNS_MAX)
		fputs("  arm\n      old, new\n      new / old\n", out);
	else
		fprintf(out, "  %-28s %10s %10s  new / old\n", "", "old", "new");
	json_array_foreach(json_object_get(cell, "metrics"), i, metric)
		print_metric(metric, out);
}

static void print_not_compared(const json_t *list, FILE *out)
{
	json_t *sentence;
	size_t i;

	if (json_array_size(list))
		fputs("\nNot compared:\n", out);
	json_array_foreach(list, i, sentence) {
		fputs("  ", out);
		say_wrapped(out, json_string_value(sentence), 2, 4);
	}
}

void side_text(const json_t *diff, FILE *out)
{
	const json_t *differences = json_object_get(diff, "differences");
	json_t *cell;
	size_t i;

	print_side(diff, "old", out);
	print_side(diff, "new", out);
	fputc('\n', out);
	print_differences(differences, "What differs beside the figures, any of which may be why they "
			  "do:", out);
	if (!json_array_size(differences))
		say_wrapped(out, "Machine, kernel and tools are the same, as far as is stored.", 0, 0);
	json_array_foreach(json_object_get(diff, "cells"), i, cell)
		print_cell(cell, out);
	print_not_compared(json_object_get(diff, "not_compared"), out);
	if (!json_array_size(json_object_get(diff, "cells")))
		return;
	fputc('\n', out);
	say_wrapped(out, "The ratio is new / old, of the two medians. [ ] holds the ratio of the true "
		    "ones in at least 95 of 100 such pairs of runs. The rounds aren't paired: what "
		    "one whole run had and the other had not, also beyond this list, is in it.", 0, 0);
}
