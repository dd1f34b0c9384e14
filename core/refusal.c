/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/owned.h"
#include "core/regime.h"
#include "core/splice.h"
#include "core/waits.h"

/* What a start is refused for, before anything has happened. */

/* Can be received into? */
static bool pool_is_fit(const struct duet_loop *loop, struct duet_op *op)
{
	if (op->flags & FLAG_GIVEN)
		core_regime_find_pool(loop, op);
	return op->args.io.pool && op->args.io.pool->loop == loop &&
	       op->args.io.pool->regime == DUET_REGIME_POOLED;
}

int core_refusal(struct duet_loop *loop, struct duet_op *op, struct duet_slot **slot)
{
	if (op->state != STATE_IDLE)
		return -EBUSY;
	if (op->kind >= DUET_KIND_COUNT)
		return -EINVAL;
	if (loop->shutting_down && !loop->sheltering)
		return -ESHUTDOWN;
	if (core_kind(op)->line != LINE_NONE || op->kind == DUET_CLOSE) {
		*slot = duet_core_slot_of(loop, op->handle);
		if (!*slot || (*slot)->slot_state >= SLOT_CLOSING)
			return -EBADF;
		if (core_kind(op)->source && core_kind(op)->source != (*slot)->source)
			return -EINVAL;
	}
	if (op->kind == DUET_SPLICE && core_splice_refusal(loop, op))
		return core_splice_refusal(loop, op);
	if (loop->capability[op->kind] == DUET_ABSENT)
		return -EOPNOTSUPP;
	/* A full loop can still get rid of handles: each has a place for its close. */
	if (loop->pending + loop->kept + core_kind(op)->brings >= loop->operations_max &&
	    op->kind != DUET_CLOSE && !(op->flags & FLAG_PLACE))
		return -ENOBUFS;
	if (op->kind == DUET_RECV && op->flags & DUET_POOLED && !pool_is_fit(loop, op))
		return -EINVAL;
	if (op->flags & FLAG_COPIED && op->buffer.pool == DUET_POOL_NONE &&
	    !core_owned_copies(loop, op))
		return -EINVAL;
	return core_kind(op)->wait ? core_wait_refusal(loop, op) : core_kind(op)->check(op);
}
