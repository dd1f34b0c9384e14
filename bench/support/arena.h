/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Echo servers under load, side by side: each is a process of its own with a load generator of its
 * own, connected for as long as the arena is open; or a foreign client connects anew each time. A round gives each of them one span, in shuffled
 * order; the others sleep meanwhile. Servers run on one processor and generators on another, if
 * there are two.
 */
#ifndef DUET_BENCH_ARENA_H
#define DUET_BENCH_ARENA_H

#include <stdbool.h>

#include "child.h"
#include "client.h"
#include "load.h"
#include "rounds.h"

enum { ARENA_MAX = 12 };

/* A server: a program that stands beside this one, and its arguments up to a NULL; or a command. */
struct arena_server {
	const char *name;
	const char *program;
	const char *arguments[8];
	bool foreign;	/* it is told its port as its only argument, and prints nothing */
	uint64_t generator_spin_ns;	/* how long its generator looks before it sleeps */
	const char *command;	/* of the shell, with {port} in it; NULL: it is the program */
};

struct arena_fighter {
	const struct arena_server *server;
	struct child child;
	struct load load;
	uint64_t messages;		/* answered in all rounds */
	uint64_t errors;		/* as the client counts them: then no figure counts */
	bool there;			/* false: could not be started, or has fallen out since */
	double cpu_ns[ROUNDS_MAX];	/* of the server, a message */
	double wall_ns[ROUNDS_MAX];	/* a message: the reciprocal of the throughput */
};

struct arena {
	const char *bench;		/* for what goes to stderr */
	struct load_job job;		/* without its port and its messages */
	uint64_t span_ns;
	struct client_job client;	/* without its port: instead of the job, if there is one */
	uint64_t seed;
	unsigned int count;
	struct arena_fighter fighters[ARENA_MAX];
};

/* Starts servers and generators, and lets each warm up. Who cannot be started is named on stderr. */
void arena_open(struct arena *arena, const struct arena_server *servers, unsigned int count);

/* Leaves the process with status 4 if a byte was wrong. */
void arena_round(struct arena *arena, uint64_t round);
void arena_close(struct arena *arena);

/* over ÷ under, of the CPU time a message and of the throughput; NAN where one is not there. */
struct estimate arena_cpu_ratio(const struct arena *arena, unsigned int over, unsigned int under,
				uint64_t rounds);
struct estimate arena_rate_ratio(const struct arena *arena, unsigned int over, unsigned int under,
				 uint64_t rounds);

/* Medians of the rounds: ns a message, and messages a second. */
double arena_cpu_ns(const struct arena *arena, unsigned int fighter, uint64_t rounds);
double arena_rate(const struct arena *arena, unsigned int fighter, uint64_t rounds);

#endif
