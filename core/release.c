/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/release.h"

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/queue.h"

static void give_back(struct duet_loop *loop, struct duet_op *op)
{
	if (!op->transferred)
		op->held.copied = 0;
	loop->stats.copied += op->held.copied;
	core_give_back(loop, op);
}

int duet_op_copied(const struct duet_op *op)
{
	return core_kind(op)->releases && op->held.copied;
}

void duet_core_end_holding(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (!MUTANT(released_at_result))
		op->held.calls++;
	/* Nobody behind it is to hear before it has that it broke the stream. */
	if (result <= 0 && !op->transferred && op->held.calls)
		op->result = result;
	else
		duet_core_end(loop, op, result);
}

void duet_core_release(struct duet_loop *loop, struct duet_op *op, bool copied)
{
	op->held.copied |= copied;
	if (--op->held.calls)
		return;
	/* What has moved something, and isn't told so, is on its way: to be told, or to move the rest. */
	if (op->state == STATE_HOLDING) {
		give_back(loop, op);
		core_queue_push(&loop->done, op);
		core_drain(loop);
	} else if (!op->transferred) {
		duet_core_end(loop, op, op->result);
	}
}

bool core_release_tell(struct duet_loop *loop, struct duet_op *op)
{
	core_state_set(op, STATE_HOLDING);
	loop->delivered++;
	loop->stats.interim++;
	op->more = 1;
	if (op->done)
		op->done(op);
	op->more = 0;
	if (op->held.calls)
		return false;
	give_back(loop, op);
	return true;
}

void core_release_inline(struct duet_loop *loop, struct duet_op *op)
{
	core_state_set(op, STATE_HOLDING);
	give_back(loop, op);
}
