/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "reference/internal.h"

/*
 * Beginnings. In this world there is no entry to fill and nothing to arm: every kind begins by
 * going into the bag, from which wait() draws. Only an end inside start needs a look at the kind.
 */

void bag_add(struct reference *world, struct duet_op *op)
{
	world->bag[world->bag_count++] = op;
	op->backend = world->bag_count;
}

void bag_remove(struct reference *world, struct duet_op *op)
{
	struct duet_op *last = world->bag[--world->bag_count];

	world->bag[op->backend - 1] = last;
	last->backend = op->backend;
	op->backend = 0;
}

static bool ends_always_inline(const struct duet_op *op)
{
	return op->kind == DUET_SOCKET || op->kind == DUET_BIND || op->kind == DUET_LISTEN;
}

/* Items need a report, and so does every pooled receive: only a report hands over its buffer. */
static int start_inline(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	if (op->flags & (DUET_MULTISHOT | DUET_POOLED))
		return -EAGAIN;
	if (!ends_always_inline(op) && reference_draw(world, KNOB_SHORT))
		return -EAGAIN;
	return finish_attempt(loop, op);
}

int reference_start(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	world->idle = false;
	op->progress = (uint32_t)-fault_draw(world, op) << PROGRESS_ERROR_SHIFT;
	if (op->kind == DUET_READ || op->kind == DUET_WRITE)
		op->there_bytes = 0;
	op->backend = 0;
	if (op->flags & DUET_INLINE) {
		int result = start_inline(loop, op);

		if (result != -EAGAIN) {
			op->result = result == WORLD_IN_VAIN ? -EAGAIN : result;
			core_took(loop, op, CORE_INLINE);
			return BACKEND_ENDED;
		}
	}
	bag_add(world, op);
	core_took(loop, op, CORE_ISSUED);
	return BACKEND_ISSUED;
}
