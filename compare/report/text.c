/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "compare/gate.h"
#include "compare/report/limits.h"
#include "compare/say.h"

enum { NAME_COLUMNS = 28, FIGURE_COLUMNS = 10 };

static const char *string_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static json_int_t integer_at(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static double real_at(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *plural(json_int_t count)
{
	return count == 1 ? "" : "s";
}

static const char *style(FILE *out, const char *code)
{
	return say_colour(out) ? code : "";
}

/* Where the columns of the table don't fit beside each other, they stand below. */
static bool is_narrow(FILE *out)
{
	return say_columns(out) < SAY_COLUMNS_MAX;
}

/* Where what is said below a ratio begins. */
static int remark_column(FILE *out)
{
	return is_narrow(out) ? 4 : 49;
}

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

static char letter(json_int_t arm)
{
	return (char)('a' + arm);
}

/* Whatever a file says, it takes no more than ten columns or so. */
static void format_real(double number, int decimals, char *text, size_t size)
{
	if (fabs(number) < 1e6)
		snprintf(text, size, "%.*f", decimals, number);
	else
		snprintf(text, size, "%.2e", number);
}

void text_figure(const json_t *value, const char *unit, char *text, size_t size)
{
	static const char *const TIMES[] = { "ns", "us", "ms", "s" };
	static const char *const RATES[] = { "/s", "k/s", "M/s", "G/s" };
	bool time = !strcmp(unit, "ns");
	double number = json_number_value(value);
	char digits[24];
	int step = 0;

	if (!json_is_number(value)) {
		snprintf(text, size, "-");
		return;
	}
	for (; number >= 1000 && step < 3; step++)
		number /= 1000;
	format_real(number, number < 10 ? 2 : number < 100 ? 1 : 0, digits, sizeof(digits));
	snprintf(text, size, "%s %s", digits, time ? TIMES[step] : RATES[step]);
}

static void print_verdict(const json_t *comparison, FILE *out)
{
	const char *verdict = string_at(comparison, "verdict");
	bool differs = strstr(verdict, "lower") != NULL;
	bool noisy = !strcmp(verdict, "too noisy");
	const char *code = differs ? BOLD : noisy ? YELLOW : NULL;
	char percent[32];

	fputs(code ? style(out, code) : "", out);
	if (differs)
		fprintf(out, "%c lower", letter(integer_at(comparison, *verdict == 'a' ? "a" : "b")));
	else
		fputs(verdict, out);
	fputs(code ? style(out, PLAIN) : "", out);
	fputc('\n', out);
	if (strcmp(verdict, "no difference shown") != 0)
		return;
	format_real(100 * real_at(comparison, "detectable"), 1, percent, sizeof(percent));
	fprintf(out, "%*s(%s %% would have been seen)\n", remark_column(out), "", percent);
}

/* On a machine with two speeds each arm's median may come from another speed, while the ratios of
 * the single rounds don't care: beyond the interval's width that is said. */
static bool speeds_changed(const json_t *comparison, const json_t *medians)
{
	double a = json_number_value(json_array_get(medians, (size_t)integer_at(comparison, "a")));
	double b = json_number_value(json_array_get(medians, (size_t)integer_at(comparison, "b")));
	double width = real_at(comparison, "ratio_high") - real_at(comparison, "ratio_low");

	if (!json_object_get(comparison, "ratio_low") || !(a > 0) || !(b > 0))
		return false;
	return fabs(a / b - real_at(comparison, "ratio")) > width;
}

/* Rounds that didn't count, and why some of them didn't. */
static void format_left_out(const json_t *comparison, char *text, size_t size)
{
	const char *cause = json_string_value(json_object_get(comparison, "left_out_disturbed_by"));
	json_int_t rounds = integer_at(comparison, "rounds_left_out");

	snprintf(text, size, "%lld of %lld round%s left out: too few operations in %s%s%.70s",
		 (long long)rounds, (long long)(rounds + integer_at(comparison, "rounds")),
		 plural(rounds + integer_at(comparison, "rounds")), rounds == 1 ? "it" : "them",
		 cause ? "; " : "", cause ? cause : "");
}

static void print_notes(const json_t *comparison, const json_t *medians, FILE *out)
{
	char text[192], note[200];

	if (speeds_changed(comparison, medians))
		fprintf(out, "%*s(speeds changed during the run)\n", remark_column(out), "");
	if (integer_at(comparison, "rounds_left_out") <= 0)
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
		format_real(real_at(comparison, KEYS[i]), 3, texts[i], sizeof(texts[i]));
	if (is_narrow(out) && json_object_get(comparison, "ratio_low"))
		fprintf(out, "\n    %s  [%s, %s]\n    ", texts[0], texts[1], texts[2]);
	else if (is_narrow(out))
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

	fprintf(out, "%s%.20s%s (%.8s is better)", style(out, BOLD), string_at(metric, "title"),
		style(out, PLAIN), string_at(metric, "better"));
	format_real(100 * real_at(first, "floor"), 1, percent, sizeof(percent));
	if (json_object_get(first, "floor"))
		fprintf(out, "%s%sa against itself: within %s %%%s", style(out, DIM),
			is_narrow(out) ? "\n  " : "   ", percent,
			style(out, PLAIN));
	fputc('\n', out);
	json_array_foreach(json_object_get(cell, "arms"), i, arm) {
		char figure[32];

		text_figure(json_array_get(medians, i), string_at(metric, "unit"), figure,
			    sizeof(figure));
		print_name(letter((json_int_t)i), string_at(arm, "name"), out);
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
	json_int_t rounds = integer_at(first, "rounds_left_out");
	char text[192];
	int column = fprintf(out, "%s%.20s%s:", style(out, BOLD), string_at(metric, "title"),
			     style(out, PLAIN));

	if (json_object_get(first, "reason"))
		snprintf(text, sizeof(text), "not measured (%.60s)", string_at(first, "reason"));
	else if (integer_at(first, "rounds") > 0 || cause)
		snprintf(text, sizeof(text), "not measured (too few operations in %lld of %lld "
			 "rounds%s%.70s)", (long long)rounds,
			 (long long)(rounds + integer_at(first, "rounds")), cause ? "; " : "",
			 cause ? cause : "");
	else
		snprintf(text, sizeof(text), "not measured (too few operations a round)");
	fputc(' ', out);
	say_wrapped(out, text, column - (int)strlen(style(out, BOLD)) -
			    (int)strlen(style(out, PLAIN)) + 1, 2);
}

/* "not measured" for every arm needs one line and not a table. */
static bool is_unmeasured(const json_t *metric)
{
	json_t *comparison;
	size_t i;

	json_array_foreach(json_object_get(metric, "comparisons"), i, comparison) {
		if (strcmp(string_at(comparison, "verdict"), "not measured") != 0)
			return false;
	}
	return true;
}

static int decimals(double value)
{
	if (value == 0)
		return 0;
	return value < 1 ? 4 : value < 10 ? 3 : value < 100 ? 1 : 0;
}

static void format_counter(const json_t *median, char *text, size_t size)
{
	double value = json_number_value(median);

	if (json_is_number(median))
		format_real(value, decimals(value), text, size);
	else
		snprintf(text, size, "-");
}

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

		format_counter(value, figure, sizeof(figure));
		needed = (int)strlen(figure) + 4;
		if (column + needed >= say_columns(out))
			column = fputc('\n', out) != '\n';
		column += fprintf(out, "%s%c %s", column ? "  " : "    ", letter((json_int_t)i),
				  figure);
	}
	fputc('\n', out);
}

static void print_letters(const json_t *cell, const char *title, FILE *out)
{
	size_t arms = is_narrow(out) ? 0 : json_array_size(json_object_get(cell, "arms"));

	fprintf(out, "\n%s%-*s%s", style(out, BOLD), arms ? NAME_COLUMNS : 0, title,
		style(out, PLAIN));
	for (size_t k = 0; k < arms; k++)
		fprintf(out, "%*c", FIGURE_COLUMNS, letter((json_int_t)k));
	fputc('\n', out);
}

/* One row: a figure an arm. */
static void print_figures(const char *title, const json_t *figures, FILE *out)
{
	json_t *value;
	size_t i;

	if (is_narrow(out)) {
		print_figures_below(title, figures, out);
		return;
	}
	fprintf(out, "  %-*.*s", NAME_COLUMNS - 2, NAME_COLUMNS - 2, title);
	json_array_foreach(figures, i, value) {
		char figure[32];

		format_counter(value, figure, sizeof(figure));
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
		print_figures(string_at(counter, "title"), json_object_get(counter, "medians"), out);
}

/* What no arm has is said once, below all cells. */
static const char *kernel_view_refusal(const json_t *cell)
{
	const char *why = NULL;
	json_t *view;
	size_t i;

	json_array_foreach(json_object_get(cell, "kernel_view"), i, view) {
		if (json_is_true(json_object_get(view, "on")))
			return NULL;
		why = string_at(view, "why");
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

	if (!json_array_size(views) || kernel_view_refusal(cell))
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
		 "null backend)", real_at(harness, "cpu_per_operation_ns") / 1e3);
	fputs("  ", out);
	say_wrapped(out, text, 2, 2);
}

static void print_noise(const json_t *cell, FILE *out)
{
	const json_t *noise = json_object_get(cell, "noise");
	json_int_t repeated = integer_at(noise, "rounds_repeated");
	json_int_t disturbed = integer_at(noise, "rounds_disturbed");
	char line[160];
	int length = snprintf(line, sizeof(line), "%lld round%s of %.3g s",
			      (long long)integer_at(noise, "rounds_kept"),
			      plural(integer_at(noise, "rounds_kept")),
			      real_at(cell, "duration_ns") / 1e9);

	if (repeated || disturbed)
		snprintf(line + length, sizeof(line) - (size_t)length, ", %lld repeated, %lld kept "
			 "though disturbed", (long long)repeated, (long long)disturbed);
	say_wrapped(out, line, fprintf(out, "  "), 4);
	if (repeated || disturbed) {
		snprintf(line, sizeof(line), "(%.70s)", string_at(noise, "cause"));
		say_wrapped(out, line, fprintf(out, "  "), 4);
	}
}

void text_cell_name(const json_t *cell, char *text, size_t size)
{
	const json_t *parameters = json_object_get(cell, "parameters");
	bool rated = integer_at(parameters, "rate_per_s") > 0;

	if (!strcmp(string_at(cell, "workload"), "echo"))
		snprintf(text, size, "echo, %lld connection%s, %lld byte%s, %s %lld",
			 (long long)integer_at(parameters, "connections"),
			 plural(integer_at(parameters, "connections")),
			 (long long)integer_at(parameters, "size_bytes"),
			 plural(integer_at(parameters, "size_bytes")), rated ? "rate" : "depth",
			 (long long)integer_at(parameters, rated ? "rate_per_s" : "depth"));
	else
		snprintf(text, size, "%s, blocks of %lld bytes, depth %lld%s",
			 string_at(cell, "workload"),
			 (long long)integer_at(parameters, "block_bytes"),
			 (long long)integer_at(parameters, "depth"),
			 json_is_true(json_object_get(parameters, "direct")) ? ", direct" : "");
}

static void print_heading(const json_t *cell, FILE *out)
{
	const json_t *parameters = json_object_get(cell, "parameters");
	bool echo = !strcmp(string_at(cell, "workload"), "echo");
	char text[128], where[128];

	text_cell_name(cell, text, sizeof(text));
	snprintf(where, sizeof(where), "%.60s, %s",
		 string_at(parameters, echo ? "transport" : "file"), string_at(parameters, "load"));
	fprintf(out, "\n%s", style(out, BOLD));
	say_wrapped(out, text, 0, 2);
	fprintf(out, "%s  ", style(out, PLAIN));
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
		int column = fprintf(out, "  %c = %.95s: ", letter((json_int_t)i),
				     string_at(arm, "name"));

		if (i && !strcmp(string_at(arm, "shape"), string_at(before, "shape")))
			fprintf(out, "as %c\n", letter((json_int_t)i - 1));
		else
			say_wrapped(out, string_at(arm, "shape"), column, 6);
		before = arm;
	}
}

void text_cell(const json_t *cell, FILE *out)
{
	json_t *metric;
	size_t i;

	print_heading(cell, out);
	print_arms(cell, out);
	if (json_is_false(json_object_get(cell, "correct"))) {
		fputs(style(out, YELLOW), out);
		say_wrapped(out, "A byte came back wrong: the timings are void.", 0, 0);
		fputs(style(out, PLAIN), out);
		return;
	}
	json_array_foreach(json_object_get(cell, "metrics"), i, metric) {
		if (is_unmeasured(metric))
			print_unmeasured(metric, out);
		else
			print_metric(cell, metric, out);
	}
	print_counters(cell, out);
	print_harness(cell, out);
	print_kernel_view(cell, out);
	limits_print(cell, out);
}

void text_head(const json_t *result, FILE *out)
{
	const json_t *environment = json_object_get(result, "environment");
	char text[256];

	snprintf(text, sizeof(text), "duet %.20s on Linux %.60s, %.60s, %lld processor%s",
		 string_at(json_object_get(result, "tool"), "version"),
		 string_at(environment, "kernel_release"), string_at(environment, "cpu_model"),
		 (long long)integer_at(environment, "cpus_allowed"),
		 plural(integer_at(environment, "cpus_allowed")));
	say_wrapped(out, text, 0, 2);
	if (json_is_true(json_object_get(environment, "shared_core")))
		say_wrapped(out, "One processor only: server and load share it, and disturb each "
			    "other.", 0, 0);
}

static void print_short_verdict(const json_t *comparison, int columns, FILE *out)
{
	const char *verdict = string_at(comparison, "verdict");
	char text[32], digits[16];
	int padding;

	format_real(real_at(comparison, "ratio"), 2, digits, sizeof(digits));
	if (strstr(verdict, "lower"))
		snprintf(text, sizeof(text), "%s %c lower", digits,
			 letter(integer_at(comparison, *verdict == 'a' ? "a" : "b")));
	else if (!strcmp(verdict, "no difference shown"))
		snprintf(text, sizeof(text), "none shown");
	else
		snprintf(text, sizeof(text), "%.15s", verdict);
	padding = columns - (int)strlen(text);
	padding = padding > 0 ? padding : 0;
	fprintf(out, "%s%s%s%*s", style(out, strstr(verdict, "lower") ? BOLD : ""), text,
		style(out, PLAIN), padding, "");
}

/* The first three metrics are the headlines. */
enum { HEADLINES = 3 };
static const char *const HEADLINE[HEADLINES] = { "CPU per op", "median latency", "throughput" };

static void print_short(const json_t *cell, FILE *out)
{
	const json_t *arms = json_object_get(cell, "arms");
	const json_t *metrics = json_object_get(cell, "metrics");
	char name[128], text[192];

	text_cell_name(cell, name, sizeof(name));
	snprintf(text, sizeof(text), "%s: a = %.30s", name,
		 string_at(json_array_get(arms, 0), "name"));
	say_wrapped(out, text, 0, 2);
	for (size_t arm = 1; arm < json_array_size(arms); arm++) {
		fprintf(out, is_narrow(out) ? "  a / %c %.25s" : "  a / %c %-26.25s",
			letter((json_int_t)arm), string_at(json_array_get(arms, arm), "name"));
		for (size_t i = 0; i < HEADLINES; i++) {
			if (is_narrow(out))
				fprintf(out, "\n    %-16s", HEADLINE[i]);
			print_short_verdict(
				json_array_get(json_object_get(json_array_get(metrics, i),
							       "comparisons"), arm - 1),
				i < 2 && !is_narrow(out) ? 16 : 0, out);
		}
		fputc('\n', out);
	}
}

static void print_overview(const json_t *result, FILE *out)
{
	json_t *cell;
	size_t i;

	if (is_narrow(out))
		fprintf(out, "\n%sin short%s\n", style(out, BOLD), style(out, PLAIN));
	else
		fprintf(out, "\n%s%-34s%-16s%-16s%s%s\n", style(out, BOLD), "in short", HEADLINE[0],
			HEADLINE[1], HEADLINE[2], style(out, PLAIN));
	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		if (json_array_size(json_object_get(cell, "metrics")))
			print_short(cell, out);
	}
}

/* To the next blank that isn't inside ''. */
static int shell_word(const char *text)
{
	bool quoted = false;
	int length = 0;

	for (; text[length] && (quoted || text[length] != ' '); length++) {
		if (text[length] == '\\' && !quoted && text[length + 1])
			length++;
		else
			quoted ^= text[length] == '\'';
	}
	return length;
}

/* Broken so that it can be pasted as it stands. */
static void print_command(const char *text, FILE *out)
{
	int column = 2;

	while (*text) {
		int word = shell_word(text);

		if (column + word > say_columns(out) - 4 && column > 4)
			column = fprintf(out, " \\\n    ") - 3;
		else if (column > 2)
			column += fprintf(out, " ");
		column += fprintf(out, "%.*s", word, text);
		text += word + (text[word] == ' ');
	}
	fputc('\n', out);
}

static void print_refusal(const json_t *result, FILE *out)
{
	const char *why = NULL;
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(result, "cells"), i, cell)
		why = why ? why : kernel_view_refusal(cell);
	if (why)
		say_wrapped(out, why, fprintf(out, "kernel view: off: "), 2);
}

void text_foot(const json_t *result, FILE *out)
{
	const json_t *run = json_object_get(result, "run");

	if (json_array_size(json_object_get(result, "cells")) > 1)
		print_overview(result, out);
	fputc('\n', out);
	say_wrapped(out, "The ratio is a / other: the median of the ratios of the single rounds, and "
		    "so it need not be the quotient of the medians shown. [ ] holds the true median "
		    "in at least 95 of 100 runs.", 0, 0);
	print_refusal(result, out);
	if (json_is_false(json_object_get(result, "complete")))
		say_wrapped(out, "Incomplete: the run was ended before all of it was measured.", 0,
			    0);
	gate_print(result, out);
	fprintf(out, "Again:\n  ");
	print_command(string_at(run, "repeat"), out);
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
