/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "tests/support/recorded.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char *read_text(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *file = fopen(path, "re");

	ck_assert_msg(file != NULL, "no %s: run it from the root of the tree", path);
	ck_assert_uint_lt(fread(text, 1, (1 << 20) - 1, file), (1 << 20) - 1);
	fclose(file);
	return text;
}

static char *print_recorded(const char *path, const char *columns, recorded_print_fn *print)
{
	json_t *result = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_msg(result != NULL, "no %s: run it from the root of the tree", path);
	setenv("COLUMNS", columns, 1);
	print(result, out);
	fclose(out);
	json_decref(result);
	return text;
}

void recorded_check_page(const char *file, const char *page, recorded_print_fn *print)
{
	char *whole = read_text(page), *table = print_recorded(file, "80", print);

	ck_assert_msg(strstr(whole, table) != NULL, "%s isn't of %s: run scripts/cancel-page", page,
		      file);
	free(whole);
	free(table);
}

void recorded_check_width(const char *file, const char *columns, recorded_print_fn *print)
{
	char *table = print_recorded(file, columns, print);

	for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_msg((long)strlen(line) <= strtol(columns, NULL, 10), "%zu columns: %s",
			      strlen(line), line);
		ck_assert_msg(line[strlen(line) - 1] != ' ', "a blank at the end: %s|", line);
	}
	free(table);
}
