/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the tables and the findings of all claims have in common. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/report/field.h"
#include "compare/report/repeat.h"
#include "compare/report/shape.h"
#include "compare/report/store.h"
#include "compare/say.h"

const json_t *claim_arm_of(const json_t *group, const char *name)
{
	json_t *arm;
	size_t i;

	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		if (!strcmp(field_string(arm, "name"), name))
			return arm;
	}
	return NULL;
}

double claim_figure(const json_t *arm, const char *key)
{
	const json_t *figure = json_object_get(json_object_get(arm, "figures"), key);

	return figure ? json_number_value(figure) : NAN;
}

void claim_add_finding(json_t *result, const char *about, const char *format, ...)
{
	char text[600];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	json_array_append_new(json_object_get(result, "findings"),
			      json_pack("{s:s, s:s}", "about", about, "text", text));
}

int claim_shown(const json_t *ratio)
{
	const char *verdict = field_string(ratio, "verdict");

	return !strcmp(verdict, "a lower") ? -1 : !strcmp(verdict, "b lower");
}

/* In at most five places up to a hundred thousand: a column has seven, with the blank. */
void claim_format_ratio(const json_t *ratio, char *text, size_t size)
{
	const double value = field_real(ratio, "ratio");

	if (claim_shown(ratio))
		snprintf(text, size, "%.*f", value < 99.995 ? 2 : 0, value);
	else
		snprintf(text, size, "%s",
			 !strcmp(field_string(ratio, "verdict"), "no difference shown") ? "~"
											: "-");
}

void claim_format_interval(const json_t *ratio, char *text, size_t size)
{
	const bool none = !strcmp(field_string(ratio, "verdict"), "no difference shown");

	if (claim_shown(ratio) || none)
		snprintf(text, size, "%.2f [%.2f, %.2f]%s", field_real(ratio, "ratio"),
			 field_real(ratio, "low"), field_real(ratio, "high"),
			 none ? ", no difference shown" : "");
	else
		snprintf(text, size, "%s", field_string(ratio, "verdict"));
}

/* ---- Around the table. ---- */

static void print_refused(const json_t *result, FILE *out)
{
	json_t *mechanism;
	size_t i;

	json_array_foreach(json_object_get(result, "mechanisms"), i, mechanism) {
		const char *why = json_string_value(json_object_get(mechanism, "refused"));

		if (why)
			say_wrapped(out, why,
				    fprintf(out, "%s can't be had here: ",
					    field_string(mechanism, "name")),
				    2);
	}
}

void claim_print_head(const struct claim *claim, const json_t *result, FILE *out)
{
	const json_t *run = json_object_get(result, "run");
	char text[200];
	json_t *one;
	size_t i;

	snprintf(text, sizeof(text), "duet compare %s on Linux %s: %lld %s, seed %lld",
		 claim->name,
		 field_string(json_object_get(result, "environment"), "kernel_release"),
		 (long long)field_integer(run, "rounds"),
		 field_integer(run, "rounds") == 1 ? "round" : "rounds",
		 (long long)field_integer(run, "seed"));
	say_wrapped(out, text, 0, 2);
	print_refused(result, out);
	json_array_foreach(json_object_get(result, "legend"), i, one) say_wrapped(
		out, field_string(one, "does"), fprintf(out, "%s: ", field_string(one, "name")), 2);
}

void claim_print_end(const json_t *result, FILE *out)
{
	json_int_t repeated = 0, disturbed = 0;
	json_t *one;
	size_t i;

	fputc('\n', out);
	json_array_foreach(json_object_get(result, "findings"), i, one) say_wrapped(
		out, field_string(one, "text"),
		fprintf(out, "%s%s%s: ", say_bold(out), field_string(one, "about"), say_plain(out)),
		2);
	json_array_foreach(json_object_get(result, "groups"), i, one) {
		repeated += field_integer(one, "repeated");
		disturbed += field_integer(one, "disturbed");
	}
	if (repeated + disturbed)
		fprintf(out, "disturbed rounds: %lld repeated, %lld kept\n", (long long)repeated,
			(long long)disturbed);
	if (!json_is_true(json_object_get(result, "complete")))
		fputs("Ended early: this is what was played until then.\n", out);
	say_wrapped(out, field_string(json_object_get(result, "run"), "repeat"),
		    fprintf(out, "again: "), 2);
}

/* ---- A stored one. ---- */

static bool is_group(const json_t *group)
{
	json_t *arm;
	size_t i;

	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		if (!json_is_string(json_object_get(arm, "name")) ||
		    !json_is_object(json_object_get(arm, "figures")))
			return false;
	}
	return i > 0;
}

const char *claim_problem(const json_t *result)
{
	json_t *group;
	size_t i;

	if (field_integer(result, "schema") != STORE_SCHEMA)
		return "written with another schema; use the duet that wrote it";
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		if (!is_group(group))
			return "not as duet compare writes it: a group lacks what it needs";
	}
	return i ? NULL : "it has no groups";
}

int claim_judge(const char *path, json_t *result)
{
	const char *problem = claim_problem(result);

	if (problem)
		return say_failure(SAY_USAGE, "%s: %s", path, problem);
	shape_clean(result);
	return SAY_OK;
}
