/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/say.h"

enum { ROWS_MAX = 48, HELP_VALUE = 1000, NARROW = 64 };

static size_t count_rows(const struct option_set *set)
{
	size_t count = 0;

	while (set->rows[count].name)
		count++;
	return count;
}

static void format_size(uint64_t bytes, char *text, size_t size)
{
	if (bytes && !(bytes % (1 << 20)))
		snprintf(text, size, "%" PRIu64 "M", bytes >> 20);
	else if (bytes && !(bytes % 1024))
		snprintf(text, size, "%" PRIu64 "K", bytes >> 10);
	else
		snprintf(text, size, "%" PRIu64, bytes);
}

/* Decimal and as short as it is exact, as it is also read. */
static void format_seconds(uint64_t ns, char *text, size_t size)
{
	int length = snprintf(text, size, "%" PRIu64 ".%09" PRIu64, ns / 1000000000,
			      ns % 1000000000);

	while (text[length - 1] == '0')
		text[--length] = 0;
	if (text[length - 1] == '.')
		text[length - 1] = 0;
}

/* "MIN to MAX". */
static void format_span(const struct option_row *row, char *text, size_t size)
{
	char low[32], high[32];

	format_seconds(row->min, low, sizeof(low));
	format_seconds(row->max, high, sizeof(high));
	snprintf(text, size, "%s to %s", low, high);
}

/* "; MIN to MAX", or "" for what has no bounds that matter. */
static void format_bounds(const struct option_row *row, char *text, size_t size)
{
	char low[24], high[24], span[72];

	*text = 0;
	if (row->kind == OPTION_SECONDS) {
		format_span(row, span, sizeof(span));
		snprintf(text, size, "; %s", span);
	}
	if (row->kind == OPTION_NUMBER && row->max < INT32_MAX)
		snprintf(text, size, "; %" PRIu64 " to %" PRIu64, row->min, row->max);
	if (row->kind != OPTION_SIZE)
		return;
	format_size(row->min, low, sizeof(low));
	format_size(row->max, high, sizeof(high));
	snprintf(text, size, "; %s to %s", low, high);
}

static void print_row(const struct option_row *row)
{
	char left[64], bounds[80], help[256];
	bool narrow = say_columns(stdout) < NARROW;
	int column;

	snprintf(left, sizeof(left), "--%s%s%s", row->name, *row->argument ? " " : "",
		 row->argument);
	format_bounds(row, bounds, sizeof(bounds));
	snprintf(help, sizeof(help), "%s%s", row->help, bounds);
	column = narrow ? printf("  %s\n%6s", left, "") - (int)strlen(left) - 3
			: printf("  %-24s ", left);
	say_wrapped(stdout, help, column, narrow ? 6 : 27);
}

static void print_topics(const struct option_row *row)
{
	bool any = false;

	for (; row->name; row++) {
		if (row->kind == OPTION_TOPIC)
			say_wrapped(stdout, row->help, printf("  %-10s  ", row->name), 14);
		any |= row->kind == OPTION_TOPIC;
	}
	if (any)
		putchar('\n');
}

static bool is_option(const struct option_row *row)
{
	return row->kind != OPTION_GONE && row->kind != OPTION_TOPIC;
}

static void print_help(const struct option_set *set)
{
	char usage[128];

	snprintf(usage, sizeof(usage), "usage: duet %s [OPTION...] %s", set->command, set->operands);
	say_wrapped(stdout, usage, 0, 2);
	say_wrapped(stdout, set->summary, 0, 0);
	putchar('\n');
	print_topics(set->rows);
	for (const struct option_row *row = set->rows; row->name; row++) {
		if (is_option(row))
			print_row(row);
	}
	printf("  %-24s %s\n", "--help", "this");
}

static int read_number(const char *text, const char *units, uint64_t *value)
{
	char *end;
	unsigned long long number;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	for (const char *unit = units; *end && *unit; unit++) {
		if (*end == *unit || *end == *unit - 'A' + 'a') {
			if (number > UINT64_MAX >> 10 * (unit - units + 1))
				return -ERANGE;
			number <<= 10 * (unit - units + 1);
			end++;
			break;
		}
	}
	*value = number;
	return *end ? -EINVAL : 0;
}

static int read_seconds(const char *text, uint64_t *value_ns)
{
	char *end;
	double seconds;

	if (!strchr("0123456789.", *text) || strpbrk(text, "xX"))
		return -EINVAL;
	seconds = strtod(text, &end);
	if (*end == 's')
		end++;
	if (*end || !isfinite(seconds) || seconds > 1e9)
		return -EINVAL;
	*value_ns = (uint64_t)(seconds * 1e9 + 0.5);
	return 0;
}

static int refuse(const struct option_set *set, const struct option_row *row, const char *text)
{
	char span[72];

	format_span(row, span, sizeof(span));
	if (row->kind == OPTION_SECONDS)
		return say_failure(SAY_USAGE, "%s: --%s %s: give seconds from %s", set->command,
				   row->name, text, span);
	return say_failure(SAY_USAGE, "%s: --%s %s: give a number from %" PRIu64 " to %" PRIu64,
			   set->command, row->name, text, row->min, row->max);
}

static int store_number(const struct option_set *set, const struct option_row *row,
			const char *text, void *at)
{
	uint64_t value;
	int status;

	if (row->kind == OPTION_SECONDS)
		status = read_seconds(text, &value);
	else
		status = read_number(text, row->kind == OPTION_SIZE ? "KM" : "", &value);
	if (status || value < row->min || value > row->max)
		return refuse(set, row, text);
	if (row->kind == OPTION_NUMBER || row->kind == OPTION_SIZE)
		*(uint32_t *)at = (uint32_t)value;
	else
		*(uint64_t *)at = value;
	return OPTIONS_READ;
}

static int add_text(const struct option_set *set, const struct option_row *row, const char *text,
		    struct option_list *list)
{
	if (list->count == OPTION_LIST_MAX)
		return say_failure(SAY_USAGE, "%s: --%s at most %d times", set->command, row->name,
				   OPTION_LIST_MAX);
	list->texts[list->count++] = text;
	return OPTIONS_READ;
}

static int store(const struct option_set *set, const struct option_row *row, const char *text,
		 void *values)
{
	void *at = (char *)values + row->offset;

	switch (row->kind) {
	case OPTION_GONE:
		return say_failure(SAY_USAGE, "%s: there is no --%s any more; write %s",
				   set->command, row->name, row->help);
	case OPTION_FLAG:
		*(bool *)at = true;
		return OPTIONS_READ;
	case OPTION_TEXT:
	case OPTION_LIST:
		if (!*text)
			return say_failure(SAY_USAGE, "%s: --%s needs a value; see duet %s --help",
					   set->command, row->name, set->command);
		if (row->kind == OPTION_LIST)
			return add_text(set, row, text, at);
		*(const char **)at = text;
		return OPTIONS_READ;
	default:
		return store_number(set, row, text, at);
	}
}

/* Numbered by their rows; topics are none. Returns how many. */
static size_t name_options(const struct option_set *set, struct option *known)
{
	size_t rows = count_rows(set), count = 0;

	for (size_t i = 0; i < rows && count < ROWS_MAX; i++) {
		bool bare = set->rows[i].kind == OPTION_FLAG || set->rows[i].kind == OPTION_GONE;

		if (set->rows[i].kind != OPTION_TOPIC)
			known[count++] = (struct option){ set->rows[i].name, !bare, NULL, (int)i };
	}
	return count;
}

static int complain(const struct option_set *set, int code, char **argv)
{
	if (code == ':')
		return say_failure(SAY_USAGE, "%s: %s needs a value; see duet %s --help",
				   set->command, argv[optind - 1], set->command);
	return say_failure(SAY_USAGE, "%s: no such option as %s; see duet %s --help", set->command,
			   argv[optind - 1], set->command);
}

int options_read(const struct option_set *set, int argc, char **argv, void *values, int *operands)
{
	struct option known[ROWS_MAX + 2] = {0};
	int code, status = OPTIONS_READ;

	known[name_options(set, known)] = (struct option){ "help", 0, NULL, HELP_VALUE };
	opterr = 0;
	optind = 0; /* glibc: begin anew, also in a second call */
	while (status == OPTIONS_READ && (code = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
		if (code == HELP_VALUE || code == 'h') {
			print_help(set);
			return SAY_OK;
		}
		if (code == ':' || code == '?')
			return complain(set, code, argv);
		status = store(set, &set->rows[code], optarg, values);
	}
	*operands = optind;
	return status;
}

static size_t size_of(enum option_kind kind)
{
	static const size_t SIZES[] = {
		[OPTION_FLAG] = sizeof(bool),	     [OPTION_TEXT] = sizeof(const char *),
		[OPTION_LIST] = sizeof(struct option_list), [OPTION_NUMBER] = sizeof(uint32_t),
		[OPTION_SIZE] = sizeof(uint32_t),    [OPTION_SEED] = sizeof(uint64_t),
		[OPTION_SECONDS] = sizeof(uint64_t), [OPTION_GONE] = 0,
		[OPTION_TOPIC] = 0,
	};

	return SIZES[kind];
}

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++) {
		if (!strcmp(name, *names))
			return true;
	}
	return false;
}

const char *options_given(const struct option_set *set, const void *values, const void *before,
			  const char *const *except)
{
	for (const struct option_row *row = set->rows; row->name; row++) {
		if (!is_among(row->name, except) &&
		    memcmp((const char *)values + row->offset, (const char *)before + row->offset,
			   size_of(row->kind)) != 0)
			return row->name;
	}
	return NULL;
}
