/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include "core/loop.h"
#include "core/operation.h"

/* A buffer that is off the stack already goes to the caller. */
static inline void core_buffer_hand_over(struct duet_pool *pool, uint32_t index)
{
	pool->states[index] = BUFFER_HELD;
	pool->since[index] = (uint32_t)pool->loop->stats.turns;
	if (pool->free_count < pool->free_least)
		pool->free_least = pool->free_count;
}

/* A buffer left the pool with bytes in it. */
static inline void core_buffer_hold(struct duet_pool *pool, uint16_t index)
{
	if (!pool->stack)
		pool->free_count--;
	core_buffer_hand_over(pool, index);
}

/* What the caller sees of a held buffer. */
static inline void core_buffer_view_in(struct duet_buffer *buffer, const struct duet_pool *pool,
				       uint16_t index, uint32_t bytes)
{
	buffer->data = pool->memory + (size_t)index * pool->size_bytes;
	buffer->length_bytes = bytes;
	buffer->offset_bytes = 0;
	buffer->pool = pool->id;
	buffer->index = index;
	buffer->regime = pool->regime;
	CORE_GUARD(duet_core_guard_hold(buffer->data, bytes));
}

static inline struct duet_buffer core_buffer_view(const struct duet_pool *pool, uint16_t index,
						  uint32_t bytes)
{
	struct duet_buffer buffer = {0};

	core_buffer_view_in(&buffer, pool, index, bytes);
	return buffer;
}

/* The pool whose registered memory op is to use, all of it in one piece; NULL: it is plain memory. */
static inline const struct duet_pool *duet_core_registered(const struct duet_loop *loop,
							   const struct duet_op *op)
{
	const struct duet_pool *pool;

	if (__builtin_expect(!(op->flags & (FLAG_GIVEN | FLAG_COPIED)), 1) ||
	    op->buffer.pool >= loop->pool_count)
		return NULL;
	pool = loop->pools[op->buffer.pool];
	return pool->regime == DUET_REGIME_REGISTERED ? pool : NULL;
}

/* A buffer of core's own list goes back to it. */
void core_buffer_free(struct duet_pool *pool, uint16_t index);

void core_pools_fini(struct duet_loop *loop);

/* What debug builds do with a buffer that isn't the caller's to return. */
void core_abort_not_held(const struct duet_buffer *buffer) __attribute__((noreturn));

#endif
