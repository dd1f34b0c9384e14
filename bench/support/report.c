/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

void report_begin(struct report *report, const char *bench, const char *json, unsigned int rounds)
{
	*report = (struct report){ .bench = bench, .json = json, .rounds = rounds };
	printf("%-8s%-32s%-12s%10s%22s%9s%10s  %-18s%s\n", "bench", "case", "subject", "figure",
	       "interval", "bound", "floor", "unit", "verdict");
	fflush(stdout);
}

/* Three or four digits that matter, "-" for what is not there. */
static const char *number(char *text, size_t size, double value)
{
	double magnitude = fabs(value);

	if (!isfinite(value))
		snprintf(text, size, "-");
	else
		snprintf(text, size, "%.*f",
			 magnitude >= 1000 ? 0 : magnitude >= 100 ? 1 : magnitude >= 10 ? 2 : 3,
			 value);
	return text;
}

static void print_row(const struct report *report, const struct report_row *row)
{
	char middle[24], low[24], high[24], limit[24], bound[28], floor[24], interval[52] = "exact";

	number(limit, sizeof(limit), row->bound);
	snprintf(bound, sizeof(bound), "%s%s", row->least && !isnan(row->bound) ? ">=" : "",
		 limit);
	number(middle, sizeof(middle), row->figure.middle);
	number(low, sizeof(low), row->figure.low);
	number(high, sizeof(high), row->figure.high);
	if (isnan(row->figure.middle))
		snprintf(interval, sizeof(interval), "-");
	else if (row->figure.low != row->figure.high)
		snprintf(interval, sizeof(interval), "%s .. %s", low, high);
	printf("%-8s%-32s%-12s%10s%22s%9s%10s  %-18s%s%s%s\n", report->bench, row->name,
	       row->subject, middle, interval, bound,
	       number(floor, sizeof(floor), row->floor), row->unit, verdict_name(row->verdict),
	       row->note[0] ? "  " : "", row->note);
	fflush(stdout);
}

static void keep(struct report *report, const struct report_row *row, const char *name,
		 const char *note)
{
	struct report_row *kept = &report->rows[report->count];

	if (report->count == REPORT_ROWS_MAX) {
		fprintf(stderr, "bench %s: more than %d rows, the rest is dropped\n", report->bench,
			REPORT_ROWS_MAX);
		return;
	}
	report->count++;
	*kept = *row;
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	snprintf(kept->note, sizeof(kept->note), "%s", note ? note : "");
	print_row(report, kept);
}

void report_add(struct report *report, const char *name, const char *subject, const char *unit,
		struct estimate figure, double bound, double floor, const char *note)
{
	struct report_row row = {
		.subject = subject,
		.unit = unit,
		.bound = bound,
		.floor = floor,
		.figure = figure,
		.verdict = rounds_verdict(figure, bound),
	};

	keep(report, &row, name, note);
}

void report_add_least(struct report *report, const char *name, const char *subject,
		      const char *unit, struct estimate figure, double bound, double floor,
		      const char *note)
{
	struct report_row row = {
		.subject = subject,
		.unit = unit,
		.bound = bound,
		.least = true,
		.floor = floor,
		.figure = figure,
		.verdict = rounds_verdict_least(figure, bound),
	};

	keep(report, &row, name, note);
}

void report_count(struct report *report, const char *name, const char *subject, const char *unit,
		  double figure, double bound, double floor, const char *note)
{
	struct estimate exact = { figure, figure, figure };

	report_add(report, name, subject, unit, exact, bound, floor, note);
}

static void write_number(FILE *out, const char *key, double value)
{
	if (isfinite(value))
		fprintf(out, ", \"%s\": %.6g", key, value);
	else
		fprintf(out, ", \"%s\": null", key);
}

/* Names, units and notes are the benches' own words: none holds a quote or a backslash. */
static void write_row(FILE *out, const struct report_row *row)
{
	fprintf(out, "  {\"case\": \"%s\", \"subject\": \"%s\", \"unit\": \"%s\"", row->name,
		row->subject, row->unit);
	write_number(out, "figure", row->figure.middle);
	write_number(out, "low", row->figure.low);
	write_number(out, "high", row->figure.high);
	write_number(out, "bound", row->bound);
	fprintf(out, ", \"bound_is\": \"%s\"", row->least ? "least" : "most");
	write_number(out, "floor", row->floor);
	fprintf(out, ", \"verdict\": \"%s\", \"note\": \"%s\"}", verdict_name(row->verdict),
		row->note);
}

static void write_head(FILE *out, const struct report *report)
{
	struct utsname system;

	fprintf(out, "{\"schema\": 1, \"bench\": \"%s\", \"rounds\": %u", report->bench,
		report->rounds);
	if (uname(&system) == 0)
		fprintf(out, ", \"kernel\": \"%s %s\", \"machine\": \"%s\"", system.sysname,
			system.release, system.machine);
	fprintf(out, ", \"processors\": %ld, \"rows\": [\n", sysconf(_SC_NPROCESSORS_ONLN));
}

int report_end(const struct report *report)
{
	FILE *out;

	if (!report->json)
		return 0;
	out = fopen(report->json, "w");
	if (!out) {
		fprintf(stderr, "bench %s: cannot write %s: %s\n", report->bench, report->json,
			strerror(errno));
		return 3;
	}
	write_head(out, report);
	for (unsigned int index = 0; index < report->count; index++) {
		write_row(out, &report->rows[index]);
		fputs(index + 1 < report->count ? ",\n" : "\n", out);
	}
	fputs("]}\n", out);
	return fclose(out) ? 3 : 0;
}
