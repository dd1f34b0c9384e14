/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The command line of a process that plays a part. */
#ifndef COMPARE_WORKLOADS_ARGUMENTS_H
#define COMPARE_WORKLOADS_ARGUMENTS_H

#include "compare/measure/process.h"

struct arguments {
	char *list[PROCESS_ARGUMENTS_MAX]; /* ends with NULL, for process_start() */
	unsigned int count;
	char text[2048];
	unsigned int used;
};

/* Begins with this program itself. */
void arguments_begin(struct arguments *arguments);
void arguments_add(struct arguments *arguments, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
