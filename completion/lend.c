/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "completion/internal.h"

/*
 * Memory that is out of the caller's hands: the kernel's ring of a pool's free buffers, from which
 * it takes one when data is there; and the table of registered memory, with one entry for a pool,
 * whose number is the pool's.
 */

struct provided {
	struct io_uring_buf_ring *ring; /* shared with the kernel: it reads up to tail */
	size_t ring_bytes;
	uint16_t mask;
	uint16_t tail; /* ours; what is published is a copy */
	bool bundles;
	uint16_t order_mask;
	/* Of each buffer, the tail at which it was provided last; and behind them, for so many tails,
	 * which buffer that was. Twice as many as there are buffers: those of an entry that is yet to be
	 * read may have been provided a round before those that come back meanwhile. */
	uint16_t places[];
};

static uint16_t *order_of(struct provided *self)
{
	return &self->places[self->mask + 1];
}

static void provide(struct provided *self, const struct duet_pool *pool, uint16_t index)
{
	struct io_uring_buf *entry = &self->ring->bufs[self->tail & self->mask];

	if (self->bundles) {
		self->places[index] = self->tail;
		order_of(self)[self->tail & self->order_mask] = index;
	}
	self->tail++;
	entry->addr = (uintptr_t)duet_core_buffer_data(pool, index);
	entry->len = pool->size_bytes;
	entry->bid = index;
}

/* Release: the entry is whole before the tail that covers it. */
static void publish(struct provided *self)
{
	io_uring_smp_store_release(&self->ring->tail, self->tail);
}

uint16_t completion_pool_behind(const struct duet_pool *pool, uint16_t index)
{
	struct provided *self = pool->backend;

	return order_of(self)[(self->places[index] + 1) & self->order_mask];
}

bool completion_pool_bundles(const struct duet_pool *pool)
{
	return ((const struct provided *)pool->backend)->bundles;
}

static int map_ring(struct provided *self, uint32_t count)
{
	void *memory;

	self->ring_bytes = count * sizeof(struct io_uring_buf);
	self->mask = (uint16_t)(count - 1);
	self->order_mask = (uint16_t)(2 * count - 1);
	/* Mapped: the kernel wants it at the begin of a page. */
	memory = mmap(NULL, self->ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	self->ring = memory;
	return memory == MAP_FAILED ? -ENOMEM : 0;
}

static int show_ring(struct completion *completion, struct provided *self,
		     const struct duet_pool *pool)
{
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)self->ring,
				       .ring_entries = pool->count,
				       .bgid = pool->id};
	int error = io_uring_register_buf_ring(&completion->ring, &reg, 0);

	if (error)
		return error;
	for (uint32_t i = 0; i < pool->count; i++)
		provide(self, pool, (uint16_t)i);
	publish(self);
	return 0;
}

static int set_entry(struct completion *self, const struct duet_pool *pool, void *memory,
		     size_t bytes)
{
	const struct iovec piece = {memory, bytes};
	int count = io_uring_register_buffers_update_tag(&self->ring, pool->id, &piece, NULL, 1);

	return count == 1 ? 0 : count < 0 ? count : -EINVAL;
}

/* The table comes with the first pool that needs it, and is there as long as the ring. */
static int show_memory(struct completion *self, struct duet_pool *pool)
{
	int error = 0;

	if (!self->buffer_table)
		error = io_uring_register_buffers_sparse(&self->ring, DUET_POOLS_MAX);
	/* -EINVAL: older than the empty table (Linux 5.19); -EACCES: by a filter of its calls. */
	if (error)
		return error == -EACCES || error == -EINVAL ? -EOPNOTSUPP : error;
	self->buffer_table = true;
	error = set_entry(self, pool, pool->memory, (size_t)pool->count * pool->size_bytes);
	if (!error)
		pool->backend = self;
	return error;
}

/* Where completions may appear at any time, the kernel goes on with what is provided anew while the
 * turn is at work, and there are as many to tell as the queue holds entries, times the buffers of
 * each. */
static bool may_bundle(const struct completion *self, const struct duet_pool *pool)
{
	return pool->bursts && self->deferred && completion_able(self, STEP_RECV_BUNDLE) &&
	       completion_bundles_are_sound();
}

static int provide_all(struct duet_loop *loop, struct duet_pool *pool)
{
	const size_t places = pool->bursts ? (size_t)pool->count * 3 : 0;
	struct provided *self = calloc(1, sizeof(*self) + places * sizeof(self->places[0]));
	int error;

	if (!self)
		return -ENOMEM;
	self->bundles = may_bundle(completion_of(loop), pool);
	error = map_ring(self, pool->count);
	if (error) {
		free(self);
		return error;
	}
	error = show_ring(completion_of(loop), self, pool);
	if (error) {
		munmap(self->ring, self->ring_bytes);
		free(self);
		/* -EACCES, -EPERM: by a filter of its calls. */
		return error == -EACCES || error == -EPERM || error == -EINVAL ? -EOPNOTSUPP : error;
	}
	pool->backend = self;
	return 0;
}

uint8_t completion_regimes(const struct completion *self)
{
	unsigned regimes = 0;

	/* Else nothing would take a buffer out of the kernel's ring. */
	if (completion_able(self, STEP_POOL_RING) && self->ways[DUET_RECV] != DUET_WAY_EMULATED)
		regimes |= 1u << DUET_REGIME_POOLED;
	if (completion_able(self, STEP_READ_FIXED) || completion_able(self, STEP_WRITE_FIXED))
		regimes |= 1u << DUET_REGIME_REGISTERED;
	return (uint8_t)regimes;
}

int completion_pool_attach(struct duet_loop *loop, struct duet_pool *pool)
{
	if (!(loop->regimes >> pool->regime & 1))
		return -EOPNOTSUPP;
	return pool->regime == DUET_REGIME_REGISTERED ? show_memory(completion_of(loop), pool)
						      : provide_all(loop, pool);
}

int completion_pool_return(struct duet_loop *loop, struct duet_pool *pool, uint16_t index)
{
	struct provided *self = pool->backend;

	(void)loop;
	provide(self, pool, index);
	publish(self);
	return 0;
}

void completion_pool_detach(struct duet_loop *loop, struct duet_pool *pool)
{
	struct provided *self = pool->backend;

	/* It was never shown. */
	if (!self)
		return;
	/* A forked child's ring is gone already, and the parent goes on using it. */
	bool ours = getpid() == loop->owner_process;

	if (pool->regime == DUET_REGIME_REGISTERED) {
		if (ours)
			set_entry(completion_of(loop), pool, NULL, 0);
		return;
	}
	if (ours)
		io_uring_unregister_buf_ring(&completion_of(loop)->ring, pool->id);
	munmap(self->ring, self->ring_bytes);
	free(self);
}

/* ---- Operations that are neither the kernel's nor reported. ---- */

void completion_list_push(struct completion_list *list, struct duet_op *op, uint32_t place)
{
	op->progress = place;
	op->backend = 0;
	if (list->first)
		list->last->backend = (uintptr_t)op;
	else
		list->first = op;
	list->last = op;
}

struct duet_op *completion_list_pop(struct completion_list *list)
{
	struct duet_op *op = list->first;

	if (op)
		list->first = (struct duet_op *)(uintptr_t)op->backend;
	return op;
}

void completion_list_remove(struct completion_list *list, const struct duet_op *op)
{
	struct completion_list rest = {NULL, NULL};
	struct duet_op *at;

	while ((at = completion_list_pop(list)))
		if (at != op)
			completion_list_push(&rest, at, at->progress);
	*list = rest;
}
