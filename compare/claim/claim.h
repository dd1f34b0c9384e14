/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * A claim that duet compare puts to the test, with one table and a verdict in words: groups of arms, each
 * of which is set against another of its group. A round plays all arms of a group, and the first
 * once more, in shuffled order, each in a fresh process; what is said is said of the ratios within
 * the rounds.
 */
#ifndef COMPARE_CLAIM_CLAIM_H
#define COMPARE_CLAIM_CLAIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "compare/laboratory/mechanism.h"
#include "compare/workloads/arguments.h"

enum {
	CLAIM_ARMS_MAX = 18,
	CLAIM_GROUPS_MAX = 24,
	CLAIM_FIGURES_MAX = 12,
	CLAIM_ROUNDS_MAX = 99,
	CLAIM_NAME_MAX = 48,
};

struct claim_arm {
	char name[CLAIM_NAME_MAX];
	unsigned int against;  /* index of the arm that it is set against; the first: its own */
	const char *mechanism; /* its own, or NULL: the group's */
};

struct claim_group {
	char name[CLAIM_NAME_MAX];
	const char *mechanism; /* NULL: its arms have one each */
	uint32_t size;         /* what the claim varies, as its player is told */
	struct claim_arm arms[CLAIM_ARMS_MAX];
	unsigned int count;
};

struct claim_plan {
	struct claim_group groups[CLAIM_GROUPS_MAX];
	unsigned int count;
	bool quick;
};

/* What a player is told. Of a play in a fresh process, and in tests. */
struct claim_play {
	const char *arm;
	struct mechanism mechanism;
	uint32_t size;
	uint64_t seed;
	bool quick;
};

struct claim {
	const char *name;    /* duet compare NAME */
	const char *kind;    /* of the JSON */
	const char *summary; /* for --help */
	/* What is varied, as a key of the JSON, and where the table names it. */
	const char *varies;
	/* A play takes as many descriptors as its size says. */
	bool takes_descriptors;
	/* The figures of a play, by their keys; the first two, CPU and latency, are compared.
	 * Ends with NULL. */
	const char *figures[CLAIM_FIGURES_MAX + 1];
	/* The arms by their names, and what each does. Ends with a NULL. */
	const char *const (*legend)[2];
	/* Fills in the groups; mechanisms that are refused are not among these. */
	void (*plan)(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count);
	/* Figures in the order of their keys; what doesn't apply is NAN. 0, a negative errno, or
	 * -EBADMSG: what came was not what was sent. */
	int (*play)(const struct claim_play *play, double *figures);
	/* Sets "findings", sentences, from the groups of a result. */
	void (*conclude)(json_t *result);
	void (*print)(const json_t *result, FILE *out);
};

extern const struct claim CLAIM_TRY_FIRST, CLAIM_STATELESS, CLAIM_PARITY;
extern const struct claim CLAIM_MODELS, CLAIM_BESIDE;
extern const struct claim CLAIM_BLOCKING, CLAIM_HOT, CLAIM_SCHEDULING, CLAIM_PATHS, CLAIM_IDLE,
	CLAIM_REGIMES;

/* NULL: none of this name. */
const struct claim *claim_find(const char *name);

/* duet compare CLAIM: argv[1] is its name. An exit code. */
int claim_command(const struct claim *claim, int argc, char **argv);

/* One play, for our own use. */
int play_claim_command(int argc, char **argv);

/* To a group: mechanism as in struct claim_arm. */
void claim_add_arm(struct claim_group *group, const char *name, const char *mechanism,
		   unsigned int against);

/* ---- Of a result. ---- */

/* The claim that this is a result of, or NULL. */
const struct claim *claim_of(const json_t *result);

/* NULL, or what is wrong with one. */
const char *claim_problem(const json_t *result);

/* Whether one that was read from path is whole. An exit code; why has been said. */
int claim_judge(const char *path, json_t *result);

/* Of a group: the arm, or NULL. */
const json_t *claim_arm_of(const json_t *group, const char *name);

/* Of an arm: a median of its rounds; NAN where it has none. */
double claim_figure(const json_t *arm, const char *key);

void claim_add_finding(json_t *result, const char *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Of an arm's "cpu" or "latency": -1 where it is shown to be lower than what it is set against,
 * 1 where higher, 0 where nothing was shown. */
int claim_shown(const json_t *ratio);

/* "0.93", "~" where no difference was shown, "-" where nothing can be said. */
void claim_format_ratio(const json_t *ratio, char *text, size_t size);

/* "0.93 [0.90, 0.95]", or the verdict's words, for findings. */
void claim_format_interval(const json_t *ratio, char *text, size_t size);

/* What stands above and below every table. */
void claim_print_head(const struct claim *claim, const json_t *result, FILE *out);
void claim_print_end(const json_t *result, FILE *out);

#endif
