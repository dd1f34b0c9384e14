/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The whole table as JSON: what the text is rendered from. docs/cancel-schema.md names the keys. */
#ifndef COMPARE_LABORATORY_MATRIX_H
#define COMPARE_LABORATORY_MATRIX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mechanism;

struct matrix_plan {
	struct mechanism *mechanisms; /* those that are refused are taken out */
	size_t mechanisms_count;
	char **kinds;                 /* known ones; none stands for all */
	size_t kinds_count;
	uint32_t runs;
	uint64_t seed;
	int argc;                     /* as it was called, for the line that repeats it */
	char **argv;
	volatile int *interrupted;    /* ends it between two cells, unless it is NULL */
};

#define MATRIX_KIND "cancel op"

/* Probes and runs. */
json_t *matrix_run(struct matrix_plan *plan);

/* The cell of the coordinates, or NULL; borrowed. */
json_t *matrix_cell(const json_t *matrix, const char *kind, const char *phase,
		    const char *mechanism);

/* NULL, or why this is no table of duet cancel op. */
const char *matrix_problem(const json_t *matrix);

/* Any stored result: problem_of says what is wrong with it. As matrix_read(). */
int matrix_load(const char *path, const char *command, const char *(*problem_of)(const json_t *),
		json_t **matrix);

/* A stored one. An exit code; *matrix is the caller's. What went wrong has been said by command. */
int matrix_read(const char *path, const char *command, json_t **matrix);

#endif
