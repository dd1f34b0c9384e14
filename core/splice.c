/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/splice.h"

#include <errno.h>

#include "core/backend.h"
#include "core/queue.h"

/* The one kind with two handles: what it is to do, and where it stands meanwhile. */

void duet_splice_init(struct duet_splice *splice, duet_handle from, duet_handle to)
{
	*splice = (struct duet_splice){.from = from,
				       .to = to,
				       .from_offset_bytes = DUET_SPLICE_ONWARD,
				       .to_offset_bytes = DUET_SPLICE_ONWARD};
}

void duet_op_splice(struct duet_op *op, struct duet_splice *splice, size_t length_bytes,
		    unsigned flags)
{
	if (!core_prepare(op, DUET_SPLICE, splice ? splice->to : DUET_HANDLE_NONE))
		return;
	/* What doesn't fit is no flag, and no length, that we know. */
	op->flags = flags >= FLAG_STAND_IN ? UINT16_MAX : (uint16_t)flags;
	op->args.io.splice = splice;
	op->args.io.vector_count = 0;
	op->args.io.length_bytes = length_bytes <= DUET_TRANSFER_MAX ? (uint32_t)length_bytes : 0;
}

/* ---- Whether it can be. ---- */

int core_splice_check(const struct duet_op *op)
{
	return op->flags & ~(DUET_WHOLE | DUET_INLINE) || !op->args.io.length_bytes ? -EINVAL : 0;
}

static bool may_begin_at(const struct duet_slot *slot, uint64_t offset_bytes)
{
	return offset_bytes == DUET_SPLICE_ONWARD ||
	       (slot->slot_class == CLASS_FILE && offset_bytes <= INT64_MAX);
}

static bool may_be_pipe(const struct duet_slot *slot)
{
	return slot->slot_class == CLASS_OTHER && slot->source == SOURCE_NONE;
}

/* A stream of some kind. */
static bool may_be_spliced(const struct duet_slot *slot)
{
	return slot->slot_class != CLASS_DATAGRAM && slot->slot_class != CLASS_LISTENER;
}

int core_splice_refusal(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_splice *splice = op->args.io.splice;
	const struct duet_slot *from, *to;

	if (!splice)
		return -EINVAL;
	/* It stands for another, in a line. */
	if (splice->place.loop)
		return -EBUSY;
	from = duet_core_slot_of(loop, splice->from);
	to = duet_core_slot_of(loop, splice->to);
	if (!from || from->slot_state >= SLOT_CLOSING || !to)
		return -EBADF;
	if (from == to || !may_be_spliced(from) || !may_be_spliced(to) ||
	    (!may_be_pipe(from) && !may_be_pipe(to)))
		return -EINVAL;
	return may_begin_at(from, splice->from_offset_bytes) &&
			       may_begin_at(to, splice->to_offset_bytes)
		       ? 0
		       : -EINVAL;
}

/* ---- Its place in the line of the input. ---- */

bool core_splice_stand(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_op **line = &core_splice_input(loop, op)->reads;
	struct duet_op *place = &op->args.io.splice->place;
	bool behind = *line;

	duet_op_init(place, NULL, op);
	place->kind = DUET_SPLICE;
	place->flags = FLAG_STAND_IN;
	place->handle = op->args.io.splice->from;
	place->loop = loop;
	core_ring_append(line, place);
	return behind;
}

bool core_splice_leave(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_op **line = &core_splice_input(loop, op)->reads;
	struct duet_op *place = &op->args.io.splice->place;
	bool first = *line == place;

	core_ring_remove(line, place);
	place->loop = NULL;
	return first;
}

bool core_splice_has_turn(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_slot *to = duet_core_op_slot(loop, op);
	const struct duet_slot *from = core_splice_input(loop, op);

	return to->writes == op && from->reads == &op->args.io.splice->place &&
	       to->slot_state < SLOT_CLOSING && from->slot_state < SLOT_CLOSING && !op->request;
}

static void move_on(uint64_t *offset_bytes, uint32_t bytes)
{
	if (*offset_bytes != DUET_SPLICE_ONWARD)
		*offset_bytes += bytes;
}

void core_splice_moved(struct duet_op *op, uint32_t bytes)
{
	move_on(&op->args.io.splice->from_offset_bytes, bytes);
	move_on(&op->args.io.splice->to_offset_bytes, bytes);
}
