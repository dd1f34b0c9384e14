/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_EXPLORE_CHOICES_H
#define REFERENCE_EXPLORE_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the reference backend would have drawn in one move: each draw is a choice of one in so many.
 * All runs of a move are had by making it again and again, first with no choice given (then each is
 * 0), then with choices_next().
 */

enum { CHOICES_MAX = 64 };

struct choices {
	uint8_t count; /* of those given, or made */
	uint8_t made[CHOICES_MAX];
};

/* How what isn't given is chosen. */
enum choosing { CHOOSING_FIRST, CHOOSING_LAST, CHOOSING_IN_TURN };

/* Before a move: what is given. Then choices_choose() is what the random source asks. */
void choices_begin(const struct choices *given, enum choosing choosing);
uint32_t choices_choose(uint32_t bound);
/* After the move: what was chosen, of things that can go more than one way. False: more than fit. */
bool choices_taken(struct choices *taken);
/* The next to be given, after the last move; false: there is no other run of it. */
bool choices_next(struct choices *given);

#endif
