/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <stdbool.h>
#include <string.h>

#include "compare/laboratory/stress.h"
#include "compare/report/field.h"
#include "compare/report/store.h"
#include "compare/say.h"

/* A row for each mechanism: how many, how many of them were asked, and of those, what became of them. */

enum { NAME_COLUMNS = 22, COUNT_COLUMNS = 9, SHARE_COLUMNS = 9 };

/* Columns of outcomes of those that were asked: by disposition. */
static const struct {
	const char *title, *disposition;
} COLUMNS[] = { { "stopped", "untouched" }, { "anyhow", "completed" }, { "partial", "partial" },
		{ "tainted", "tainted" }, { "failed", "failed" } };

static json_int_t outcomes_of(const json_t *cell, const char *disposition)
{
	json_int_t count = 0;
	json_t *outcome;
	size_t i;

	json_array_foreach(json_object_get(cell, "outcomes"), i, outcome) {
		if (!strcmp(field_string(outcome, "disposition"), disposition))
			count += field_integer(outcome, "count");
	}
	return count;
}

/* A share, and what is rare by its count. */
static void format_share(json_int_t count, json_int_t of, char *text, size_t size)
{
	double share = of ? 100 * (double)count / (double)of : 0;

	if (!count)
		snprintf(text, size, "-");
	else if (share < 1)
		snprintf(text, size, "%lld", (long long)count);
	else if (count < of && share >= 99.95)
		snprintf(text, size, ">99.9%%");
	else
		snprintf(text, size, "%.1f%%", share);
}

static void print_title(FILE *out)
{
	fprintf(out, "  %-*s%*s%*s", NAME_COLUMNS - 2, "", COUNT_COLUMNS, "played", SHARE_COLUMNS,
		"asked");
	for (size_t i = 0; i < sizeof(COLUMNS) / sizeof(*COLUMNS); i++)
		fprintf(out, "%*s", SHARE_COLUMNS - 1, COLUMNS[i].title);
	fputc('\n', out);
}

static void print_violations(const json_t *cell, FILE *out)
{
	json_t *violation;
	size_t i;

	json_array_foreach(json_object_get(cell, "violations"), i, violation) {
		fprintf(out, "    %sLOST: %s%s", say_bold(out), field_string(violation, "name"),
			say_plain(out));
		fprintf(out, " (batch %lld, lane %lld, operation %lld)\n      ",
			(long long)field_integer(violation, "batch"),
			(long long)field_integer(violation, "lane"),
			(long long)field_integer(violation, "serial"));
		say_wrapped(out, field_string(violation, "what"), 6, 6);
	}
}

static void print_cell(const json_t *cell, FILE *out)
{
	json_int_t asked = field_integer(cell, "asked"), played = field_integer(cell, "operations");
	const char *refused = json_string_value(json_object_get(cell, "refused"));
	char text[32];

	fprintf(out, "  %-*s", NAME_COLUMNS - 2, field_string(cell, "mechanism"));
	if (refused) {
		say_wrapped(out, refused, NAME_COLUMNS + fprintf(out, "- "), NAME_COLUMNS + 2);
		return;
	}
	format_share(asked, played, text, sizeof(text));
	fprintf(out, "%*lld%*s", COUNT_COLUMNS, (long long)played, SHARE_COLUMNS, text);
	for (size_t i = 0; i < sizeof(COLUMNS) / sizeof(*COLUMNS); i++) {
		format_share(outcomes_of(cell, COLUMNS[i].disposition), asked, text, sizeof(text));
		fprintf(out, "%*s", SHARE_COLUMNS - 1, text);
	}
	fputc('\n', out);
	print_violations(cell, out);
}

/* What the cancels themselves met with, where it is worth a line. */
static void print_rare(const json_t *cell, FILE *out)
{
	static const struct {
		const char *key, *words;
	} RARE[] = { { "cancels_again", "asked again" }, { "stale", "late events dropped" },
		     { "reclaimed", "late results closed" }, { "starved", "found the pool empty" } };
	const json_t *answers = json_object_get(cell, "answers");
	char text[200] = "";

	for (size_t i = 0; i < sizeof(RARE) / sizeof(*RARE); i++) {
		json_int_t count = field_integer(answers, RARE[i].key);
		size_t used = strlen(text);

		if (count)
			snprintf(text + used, sizeof(text) - used, "%s%lld %s", used ? ", " : "",
				 (long long)count, RARE[i].words);
	}
	if (!*text)
		return;
	say_wrapped(out, text, fprintf(out, "  %s: ", field_string(cell, "mechanism")), 4);
}

static void print_kind(const json_t *result, const json_t *kind, FILE *out)
{
	const char *name = field_string(kind, "name");
	json_t *cell;
	char text[200];
	size_t i;

	snprintf(text, sizeof(text), "%s; stops: %s", field_string(kind, "what"),
		 field_string(kind, "cancel_class"));
	fputc('\n', out);
	say_wrapped(out, text, fprintf(out, "%s%s%s: ", say_bold(out), name, say_plain(out)), 2);
	print_title(out);
	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		if (!strcmp(field_string(cell, "kind"), name))
			print_cell(cell, out);
	}
	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		if (!strcmp(field_string(cell, "kind"), name))
			print_rare(cell, out);
	}
}

static void print_whole(const json_t *result, FILE *out)
{
	json_int_t played = 0, asked = 0;
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		played += field_integer(cell, "operations");
		asked += field_integer(cell, "asked");
	}
	fprintf(out, "\n%lld played, %lld asked to end: %s\n", (long long)played, (long long)asked,
		json_is_true(json_object_get(result, "correct")) ? "everything is accounted for"
								 : "NOT everything is accounted for");
	if (!json_is_true(json_object_get(result, "complete")))
		fputs("Interrupted: this is what was played until then.\n", out);
}

void stress_print(const json_t *result, FILE *out)
{
	const json_t *run = json_object_get(result, "run");
	char text[200];
	json_t *kind;
	size_t i;

	snprintf(text, sizeof(text), "duet cancel stress on Linux %s, files on %s: seed %lld",
		 field_string(json_object_get(result, "environment"), "kernel_release"),
		 field_string(result, "file_system"), (long long)field_integer(run, "seed"));
	say_wrapped(out, text, 0, 2);
	json_array_foreach(json_object_get(result, "kinds"), i, kind)
		print_kind(result, kind, out);
	print_whole(result, out);
	say_wrapped(out, field_string(run, "repeat"), fprintf(out, "again: "), 2);
}

/* ---- A stored one. ---- */

static bool is_cell(const json_t *cell)
{
	return json_is_string(json_object_get(cell, "kind")) &&
	       json_is_string(json_object_get(cell, "mechanism")) &&
	       (json_is_string(json_object_get(cell, "refused")) ||
		(json_is_integer(json_object_get(cell, "operations")) &&
		 json_is_integer(json_object_get(cell, "asked")) &&
		 json_is_array(json_object_get(cell, "outcomes"))));
}

const char *stress_problem(const json_t *result)
{
	json_t *cell;
	size_t i;

	if (strcmp(field_string(result, "kind"), STRESS_KIND) != 0)
		return "this is JSON, but not a result of duet cancel stress";
	if (field_integer(result, "schema") != STORE_SCHEMA)
		return "written with another schema; use the duet that wrote it";
	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		if (!is_cell(cell))
			return "not as duet cancel stress writes it: a cell lacks what it needs";
	}
	return i ? NULL : "it has no cells";
}
