/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_FRAME_H
#define DUET_FRAME_H

#include <duet/api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A pool of frames: memory of one size for coroutines that have no place of their own, in C as in
 * C++. It allocates when it is created and never again; to take a frame and to give it back costs a
 * few instructions. Of one thread, like a loop, but of no loop. A page that no frame has stood in
 * yet is not touched.
 */
struct duet_frame_pool;

struct duet_frame_stats {
	uint32_t count;        /* frames */
	uint32_t size_bytes;   /* of each, rounded up to 16 */
	uint32_t used;         /* taken and not returned */
	uint32_t used_max;
	uint64_t refused;      /* asked for in vain */
	size_t wanted_max_bytes; /* the largest that was asked for, in vain or not */
};

/* count (1 to 2^24) frames of size_bytes (1 to 2^20). 0, -EINVAL (out of range), -ENOMEM; *pool is
 * NULL then. */
DUET_API int duet_frame_pool_create(struct duet_frame_pool **pool, uint32_t count,
				    uint32_t size_bytes);

/* Frees it. 0, or -EBUSY with frames that were not returned: then nothing is freed. Accepts NULL.
 * */
DUET_API int duet_frame_pool_destroy(struct duet_frame_pool *pool);

/* A frame for wanted_bytes, aligned to 16, not cleared; or NULL: larger than the pool's, or none
 * left. */
DUET_API void *duet_frame_take(struct duet_frame_pool *pool, size_t wanted_bytes);

/* Gives it back. 0, or -EINVAL if it isn't one that was taken (returned twice, another pool's): the
 * pool is unchanged then. Debug builds stop there. */
DUET_API int duet_frame_return(struct duet_frame_pool *pool, void *frame);

DUET_API void duet_frame_pool_stats(const struct duet_frame_pool *pool,
				    struct duet_frame_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
