/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A slot that is played by a process of our own, which is its own load, and says the slot as JSON. */
#ifndef COMPARE_WORKLOADS_PLAYER_H
#define COMPARE_WORKLOADS_PLAYER_H

#include "compare/workloads/arguments.h"
#include "compare/workloads/workload.h"

struct player_job {
	const struct stage *stage;
	const struct cell *cell;
	const struct arm *arm;
	const char *file; /* the user's own, if there is one: what happened to it is no fault of the arm's */
	int cpu;          /* where it runs: PROCESS_ANYWHERE, if nothing else is said after the beginning */
	struct arguments arguments;
	int answers[2];
};

/* Begins its command line: what every player is told. An exit code; why has been said. */
int player_begin(struct player_job *job, const char *command);

/* Plays it to its end. Exit codes as of struct workload. */
int player_end(struct player_job *job, json_t **slot);

/* Plays what any command line stands for that says its slot as JSON and is its own load: name is whom a
 * complaint is about. Exit codes likewise. */
int player_run(const struct arguments *arguments, const char *name, int patience_ms, json_t **slot);

#endif
