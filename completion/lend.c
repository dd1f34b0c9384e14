/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "completion/internal.h"

/*
 * Memory that is out of the caller's hands: the kernel's ring of a pool's free buffers, from which
 * it takes one when data is there.
 */

struct provided {
	struct io_uring_buf_ring *ring; /* shared with the kernel: it reads up to tail */
	size_t ring_bytes;
	uint16_t mask;
	uint16_t tail; /* ours; what is published is a copy */
};

static void provide(struct provided *self, const struct duet_pool *pool, uint16_t index)
{
	struct io_uring_buf *entry = &self->ring->bufs[self->tail++ & self->mask];

	entry->addr = (uintptr_t)duet_core_buffer_data(pool, index);
	entry->len = pool->size_bytes;
	entry->bid = index;
}

/* Release: the entry is whole before the tail that covers it. */
static void publish(struct provided *self)
{
	io_uring_smp_store_release(&self->ring->tail, self->tail);
}

static int map_ring(struct provided *self, uint32_t count)
{
	void *memory;

	self->ring_bytes = count * sizeof(struct io_uring_buf);
	self->mask = (uint16_t)(count - 1);
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

int completion_pool_attach(struct duet_loop *loop, struct duet_pool *pool)
{
	const struct completion *completion = completion_of(loop);
	struct provided *self;
	int error;

	/* Nothing would take a buffer out of the kernel's ring. */
	if (!completion_able(completion, STEP_POOL_RING) ||
	    completion->ways[DUET_RECV] == DUET_WAY_EMULATED)
		return -EOPNOTSUPP;
	self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
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

	if (!self)
		return;
	/* A forked child's ring is gone already, and the parent goes on using it. */
	if (getpid() == loop->owner_process)
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
