/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

/*
 * Splices: of two handles, at one of which op is held, as the head of a direction. That is the input,
 * until a call finds that the output isn't ready; its word `backend` says which. A call on a file is a
 * worker's, as soon as the pipe is ready.
 */

static struct duet_slot *input_of(const struct duet_loop *loop, const struct duet_op *op)
{
	return &loop->slots[op->args.io.splice->from.slot];
}

static struct duet_slot *held_at(const struct duet_loop *loop, const struct duet_op *op)
{
	return op->backend == DIRECTION_READ ? input_of(loop, op) : duet_core_op_slot(loop, op);
}

static void let_go(struct duet_loop *loop, const struct duet_op *op)
{
	polling_let_go(loop, held_at(loop, op), (enum direction)op->backend);
}

/* 0, or the error of registering the handle: then it is held no longer. */
static int hold(struct duet_loop *loop, struct duet_op *op, enum direction direction)
{
	struct duet_slot *slot;
	int error = 0;

	op->backend = direction;
	slot = held_at(loop, op);
	slot->ready = (slot->ready & ~polling_bits(PLAIN | BEHIND, direction)) |
		      polling_bits(HELD, direction);
	if (direction == DIRECTION_READ && polling_is_connecting(slot))
		slot->ready |= BEHIND;
	if (!(slot->ready & polling_bits(EMPTY, direction))) {
		polling_attempt_later(loop, slot);
		return 0;
	}
	/* Of the two handles each is registered by itself. */
	if (op->progress != PROGRESS_ARMED)
		core_took(loop, op, CORE_ISSUED);
	op->progress = PROGRESS_ARMED;
	error = polling_interest_add(loop, slot);
	if (error)
		let_go(loop, op);
	return error;
}

/* What isn't ready is known to be so, and waited for; if both are by now, the attempt is still due. */
static int await(struct duet_loop *loop, struct duet_op *op, enum duet_splice_side side)
{
	enum direction direction = side == SPLICE_OUTPUT ? DIRECTION_WRITE : DIRECTION_READ;

	op->backend = direction;
	if (side != SPLICE_NEITHER)
		polling_note_empty(held_at(loop, op), direction);
	return hold(loop, op, direction);
}

static bool has_file(const struct duet_loop *loop, const struct duet_op *op)
{
	return polling_is_file(input_of(loop, op)) || polling_is_file(duet_core_op_slot(loop, op));
}

static int attempt(struct duet_loop *loop, struct duet_op *op)
{
	int result = polling_make_nonblocking(loop, input_of(loop, op));

	if (!result)
		result = polling_make_nonblocking(loop, duet_core_op_slot(loop, op));
	if (!result)
		result = duet_core_system_splice(loop, op);
	loop->stats.wasted += result == -EAGAIN;
	return result;
}

static int ended(struct duet_op *op, int result)
{
	op->result = result;
	return BACKEND_ENDED;
}

static int start_file(struct duet_loop *loop, struct duet_op *op)
{
	enum duet_splice_side side = duet_core_splice_awaits(loop, op);
	int error;

	if (!loop->offload)
		return ended(op, -EOPNOTSUPP);
	if (side != SPLICE_NEITHER) {
		error = await(loop, op, side);
		return error ? ended(op, error) : BACKEND_ISSUED;
	}
	op->progress = PROGRESS_WORKER;
	duet_core_offload(loop, op, duet_core_call_splice);
	return BACKEND_ISSUED;
}

/* What is known of either is not asked: the refusal of two that don't fit is there at once. */
int polling_start_splice(struct duet_loop *loop, struct duet_op *op)
{
	int result;

	op->progress = PROGRESS_FRESH;
	if (has_file(loop, op))
		return start_file(loop, op);
	if (op->flags & DUET_INLINE && !polling_is_connecting(input_of(loop, op))) {
		result = attempt(loop, op);
		if (result != -EAGAIN) {
			core_took(loop, op, CORE_INLINE);
			return ended(op, result);
		}
	}
	result = hold(loop, op, DIRECTION_READ);
	return result ? ended(op, result) : BACKEND_ISSUED;
}

static COLD void go_on(struct duet_loop *loop, struct duet_op *op)
{
	let_go(loop, op);
	duet_core_answered(loop, op, start_file(loop, op));
}

COLD void polling_finish_splice(struct duet_loop *loop, struct duet_op *op)
{
	int result;

	if (has_file(loop, op)) {
		go_on(loop, op);
		return;
	}
	result = attempt(loop, op);
	let_go(loop, op);
	if (result == -EAGAIN) {
		result = await(loop, op, duet_core_splice_awaits(loop, op));
		if (!result)
			return;
	} else if (op->progress == PROGRESS_FRESH) {
		core_took(loop, op, CORE_INLINE);
	}
	duet_core_end(loop, op, result);
}

int polling_cancel_splice(struct duet_loop *loop, struct duet_op *op)
{
	if (op->progress & PROGRESS_WORKER)
		return duet_core_offload_cancel(loop, op, false);
	let_go(loop, op);
	return BACKEND_ENDED;
}
