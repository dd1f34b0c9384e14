/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_EXPLORE_SEARCH_H
#define REFERENCE_EXPLORE_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/moves.h"
#include "reference/explore/cast.h"

/*
 * Everything that can happen to a cast, by breadth, so that what is found first is shortest: each state
 * is reached again by its sequence, and left by every move that is possible there, with every choice
 * of the backend's. Two moments that differ in nothing that matters are one state and are left once.
 */

enum { SEARCH_SEQUENCE_BYTES = 2048 };

struct search {
	uint64_t states;
	uint64_t edges;     /* from a state to a state, by a move and its choices */
	double sequences;   /* of up to `depth` moves: ways through those edges */
	unsigned depth;     /* moves, turns included */
	bool complete;      /* nothing new was found in the last move: deeper, there is nothing */
	struct core_moves moves; /* made on the way, where the build counts them */
	char violation[200];     /* "": there is none */
	char sequence[SEARCH_SEQUENCE_BYTES]; /* that shows it; what replays it */
};

/* 0; 1: a violation; negative: it could not be run. */
int search_run(const struct cast *cast, unsigned depth, struct search *search);

/* Plays one sequence, as in search.sequence. The same, and -EINVAL: `violation` says what of the text
 * is no possible move. */
int search_replay(const struct cast *cast, const char *text, struct search *search);

#endif
