/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_BUFFER_H
#define DUET_BUFFER_H

#include <duet/api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_loop;

/*
 * A pool: count buffers of size_bytes each, from which a pooled receive takes one when data
 * arrives, so that idle connections hold no memory. It belongs to its loop and ends with it.
 *
 * A buffer is free (the pool's, or the kernel's to fill), or held: named in a completion and the
 * caller's until duet_buffer_return(). An empty pool is no error: a receive that finds none gets one
 * interim completion with -ENOBUFS, waits in line and goes on when a buffer comes back, one receive
 * for each buffer, first come first served. Also the end of a stream is only heard with a buffer
 * free to receive it in.
 */
struct duet_pool;

/* A received piece of a pool. Valid until it is returned; a plain value, copy it out of the
 * operation if you keep it longer than the callback. */
struct duet_buffer {
	unsigned char *data;   /* the first received byte */
	uint32_t length_bytes; /* how many were received */
	uint32_t offset_bytes; /* where data stands in the pool's buffer */
	uint16_t pool;         /* which pool of the loop */
	uint16_t index;        /* which buffer of the pool */
};

/*
 * Allocates count (1 to 32768, rounded up to a power of two) buffers of size_bytes (1 to 1 MiB).
 * Call it before the receives that use it, best before the first turn: it allocates.
 * 0, -EINVAL (out of range), -ENOSPC (the loop has DUET_POOLS_MAX pools already), -ENOMEM, or the
 * error of a kernel that is to hold the free buffers itself and refuses to (-ENOMEM: RLIMIT_MEMLOCK).
 */
DUET_API int duet_pool_create(struct duet_loop *loop, uint32_t count, uint32_t size_bytes,
			      struct duet_pool **pool);

#define DUET_POOLS_MAX 8

/* Buffers not held by the caller. */
DUET_API uint32_t duet_pool_free_count(const struct duet_pool *pool);

/* Gives a held buffer back. 0, or -EINVAL if it isn't held (returned twice, or never received);
 * the pool is unchanged then. Debug builds stop at the call. A second return after the buffer has been
 * received into again can't be told from the first: forget the name with the return. */
DUET_API int duet_buffer_return(struct duet_loop *loop, const struct duet_buffer *buffer);

/*
 * The ledger: all memory that is out of the caller's hands, and what the caller holds of pools.
 * lent_* counts buffers inside operations between start and terminal completion; byte_seconds is
 * their size times that time, the price of keeping memory parked; held_* counts pool buffers
 * between a completion and their return (its peak: the sum of each pool's). Times are those of the
 * loop's turns.
 */
struct duet_ledger {
	uint64_t lent_bytes;
	uint64_t lent_peak_bytes;
	double lent_byte_seconds;
	uint32_t lent_count;
	uint32_t held_count;
	uint64_t held_bytes;
	uint64_t held_peak_bytes;
};

DUET_API void duet_loop_ledger(const struct duet_loop *loop, struct duet_ledger *ledger);

#ifdef __cplusplus
}
#endif

#endif
