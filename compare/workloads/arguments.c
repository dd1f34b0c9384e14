/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/arguments.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void arguments_begin(struct arguments *arguments)
{
	memset(arguments, 0, sizeof(*arguments));
	arguments_add(arguments, "/proc/self/exe");
}

void arguments_add(struct arguments *arguments, const char *format, ...)
{
	size_t room = sizeof(arguments->text) - arguments->used;
	char *at = arguments->text + arguments->used;
	va_list values;
	int length;

	va_start(values, format);
	length = vsnprintf(at, room, format, values);
	va_end(values);
	/* Every caller's words are bounded: a path that is too long was refused before. */
	assert(length >= 0 && (size_t)length < room);
	assert(arguments->count < PROCESS_ARGUMENTS_MAX - 1);
	arguments->list[arguments->count++] = at;
	arguments->used += (unsigned int)length + 1;
}
