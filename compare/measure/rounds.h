/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The order of play. A round plays every arm once and the first one once more, in shuffled order:
 * the second time is the noise floor of the run, and shuffling keeps drift and slot effects from
 * favouring an arm. */
#ifndef COMPARE_MEASURE_ROUNDS_H
#define COMPARE_MEASURE_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

enum { ROUNDS_ARMS_MAX = 32, ROUNDS_SLOTS_MAX = ROUNDS_ARMS_MAX + 1 };

/* splitmix64: one word of state, the same on every machine. */
uint64_t rounds_random(uint64_t *state);

/* Fills order[0 .. arms] with the indices of the arms in the order of this round; arm 0 stands in it
 * twice. Returns the number of slots, arms + 1. */
unsigned int rounds_shuffle(unsigned int *order, unsigned int arms, uint64_t *state);

/* A disturbed round is played again, and whole, never one side of it: as often as max in all, and twice in
 * a row. A neighbour that stays would use up all repeats for one round, or be waited for without end. */
struct rounds_repeats {
	unsigned int max, made, in_a_row;
};

/* Whether this one is. */
bool rounds_again(struct rounds_repeats *repeats, bool disturbed);

#endif
