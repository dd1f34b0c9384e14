/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * How this kernel's ring behaves where the library depends on it: what a cancel says and what becomes of
 * its target, at each moment of the target's life. Each case is played on rings of its own, without the
 * library, and set against what was recorded. No version is trusted.
 */
#ifndef COMPARE_SEMANTICS_SEMANTICS_H
#define COMPARE_SEMANTICS_SEMANTICS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { SEMANTICS_CASES_MAX = 128, SEMANTICS_TEXT_MAX = 64 };

/* The kernel of the recording. */
#define SEMANTICS_KERNEL "6.18"

struct semantics_record {
	const char *name;
	const char *outcome;
};

/* Ends with a row without a name. */
extern const struct semantics_record SEMANTICS_RECORDED[];

struct semantics_found {
	char name[SEMANTICS_TEXT_MAX];
	char recorded[SEMANTICS_TEXT_MAX]; /* "" where there is none */
	char outcome[SEMANTICS_TEXT_MAX];
	bool same;
};

struct semantics_result {
	struct semantics_found rows[SEMANTICS_CASES_MAX];
	unsigned int count, differing;
};

/* Plays all cases and sets them against `recorded`. 0, or -errno: no ring can be had. A case that differs
 * is played again, twice and more patiently, before it counts: a busy machine is no other kernel. */
int semantics_play(const struct semantics_record *recorded, struct semantics_result *result);

void semantics_print(const struct semantics_result *result, FILE *out);
json_t *semantics_json(const struct semantics_result *result);

#endif
