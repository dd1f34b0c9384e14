/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_EXPLORE_STATES_H
#define REFERENCE_EXPLORE_STATES_H

#include "reference/explore/choices.h"
#include "reference/explore/scene.h"

/* The states that were found, in the order in which they were, each with the one move that led there
 * first; and the edges between them. */

struct state {
	uint64_t digest;
	uint32_t from;    /* the state before; its own number: the beginning */
	uint32_t choices; /* of the move, where they stand in the store */
	struct move move;
	uint8_t choice_count;
	uint8_t depth;
};

#define STATES_FULL UINT32_MAX

void states_clear(void);
uint32_t states_count(void);
const struct state *states_at(uint32_t number);
/* The number of the state; *found if it is new. STATES_FULL: no memory. */
uint32_t states_add(uint64_t digest, uint32_t from, struct move move,
		    const struct choices *choices, bool *found);
void states_choices(const struct state *state, struct choices *choices);

/* False: no memory. */
bool states_link(uint32_t from, uint32_t to);
uint64_t states_edges(void);
/* In how many ways the edges can be gone, with one to `depth` moves. */
double states_sequences(unsigned depth);

#endif
