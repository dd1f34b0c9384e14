/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/regime.h"

#include <errno.h>
#include <string.h>

#include "core/backend.h"
#include "core/buffer.h"
#include "core/owned.h"

/*
 * The regimes of a buffer, as far as they are more than a pointer.
 *
 * FLAG_GIVEN: op->buffer is a buffer of a pool that the caller held. It is given with the start, and held
 * again when the end is told.
 *
 * FLAG_COPIED: op->buffer names the caller's memory, and its pool and index what stands in for it, which
 * the vectors name; without a pool that is the buffer of an operation of the loop's own. Incoming bytes
 * are copied when the end is told, not when it is known: until then a cancel may free the memory, which
 * is what op->buffer.data == NULL says.
 */

struct duet_buffer duet_buffer_lent(void *data, size_t length_bytes)
{
	/* Too long for a transfer is refused by the start, as nothing is. */
	return (struct duet_buffer){.data = data,
				    .length_bytes = length_bytes <= DUET_TRANSFER_MAX
							    ? (uint32_t)length_bytes
							    : 0,
				    .pool = DUET_POOL_NONE};
}

struct duet_buffer duet_buffer_copied(void *data, size_t length_bytes,
				      const struct duet_pool *staging)
{
	struct duet_buffer buffer = duet_buffer_lent(data, length_bytes);

	buffer.regime = DUET_REGIME_COPIED;
	buffer.pool = staging ? staging->id : DUET_POOL_NONE;
	return buffer;
}

struct duet_buffer duet_buffer_pooled(const struct duet_pool *pool)
{
	return (struct duet_buffer){.length_bytes = pool ? pool->size_bytes : 0,
				    .pool = pool ? pool->id : DUET_POOL_NONE,
				    .regime = DUET_REGIME_POOLED};
}

const char *duet_regime_name(enum duet_regime regime)
{
	static const char *const names[DUET_REGIME_COUNT] = {"lent", "moved", "copied", "pooled",
							     "registered"};

	return (unsigned)regime < DUET_REGIME_COUNT ? names[regime] : "?";
}

int duet_loop_regime(const struct duet_loop *loop, enum duet_regime regime)
{
	if ((unsigned)regime >= DUET_REGIME_COUNT)
		return DUET_ABSENT;
	if (regime != DUET_REGIME_POOLED && regime != DUET_REGIME_REGISTERED)
		return DUET_NATIVE;
	return loop->regimes >> regime & 1 ? DUET_NATIVE : DUET_EMULATED;
}

static struct duet_pool *pool_of(const struct duet_loop *loop, const struct duet_buffer *buffer)
{
	return buffer->pool < loop->pool_count ? loop->pools[buffer->pool] : NULL;
}

void core_regime_find_pool(const struct duet_loop *loop, struct duet_op *op)
{
	struct duet_pool *pool = pool_of(loop, &op->buffer);

	op->args.io.pool = pool;
	op->args.io.length_bytes = pool ? pool->size_bytes : 0;
	op->flags &= (uint16_t)~FLAG_GIVEN;
}

static void give(struct duet_pool *pool, uint16_t index)
{
	pool->states[index] = BUFFER_GIVEN;
	pool->given++;
}

static void hold(struct duet_pool *pool, uint16_t index)
{
	pool->given--;
	core_buffer_hand_over(pool, index);
}

static bool is_inside(const struct duet_pool *pool, uint16_t index, const struct iovec *piece)
{
	uintptr_t first = (uintptr_t)duet_core_buffer_data(pool, index);
	uintptr_t at = (uintptr_t)piece->iov_base;

	return at >= first && at - first < pool->size_bytes &&
	       piece->iov_len <= pool->size_bytes - (at - first);
}

static int begin_given(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_pool *pool = pool_of(loop, &op->buffer);
	uint16_t index = op->buffer.index;

	if (!pool || index >= pool->count || pool->regime != op->buffer.regime ||
	    pool->states[index] == BUFFER_FREE)
		return -EINVAL;
	if (pool->states[index] == BUFFER_GIVEN)
		return -EBUSY;
	if (!is_inside(pool, index, op->args.io.vectors))
		return -EINVAL;
	give(pool, index);
	return 0;
}

/* ---- Copied through. ---- */

static bool stands_in_pool(const struct duet_op *op)
{
	return op->flags & FLAG_COPIED && op->buffer.pool != DUET_POOL_NONE;
}

static int begin_copied(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_pool *pool = pool_of(loop, &op->buffer);
	struct iovec *piece = op->args.io.vectors;
	int index;

	if (!pool || pool->regime == DUET_REGIME_POOLED || !op->buffer.data ||
	    op->buffer.regime != DUET_REGIME_COPIED)
		return -EINVAL;
	if (piece->iov_len > pool->size_bytes)
		return -EMSGSIZE;
	index = duet_core_buffer_take(pool);
	if (index < 0)
		return index;
	core_buffer_hand_over(pool, (uint32_t)index);
	give(pool, (uint16_t)index);
	op->buffer.index = (uint16_t)index;
	piece->iov_base = duet_core_buffer_data(pool, (uint16_t)index);
	CORE_GUARD(duet_core_guard_hold(piece->iov_base, (uint32_t)piece->iov_len));
	if (!core_kind(op)->gathers)
		return 0;
	memcpy(piece->iov_base, op->buffer.data, piece->iov_len);
	loop->stats.copied_bytes += piece->iov_len;
	return 0;
}

/* What stood in isn't needed any more; the operation names the caller's memory again. */
static void stand_down(struct duet_pool *pool, struct duet_op *op)
{
	op->args.io.vectors[0] = (struct iovec){op->buffer.data, op->args.io.length_bytes};
	op->args.io.vector_count = 1;
	if (MUTANT(staging_leaked))
		return;
	pool->given--;
	core_buffer_free(pool, op->buffer.index);
}

/* The caller's memory is free since a cancel, and bytes came. */
static void hand_over(struct duet_pool *pool, struct duet_op *op)
{
	op->buffer = core_buffer_view(pool, op->buffer.index, op->transferred);
	hold(pool, op->buffer.index);
}

static void tell_copied(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_pool *pool = loop->pools[op->buffer.pool];
	bool incoming = !core_kind(op)->gathers;

	if (incoming && !op->buffer.data && op->transferred) {
		hand_over(pool, op);
		return;
	}
	if (incoming && op->transferred) {
		memcpy(op->buffer.data, duet_core_buffer_data(pool, op->buffer.index),
		       op->transferred);
		loop->stats.copied_bytes += op->transferred;
	}
	stand_down(pool, op);
}

/* ---- From start to end. ---- */

int core_regime_begin(struct duet_loop *loop, struct duet_op *op)
{
	if (!(core_kind(op)->regimes & 1u << op->buffer.regime))
		return -EINVAL;
	if (op->flags & FLAG_GIVEN)
		return begin_given(loop, op);
	return stands_in_pool(op) ? begin_copied(loop, op) : 0;
}

void core_regime_undo(struct duet_loop *loop, struct duet_op *op)
{
	if (op->flags & FLAG_GIVEN)
		hold(loop->pools[op->buffer.pool], op->buffer.index);
	else if (stands_in_pool(op))
		stand_down(loop->pools[op->buffer.pool], op);
}

void core_regime_let_go(struct duet_op *op)
{
	if (op->flags & FLAG_GIVEN && MUTANT(moved_back_at_request))
		op->loop->pools[op->buffer.pool]->states[op->buffer.index] = BUFFER_HELD;
	if (stands_in_pool(op) && !core_kind(op)->gathers)
		op->buffer.data = NULL;
}

void core_regime_tell(struct duet_loop *loop, struct duet_op *op)
{
	if (op->flags & FLAG_GIVEN)
		hold(loop->pools[op->buffer.pool], op->buffer.index);
	else if (stands_in_pool(op))
		tell_copied(loop, op);
	else
		core_owned_copy_out(loop, op);
}

void core_regime_reclaim(struct duet_loop *loop, struct duet_op *op)
{
	bool handed = op->flags & FLAG_COPIED && op->buffer.regime != DUET_REGIME_COPIED;

	if (op->flags & FLAG_GIVEN || handed)
		duet_buffer_return(loop, &op->buffer);
}
