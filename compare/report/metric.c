/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/metric.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "compare/report/field.h"
#include "compare/report/figure.h"
#include "compare/report/page.h"
#include "compare/say.h"

/* Where what is said below a ratio begins. */
static int remark_column(FILE *out)
{
	return page_is_narrow(out) ? 4 : 49;
}

static void print_verdict(const json_t *comparison, FILE *out)
{
	const char *verdict = field_string(comparison, "verdict");
	bool differs = strstr(verdict, "lower") != NULL;
	bool noisy = !strcmp(verdict, "too noisy");
	const char *code = differs ? PAGE_BOLD : noisy ? PAGE_YELLOW : NULL;
	char percent[32];

	fputs(code ? page_style(out, code) : "", out);
	if (differs)
		fprintf(out, "%c lower",
			page_letter(field_integer(comparison, *verdict == 'a' ? "a" : "b")));
	else
		fputs(verdict, out);
	fputs(code ? page_style(out, PAGE_PLAIN) : "", out);
	fputc('\n', out);
	if (strcmp(verdict, "no difference shown") != 0)
		return;
	figure_real(100 * field_real(comparison, "detectable"), 1, percent, sizeof(percent));
	fprintf(out, "%*s(%s %% would have been seen)\n", remark_column(out), "", percent);
}

/* On a machine with two speeds each arm's median may come from another speed, while the ratios of
 * the single rounds don't care: beyond the interval's width that is said. */
static bool speeds_changed(const json_t *comparison, const json_t *medians)
{
	double a = json_number_value(json_array_get(medians, (size_t)field_integer(comparison, "a")));
	double b = json_number_value(json_array_get(medians, (size_t)field_integer(comparison, "b")));
	double width = field_real(comparison, "ratio_high") - field_real(comparison, "ratio_low");

	if (!json_object_get(comparison, "ratio_low") || !(a > 0) || !(b > 0))
		return false;
	return fabs(a / b - field_real(comparison, "ratio")) > width;
}

/* Rounds that didn't count, and why some of them didn't. */
static void format_left_out(const json_t *comparison, char *text, size_t size)
{
	const char *cause = json_string_value(json_object_get(comparison, "left_out_disturbed_by"));
	json_int_t rounds = field_integer(comparison, "rounds_left_out");
	json_int_t all = rounds + field_integer(comparison, "rounds");

	snprintf(text, size, "%lld of %lld round%s left out: too few operations in %s%s%.70s",
		 (long long)rounds, (long long)all, say_plural((uint64_t)all),
		 rounds == 1 ? "it" : "them", cause ? "; " : "", cause ? cause : "");
}

static void print_notes(const json_t *comparison, const json_t *medians, FILE *out)
{
	char text[192], note[200];

	if (speeds_changed(comparison, medians))
		fprintf(out, "%*s(speeds changed during the run)\n", remark_column(out), "");
	if (field_integer(comparison, "rounds_left_out") <= 0)
		return;
	format_left_out(comparison, text, sizeof(text));
	snprintf(note, sizeof(note), "(%s)", text);
	fputs("    ", out);
	say_wrapped(out, note, 4, 5);
}

static void print_ratio(const json_t *comparison, FILE *out)
{
	static const char *const KEYS[] = { "ratio", "ratio_low", "ratio_high" };
	char texts[3][32];

	for (int i = 0; i < 3; i++)
		figure_real(field_real(comparison, KEYS[i]), 3, texts[i], sizeof(texts[i]));
	if (page_is_narrow(out) && json_object_get(comparison, "ratio_low"))
		fprintf(out, "\n    %s  [%s, %s]\n    ", texts[0], texts[1], texts[2]);
	else if (page_is_narrow(out))
		fputs("\n    ", out);
	else if (json_object_get(comparison, "ratio_low"))
		fprintf(out, "  %s  [%s, %s]  ", texts[0], texts[1], texts[2]);
	else
		fprintf(out, "  %5s  %14s  ", "-", "");
}

/* A longer name stands whole above the table. */
static void print_name(char arm, const char *name, FILE *out)
{
	if (strlen(name) > 20)
		fprintf(out, "  %c %.18s..", arm, name);
	else
		fprintf(out, "  %c %-20s", arm, name);
}

static void print_metric(const json_t *cell, const json_t *metric, FILE *out)
{
	const json_t *comparisons = json_object_get(metric, "comparisons");
	const json_t *medians = json_object_get(metric, "medians");
	const json_t *first = json_array_get(comparisons, 0);
	char percent[32];
	json_t *arm;
	size_t i;

	fprintf(out, "%s%.20s%s (%.8s is better)", page_style(out, PAGE_BOLD),
		field_string(metric, "title"), page_style(out, PAGE_PLAIN),
		field_string(metric, "better"));
	figure_real(100 * field_real(first, "floor"), 1, percent, sizeof(percent));
	if (json_object_get(first, "floor"))
		fprintf(out, "%s%sa against itself: within %s %%%s", page_style(out, PAGE_DIM),
			page_is_narrow(out) ? "\n  " : "   ", percent,
			page_style(out, PAGE_PLAIN));
	fputc('\n', out);
	json_array_foreach(json_object_get(cell, "arms"), i, arm) {
		char figure[32];

		figure_text(json_array_get(medians, i), field_string(metric, "unit"), figure,
			    sizeof(figure));
		print_name(page_letter((json_int_t)i), field_string(arm, "name"), out);
		fprintf(out, " %10s", figure);
		if (!i) {
			fputc('\n', out);
			continue;
		}
		print_ratio(json_array_get(comparisons, i - 1), out);
		print_verdict(json_array_get(comparisons, i - 1), out);
		print_notes(json_array_get(comparisons, i - 1), medians, out);
	}
}

/* Where nothing remains but the reason. */
static void print_unmeasured(const json_t *metric, FILE *out)
{
	const json_t *first = json_array_get(json_object_get(metric, "comparisons"), 0);
	const char *cause = json_string_value(json_object_get(first, "left_out_disturbed_by"));
	json_int_t rounds = field_integer(first, "rounds_left_out");
	char text[192];
	int column = fprintf(out, "%s%.20s%s:", page_style(out, PAGE_BOLD),
			     field_string(metric, "title"), page_style(out, PAGE_PLAIN));

	if (json_object_get(first, "reason"))
		snprintf(text, sizeof(text), "not measured (%.60s)", field_string(first, "reason"));
	else if (field_integer(first, "rounds") > 0 || cause)
		snprintf(text, sizeof(text), "not measured (too few operations in %lld of %lld "
			 "rounds%s%.70s)", (long long)rounds,
			 (long long)(rounds + field_integer(first, "rounds")), cause ? "; " : "",
			 cause ? cause : "");
	else
		snprintf(text, sizeof(text), "not measured (too few operations a round)");
	fputc(' ', out);
	say_wrapped(out, text, column - (int)strlen(page_style(out, PAGE_BOLD)) -
			    (int)strlen(page_style(out, PAGE_PLAIN)) + 1, 2);
}

/* "not measured" for every arm needs one line and not a table. */
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

void metric_print(const json_t *cell, const json_t *metric, FILE *out)
{
	if (is_unmeasured(metric))
		print_unmeasured(metric, out);
	else
		print_metric(cell, metric, out);
}
