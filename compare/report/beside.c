/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/beside.h"

#include <stdbool.h>
#include <string.h>

#include "compare/report/field.h"
#include "compare/report/figure.h"
#include "compare/report/page.h"
#include "compare/say.h"

enum { NAME_COLUMNS = 28, FIGURE_COLUMNS = 10 };

/* "a 0.1600  b 2.300": a letter never leaves its figure. */
static void print_figures_below(const char *title, const json_t *figures, FILE *out)
{
	int column = 0;
	json_t *value;
	size_t i;

	fprintf(out, "  %s\n", title);
	json_array_foreach(figures, i, value) {
		char figure[32];
		int needed;

		figure_counter(value, figure, sizeof(figure));
		needed = (int)strlen(figure) + 4;
		if (column + needed >= say_columns(out))
			column = fputc('\n', out) != '\n';
		column += fprintf(out, "%s%c %s", column ? "  " : "    ", page_letter((json_int_t)i),
				  figure);
	}
	fputc('\n', out);
}

static void print_letters(const json_t *cell, const char *title, FILE *out)
{
	size_t arms = page_is_narrow(out) ? 0 : json_array_size(json_object_get(cell, "arms"));

	fprintf(out, "\n%s%-*s%s", page_style(out, PAGE_BOLD), arms ? NAME_COLUMNS : 0, title,
		page_style(out, PAGE_PLAIN));
	for (size_t k = 0; k < arms; k++)
		fprintf(out, "%*c", FIGURE_COLUMNS, page_letter((json_int_t)k));
	fputc('\n', out);
}

/* One row: a figure an arm. */
static void print_figures(const char *title, const json_t *figures, FILE *out)
{
	json_t *value;
	size_t i;

	if (page_is_narrow(out)) {
		print_figures_below(title, figures, out);
		return;
	}
	fprintf(out, "  %-*.*s", NAME_COLUMNS - 2, NAME_COLUMNS - 2, title);
	json_array_foreach(figures, i, value) {
		char figure[32];

		figure_counter(value, figure, sizeof(figure));
		fprintf(out, "%*s", FIGURE_COLUMNS, figure);
	}
	fputc('\n', out);
}

static void print_counters(const json_t *cell, FILE *out)
{
	json_t *counter;
	size_t i;

	print_letters(cell, "beside the times", out);
	json_array_foreach(json_object_get(cell, "counters"), i, counter)
		print_figures(field_string(counter, "title"), json_object_get(counter, "medians"),
			      out);
}

/* What no arm has is said once, below all cells. */
const char *beside_refusal(const json_t *cell)
{
	const char *why = NULL;
	json_t *view;
	size_t i;

	json_array_foreach(json_object_get(cell, "kernel_view"), i, view) {
		if (json_is_true(json_object_get(view, "on")))
			return NULL;
		why = field_string(view, "why");
	}
	return why;
}

static json_t *figure_or_null(const json_t *figures, const char *key)
{
	json_t *figure = json_object_get(figures, key);

	return figure ? json_incref(figure) : json_null();
}

static void print_kernel_view(const json_t *cell, FILE *out)
{
	static const struct {
		const char *key, *title;
	} ROWS[] = {
		{ "system_calls", "system calls" },
		{ "wasted", "calls that found nothing" },
		{ "wakeups", "wakeups" },
		{ "voluntary_switches", "voluntary switches" },
		{ "involuntary_switches", "involuntary switches" },
	};
	const json_t *views = json_object_get(cell, "kernel_view");
	json_t *view;
	size_t k;

	if (!json_array_size(views) || beside_refusal(cell))
		return;
	print_letters(cell, "the kernel counts, per op", out);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
		json_t *figures = json_array();

		json_array_foreach(views, k, view)
			json_array_append_new(figures, figure_or_null(
				json_object_get(view, "per_operation"), ROWS[i].key));
		print_figures(ROWS[i].title, figures, out);
		json_decref(figures);
	}
}

/* The part of the figures that no arm has any influence on. */
static void print_harness(const json_t *cell, FILE *out)
{
	const json_t *harness = json_object_get(cell, "harness");
	char text[128];

	if (!json_is_object(harness))
		return;
	snprintf(text, sizeof(text), "all but I/O: %.3g us of CPU per op (core, model and checks, on a "
		 "null backend)", field_real(harness, "cpu_per_operation_ns") / 1e3);
	fputs("  ", out);
	say_wrapped(out, text, 2, 2);
}

void beside_print(const json_t *cell, FILE *out)
{
	print_counters(cell, out);
	print_harness(cell, out);
	print_kernel_view(cell, out);
}
