/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/frame.h>

#include <errno.h>
#include <stdlib.h>

#include "core/tasks/frame.h"

enum { FRAME_BYTES_MAX = 1 << 20, FRAMES_MAX = 1 << 24, FRAME_ALIGNMENT = 16 };

/* One that was returned. */
struct frame {
	struct frame *next;
};

struct duet_frame_pool {
	struct frame *free; /* the last returned first: it is still in the caches */
	unsigned char *memory;
	uint8_t *taken; /* of each: is it out? */
	uint32_t fresh; /* those from here on were never taken */
	struct duet_frame_stats stats;
};

int duet_frame_pool_create(struct duet_frame_pool **made, uint32_t count, uint32_t size_bytes)
{
	struct duet_frame_pool *pool;
	uint32_t rounded_bytes =
		(size_bytes + FRAME_ALIGNMENT - 1) / FRAME_ALIGNMENT * FRAME_ALIGNMENT;

	*made = NULL;
	if (count < 1 || count > FRAMES_MAX || size_bytes < 1 || size_bytes > FRAME_BYTES_MAX)
		return -EINVAL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->memory = malloc((size_t)count * rounded_bytes);
	pool->taken = calloc(count, 1);
	pool->stats.count = count;
	pool->stats.size_bytes = rounded_bytes;
	*made = pool;
	if (pool->memory && pool->taken)
		return 0;
	duet_frame_pool_destroy(pool);
	*made = NULL;
	return -ENOMEM;
}

int duet_frame_pool_destroy(struct duet_frame_pool *pool)
{
	if (!pool)
		return 0;
	if (pool->stats.used)
		return -EBUSY;
	free(pool->memory);
	free(pool->taken);
	free(pool);
	return 0;
}

static void *next(struct duet_frame_pool *pool)
{
	struct frame *frame = pool->free;

	if (frame) {
		pool->free = frame->next;
		return frame;
	}
	if (pool->fresh == pool->stats.count)
		return NULL;
	return pool->memory + (size_t)pool->fresh++ * pool->stats.size_bytes;
}

/* Which one; the count if it is none of the pool's. */
static size_t index_of(const struct duet_frame_pool *pool, const void *frame)
{
	size_t offset = (uintptr_t)frame - (uintptr_t)pool->memory;
	size_t index = offset / pool->stats.size_bytes;

	return offset % pool->stats.size_bytes || index > pool->stats.count ? pool->stats.count
									    : index;
}

void *duet_frame_take(struct duet_frame_pool *pool, size_t wanted_bytes)
{
	struct duet_frame_stats *stats = &pool->stats;
	void *frame = NULL;

	if (wanted_bytes > stats->wanted_max_bytes)
		stats->wanted_max_bytes = wanted_bytes;
	if (wanted_bytes <= stats->size_bytes)
		frame = next(pool);
	if (!frame) {
		stats->refused++;
		return NULL;
	}
	pool->taken[index_of(pool, frame)] = 1;
	if (++stats->used > stats->used_max)
		stats->used_max = stats->used;
	return frame;
}

int duet_frame_return(struct duet_frame_pool *pool, void *memory)
{
	struct frame *frame = memory;
	size_t index = index_of(pool, memory);

	if (index == pool->stats.count || !pool->taken[index]) {
#ifdef DUET_DEBUG
		core_abort_frame_not_taken(pool, memory);
#endif
		return -EINVAL;
	}
	pool->taken[index] = 0;
	frame->next = pool->free;
	pool->free = frame;
	pool->stats.used--;
	return 0;
}

void duet_frame_pool_stats(const struct duet_frame_pool *pool,
			   struct duet_frame_stats *stats)
{
	*stats = pool->stats;
}
