/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_RELEASE_H
#define CORE_RELEASE_H

#include "core/operation.h"

/*
 * The end in two of what the kernel may read from after its result: see duet_op_send_zero_copy().
 *
 *   its result -> STATE_RESULT -> told, STATE_HOLDING -> released -> STATE_ENDED -> told again
 */

/* op, of a kind that releases, has its outcome: its end comes later, and its state says so now. False: it
 * moved nothing, and its memory is back. */
static inline bool core_release_follows(struct duet_op *op)
{
	/* In line for room to go on with the rest. */
	if (op->state == STATE_WAITING && op->transferred)
		core_state_set(op, STATE_ISSUED);
	if (!op->transferred)
		op->held.copied = 0;
	else
		core_state_set(op, STATE_RESULT);
	return op->transferred;
}

/* Has its caller heard of its result before? op is on the done queue. */
static inline bool core_release_was_told(const struct duet_op *op)
{
	return core_kind(op)->releases && op->state == STATE_ENDED && op->transferred;
}

/* Tells a result. True: the memory is back already, and the end is to be told, too. */
bool core_release_tell(struct duet_loop *loop, struct duet_op *op);

/* The same for an end inside a start: nobody is told. */
void core_release_inline(struct duet_loop *loop, struct duet_op *op);

#endif
