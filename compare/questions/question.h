/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A question: a cell whose arms belong together, and whose answer is more than each of them against the
 * first. What it concludes stands in the JSON of the cell, and what is printed comes from there. */
#ifndef COMPARE_QUESTIONS_QUESTION_H
#define COMPARE_QUESTIONS_QUESTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "compare/measure/effect.h"

struct cell;

/* Beyond this two figures are no more "virtually identical", if nothing else is said. */
enum { QUESTION_WITHIN_PERCENT = 5 };

struct question {
	const char *name;
	const char *title; /* before that of the cell, or NULL */
	json_t *(*answer)(const json_t *cell);
	void (*print)(const json_t *cell, FILE *out);
};

extern const struct question QUESTION_CELLS, QUESTION_INFORMED;

/* NULL: none of this name. */
const struct question *question_find(const char *name);

/* The question of a stored cell, or NULL. */
const struct question *question_of(const json_t *cell);

/* What is stored of it beside the rounds: "question"; and read from there again. */
json_t *question_json(const struct cell *cell);
int question_read(const json_t *cell, struct cell *to); /* 0 or -EINVAL */

/* Sets "answer" of a cell that conclude_cell() has concluded, if it is a question. */
void question_conclude(json_t *cell);

/* The bound, as a share: 0.05. */
double question_within(const json_t *cell);

/* ---- For questions. ---- */

/* One effect on one metric as JSON: what docs/result-schema.md has under "effects". */
json_t *question_effect(const json_t *cell, const char *metric, const char *key, const char *title,
			const struct effect_shape *shape);

/* Of those, the one with the key, or NULL. */
const json_t *question_row(const json_t *effects, const char *key);

/* "1.012 [1.001, 1.030]"; "-" where there is no interval. */
void question_ratio_text(const json_t *effect, char *text, size_t size);

/* "3.5 %", of the floor of an effect; "-" where it has none. */
void question_floor_text(const json_t *effect, char *text, size_t size);

#endif
