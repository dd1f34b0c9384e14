/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <stdbool.h>
#include <string.h>

#include "compare/laboratory/sweep.h"
#include "compare/report/field.h"
#include "compare/report/store.h"
#include "compare/say.h"

/* Rows are policy by workload, and in each its mechanisms: what was tried, how long the worst took, and
 * whether all held. */

enum { INDENT = 2, POLICY_COLUMNS = 14, MECHANISM_COLUMNS = 20, REFUSAL_COLUMN = INDENT + POLICY_COLUMNS + MECHANISM_COLUMNS };

/* Three digits at most, and the unit. */
static void format_time(json_int_t ns, char *text, size_t size)
{
	double us = (double)ns / 1e3;

	if (us < 9.95)
		snprintf(text, size, "%.1fus", us);
	else if (us < 999.5)
		snprintf(text, size, "%.0fus", us);
	else
		snprintf(text, size, us < 9950 ? "%.1fms" : "%.0fms", us / 1e3);
}

/* ---- A row. ---- */

void sweep_again(const json_t *sweep, char *line, size_t size)
{
	snprintf(line, size, "%s cancel sweep %s --policy %s --backend %s --at %s", say_program(),
		 field_string(sweep, "workload"), field_string(sweep, "policy"),
		 field_string(sweep, "mechanism"),
		 field_string(json_object_get(sweep, "first"), "at"));
}

static void print_violation(const json_t *sweep, FILE *out)
{
	const json_t *first = json_object_get(sweep, "first");
	char text[320];

	snprintf(text, sizeof(text), "%lld, first at %s (%s): %s",
		 (long long)field_integer(sweep, "violations"), field_string(first, "at"),
		 field_string(first, "operation"), field_string(first, "text"));
	say_wrapped(out, text, fprintf(out, "    "), 6);
	sweep_again(sweep, text, sizeof(text));
	fprintf(out, "    again: %s\n", text);
}

static void print_verdict(const json_t *sweep, FILE *out)
{
	json_int_t violations = field_integer(sweep, "violations");
	json_int_t partial = field_integer(sweep, "partial");

	if (violations)
		fprintf(out, "%sVIOLATION%s %s\n", say_bold(out), say_plain(out),
			field_string(json_object_get(sweep, "first"), "invariant"));
	else if (partial)
		fprintf(out, "ok, %lld partial\n", (long long)partial);
	else if (field_integer(sweep, "runs") == field_integer(sweep, "unreached"))
		fprintf(out, "not reached: there is no such moment\n");
	else
		fprintf(out, "ok\n");
	if (violations)
		print_violation(sweep, out);
}

/* In full once, where it is met first. */
static void print_refusal(const json_t *result, const json_t *sweep, FILE *out)
{
	json_t *one = NULL;
	size_t i;

	json_array_foreach(json_object_get(result, "sweeps"), i, one) {
		if (json_equal(json_object_get(one, "refused"), json_object_get(sweep, "refused")))
			break;
	}
	if (one == sweep)
		say_wrapped(out, field_string(sweep, "refused"),
			    REFUSAL_COLUMN + fprintf(out, "not here: "), REFUSAL_COLUMN + 2);
	else
		fprintf(out, "not here\n");
}

static void print_row(const json_t *result, const json_t *sweep, const char *policy, FILE *out)
{
	json_int_t made = field_integer(sweep, "runs") - field_integer(sweep, "unreached");
	char time[16];

	fprintf(out, "%*s%-*s%-*s", INDENT, "", POLICY_COLUMNS, policy, MECHANISM_COLUMNS,
		field_string(sweep, "mechanism"));
	if (!json_is_null(json_object_get(sweep, "refused"))) {
		print_refusal(result, sweep, out);
		return;
	}
	format_time(field_integer(sweep, "joined_ns_worst"), time, sizeof(time));
	fprintf(out, "%4lld %5lld %3lldt %3lldt %5s  ", (long long)field_integer(sweep, "points"),
		(long long)made, (long long)field_integer(sweep, "lent_turns_worst"),
		(long long)field_integer(sweep, "turns_worst"), time);
	print_verdict(sweep, out);
}

static void print_heads(FILE *out)
{
	fprintf(out, "%*s%-*s%-*s%s\n", INDENT, "", POLICY_COLUMNS, "policy", MECHANISM_COLUMNS,
		"mechanism", " pts  runs lent     joined  verdict");
}

static void print_legend(FILE *out)
{
	fputc('\n', out);
	say_wrapped(out, "pts: operations and waits of the workload, each cancelled in every phase and "
		    "every way. lent, joined: the longest from the request until nothing was lent any "
		    "more, and until the scope had joined, in turns of the loop (0t: the same) and in "
		    "time.", 0, 0);
}

/* ---- What stands around them. ---- */

/* Policies of the same reason in one line. */
static void print_left_out(const json_t *result, const char *workload, FILE *out)
{
	const char *why = "";
	json_t *row;
	size_t i;
	int column = 0;

	json_array_foreach(json_object_get(result, "left_out"), i, row) {
		const char *its = field_string(row, "why");

		if (strcmp(field_string(row, "workload"), workload) != 0)
			continue;
		if (!strcmp(its, why)) {
			column += fprintf(out, ", %s", field_string(row, "policy"));
			continue;
		}
		if (*why)
			say_wrapped(out, why, column + fprintf(out, ": "), 4);
		column = fprintf(out, "%*snot with %s", INDENT, "", field_string(row, "policy"));
		why = its;
	}
	if (*why)
		say_wrapped(out, why, column + fprintf(out, ": "), 4);
}

static const char *does_of(const json_t *result, const char *list, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(result, list), i, row) {
		if (!strcmp(field_string(row, "name"), name))
			return field_string(row, "does");
	}
	return "";
}

static void print_title(const json_t *result, const char *workload, FILE *out)
{
	fprintf(out, "\n%s%s%s: ", say_bold(out), workload, say_plain(out));
	say_wrapped(out, does_of(result, "workloads", workload), (int)strlen(workload) + 2, 2);
}

static bool occurs(const json_t *result, const char *policy)
{
	json_t *sweep;
	size_t i;

	json_array_foreach(json_object_get(result, "sweeps"), i, sweep) {
		if (!strcmp(field_string(sweep, "policy"), policy))
			return true;
	}
	return false;
}

static void print_policies(const json_t *result, FILE *out)
{
	json_t *row;
	size_t i;

	fputc('\n', out);
	json_array_foreach(json_object_get(result, "policies"), i, row) {
		const char *name = field_string(row, "name");

		if (occurs(result, name))
			say_wrapped(out, field_string(row, "does"),
				    fprintf(out, "%*s%-*s", INDENT, "", POLICY_COLUMNS, name),
				    INDENT + POLICY_COLUMNS);
	}
}

static void print_sum(const json_t *result, FILE *out)
{
	json_int_t violations = 0, partial = 0, runs = 0, depth = 0, orders = 0;
	size_t count = 0, wrong = 0, i;
	char text[320];
	json_t *sweep;

	json_array_foreach(json_object_get(result, "sweeps"), i, sweep) {
		count += json_is_null(json_object_get(sweep, "refused"));
		wrong += field_integer(sweep, "violations") > 0;
		violations += field_integer(sweep, "violations");
		partial += field_integer(sweep, "partial");
		runs += field_integer(sweep, "runs") - field_integer(sweep, "unreached");
		if (field_integer(sweep, "orders_depth")) {
			depth = field_integer(sweep, "orders_depth");
			orders += field_integer(sweep, "runs") -
				  field_integer(sweep, "unreached");
		}
	}
	if (violations)
		snprintf(text, sizeof(text), "%lld VIOLATION%s, in %zu of %zu sweeps (%lld runs)",
			 (long long)violations, violations == 1 ? "" : "S", wrong, count,
			 (long long)runs);
	else
		snprintf(text, sizeof(text), "No violation in %zu sweep%s, %lld run%s%s", count,
			 say_plural(count), (long long)runs, say_plural((uint64_t)runs),
			 partial ? "; partial: something remained undone, and was declared so" : "");
	fputc('\n', out);
	say_wrapped(out, text, 0, 0);
	if (!depth)
		return;
	snprintf(text, sizeof(text), "On the reference in every order of completion, for %lld choice%s from "
		 "each point on: %lld runs.", (long long)depth, say_plural((uint64_t)depth),
		 (long long)orders);
	say_wrapped(out, text, 0, 0);
}

void sweep_print(const json_t *result, FILE *out)
{
	const char *workload = "", *policy = "";
	json_t *sweep;
	size_t i;

	print_heads(out);
	json_array_foreach(json_object_get(result, "sweeps"), i, sweep) {
		const char *its = field_string(sweep, "workload");
		const char *how = field_string(sweep, "policy");
		bool other = strcmp(its, workload) != 0;

		if (other) {
			print_left_out(result, workload, out);
			print_title(result, its, out);
		}
		print_row(result, sweep, other || strcmp(how, policy) != 0 ? how : "", out);
		workload = its;
		policy = how;
	}
	print_left_out(result, workload, out);
	print_legend(out);
	print_policies(result, out);
	print_sum(result, out);
	if (!json_is_true(json_object_get(result, "complete")))
		fputs("Interrupted: this is what was played until then.\n", out);
	say_wrapped(out, field_string(json_object_get(result, "run"), "repeat"),
		    fprintf(out, "again: "), 2);
}

/* ---- A stored one. ---- */

static bool is_sweep(const json_t *sweep)
{
	const json_t *first = json_object_get(sweep, "first");

	return json_is_string(json_object_get(sweep, "workload")) &&
	       json_is_string(json_object_get(sweep, "policy")) &&
	       json_is_string(json_object_get(sweep, "mechanism")) &&
	       (json_is_string(json_object_get(sweep, "refused")) ||
		(json_is_integer(json_object_get(sweep, "runs")) &&
		 (!field_integer(sweep, "violations") || json_is_object(first))));
}

const char *sweep_problem(const json_t *result)
{
	json_t *sweep;
	size_t i;

	if (strcmp(field_string(result, "kind"), SWEEP_KIND) != 0)
		return "this is JSON, but not a result of duet cancel sweep";
	if (field_integer(result, "schema") != STORE_SCHEMA)
		return "written with another schema; use the duet that wrote it";
	json_array_foreach(json_object_get(result, "sweeps"), i, sweep) {
		if (!is_sweep(sweep))
			return "not as duet cancel sweep writes it: a sweep lacks what it needs";
	}
	return i ? NULL : "it has no sweeps";
}
