/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/questions/informed.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "compare/models/informed.h"
#include "compare/questions/question.h"
#include "compare/report/field.h"
#include "compare/report/figure.h"
#include "compare/report/page.h"
#include "compare/say.h"

enum { NAME_COLUMNS = 21, FIGURE_COLUMNS = 9, HEADLINES = 2 };

static const char *const HEADLINE[HEADLINES] = { "CPU per event", "median latency" };

typedef void figure_fn(const json_t *value, char *text, size_t size);

static void time_figure(const json_t *value, char *text, size_t size)
{
	figure_text(value, "ns", text, size);
}

static const json_t *row_of(const json_t *cell, size_t metric, const char *list,
			    unsigned int backend, unsigned int style)
{
	const json_t *metrics = json_object_get(json_object_get(cell, "answer"), "metrics");
	const json_t *rows = json_object_get(json_array_get(metrics, metric), list);
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (!strcmp(field_string(row, "backend"), INFORMED_BACKEND[backend]) &&
		    !strcmp(field_string(row, "style"), INFORMED_STYLE[style]->name))
			return row;
	}
	return NULL;
}

/* What is said of a slope; where nothing can be, why. */
static const char *slope_word(const json_t *row)
{
	const char *slope = field_string(row, "slope"), *verdict = field_string(row, "verdict");

	if (strcmp(slope, informed_slope_word(INFORMED_NOT_SHOWN)) != 0)
		return slope;
	return strcmp(verdict, "too few rounds") ? verdict : "too few";
}

/* ---- The table. ---- */

static void print_row(const json_t *cell, const json_t *medians, unsigned int backend,
		      unsigned int style, figure_fn *format, const json_t *slope, FILE *out)
{
	unsigned int sizes = informed_sizes(cell);
	bool narrow = page_is_narrow(out);
	char text[48];

	if (narrow)
		fprintf(out, "  %s %s\n", INFORMED_BACKEND[backend], INFORMED_STYLE[style]->name);
	else
		fprintf(out, "  %-11s%-*s", style ? "" : INFORMED_BACKEND[backend],
			NAME_COLUMNS - 13, INFORMED_STYLE[style]->name);
	for (unsigned int size = 0; size < sizes; size++) {
		format(json_array_get(medians, informed_arm(sizes, backend, style, size)), text,
		       sizeof(text));
		if (narrow)
			fprintf(out, "    %6.0f %10s\n", informed_idle(cell, size), text);
		else
			fprintf(out, "%*s", FIGURE_COLUMNS, text);
	}
	if (!slope) {
		fputs(narrow ? "" : "\n", out);
		return;
	}
	fprintf(out, narrow ? "    %.12s\n" : "  %.12s\n", slope_word(slope));
}

static void print_title(const json_t *cell, const char *title, FILE *out)
{
	unsigned int sizes = page_is_narrow(out) ? 0 : informed_sizes(cell);
	int length = (int)strlen(title);

	fprintf(out, "%s%s%s%*s", page_style(out, PAGE_BOLD), title, page_style(out, PAGE_PLAIN),
		sizes ? NAME_COLUMNS - 2 - length : 0, "");
	for (unsigned int size = 0; size < sizes; size++) {
		char text[24];

		snprintf(text, sizeof(text), "%.0f", informed_idle(cell, size));
		fprintf(out, "%*s", FIGURE_COLUMNS, text);
	}
	fputs(sizes ? " idle\n" : "\n", out);
}

static void print_metric(const json_t *cell, size_t metric, FILE *out)
{
	const json_t *about = json_array_get(json_object_get(cell, "metrics"), metric);

	print_title(cell, HEADLINE[metric], out);
	for (unsigned int backend = 0; backend < INFORMED_BACKENDS; backend++) {
		for (unsigned int style = 0; style < INFORMED_STYLES; style++)
			print_row(cell, json_object_get(about, "medians"), backend, style,
				  time_figure, row_of(cell, metric, "growth", backend, style), out);
	}
}

static void print_polls(const json_t *cell, FILE *out)
{
	const json_t *counter =
		question_row(json_object_get(cell, "counters"), "polls_per_operation");

	if (!counter)
		return;
	print_title(cell, "polls per event", out);
	for (unsigned int backend = 0; backend < INFORMED_BACKENDS; backend++) {
		for (unsigned int style = 0; style < INFORMED_STYLES; style++)
			print_row(cell, json_object_get(counter, "medians"), backend, style,
				  figure_counter, NULL, out);
	}
}

/* ---- Words. ---- */

/* Of the first row that has one: all rows of a metric share it, but for rounds that were left out. */
static void floor_text(const json_t *cell, size_t metric, char *text, size_t size)
{
	snprintf(text, size, "-");
	for (unsigned int row = 0; row < INFORMED_BACKENDS * INFORMED_STYLES && *text == '-'; row++)
		question_floor_text(row_of(cell, metric, "growth", row / INFORMED_STYLES,
					   row % INFORMED_STYLES), text, size);
}

static void print_legend(const json_t *cell, FILE *out)
{
	char floors[HEADLINES][32], text[320];

	for (size_t metric = 0; metric < HEADLINES; metric++)
		floor_text(cell, metric, floors[metric], sizeof(floors[metric]));
	snprintf(text, sizeof(text), "flat: the most idle children / the fewest is within %.0f %%; "
		 "linear: each costs as much as those before. An arm against itself: within %s, %s. "
		 "Latency is from the send to when the parent has it.",
		 100 * question_within(cell), floors[0], floors[1]);
	say_wrapped(out, text, fprintf(out, "  "), 2);
}

/* "precise: completion CPU flat (1.004 [0.990, 1.020]), latency ..." */
static void print_growth(const json_t *cell, unsigned int style, FILE *out)
{
	char text[640];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s: ", INFORMED_STYLE[style]->name);

	for (unsigned int backend = 0; backend < INFORMED_BACKENDS; backend++) {
		for (size_t metric = 0; metric < HEADLINES && used < sizeof(text); metric++) {
			const json_t *row = row_of(cell, metric, "growth", backend, style);
			char ratio[96], each[40] = "", number[24];

			question_ratio_text(row, ratio, sizeof(ratio));
			figure_real(field_real(row, "each_child_ns"), 1, number, sizeof(number));
			if (!strcmp(field_string(row, "slope"), "linear"))
				snprintf(each, sizeof(each), ", %.12s ns a child", number);
			used += (size_t)snprintf(text + used, sizeof(text) - used,
						 "%s%s %.20s%s%s%s%s",
						 metric ? ", latency" : INFORMED_BACKEND[backend],
						 metric ? "" : " CPU", slope_word(row),
						 *ratio == '-' ? "" : " (", *ratio == '-' ? "" : ratio,
						 each, *ratio == '-' ? "" : ")");
		}
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
						 backend ? "." : "; ");
	}
	say_wrapped(out, text, fprintf(out, "  "), 4);
}

static void print_naive(const json_t *cell, unsigned int style, FILE *out)
{
	unsigned int sizes = informed_sizes(cell);
	char text[640];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s / precise at %.0f:",
				       INFORMED_STYLE[style]->name,
				       informed_idle(cell, sizes - 1));

	for (unsigned int backend = 0; backend < INFORMED_BACKENDS && used < sizeof(text);
	     backend++) {
		char cpu[96], latency[96];

		question_ratio_text(row_of(cell, 0, "naive", backend, style), cpu, sizeof(cpu));
		question_ratio_text(row_of(cell, 1, "naive", backend, style), latency,
				    sizeof(latency));
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 " on %s CPU %s, latency %s%s", INFORMED_BACKEND[backend],
					 cpu, latency, backend ? "." : ";");
	}
	say_wrapped(out, text, fprintf(out, "  "), 4);
}

void informed_print(const json_t *cell, FILE *out)
{
	if (!informed_sizes(cell))
		return;
	for (size_t metric = 0; metric < HEADLINES; metric++)
		print_metric(cell, metric, out);
	print_polls(cell, out);
	print_legend(cell, out);
	fputs(page_style(out, PAGE_BOLD), out);
	say_wrapped(out, "Does an event cost more, the more children are idle?", 0, 0);
	fputs(page_style(out, PAGE_PLAIN), out);
	for (unsigned int style = 0; style < INFORMED_STYLES; style++)
		print_growth(cell, style, out);
	for (unsigned int style = 1; style < INFORMED_STYLES; style++)
		print_naive(cell, style, out);
}
