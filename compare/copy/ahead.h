/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A file that is read ahead: so many blocks of it are in memory at once, and each is either being read
 * or with whom it is read for. Reads run at the same time, and end in any order. The end of the file is
 * the first place where a read finds nothing, whatever its size was said to be: a file may grow, or be
 * cut, while it is read. */
#ifndef COMPARE_COPY_AHEAD_H
#define COMPARE_COPY_AHEAD_H

#include <duet/handle.h>
#include <duet/operation.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ahead;

enum { AHEAD_DEPTH_MAX = 64, AHEAD_ALIGNMENT = 4096 };

struct block {
	struct duet_op op; /* reads; then it is the user's, until it gives the block back */
	struct ahead *ahead;
	unsigned char *data;
	uint64_t offset;
	uint32_t bytes; /* that were read; fewer than a block has only at the end of the file */
	uint32_t done;  /* the user's own */
	enum {
		BLOCK_FREE,
		BLOCK_READING,
		BLOCK_READ, /* waits for its turn; or nobody wants it, and it is free next */
		BLOCK_USED,
	} state;
};

struct ahead {
	/* Set by the user. */
	struct duet_loop *loop;
	struct block *blocks;
	uint32_t depth, block_bytes;
	bool ordered; /* given out as they stand in the file, and not as they come */
	bool direct; /* O_DIRECT: transfers begin and end at AHEAD_ALIGNMENT, but at the file's end */
	void (*filled)(struct ahead *ahead, struct block *block); /* is the user's from here on */
	void (*over)(struct ahead *ahead); /* once: nothing is read or used any more */

	/* Read by the user. */
	int error;          /* what ended it, negative; 0: the end of the file */
	uint64_t end_bytes; /* where the file ends; AHEAD_NO_END: that wasn't met */
	uint64_t reads, continued; /* so far, by all that was begun */

	/* Its own. */
	duet_handle file;
	uint64_t missing_from; /* the first byte that was to be copied and wasn't */
	uint64_t next_bytes, given_bytes, expected_bytes;
	uint32_t reading, used;
	bool begun;
};

#define AHEAD_NO_END UINT64_MAX

/* Room for so many blocks, the caller's to free(); or NULL. */
unsigned char *ahead_room(size_t blocks, size_t block_bytes);

/* Once, with what the user sets; data has room for all blocks. */
void ahead_init(struct ahead *ahead, unsigned char *data);

/* expected_bytes: the size that the file seems to have; up to there it is read without asking. */
void ahead_begin(struct ahead *ahead, duet_handle file, uint64_t expected_bytes);

/* The user is done with it. */
void ahead_give(struct block *block);

/* Nothing more is read, and nothing more is given out; what is used still is. The first error stays. */
void ahead_fail(struct ahead *ahead, int error);

/* From there on a block that was given out didn't get to where it belongs. */
void ahead_miss(struct ahead *ahead, uint64_t offset);

/* After over(): so many bytes, from the first one on, were given out and not missed. */
uint64_t ahead_whole_bytes(const struct ahead *ahead);

#endif
