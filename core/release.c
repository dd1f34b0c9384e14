/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/release.h"

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/queue.h"

static void give_back(struct duet_loop *loop, struct duet_op *op)
{
	if (!op->transferred)
		op->copied = 0;
	loop->stats.copied += op->copied;
	core_give_back(loop, op);
}

void duet_core_end_holding(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (!MUTANT(released_at_result))
		op->held++;
	duet_core_end(loop, op, result);
}

void duet_core_release(struct duet_loop *loop, struct duet_op *op, bool copied)
{
	op->copied |= copied;
	/* Told of its result, it waits for the last of them; else what is to be told is on its way. */
	if (--op->held || op->state != STATE_HOLDING)
		return;
	give_back(loop, op);
	core_queue_push(&loop->done, op);
	core_drain(loop);
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
	if (op->held)
		return false;
	give_back(loop, op);
	return true;
}

void core_release_inline(struct duet_loop *loop, struct duet_op *op)
{
	core_state_set(op, STATE_HOLDING);
	give_back(loop, op);
}
