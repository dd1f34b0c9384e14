/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include "core/loop.h"

/* A buffer left the pool with bytes in it. */
static inline void core_buffer_hold(struct duet_pool *pool, uint16_t index)
{
	pool->states[index] = BUFFER_HELD;
	if (--pool->free_count < pool->free_least)
		pool->free_least = pool->free_count;
}

/* What the caller sees of a held buffer. */
static inline struct duet_buffer core_buffer_view(const struct duet_pool *pool, uint16_t index,
						  uint32_t bytes)
{
	return (struct duet_buffer){.data = pool->memory + (size_t)index * pool->size_bytes,
				    .length_bytes = bytes,
				    .pool = pool->id,
				    .index = index};
}

void core_pools_fini(struct duet_loop *loop);

/* What debug builds do with a buffer that isn't the caller's to return. */
void core_abort_not_held(const struct duet_buffer *buffer) __attribute__((noreturn));

/* The ledger, at the turn's clock. */
static inline void core_ledger_elapse(struct duet_loop *loop)
{
	struct core_ledger *ledger = &loop->ledger;

	if (ledger->changed_ns == loop->now_ns)
		return;
	ledger->lent_byte_ns +=
		(double)ledger->lent_bytes * (double)(loop->now_ns - ledger->changed_ns);
	ledger->changed_ns = loop->now_ns;
}

static inline void core_ledger_lend(struct duet_loop *loop, uint32_t bytes)
{
	struct core_ledger *ledger = &loop->ledger;

	core_ledger_elapse(loop);
	ledger->lent_count++;
	ledger->lent_bytes += bytes;
	if (ledger->lent_bytes > ledger->lent_peak_bytes)
		ledger->lent_peak_bytes = ledger->lent_bytes;
}

static inline void core_ledger_back(struct duet_loop *loop, uint32_t bytes)
{
	core_ledger_elapse(loop);
	loop->ledger.lent_count--;
	loop->ledger.lent_bytes -= bytes;
}

#endif
