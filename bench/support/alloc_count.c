/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The symbols of the executable come first in the search order of the dynamic linker, so defining
 * malloc here counts every call; glibc keeps its own under the names that begin with __libc.
 */
#include "alloc_count.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void **memory, size_t alignment, size_t size);

/* Relaxed: a sum of events of any thread, read when they are quiet. */
static _Atomic uint64_t allocations;

static void count_one(void)
{
	atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

uint64_t alloc_count(void)
{
	return atomic_load_explicit(&allocations, memory_order_relaxed);
}

void *malloc(size_t size)
{
	count_one();
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	count_one();
	return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	count_one();
	return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	count_one();
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	count_one();
	*memory = __libc_memalign(alignment, size);
	return *memory ? 0 : ENOMEM;
}
