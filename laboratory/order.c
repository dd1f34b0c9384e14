/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "laboratory/internal.h"

/*
 * Orders of completion, where the backend lets itself be told: each choice that it asks for, from the
 * point on, is one of a sequence that is given, to its depth; what follows is the first of each.
 */

/* What was put there to be told of first is no choice. */
static bool find_probe(const struct duet_lab *lab, struct duet_op *const *ready, uint32_t count,
		       uint32_t *place)
{
	for (*place = 0; *place < count; ++*place)
		if (ready[*place] == &lab->probe && lab->fed)
			return true;
	return false;
}

static uint32_t choose(void *context, struct duet_op *const *ready, uint32_t count, uint32_t bound)
{
	struct duet_lab *lab = context;
	struct order *order = &lab->seen->order;
	uint32_t chosen;

	if (find_probe(lab, ready, count, &chosen))
		return chosen;
	if (!lab->at_point || order->asked == order->depth)
		return 0;
	chosen = order->asked < order->given ? order->choices[order->asked] : 0;
	/* A given sequence is another run's, which was like this one so far: or it was mistyped. */
	if (chosen >= bound)
		chosen = bound - 1;
	order->choices[order->asked] = (uint8_t)chosen;
	order->bounds[order->asked++] = (uint8_t)(bound < LAB_CHOICES ? bound : LAB_CHOICES);
	return chosen;
}

void lab_order_begin(struct duet_lab *lab)
{
	lab->seen->order.asked = 0;
	lab->at_point = !lab->place.point;
	if (lab->world->ask)
		lab->world->ask(lab->loop, choose, lab);
}

/* The last choice that can be another one is; those behind it are no longer given. */
bool lab_order_next(struct order *order)
{
	for (order->given = order->asked; order->given > 0; order->given--) {
		uint8_t *last = &order->choices[order->given - 1];

		if (++*last < order->bounds[order->given - 1])
			return true;
	}
	return false;
}

static const char digits[LAB_CHOICES + 1] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* Without the choices at its end that anybody would have made. */
void lab_order_write(const struct order *order, uint32_t length,
		     char text[DUET_LAB_ORDERS_DEPTH_MAX + 1])
{
	while (length && !order->choices[length - 1])
		length--;
	for (uint32_t i = 0; i < length; i++)
		text[i] = digits[order->choices[i]];
	text[length] = 0;
}

int lab_order_read(struct order *order, const char *text)
{
	*order = (struct order){0};
	for (; text && *text; text++) {
		const char *digit = strchr(digits, *text);

		if (!digit || order->given == DUET_LAB_ORDERS_DEPTH_MAX)
			return -EINVAL;
		order->choices[order->given++] = (uint8_t)(digit - digits);
	}
	order->depth = order->given;
	return 0;
}
