/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(const char *program, const char *name, const char *value, const char *want)
{
	fprintf(stderr, "%s: %s %s: %s\n", program, name, value ? value : "(nothing)", want);
	exit(2);
}

static const struct bench_option *find(const struct bench_option *options, const char *argument)
{
	if (strncmp(argument, "--", 2) != 0)
		return NULL;
	for (const struct bench_option *option = options; option->name; option++)
		if (strcmp(option->name, argument + 2) == 0)
			return option;
	return NULL;
}

static void take_number(const struct bench_option *option, const char *program, const char *value)
{
	char want[64];
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno || end == value || *end || value[0] == '-' || number > option->number_max) {
		snprintf(want, sizeof(want), "give a whole number from 0 to %llu",
			 (unsigned long long)option->number_max);
		refuse(program, option->name, value, want);
	}
	*option->number = number;
}

static void list(const struct bench_option *options, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "not an option; there are");

	for (const struct bench_option *option = options; option->name && used < size; option++)
		used += (size_t)snprintf(text + used, size - used, " --%s", option->name);
}

void options_parse(const struct bench_option *options, int argc, char **argv)
{
	for (int index = 1; index < argc; index += 2) {
		const struct bench_option *option = find(options, argv[index]);
		char *value = argv[index + 1];
		char text[300];

		if (!option) {
			list(options, text, sizeof(text));
			refuse(argv[0], argv[index], "", text);
		} else if (!value) {
			refuse(argv[0], argv[index], value, "a value has to follow");
		} else if (option->number) {
			take_number(option, argv[0], value);
		} else {
			*option->word = value;
		}
	}
}
