/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where a result goes: as a table to the standard output, and as JSON into a file, or there in its
 * place. */
#ifndef COMPARE_OUTLET_H
#define COMPARE_OUTLET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "compare/options.h"

struct outlet {
	const char *json; /* a file, or "-"; NULL: none is wanted */
	bool quiet;
};

/* The options that fill one, a member of a command's own struct. */
#define OUTLET_ROWS(type, member)                                                                  \
	{ "json", OPTION_TEXT, offsetof(type, member.json), 0, 0, "FILE",                          \
	  "all of it, for programs; - is stdout" },                                                \
	{ "quiet", OPTION_FLAG, offsetof(type, member.quiet), 0, 0, "", "no table" }

bool outlet_has_table(const struct outlet *outlet);

/* There is a file to be written, and not the standard output. */
bool outlet_has_file(const struct outlet *outlet);

/* Before anything is measured: whether it can be written. An exit code; why has been said. From here on
 * whoever leaves the table half read still gets the file. */
int outlet_open(const struct outlet *outlet, const char *command);

/* The JSON. What can't be written isn't lost: print() puts it on the standard output, if no table went
 * there before. An exit code; why has been said. */
int outlet_write(const struct outlet *outlet, const json_t *result,
		 void (*print)(const json_t *result, FILE *out));

/* The table, and then the JSON. */
int outlet_deliver(const struct outlet *outlet, const json_t *result,
		   void (*print)(const json_t *result, FILE *out));

/* Ctrl-C is no failure if something was measured: it is kept, and marked as incomplete. An exit code. */
int outlet_interrupted(const struct outlet *outlet, bool measured);

#endif
