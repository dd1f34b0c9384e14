/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <stdbool.h>
#include <string.h>

#include "compare/laboratory/price.h"
#include "compare/report/field.h"
#include "compare/report/store.h"
#include "compare/say.h"

enum { NAME_COLUMNS = 26, RATIO_COLUMNS = 19, CALLS_COLUMNS = 7, BYTES_COLUMNS = 8 };

/* "1.23 1.20-1.26", or "~1.01 ..." where no difference was shown. */
static void format_ratio(const json_t *ratio, bool plain, char *text, size_t size)
{
	const char *verdict = field_string(ratio, "verdict");

	if (plain)
		snprintf(text, size, "1");
	else if (!strcmp(verdict, "a lower") || !strcmp(verdict, "b lower"))
		snprintf(text, size, "%.2f %.2f-%.2f", field_real(ratio, "ratio"),
			 field_real(ratio, "low"), field_real(ratio, "high"));
	else if (!strcmp(verdict, "no difference shown"))
		snprintf(text, size, "~ %.2f-%.2f", field_real(ratio, "low"),
			 field_real(ratio, "high"));
	else
		snprintf(text, size, "%s", verdict);
}

static void print_rung(const json_t *rung, bool plain, FILE *out)
{
	bool asked = json_is_true(json_object_get(rung, "asked"));
	char name[64], cpu[48], latency[48];

	snprintf(name, sizeof(name), "%s%s", field_string(rung, "policy"), asked ? ", asked" : "");
	format_ratio(json_object_get(rung, "cpu"), plain, cpu, sizeof(cpu));
	format_ratio(json_object_get(rung, "latency"), plain, latency, sizeof(latency));
	fprintf(out, "  %-*s%-*s%-*s%*.2f%*.0f\n", NAME_COLUMNS - 2, name, RATIO_COLUMNS, cpu,
		RATIO_COLUMNS, latency, CALLS_COLUMNS, field_real(rung, "calls"), BYTES_COLUMNS,
		field_real(rung, "bytes"));
}

static void print_ladder(const json_t *ladder, FILE *out)
{
	const char *refused = json_string_value(json_object_get(ladder, "refused"));
	const char *violation = json_string_value(json_object_get(ladder, "violation"));
	json_t *rung;
	size_t i;

	fprintf(out, "\n%s%-*s%s", say_bold(out), NAME_COLUMNS, field_string(ladder, "mechanism"),
		say_plain(out));
	if (refused || violation) {
		fprintf(out, "%s%s\n", violation ? "LOST: " : "- ", violation ? violation : refused);
		return;
	}
	fprintf(out, "%-*s%-*s%*s%*s\n", RATIO_COLUMNS, "CPU", RATIO_COLUMNS, "latency",
		CALLS_COLUMNS, "calls", BYTES_COLUMNS, "bytes");
	json_array_foreach(json_object_get(ladder, "rungs"), i, rung)
		print_rung(rung, !i, out);
}

void price_print(const json_t *result, FILE *out)
{
	const json_t *run = json_object_get(result, "run");
	char text[200];
	json_t *one;
	size_t i;

	snprintf(text, sizeof(text), "duet cancel price on Linux %s: %lld rounds, seed %lld; times of "
		 "the first row, which nobody asks", field_string(json_object_get(
			 result, "environment"), "kernel_release"),
		 (long long)field_integer(run, "rounds"), (long long)field_integer(run, "seed"));
	say_wrapped(out, text, 0, 2);
	fputc('\n', out);
	json_array_foreach(json_object_get(result, "policies"), i, one)
		say_wrapped(out, field_string(one, "does"),
			    fprintf(out, "%s: ", field_string(one, "name")), 2);
	json_array_foreach(json_object_get(result, "ladders"), i, one)
		print_ladder(one, out);
	fputs("\nasked: each wait was asked to end once, and began again.\n"
	      "~: no difference shown.\n", out);
	if (!json_is_true(json_object_get(result, "complete")))
		fputs("Interrupted: this is what was played until then.\n", out);
	say_wrapped(out, field_string(run, "repeat"), fprintf(out, "again: "), 2);
}

/* ---- A stored one. ---- */

static bool is_rung(const json_t *rung)
{
	return json_is_string(json_object_get(rung, "policy")) &&
	       json_is_object(json_object_get(rung, "cpu")) &&
	       json_is_object(json_object_get(rung, "latency"));
}

const char *price_problem(const json_t *result)
{
	json_t *ladder, *rung;
	size_t i, k;

	if (strcmp(field_string(result, "kind"), PRICE_KIND) != 0)
		return "this is JSON, but not a result of duet cancel price";
	if (field_integer(result, "schema") != STORE_SCHEMA)
		return "written with another schema; use the duet that wrote it";
	json_array_foreach(json_object_get(result, "ladders"), i, ladder) {
		json_array_foreach(json_object_get(ladder, "rungs"), k, rung) {
			if (!is_rung(rung))
				return "not as duet cancel price writes it: a rung lacks what it needs";
		}
	}
	return i ? NULL : "it has no ladders";
}
