/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/internal.h"

/* splitmix64: any seed will do, and a run can be repeated from its seed on every machine. What is
 * drawn has these two forms only, so that whoever wants all runs can choose instead. */

void random_seed(struct random *random, uint64_t seed)
{
	random->state = seed;
}

uint64_t random_next(struct random *random)
{
	uint64_t value = random->state += 0x9e3779b97f4a7c15u;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

uint32_t random_below(struct random *random, uint32_t bound)
{
	if (random->choose)
		return random->choose(bound);
	return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}

bool random_chance(struct random *random, uint32_t per_mille)
{
	if (random->choose)
		return per_mille >= 1000 || (per_mille && random->choose(2));
	return random_below(random, 1000) < per_mille;
}

bool reference_draw(struct reference *world, enum knob knob)
{
	return random_chance(&world->random, world->knobs[knob]);
}
