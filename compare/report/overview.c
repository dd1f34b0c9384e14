/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/overview.h"

#include <string.h>

#include "compare/report/field.h"
#include "compare/report/figure.h"
#include "compare/report/page.h"
#include "compare/report/title.h"
#include "compare/say.h"

static void print_short_verdict(const json_t *comparison, int columns, FILE *out)
{
	const char *verdict = field_string(comparison, "verdict");
	char text[32], digits[16];
	int padding;

	figure_real(field_real(comparison, "ratio"), 2, digits, sizeof(digits));
	if (strstr(verdict, "lower"))
		snprintf(text, sizeof(text), "%s %c lower", digits,
			 page_letter(field_integer(comparison, *verdict == 'a' ? "a" : "b")));
	else if (!strcmp(verdict, "no difference shown"))
		snprintf(text, sizeof(text), "none shown");
	else
		snprintf(text, sizeof(text), "%.15s", comparison ? verdict : "-");
	padding = columns - (int)strlen(text);
	padding = padding > 0 ? padding : 0;
	fprintf(out, "%s%s%s%*s", page_style(out, strstr(verdict, "lower") ? PAGE_BOLD : ""), text,
		page_style(out, PAGE_PLAIN), padding, "");
}

enum { HEADLINES = 3 };
static const char *const HEADLINE[HEADLINES] = { "CPU per op", "median latency", "throughput" };
static const char *const KEYS[HEADLINES] = {
	"cpu_per_operation_ns", "latency_p50_ns", "throughput_per_s",
};

/* NULL where the workload doesn't know it. */
static const json_t *comparison_of(const json_t *cell, const char *key, size_t arm)
{
	json_t *metric;
	size_t i;

	json_array_foreach(json_object_get(cell, "metrics"), i, metric) {
		if (!strcmp(field_string(metric, "key"), key))
			return json_array_get(json_object_get(metric, "comparisons"), arm - 1);
	}
	return NULL;
}

static void print_short(const json_t *cell, FILE *out)
{
	const json_t *arms = json_object_get(cell, "arms");
	char name[128], text[192];

	title_cell(cell, name, sizeof(name));
	snprintf(text, sizeof(text), "%s: a = %.30s", name,
		 field_string(json_array_get(arms, 0), "name"));
	say_wrapped(out, text, 0, 2);
	for (size_t arm = 1; arm < json_array_size(arms); arm++) {
		fprintf(out, page_is_narrow(out) ? "  a / %c %.25s" : "  a / %c %-26.25s",
			page_letter((json_int_t)arm), field_string(json_array_get(arms, arm), "name"));
		for (size_t i = 0; i < HEADLINES; i++) {
			if (page_is_narrow(out))
				fprintf(out, "\n    %-16s", HEADLINE[i]);
			print_short_verdict(comparison_of(cell, KEYS[i], arm),
					    i < 2 && !page_is_narrow(out) ? 16 : 0, out);
		}
		fputc('\n', out);
	}
}

void overview_print(const json_t *result, FILE *out)
{
	json_t *cell;
	size_t i;

	if (page_is_narrow(out))
		fprintf(out, "\n%sin short%s\n", page_style(out, PAGE_BOLD),
			page_style(out, PAGE_PLAIN));
	else
		fprintf(out, "\n%s%-34s%-16s%-16s%s%s\n", page_style(out, PAGE_BOLD), "in short",
			HEADLINE[0], HEADLINE[1], HEADLINE[2], page_style(out, PAGE_PLAIN));
	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		if (json_array_size(json_object_get(cell, "metrics")))
			print_short(cell, out);
	}
}
