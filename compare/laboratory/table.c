/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/table.h"

#include <string.h>

#include "compare/laboratory/against.h"
#include "compare/laboratory/matrix.h"
#include "compare/say.h"

enum { INDENT = 2, PHASE_COLUMNS = 12, CELL_COLUMNS = 21, LINES_MAX = 16, LINE_MAX = 96,
       CELLS_MAX = 8 };

/* What stands in one cell, line by line. */
struct lines {
	char texts[LINES_MAX][LINE_MAX];
	int count;
	bool marked, wrong;
};

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static json_int_t integer_at(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* Too narrow for the mechanisms side by side. */
static bool is_narrow(const json_t *matrix, FILE *out)
{
	json_t *mechanism;
	int cells = 0;
	size_t i;

	json_array_foreach(json_object_get(matrix, "mechanisms"), i, mechanism)
		cells += !json_is_string(json_object_get(mechanism, "refused"));
	return say_columns(out) < INDENT + PHASE_COLUMNS + (cells > 3 ? cells : 3) * (CELL_COLUMNS + 1);
}

/* ---- Times. ---- */

/* Three digits at most, and the unit. */
static void format_time(json_int_t ns, char *text, size_t size)
{
	static const struct {
		double ns;
		const char *unit;
	} UNITS[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } };

	for (size_t i = 0; i < sizeof(UNITS) / sizeof(*UNITS); i++) {
		double value = (double)ns / UNITS[i].ns;

		if (value < 0.9995)
			continue;
		snprintf(text, size, value < 9.95 ? "%.1f%s" : "%.0f%s", value, UNITS[i].unit);
		return;
	}
	snprintf(text, size, "%lldns", (long long)ns);
}

/* " 1t 3.2us": turns and time, the median of the runs. */
static void format_latency(const json_t *latency, char *text, size_t size)
{
	char time[16];

	*text = 0;
	if (!json_is_object(latency))
		return;
	format_time(integer_at(latency, "median_ns"), time, sizeof(time));
	snprintf(text, size, " %lldt %s", (long long)integer_at(latency, "turns_median"), time);
}

/* ---- A cell. ---- */

static char *next_line(struct lines *lines)
{
	return lines->count < LINES_MAX ? lines->texts[lines->count++] : NULL;
}

static void add_line(struct lines *lines, const char *text, json_int_t count)
{
	char *line = next_line(lines);

	if (line && count)
		snprintf(line, LINE_MAX, "%.40s %lld", text, (long long)count);
	else if (line)
		snprintf(line, LINE_MAX, "%.40s", text);
}

/* A failure is named; of the rest the disposition says enough. */
static const char *outcome_word(const json_t *outcome)
{
	const char *disposition = text_at(outcome, "disposition");

	return strcmp(disposition, "failed") != 0 ? disposition : text_at(outcome, "result");
}

/* Outcomes that differ in cause or result only are one to the eye. */
static void add_outcomes(const json_t *cell, struct lines *lines)
{
	const json_t *outcomes = json_object_get(cell, "outcomes");
	json_int_t runs = integer_at(cell, "runs"), count;
	json_t *outcome, *other;
	size_t i, k;

	json_array_foreach(outcomes, i, outcome) {
		bool shown = false;

		count = 0;
		json_array_foreach(outcomes, k, other) {
			if (strcmp(outcome_word(outcome), outcome_word(other)) != 0)
				continue;
			shown |= k < i;
			count += integer_at(other, "count");
		}
		if (!shown)
			add_line(lines, outcome_word(outcome), count == runs ? 0 : count);
	}
}

static void add_violations(const json_t *cell, struct lines *lines)
{
	json_t *violation;
	size_t i;

	json_array_foreach(json_object_get(cell, "violations"), i, violation) {
		char *line = next_line(lines);

		lines->wrong = true;
		if (line)
			snprintf(line, LINE_MAX, "LOST: %.40s", text_at(violation, "name"));
	}
}

/* What the cancel itself was told, where that wasn't that it ends the operation. */
static void add_answer(const json_t *cell, const char *key, const char *words, struct lines *lines)
{
	json_int_t count = integer_at(json_object_get(cell, "answers"), key);
	char text[40];

	snprintf(text, sizeof(text), "told: %s", words);
	if (count)
		add_line(lines, text, count == integer_at(cell, "runs") ? 0 : count);
}

static void cell_lines(const json_t *matrix, const json_t *cell, struct lines *lines)
{
	json_int_t missed = integer_at(cell, "missed"), released = integer_at(cell, "released");
	char latency[48];

	*lines = (struct lines){ .marked = against_differs(matrix, cell) };
	if (json_object_get(cell, "unreachable")) {
		add_line(lines, "-", 0);
		return;
	}
	add_outcomes(cell, lines);
	format_latency(json_object_get(json_object_get(cell, "latency"), "terminal"), latency,
		       sizeof(latency));
	if (lines->count)
		strncat(lines->texts[0], latency, LINE_MAX - strlen(lines->texts[0]) - 1);
	add_answer(cell, "unknown", "not found", lines);
	add_answer(cell, "running", "it runs", lines);
	if (missed)
		add_line(lines, "ended first", missed == integer_at(cell, "runs") ? 0 : missed);
	if (released)
		add_line(lines, "once it came", released);
	add_violations(cell, lines);
}

/* ---- A row: a phase, on all mechanisms. ---- */

static void print_text(const struct lines *lines, int line, int columns, FILE *out)
{
	const char *text = line < lines->count ? lines->texts[line] : "";
	bool strong = lines->wrong || lines->marked;
	int padding = columns - (int)strlen(text) - 1;

	fprintf(out, "%s%c%s%s%*s", strong ? say_bold(out) : "",
		lines->marked && *text ? '*' : ' ', text, strong ? say_plain(out) : "",
		padding > 0 ? padding : 0, "");
}

/* The reason if all mechanisms have the same one, and there are cells at all. */
static const char *common_reason(const json_t *matrix, const char *kind, const char *phase)
{
	const char *reason = NULL;
	json_t *mechanism;
	size_t i;

	json_array_foreach(json_object_get(matrix, "mechanisms"), i, mechanism) {
		const json_t *cell = matrix_cell(matrix, kind, phase, text_at(mechanism, "name"));
		const char *one = json_string_value(json_object_get(cell, "unreachable"));

		if (!cell)
			continue;
		if (!one || against_differs(matrix, cell) || (reason && strcmp(one, reason) != 0))
			return NULL;
		reason = one;
	}
	return reason;
}

static int read_row(const json_t *matrix, const char *kind, const char *phase,
		    struct lines lines[CELLS_MAX], const char *names[CELLS_MAX])
{
	json_t *mechanism, *cell;
	int count = 0;
	size_t i;

	json_array_foreach(json_object_get(matrix, "mechanisms"), i, mechanism) {
		cell = matrix_cell(matrix, kind, phase, text_at(mechanism, "name"));
		if (!cell || count == CELLS_MAX)
			continue;
		names[count] = text_at(mechanism, "name");
		cell_lines(matrix, cell, &lines[count++]);
	}
	return count;
}

static void print_wide(const char *phase, const struct lines *lines, int count, FILE *out)
{
	int height = 1;

	for (int i = 0; i < count; i++)
		height = lines[i].count > height ? lines[i].count : height;
	for (int line = 0; line < height; line++) {
		int last = count - 1;

		while (last > 0 && line >= lines[last].count)
			last--;
		fprintf(out, "%*s%-*s", INDENT, "", PHASE_COLUMNS - 1, line ? "" : phase);
		for (int i = 0; i <= last; i++)
			print_text(&lines[i], line, i < last ? CELL_COLUMNS + 1 : 0, out);
		fputc('\n', out);
	}
}

/* What stands behind the last slash: as much as tells them apart. */
static const char *short_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static void print_tall(const char *phase, const struct lines *lines, const char **names, int count,
		       FILE *out)
{
	fprintf(out, "%*s%s\n", INDENT, "", phase);
	for (int i = 0; i < count; i++) {
		for (int line = 0; line < lines[i].count; line++) {
			fprintf(out, "%*s%-9s", 2 * INDENT, "", line ? "" : short_name(names[i]));
			print_text(&lines[i], line, 0, out);
			fputc('\n', out);
		}
	}
}

static void print_row(const json_t *matrix, const char *kind, const char *phase, FILE *out)
{
	const char *reason = common_reason(matrix, kind, phase), *names[CELLS_MAX];
	struct lines lines[CELLS_MAX];
	int count = read_row(matrix, kind, phase, lines, names);

	if (!count)
		return;
	if (reason)
		say_wrapped(out, reason, fprintf(out, "%*s%-*s- ", INDENT, "", PHASE_COLUMNS, phase),
			    INDENT + PHASE_COLUMNS + 2);
	else if (is_narrow(matrix, out))
		print_tall(phase, lines, names, count, out);
	else
		print_wide(phase, lines, count, out);
}

/* ---- The times. ---- */

static void print_moment(const json_t *latency, const char *name, bool narrow, FILE *out)
{
	char median[16], worst[16];

	if (!json_is_object(latency))
		return;
	format_time(integer_at(latency, "median_ns"), median, sizeof(median));
	format_time(integer_at(latency, "max_ns"), worst, sizeof(worst));
	fprintf(out, "%*s%-10s %3lldt %6s", 2 * INDENT, "", name,
		(long long)integer_at(latency, "turns_median"), median);
	if (narrow)
		fprintf(out, "\n%*s", 2 * INDENT + 3, "");
	fprintf(out, "  worst %4lldt %6s\n", (long long)integer_at(latency, "turns_max"), worst);
}

/* What the cancels themselves were told, of all runs. */
static void print_answers(const json_t *answers, FILE *out)
{
	static const struct {
		const char *key, *words;
	} COUNTS[] = { { "ended", "ended at once" }, { "found", "found" }, { "running", "it runs" },
		       { "unknown", "not found" }, { "cancels_again", "asked again" },
		       { "stale", "stale events" }, { "reclaimed", "reclaimed" } };
	char text[256];

	snprintf(text, sizeof(text), "cancels handed over: %lld",
		 (long long)integer_at(answers, "cancels"));
	for (size_t i = 0; i < sizeof(COUNTS) / sizeof(*COUNTS); i++) {
		json_int_t count = integer_at(answers, COUNTS[i].key);
		size_t used = strlen(text);

		if (count)
			snprintf(text + used, sizeof(text) - used, "; %s: %lld", COUNTS[i].words,
				 (long long)count);
	}
	say_wrapped(out, text, fprintf(out, "%*s", 2 * INDENT, ""), 3 * INDENT);
}

static void print_times(const json_t *matrix, const char *kind, FILE *out)
{
	static const char *const MOMENTS[] = { "terminal", "buffer", "descriptor" };
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(matrix, "cells"), i, cell) {
		const json_t *latency = json_object_get(cell, "latency");

		if (strcmp(text_at(cell, "kind"), kind) != 0 ||
		    !json_is_object(json_object_get(latency, "terminal")))
			continue;
		fprintf(out, "%*s%s, %s\n", INDENT, "", text_at(cell, "phase"),
			text_at(cell, "mechanism"));
		for (size_t k = 0; k < sizeof(MOMENTS) / sizeof(*MOMENTS); k++)
			print_moment(json_object_get(latency, MOMENTS[k]), MOMENTS[k], is_narrow(matrix, out), out);
		print_answers(json_object_get(cell, "answers"), out);
	}
}

/* ---- The whole. ---- */

static void print_kind(const json_t *matrix, const json_t *kind, bool times, FILE *out)
{
	const char *name = text_at(kind, "name");
	json_t *phase;
	char title[256];
	size_t i;

	fprintf(out, "\n%s%s%s", say_bold(out), name, say_plain(out));
	snprintf(title, sizeof(title), ": %.150s; stops: %.20s", text_at(kind, "what"),
		 text_at(kind, "cancel_class"));
	say_wrapped(out, title, (int)strlen(name), INDENT);
	json_array_foreach(json_object_get(matrix, "phases"), i, phase)
		print_row(matrix, name, text_at(phase, "name"), out);
	if (times)
		print_times(matrix, name, out);
}

static void print_head(const json_t *matrix, FILE *out)
{
	const json_t *run = json_object_get(matrix, "run");
	json_t *mechanism;
	char line[256];
	int gap;
	size_t i;

	snprintf(line, sizeof(line), "duet cancel op on Linux %.60s: %lld runs a cell, seed %lld",
		 text_at(json_object_get(matrix, "environment"), "kernel_release"),
		 (long long)integer_at(run, "runs"), (long long)integer_at(run, "seed"));
	say_wrapped(out, line, 0, INDENT);
	json_array_foreach(json_object_get(matrix, "mechanisms"), i, mechanism) {
		if (!json_is_string(json_object_get(mechanism, "refused")))
			continue;
		say_wrapped(out, text_at(mechanism, "refused"),
			    fprintf(out, "%s: not here: ", text_at(mechanism, "name")), INDENT);
	}
	if (is_narrow(matrix, out))
		return;
	gap = PHASE_COLUMNS - fprintf(out, "\n%s%*s%s", say_bold(out), INDENT, "", "cancelled") +
	      INDENT + 1 + (int)strlen(say_bold(out));
	json_array_foreach(json_object_get(matrix, "mechanisms"), i, mechanism) {
		if (json_is_string(json_object_get(mechanism, "refused")))
			continue;
		fprintf(out, "%*s%s", gap, "", text_at(mechanism, "name"));
		gap = CELL_COLUMNS + 1 - (int)strlen(text_at(mechanism, "name"));
	}
	fprintf(out, "%s\n", say_plain(out));
}

static void print_against(const json_t *matrix, FILE *out)
{
	const json_t *against = json_object_get(matrix, "against");
	size_t count = json_array_size(json_object_get(against, "differences"));
	char text[256];

	if (!against)
		return;
	snprintf(text, sizeof(text), "Against %.120s (Linux %.60s): of %lld cells %zu end%s "
		 "otherwise%s.", text_at(against, "file"), text_at(against, "kernel_release"),
		 (long long)integer_at(against, "compared"), count, count == 1 ? "s" : "",
		 count ? ", marked with *" : "");
	fputc('\n', out);
	say_wrapped(out, text, 0, 0);
}

static void print_phases(const json_t *matrix, FILE *out)
{
	json_t *phase;
	size_t i;

	fputc('\n', out);
	json_array_foreach(json_object_get(matrix, "phases"), i, phase)
		say_wrapped(out, text_at(phase, "what"),
			    fprintf(out, "%*s%-*s", INDENT, "", PHASE_COLUMNS,
				    text_at(phase, "name")), INDENT + PHASE_COLUMNS);
}

void table_print(const json_t *matrix, bool times, FILE *out)
{
	json_t *kind;
	size_t i;

	print_head(matrix, out);
	json_array_foreach(json_object_get(matrix, "kinds"), i, kind)
		print_kind(matrix, kind, times, out);
	print_phases(matrix, out);
	fputc('\n', out);
	say_wrapped(out, "A cell: what became of it (of how many runs, if not of all), and from the "
		    "request to its terminal completion: turns of the loop and time, the median. "
		    "'ended first': it was over before it could be asked. 'once it came': the cancel "
		    "alone didn't end it. 'told': the cancel's own answer, where that wasn't that it "
		    "stops it; it says nothing of the memory.", 0, 0);
	print_against(matrix, out);
	if (json_is_false(json_object_get(matrix, "complete")))
		say_wrapped(out, "Incomplete: the run was interrupted.", 0, 0);
	fputs("Again:\n  ", out);
	say_wrapped(out, text_at(json_object_get(matrix, "run"), "repeat"), 2, 4);
}
