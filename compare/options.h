/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The options of a command are one table: it is what the command line is read by, and what --help
 * is printed from, so that the two can't disagree. */
#ifndef COMPARE_OPTIONS_H
#define COMPARE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,    /* bool */
	OPTION_TEXT,    /* const char * */
	OPTION_LIST,    /* struct option_list: may be given more than once */
	OPTION_NUMBER,  /* uint32_t */
	OPTION_SIZE,    /* uint32_t bytes; K and M are understood */
	OPTION_SEED,    /* uint64_t */
	OPTION_SECONDS, /* uint64_t nanoseconds; fractions are understood, and a final s */
	OPTION_GONE,    /* a name of old: help is what to type instead */
	OPTION_TOPIC,   /* no option: an operand, and what it stands for; above the options in --help */
};

enum { OPTION_LIST_MAX = 16 };

struct option_list {
	const char *texts[OPTION_LIST_MAX];
	uint32_t count;
};

struct option_row {
	const char *name;
	enum option_kind kind;
	size_t offset;     /* of the value in the command's own struct */
	uint64_t min, max; /* of numbers and sizes; of seconds in nanoseconds */
	const char *argument, *help;
};

struct option_set {
	const char *command;
	const char *operands; /* as "[WORKLOAD...]" */
	const char *summary;
	const struct option_row *rows; /* ends with a row without a name; help is added by itself */
};

enum { OPTIONS_READ = -1 }; /* go on; anything else is the exit code to leave with */

/* Reads argv (argv[0] is the command itself) into values. Options may stand anywhere; *operands is
 * the index of the first operand in argv, which is permuted. */
int options_read(const struct option_set *set, int argc, char **argv, void *values, int *operands);

/* The name of an option whose value is not what it was before the line was read, or NULL: one that
 * was given. Those in except, which ends with NULL, are not looked at. */
const char *options_given(const struct option_set *set, const void *values, const void *before,
			  const char *const *except);

#endif
