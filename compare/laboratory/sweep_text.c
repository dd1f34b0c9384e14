/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <string.h>

#include "compare/laboratory/sweep.h"
#include "compare/report/field.h"
#include "compare/say.h"

/* Rows are policy by workload, and below each its mechanisms: at a glance, ok or not. */

enum { NAME_COLUMNS = 24, VIOLATIONS_SHOWN = 3 };

static void print_numbers(const json_t *sweep, FILE *out)
{
	json_int_t runs = field_integer(sweep, "runs"), unreached = field_integer(sweep, "unreached");
	json_int_t partial = field_integer(sweep, "partial");
	json_int_t orders = field_integer(sweep, "orders_depth");
	char text[224];
	int used = snprintf(text, sizeof(text), "%lld points, %lld runs",
			    (long long)field_integer(sweep, "points"),
			    (long long)(runs - unreached));

	if (partial)
		used += snprintf(text + used, sizeof(text) - (size_t)used,
				 ", %lld declared partial", (long long)partial);
	if (orders)
		used += snprintf(text + used, sizeof(text) - (size_t)used,
				 " in every order of completion to a depth of %lld",
				 (long long)orders);
	snprintf(text + used, sizeof(text) - (size_t)used, ", joined within %lld turns",
		 (long long)field_integer(sweep, "turns_worst"));
	say_wrapped(out, text, NAME_COLUMNS + 13, NAME_COLUMNS + 3);
}

/* The line that makes this run again; names of several words with dashes. */
static void print_again(const json_t *sweep, const json_t *outcome, FILE *out)
{
	char text[256];

	snprintf(text, sizeof(text), "%s cancel sweep %s --policy %s --backend %s --at %lld,%s,%s%s%s",
		 say_program(), field_string(sweep, "workload"), field_string(sweep, "policy"),
		 field_string(sweep, "mechanism"), (long long)field_integer(outcome, "point"),
		 field_string(outcome, "phase"), field_string(outcome, "kind"),
		 *field_string(outcome, "order") ? "," : "", field_string(outcome, "order"));
	for (char *place = strstr(text, "--at ") + 5; *place; place++)
		*place = *place == ' ' ? '-' : *place;
	fprintf(out, "      again: %s\n", text);
}

/* The shortest coordinates come first: points in their order. */
static void print_violations(const json_t *sweep, FILE *out)
{
	json_t *outcome;
	int shown = 0;
	size_t i;

	json_array_foreach(json_object_get(sweep, "outcomes"), i, outcome) {
		char text[256];

		if (strcmp(field_string(outcome, "verdict"), "violation") != 0)
			continue;
		if (++shown > VIOLATIONS_SHOWN)
			continue;
		snprintf(text, sizeof(text), "point %lld (%s), %s, %s%s%s: %s: %s",
			 (long long)field_integer(outcome, "point"),
			 field_string(outcome, "operation"), field_string(outcome, "phase"),
			 field_string(outcome, "kind"),
			 *field_string(outcome, "order") ? ", order " : "",
			 field_string(outcome, "order"), field_string(outcome, "invariant"),
			 field_string(outcome, "text"));
		say_wrapped(out, text, fprintf(out, "      "), 8);
		print_again(sweep, outcome, out);
	}
	if (shown > VIOLATIONS_SHOWN)
		fprintf(out, "      and %d more\n", shown - VIOLATIONS_SHOWN);
}

static void print_sweep(const json_t *sweep, FILE *out)
{
	json_int_t violations = field_integer(sweep, "violations");
	const char *refused = json_string_value(json_object_get(sweep, "refused"));

	fprintf(out, "    %-*s ", NAME_COLUMNS - 4, field_string(sweep, "mechanism"));
	if (refused) {
		say_wrapped(out, refused, NAME_COLUMNS + fprintf(out, "not to be had here: "),
			    NAME_COLUMNS + 3);
		return;
	}
	if (violations)
		fprintf(out, "%s%lld VIOLATION%s%s, ", say_bold(out), (long long)violations,
			violations == 1 ? "" : "S", say_plain(out));
	else
		fprintf(out, "ok, ");
	print_numbers(sweep, out);
	print_violations(sweep, out);
}

void sweep_print(const json_t *result, FILE *out)
{
	const char *workload = "", *policy = "";
	json_t *sweep;
	size_t i;

	json_array_foreach(json_object_get(result, "sweeps"), i, sweep) {
		const char *its = field_string(sweep, "workload");
		const char *how = field_string(sweep, "policy");

		if (strcmp(its, workload) != 0)
			fprintf(out, "%s%s\n", i ? "\n" : "", its);
		if (strcmp(its, workload) != 0 || strcmp(how, policy) != 0)
			say_wrapped(out, field_string(sweep, "does"), fprintf(out, "  %s: ", how), 4);
		print_sweep(sweep, out);
		workload = its;
		policy = how;
	}
}
