/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/explore/states.h"

#include <stdlib.h>
#include <string.h>

struct edge {
	uint32_t from;
	uint32_t to;
};

static struct state *states;
static uint32_t count, room;
static uint32_t *index_of; /* by digest, number + 1; a power of two, twice `room` */
static unsigned char *store;
static size_t stored, store_room;
static struct edge *edges;
static size_t edge_count, edge_room;

void states_clear(void)
{
	free(states);
	free(index_of);
	free(store);
	free(edges);
	states = NULL;
	index_of = NULL;
	store = NULL;
	edges = NULL;
	count = room = 0;
	stored = store_room = edge_count = edge_room = 0;
}

uint32_t states_count(void)
{
	return count;
}

const struct state *states_at(uint32_t number)
{
	return &states[number];
}

static uint32_t *place_of(uint64_t digest)
{
	uint32_t mask = room * 2 - 1;
	uint32_t at = (uint32_t)digest & mask;

	while (index_of[at] && states[index_of[at] - 1].digest != digest)
		at = (at + 1) & mask;
	return &index_of[at];
}

static bool grow(void)
{
	uint32_t larger = room ? room * 2 : 1024;
	struct state *moved = realloc(states, larger * sizeof(*states));

	if (!moved)
		return false;
	states = moved;
	free(index_of);
	index_of = calloc((size_t)larger * 2, sizeof(*index_of));
	if (!index_of)
		return false;
	room = larger;
	for (uint32_t i = 0; i < count; i++)
		*place_of(states[i].digest) = i + 1;
	return true;
}

static bool keep_choices(const struct choices *choices)
{
	if (stored + choices->count > store_room) {
		size_t larger = (store_room + CHOICES_MAX) * 2;
		unsigned char *moved = realloc(store, larger);

		if (!moved)
			return false;
		store = moved;
		store_room = larger;
	}
	if (choices->count)
		memcpy(store + stored, choices->made, choices->count);
	stored += choices->count;
	return true;
}

uint32_t states_add(uint64_t digest, uint32_t from, struct move move,
		    const struct choices *choices, bool *found)
{
	uint32_t *place;

	*found = false;
	if (count == room && !grow())
		return STATES_FULL;
	place = place_of(digest);
	if (*place)
		return *place - 1;
	states[count] = (struct state){ .digest = digest,
		.from = from,
		.choices = (uint32_t)stored,
		.move = move,
		.choice_count = choices->count,
		.depth = count ? (uint8_t)(states[from].depth + 1) : 0 };
	if (!keep_choices(choices))
		return STATES_FULL;
	*found = true;
	*place = ++count;
	return count - 1;
}

void states_choices(const struct state *state, struct choices *choices)
{
	choices->count = state->choice_count;
	if (choices->count)
		memcpy(choices->made, store + state->choices, choices->count);
}

bool states_link(uint32_t from, uint32_t to)
{
	if (edge_count == edge_room) {
		size_t larger = edge_room ? edge_room * 2 : 4096;
		struct edge *moved = realloc(edges, larger * sizeof(*edges));

		if (!moved)
			return false;
		edges = moved;
		edge_room = larger;
	}
	edges[edge_count++] = (struct edge){ from, to };
	return true;
}

uint64_t states_edges(void)
{
	return edge_count;
}

/* One round a move: the ways to each state, from those to the states before it. */
double states_sequences(unsigned depth)
{
	double *ways = calloc(count, sizeof(*ways)), *next = calloc(count, sizeof(*next)), sum = 0;

	if (ways && next && count)
		ways[0] = 1;
	for (unsigned moves = 0; ways && next && moves < depth; moves++) {
		double *spent = ways;

		memset(next, 0, count * sizeof(*next));
		for (size_t i = 0; i < edge_count; i++)
			next[edges[i].to] += ways[edges[i].from];
		for (uint32_t i = 0; i < count; i++)
			sum += next[i];
		ways = next;
		next = spent;
	}
	free(ways);
	free(next);
	return sum;
}
