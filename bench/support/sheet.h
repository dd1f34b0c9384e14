/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Servers beside the twins: a table of 80 columns, what may be said of it, and the same for programs.
 * Every figure of a row stands in it whole or not at all: a client's error voids it.
 */
#ifndef DUET_BENCH_SHEET_H
#define DUET_BENCH_SHEET_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

enum { SHEET_TWINS = 2 };

struct sheet_row {
	const char *name;
	const char *command;
	uint64_t messages;
	uint64_t errors;
	bool there;
	bool again;		/* a second copy of a twin: the error of the method */
	double cpu_ns;		/* a message: user and system */
	double instructions;	/* a message, in user space; NAN: not counted */
	double calls;		/* a message; NAN: not counted */
	struct estimate ratios[SHEET_TWINS];	/* the twin's CPU ÷ its own */
};

struct sheet {
	const char *title;
	unsigned int rounds;
	bool judged;		/* each twin has to be at or ahead of every server */
	unsigned int count;
	struct sheet_row rows[ARENA_MAX];	/* the twins first */
};

bool sheet_void(const struct sheet_row *row);
void sheet_print(const struct sheet *sheet);

/* 0, or -errno where the file can't be written. */
int sheet_write(const struct sheet *sheet, const char *path);

#endif
