/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_SPLICE_H
#define CORE_SPLICE_H

#include <duet/splice.h>

#include "core/operation.h"

/*
 * A splice stands in two lines: the operation itself in that of the writes of its output, so that it
 * breaks that stream and follows its breaks as any write; its place, which is no operation but looks like
 * one to whoever walks a line, in that of the reads of its input. A place has FLAG_STAND_IN, is never in
 * any state but idle, and its context is the operation.
 */

static inline bool core_splice_is_place(const struct duet_op *op)
{
	return op->flags & FLAG_STAND_IN;
}

/* The operation that stands there, whatever stands for it. */
static inline struct duet_op *core_splice_whose(struct duet_op *op)
{
	return __builtin_expect(core_splice_is_place(op), 0) ? op->context : op;
}

static inline struct duet_slot *core_splice_input(const struct duet_loop *loop,
						  const struct duet_op *op)
{
	return &loop->slots[op->args.io.splice->from.slot];
}

int core_splice_check(const struct duet_op *op);
/* What its two handles are: 0, -EBADF or -EINVAL. */
int core_splice_refusal(const struct duet_loop *loop, const struct duet_op *op);

/* Takes its place in the line of its input: behind another? */
bool core_splice_stand(struct duet_loop *loop, struct duet_op *op);
/* Gives it up. Was it the first there? */
bool core_splice_leave(struct duet_loop *loop, struct duet_op *op);
/* Is it the first in both lines, and neither handle about to go? */
bool core_splice_has_turn(const struct duet_loop *loop, const struct duet_op *op);
/* So many bytes were moved: where it goes on. */
void core_splice_moved(struct duet_op *op, uint32_t bytes);

#endif
