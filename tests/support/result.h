/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Results of duet compare with known answers, without measuring anything. */
#ifndef TESTS_SUPPORT_RESULT_H
#define TESTS_SUPPORT_RESULT_H

#include <jansson.h>

struct result_shape {
	int rounds, connections;
	const char *arms[2];
	double cpu_ns[2]; /* an operation; the other times follow from it */
	double step;      /* the logarithm of what one rank of a round differs from the next by */
	json_int_t wait_ns; /* of every slot: enough of it makes all rounds disturbed */
	const char *kernel;
};

/* 15 rounds of echo on 64 connections, completion 2000 ns and polling 4000 ns, quiet. */
void result_shape_init(struct result_shape *shape);

/* One concluded cell, and a whole result around one (the cell is taken over). The caller's. */
json_t *result_cell(const struct result_shape *shape);
json_t *result_around(const struct result_shape *shape, json_t *cell);
json_t *result_make(const struct result_shape *shape);

/* Writes it for duet show and its like. */
void result_write(const json_t *json, const char *path);

#endif
