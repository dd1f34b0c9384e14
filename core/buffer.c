/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/backend.h"
#include "core/lifecycle.h"

static void pool_free(struct duet_pool *pool)
{
	CORE_GUARD(core_guard_pool_close(pool));
	if (pool->memory)
		munmap(pool->memory, (size_t)pool->count * pool->size_bytes);
	free(pool->stack);
	free(pool->chain);
	free(pool->lengths);
	free(pool->states);
	free(pool->since);
	free(pool);
}

static uint32_t round_up_to_power(uint32_t count)
{
	uint32_t power = 1;

	while (power < count)
		power *= 2;
	return power;
}

/* Mapped, so that buffers which never held data cost no memory. */
static int pool_memory(struct duet_pool *pool)
{
	void *memory = mmap(NULL, (size_t)pool->count * pool->size_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
	pool->memory = memory;
	pool->chain = calloc(pool->count, sizeof(*pool->chain));
	pool->lengths = calloc(pool->count, sizeof(*pool->lengths));
	pool->states = calloc(pool->count, sizeof(*pool->states));
	pool->since = calloc(pool->count, sizeof(*pool->since));
	if (!pool->chain || !pool->lengths || !pool->states || !pool->since)
		return -ENOMEM;
	return 0;
}

static int pool_stack(struct duet_pool *pool)
{
	pool->stack = malloc(pool->count * sizeof(*pool->stack));
	if (!pool->stack)
		return -ENOMEM;
	/* The lowest index on top: the same few buffers stay in the cache. */
	for (uint32_t i = 0; i < pool->count; i++)
		pool->stack[i] = (uint16_t)(pool->count - 1 - i);
	return 0;
}

void duet_pool_options_init(struct duet_pool_options *options)
{
	*options = (struct duet_pool_options){.size = sizeof(*options),
					      .regime = DUET_REGIME_POOLED};
}

static bool are_in_range(const struct duet_pool_options *options)
{
	if (options->size != sizeof(*options) || options->count < 1 ||
	    options->count > LIMIT_POOL_COUNT || options->size_bytes < 1 ||
	    options->size_bytes > LIMIT_POOL_BUFFER_BYTES)
		return false;
	switch (options->regime) {
	case DUET_REGIME_POOLED:
	case DUET_REGIME_MOVED:
		return true;
	case DUET_REGIME_REGISTERED:
		return (uint64_t)round_up_to_power(options->count) * options->size_bytes <=
		       LIMIT_REGISTERED_BYTES;
	default:
		return false;
	}
}

/* A moved buffer is nobody's but core's and the caller's; a pooled one the kernel takes itself, if it
 * can. */
static int pool_attach(struct duet_loop *loop, struct duet_pool *pool)
{
	bool picked = pool->regime == DUET_REGIME_POOLED;
	int error = picked ? 0 : pool_stack(pool);

	if (error || pool->regime == DUET_REGIME_MOVED)
		return error;
	error = loop->backend->pool_attach ? loop->backend->pool_attach(loop, pool) : -EOPNOTSUPP;
	if (error != -EOPNOTSUPP)
		return error;
	return picked ? pool_stack(pool) : 0;
}

static struct duet_pool *pool_make(struct duet_loop *loop, const struct duet_pool_options *options)
{
	struct duet_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->loop = loop;
	pool->id = (uint16_t)loop->pool_count;
	pool->count = round_up_to_power(options->count);
	pool->free_count = pool->free_least = pool->count;
	pool->size_bytes = options->size_bytes;
	pool->regime = (uint8_t)options->regime;
	pool->bursts = options->bursts;
	return pool;
}

static const char *reason_of(const struct duet_pool *pool, bool had)
{
	if (!had)
		return "no memory";
	return pool->regime == DUET_REGIME_MOVED
		       ? NULL
		       : "the kernel pins no more memory for this process: raise RLIMIT_MEMLOCK";
}

int duet_pool_create_with(struct duet_loop *loop, const struct duet_pool_options *options,
			  struct duet_pool **out)
{
	struct duet_pool *pool;
	bool had;
	int error;

	*out = NULL;
	if (options->reason)
		*options->reason = NULL;
	if (!are_in_range(options))
		return -EINVAL;
	if (loop->pool_count == DUET_POOLS_MAX)
		return -ENOSPC;
	pool = pool_make(loop, options);
	if (!pool)
		return -ENOMEM;
	error = pool_memory(pool);
	had = !error;
	if (!error)
		error = pool_attach(loop, pool);
	if (error) {
		if (options->reason && (error == -ENOMEM || error == -EPERM))
			*options->reason = reason_of(pool, had);
		pool_free(pool);
		return error;
	}
	CORE_GUARD(core_guard_pool_open(pool));
	loop->pools[loop->pool_count++] = pool;
	*out = pool;
	return 0;
}

int duet_pool_create(struct duet_loop *loop, uint32_t count, uint32_t size_bytes,
		     struct duet_pool **pool)
{
	struct duet_pool_options options;

	duet_pool_options_init(&options);
	options.count = count;
	options.size_bytes = size_bytes;
	return duet_pool_create_with(loop, &options, pool);
}

void core_pools_fini(struct duet_loop *loop)
{
	for (uint32_t id = 0; id < loop->pool_count; id++) {
		if (loop->backend->pool_detach && loop->pools[id]->regime != DUET_REGIME_MOVED)
			loop->backend->pool_detach(loop, loop->pools[id]);
		pool_free(loop->pools[id]);
		loop->pools[id] = NULL;
	}
	loop->pool_count = 0;
}

uint32_t duet_pool_free_count(const struct duet_pool *pool)
{
	return pool->free_count;
}

uint32_t duet_pool_buffer_bytes(const struct duet_pool *pool)
{
	return pool->size_bytes;
}

int duet_buffer_take(struct duet_pool *pool, struct duet_buffer *buffer)
{
	int index;

	if (pool->regime == DUET_REGIME_POOLED)
		return -EINVAL;
	core_check_owner(pool->loop);
	index = duet_core_buffer_take(pool);
	if (index < 0)
		return index;
	core_buffer_hand_over(pool, (uint32_t)index);
	*buffer = core_buffer_view(pool, (uint16_t)index, pool->size_bytes);
	return 0;
}

int duet_core_buffer_take(struct duet_pool *pool)
{
	return pool->free_count ? pool->stack[--pool->free_count] : -ENOBUFS;
}

void duet_core_buffer_untake(struct duet_pool *pool, uint16_t index)
{
	pool->stack[pool->free_count++] = index;
}

static inline int give_back(struct duet_loop *loop, struct duet_pool *pool, uint16_t index)
{
	uint32_t place = pool->free_count++;

	if (!pool->stack)
		return loop->backend->pool_return(loop, pool, index);
	if (!MUTANT(buffer_returned_twice) || place < pool->count)
		pool->stack[place] = index;
	return 0;
}

static __attribute__((noinline)) int return_and_feed(struct duet_loop *loop,
						     struct duet_pool *pool, uint16_t index)
{
	give_back(loop, pool, index);
	core_feed(loop, pool);
	return 0;
}

static int not_held(const struct duet_buffer *buffer)
{
#ifdef DUET_DEBUG
	core_abort_not_held(buffer);
#endif
	(void)buffer;
	return -EINVAL;
}

void core_buffer_free(struct duet_pool *pool, uint16_t index)
{
	pool->states[index] = BUFFER_FREE;
	CORE_GUARD(core_guard_return(pool, index));
	pool->stack[pool->free_count++] = index;
}

int duet_buffer_return(struct duet_loop *loop, const struct duet_buffer *buffer)
{
	uint16_t index = buffer->index;
	struct duet_pool *pool;

	if (buffer->pool >= loop->pool_count)
		return not_held(buffer);
	pool = loop->pools[buffer->pool];
	if (index >= pool->count)
		return not_held(buffer);
	if (pool->states[index] != BUFFER_HELD && !MUTANT(buffer_returned_twice))
		return not_held(buffer);
	pool->states[index] = BUFFER_FREE;
	CORE_GUARD(core_guard_return(pool, index));
	if (__builtin_expect(pool->starved.first != NULL, 0))
		return return_and_feed(loop, pool, index);
	return give_back(loop, pool, index);
}
