/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * A file engine: one way to read random blocks of a file, so many at once, each replaced by the
 * next as soon as it has come. The hand-written floors and the twins stand behind the same table,
 * draw the same blocks and check them in the same way. An engine belongs to the thread that created
 * it; a pool's threads are its own.
 */
#ifndef DUET_BENCH_FILE_ENGINE_H
#define DUET_BENCH_FILE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct file_shape {
	int fd;			/* the caller's, who has set O_DIRECT or not */
	uint32_t block_bytes;	/* of one read, which begins at a multiple of it: a multiple of 4096 */
	uint32_t block_count;	/* in the file */
	uint32_t depth;		/* reads under way at once, each into memory of its own */
	uint32_t threads;	/* of the pool, if there is one */
};

struct file_engine {
	const char *name;
	void *(*create)(const struct file_shape *shape);	/* NULL, and errno says why */
	/* Reads count random blocks: 0, -EBADMSG (a block has another's content), or -errno. */
	int (*read)(void *self, uint64_t count);
	void (*destroy)(void *self);
};

/* The word that a block consists of. */
static inline uint64_t file_block_word(uint32_t block)
{
	return (block + 1) * 0x9e3779b97f4a7c15u;
}

/* The ends of a block tell whether the whole of it, and no other, was read. */
static inline bool file_block_right(const char *memory, uint32_t bytes, uint32_t block)
{
	uint64_t first, last;

	memcpy(&first, memory, sizeof(first));
	memcpy(&last, memory + bytes - sizeof(last), sizeof(last));
	return first == file_block_word(block) && last == first;
}

/* Which block comes next; *random begins with anything but 0. */
static inline uint32_t file_block_draw(uint64_t *random, uint32_t count)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (uint32_t)((*random >> 32) * count >> 32);
}

#endif
