/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/explore/choices.h"

static struct choices current;
static uint8_t bounds[CHOICES_MAX];
static uint32_t asked; /* also of those that don't fit */
static enum choosing otherwise;

void choices_begin(const struct choices *given, enum choosing choosing)
{
	current = *given;
	asked = 0;
	otherwise = choosing;
}

static uint32_t choose_otherwise(uint32_t bound)
{
	switch (otherwise) {
	case CHOOSING_LAST:
		return bound - 1;
	case CHOOSING_IN_TURN:
		return asked % bound;
	default:
		return 0;
	}
}

uint32_t choices_choose(uint32_t bound)
{
	uint32_t chosen;

	if (bound < 2)
		return 0;
	chosen = asked < current.count ? current.made[asked] : choose_otherwise(bound);
	if (chosen >= bound)
		chosen = bound - 1;
	if (asked < CHOICES_MAX) {
		current.made[asked] = (uint8_t)chosen;
		bounds[asked] = (uint8_t)bound;
	}
	asked++;
	return chosen;
}

bool choices_taken(struct choices *taken)
{
	*taken = current;
	taken->count = (uint8_t)(asked < CHOICES_MAX ? asked : CHOICES_MAX);
	return asked <= CHOICES_MAX;
}

bool choices_next(struct choices *given)
{
	if (!choices_taken(given))
		return false;
	while (given->count) {
		uint8_t *last = &given->made[given->count - 1];

		if (++*last < bounds[given->count - 1])
			return true;
		given->count--;
	}
	return false;
}
