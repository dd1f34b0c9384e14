/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The rows of a bench: printed as they come, kept for the JSON file.
 */
#ifndef DUET_BENCH_REPORT_H
#define DUET_BENCH_REPORT_H

#include <stdbool.h>

#include "rounds.h"

enum { REPORT_ROWS_MAX = 128 };

struct report_row {
	char name[48];		/* the case, as "tcp, 64 ready" */
	const char *subject;	/* polling, completion, floor-epoll ... */
	const char *unit;
	double bound;		/* NAN: none */
	bool least;		/* the bound is a lower one */
	double floor;		/* the floor's own figure, NAN: none */
	struct estimate figure;
	enum verdict verdict;
	char note[96];		/* "" or what a reader must know about this row */
};

struct report {
	const char *bench;
	const char *json;	/* file, or NULL */
	unsigned int rounds;	/* behind each interval; 0: exact counts */
	unsigned int count;
	struct report_row rows[REPORT_ROWS_MAX];
};

/* Reports point into the caller's memory; file names and subjects must outlive them. */
void report_begin(struct report *report, const char *bench, const char *json, unsigned int rounds);

/* Judges, keeps and prints one row. note may be NULL. */
void report_add(struct report *report, const char *name, const char *subject, const char *unit,
		struct estimate figure, double bound, double floor, const char *note);

/* The same with a lower bound: the figure has to be at least that. */
void report_add_least(struct report *report, const char *name, const char *subject,
		      const char *unit, struct estimate figure, double bound, double floor,
		      const char *note);

/* The same for something that was counted, or NAN because it could not be. */
void report_count(struct report *report, const char *name, const char *subject, const char *unit,
		  double figure, double bound, double floor, const char *note);

/* Writes the JSON file. Returns the exit status: 0, or 3 if it could not be written. A bound that
 * is missed is a finding, not a failure. */
int report_end(const struct report *report);

#endif
