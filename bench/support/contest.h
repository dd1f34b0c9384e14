/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Turns of an echo loop with both ends in one thread: a message is written into each of the client
 * ends, the server runs until all are echoed, the replies are read. Only the server's part is timed.
 * All contestants take part in every block of a round, in shuffled order.
 */
#ifndef DUET_BENCH_CONTEST_H
#define DUET_BENCH_CONTEST_H

#include "bench/floors/engine.h"
#include "rounds.h"

enum { CONTEST_READY_MAX = 512, CONTESTANTS_MAX = 8 };

struct contest_family {
	const char *name;
	int (*pair)(int ends[2]);
};

enum { CONTEST_FAMILIES = 2 };

extern const struct contest_family contest_families[CONTEST_FAMILIES];	/* tcp, unix */

/* One engine with its own connections, for one case. */
struct contestant {
	const struct echo_engine *engine;	/* NULL: could not be created */
	void *self;
	int clients[CONTEST_READY_MAX];
	double rounds[ROUNDS_MAX];		/* ns a message */
};

struct contest {
	uint64_t rounds;
	uint64_t block_us;	/* how long a block may take one contestant, roughly */
	uint64_t seed;
	const struct contest_family *family;
	uint32_t ready;		/* connections with a message each */
	unsigned int count;
	struct contestant contestants[CONTESTANTS_MAX];
};

/* Allows as many descriptors as the largest contest needs, pins this thread to one processor, and
 * sees to it that a turn which does not end ends the process after so many seconds. */
void contest_prepare(const char *bench, uint64_t seconds);

/* One case: sets the engines up, plays all rounds, and closes everything but the figures. An engine
 * that cannot be had is named on stderr. Leaves the process with status 3, or with 4 if a byte was
 * wrong, where nothing can go on. */
void contest_play(struct contest *contest, const struct echo_engine *const *engines,
		  unsigned int count);

/* Of the last case: over ÷ under, and the median of the rounds; NAN where one is not there. */
struct estimate contest_ratio(const struct contest *contest, unsigned int over, unsigned int under);
double contest_ns(const struct contest *contest, unsigned int contestant);

#endif
