/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_BUFFER_H
#define DUET_BUFFER_H

#include <duet/api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_loop;
struct duet_op;

/*
 * Memory for transfers. A buffer is given up with the operation that names it, and comes back in
 * op->buffer with the terminal completion, whatever the outcome: length_bytes is then how much in it is
 * valid (of a receive or read what came, else what it was given with), and the regime says whose the
 * memory is. In between nobody but the operation has it.
 *
 * The regimes differ in whose memory it is, and in what a cancel gives back at once:
 */
enum duet_regime {
	/* The caller's memory, which stays where it is until the end. */
	DUET_REGIME_LENT,
	/* The runtime's: taken from a pool with duet_buffer_take(), handed in, and back. Whoever holds the
	 * buffer may use the memory; one that was given is refused a second time, and its return, too. */
	DUET_REGIME_MOVED,
	/* The caller's, but the backend only ever sees a buffer of a pool that stands in for it. What goes
	 * out is copied at the start, and the memory is free when that returns. What comes in is copied
	 * just before the completion is told; duet_op_cancel() frees the memory at once, and what comes
	 * nevertheless is handed over in the buffer that stood in: op->buffer is moved, to be returned. */
	DUET_REGIME_COPIED,
	/* The runtime picks a buffer when data arrives, so that idle connections hold no memory. What was
	 * received in may be given to a send or write as a moved one is. */
	DUET_REGIME_POOLED,
	/* As moved, of memory that the kernel has pinned and knows: where the backend can, and it pays, reads
	 * and writes of files spare it the look at the pages: past the page cache, and short reads. */
	DUET_REGIME_REGISTERED,
	DUET_REGIME_COUNT
};

/*
 * A pool: count buffers of size_bytes each. It belongs to its loop and ends with it. A pool of the
 * regime pooled is received into: see duet_op_recv_pooled(); from a pool of the regimes moved and
 * registered the caller takes buffers, and they stand in for memory that is copied through.
 *
 *	        take, or received into              started with it
 *	free ----------------------------> held ----------------------> given
 *	  ^                                |  ^                           |
 *	  +------ duet_buffer_return() ----+  +---- its end is told ------+
 *
 * An empty pool of the regime pooled is no error: a receive that finds none gets one interim completion
 * with -ENOBUFS, waits in line and goes on when a buffer comes back, one receive for each buffer, first
 * come first served. Also the end of a stream is only heard with a buffer free to receive it in. To
 * take from an empty pool, or to copy through it, is refused: -ENOBUFS.
 */
struct duet_pool;

/* A buffer: a plain value. What a pooled receive has brought is to be copied out of the operation if you
 * keep it longer than the callback. */
struct duet_buffer {
	unsigned char *data;   /* the first byte; NULL: none yet (pooled), or none any more */
	uint32_t length_bytes; /* to be moved; with a completion, how many are valid */
	uint32_t offset_bytes; /* where data stands in the pool's buffer */
	uint16_t pool;         /* which pool of the loop, or DUET_POOL_NONE */
	uint16_t index;        /* which buffer of the pool */
	uint8_t regime;        /* enum duet_regime */
	uint8_t reserved[3];
};

#define DUET_POOL_NONE UINT16_MAX

/* The caller's memory, as it is. */
DUET_API struct duet_buffer duet_buffer_lent(void *data, size_t length_bytes);

/* The caller's memory, copied through a buffer of staging, a pool of the regime moved or registered: the
 * start takes one, or answers -ENOBUFS, or -EMSGSIZE if length_bytes is more than such a buffer has. */
DUET_API struct duet_buffer duet_buffer_copied(void *data, size_t length_bytes,
					       const struct duet_pool *staging);

/* One that pool, of the regime pooled, picks when data is there: for receives. */
DUET_API struct duet_buffer duet_buffer_pooled(const struct duet_pool *pool);

/* A buffer of a pool of the regime moved or registered, whole, held by the caller until it is given or
 * returned. 0, -ENOBUFS (none is free), -EINVAL (a pool that is received into). */
DUET_API int duet_buffer_take(struct duet_pool *pool, struct duet_buffer *buffer);

struct duet_pool_options {
	uint32_t size; /* sizeof(struct duet_pool_options) */
	uint32_t count;
	uint32_t size_bytes;
	enum duet_regime regime; /* pooled, moved or registered */
	/* Unless NULL: set to a few words on why the memory is not to be had, or to NULL. */
	const char **reason;
	/* Pooled: its multishot receives are of streams that come in bursts longer than a buffer. Several
	 * may then be filled at once, where the backend can: measured, 0.8 of the CPU where eight are, and
	 * a hundredth more where one message follows another. They are told one by one all the same. */
	bool bursts;
};

/* Everything but count and size_bytes: pooled. */
DUET_API void duet_pool_options_init(struct duet_pool_options *options);

/*
 * Allocates count (1 to 32768, rounded up to a power of two) buffers of size_bytes (1 to 1 MiB).
 * Call it before what uses it, best before the first turn: it allocates.
 * 0, -EINVAL (out of range; registered: more than 1 GiB), -ENOSPC (the loop has DUET_POOLS_MAX pools
 * already), -ENOMEM, or the error of a kernel that is to hold the free buffers itself, or to pin them,
 * and refuses to (-ENOMEM: RLIMIT_MEMLOCK).
 */
DUET_API int duet_pool_create_with(struct duet_loop *loop, const struct duet_pool_options *options,
				   struct duet_pool **pool);

/* The same of the regime pooled. */
DUET_API int duet_pool_create(struct duet_loop *loop, uint32_t count, uint32_t size_bytes,
			      struct duet_pool **pool);

#define DUET_POOLS_MAX 8

/* Buffers that are neither the caller's nor an operation's. */
DUET_API uint32_t duet_pool_free_count(const struct duet_pool *pool);

/* How much each of its buffers holds. */
DUET_API uint32_t duet_pool_buffer_bytes(const struct duet_pool *pool);

/* Gives a held buffer back. 0, or -EINVAL if it isn't held (returned twice, or never received, or given
 * with an operation that has not ended); the pool is unchanged then. Debug builds stop at the call. A
 * second return after the buffer has been received into again can't be told from the first: forget the
 * name with the return. */
DUET_API int duet_buffer_return(struct duet_loop *loop, const struct duet_buffer *buffer);

DUET_API const char *duet_regime_name(enum duet_regime regime);

/* Is a regime native here (enum duet_capability), or plain memory in its clothes? */
DUET_API int duet_loop_regime(const struct duet_loop *loop, enum duet_regime regime);

/*
 * The ledger: all memory that is out of the caller's hands, and what the caller holds of pools.
 * lent_* counts buffers inside operations between start and terminal completion; byte_seconds is
 * their size times that time, the price of keeping memory parked, and lent_seconds the times alone, of all
 * loans together; held_* counts pool buffers
 * between a completion, or a take, and their return (its peak: the sum of what was out of each pool,
 * with an operation or not). Times are those of the loop's turns. By regime, a buffer that stands in for what is copied counts as copied,
 * and one that is held as what its pool is.
 */
struct duet_account {
	uint64_t lent_bytes;
	uint64_t lent_peak_bytes;
	double lent_byte_seconds;
	double lent_seconds;
	uint32_t lent_count;
	uint32_t held_count;
	uint64_t held_bytes;
	uint64_t held_peak_bytes;
};

struct duet_ledger {
	uint64_t lent_bytes;
	uint64_t lent_peak_bytes;
	double lent_byte_seconds;
	double lent_seconds;
	uint32_t lent_count;
	uint32_t held_count;
	uint64_t held_bytes;
	uint64_t held_peak_bytes;
	struct duet_account regimes[DUET_REGIME_COUNT];
};

DUET_API void duet_loop_ledger(const struct duet_loop *loop, struct duet_ledger *ledger);

/* One entry of the ledger: a range, and who has it. */
struct duet_loan {
	const void *data;
	size_t length_bytes;
	const struct duet_op *op; /* whose it is; NULL: the caller holds a buffer of a pool */
	uint32_t turn;            /* since which turn of the loop: turns of struct duet_stats, its low half */
	enum duet_regime regime;
	int writes; /* the operation writes to it */
};

/*
 * Calls visit for every loan there is; it may ask, but neither start nor return anything. Of an
 * operation of several pieces each that is not yet moved is one.
 *
 * No two operations write to the same memory: the start of one that would is refused, -EBUSY. Any number
 * may read it.
 */
DUET_API void duet_loop_loans(const struct duet_loop *loop,
			      void (*visit)(void *context, const struct duet_loan *loan),
			      void *context);

#ifdef __cplusplus
}
#endif

#endif
