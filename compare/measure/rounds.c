/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/rounds.h"

enum { IN_A_ROW_MAX = 2 };

uint64_t rounds_random(uint64_t *state)
{
	uint64_t word = *state += UINT64_C(0x9e3779b97f4a7c15);

	word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
	return word ^ (word >> 31);
}

unsigned int rounds_shuffle(unsigned int *order, unsigned int arms, uint64_t *state)
{
	unsigned int slots = arms + 1;

	for (unsigned int i = 0; i < arms; i++)
		order[i] = i;
	order[arms] = 0;
	for (unsigned int i = slots - 1; i > 0; i--) {
		unsigned int other = (unsigned int)(rounds_random(state) % (i + 1));
		unsigned int kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
	return slots;
}

bool rounds_again(struct rounds_repeats *repeats, bool disturbed)
{
	bool again = disturbed && repeats->made < repeats->max && repeats->in_a_row < IN_A_ROW_MAX;

	repeats->made += again;
	repeats->in_a_row = again ? repeats->in_a_row + 1 : 0;
	return again;
}
