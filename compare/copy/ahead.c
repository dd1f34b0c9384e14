/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/copy/ahead.h"

#include <stdlib.h>

static void go_on(struct ahead *ahead);
static void settle(struct ahead *ahead);
static void read_rest(struct block *block);

unsigned char *ahead_room(size_t blocks, size_t block_bytes)
{
	void *data;

	return posix_memalign(&data, AHEAD_ALIGNMENT, blocks * block_bytes) ? NULL : data;
}

void ahead_init(struct ahead *ahead, unsigned char *data)
{
	for (uint32_t i = 0; i < ahead->depth; i++) {
		struct block *block = &ahead->blocks[i];

		*block = (struct block){ .ahead = ahead,
					 .data = data + (size_t)i * ahead->block_bytes };
		duet_op_init(&block->op, NULL, block);
	}
}

void ahead_fail(struct ahead *ahead, int error)
{
	if (!ahead->error)
		ahead->error = error;
}

void ahead_miss(struct ahead *ahead, uint64_t offset)
{
	if (offset < ahead->missing_from)
		ahead->missing_from = offset;
}

static void end_at(struct ahead *ahead, uint64_t offset)
{
	if (offset < ahead->end_bytes)
		ahead->end_bytes = offset;
}

static void hand_over(struct block *block)
{
	block->state = BLOCK_READ;
	block->ahead->reading--;
	go_on(block->ahead);
}

/* Past what O_DIRECT reads at once only the end of the file can lie, and nowhere can it go on from
 * there. */
static bool is_at_end(const struct block *block)
{
	return block->op.result == 0 ||
	       (block->ahead->direct && block->bytes % AHEAD_ALIGNMENT != 0);
}

static void on_read(struct duet_op *op)
{
	struct block *block = op->context;
	struct ahead *ahead = block->ahead;

	if (op->result < 0) {
		ahead_fail(ahead, op->result);
		hand_over(block);
		return;
	}
	block->bytes += op->transferred;
	if (is_at_end(block)) {
		end_at(ahead, block->offset + block->bytes);
		hand_over(block);
	} else if (block->bytes == ahead->block_bytes || ahead->error) {
		hand_over(block);
	} else {
		ahead->continued++;
		read_rest(block);
		settle(ahead);
	}
}

static void read_rest(struct block *block)
{
	struct ahead *ahead = block->ahead;
	int status;

	duet_op_read(&block->op, ahead->file, block->data + block->bytes,
		     ahead->block_bytes - block->bytes, block->offset + block->bytes);
	block->op.done = on_read;
	ahead->reads++;
	status = duet_op_start(ahead->loop, &block->op);
	if (status) {
		ahead_fail(ahead, status);
		ahead_miss(ahead, block->offset);
		block->state = BLOCK_FREE;
		ahead->reading--;
	}
}

/* Beyond the size that the file seemed to have one read at a time looks for its end. */
static bool may_read(const struct ahead *ahead)
{
	return !ahead->error && ahead->next_bytes < ahead->end_bytes &&
	       (ahead->next_bytes < ahead->expected_bytes || !ahead->reading);
}

static void read_ahead(struct ahead *ahead)
{
	for (uint32_t i = 0; i < ahead->depth && may_read(ahead); i++) {
		struct block *block = &ahead->blocks[i];

		if (block->state != BLOCK_FREE)
			continue;
		block->state = BLOCK_READING;
		block->bytes = block->done = 0;
		block->offset = ahead->next_bytes;
		ahead->next_bytes += ahead->block_bytes;
		ahead->reading++;
		read_rest(block);
	}
}

/* What is behind the end came there after that was met: then it isn't the file that is copied. */
static bool is_wanted(const struct block *block)
{
	struct ahead *ahead = block->ahead;

	if (ahead->error)
		ahead_miss(ahead, block->offset);
	return !ahead->error && block->bytes && block->offset < ahead->end_bytes;
}

/* The next one that its user may have now, or NULL. */
static struct block *find_filled(struct ahead *ahead)
{
	for (uint32_t i = 0; i < ahead->depth; i++) {
		struct block *block = &ahead->blocks[i];

		if (block->state != BLOCK_READ)
			continue;
		if (!is_wanted(block))
			block->state = BLOCK_FREE;
		else if (!ahead->ordered || block->offset == ahead->given_bytes)
			return block;
	}
	return NULL;
}

static void settle(struct ahead *ahead)
{
	if (ahead->reading || ahead->used || !ahead->begun)
		return;
	ahead->begun = false;
	ahead->over(ahead);
}

static void go_on(struct ahead *ahead)
{
	struct block *block;

	while ((block = find_filled(ahead))) {
		block->state = BLOCK_USED;
		ahead->used++;
		ahead->given_bytes += ahead->block_bytes;
		ahead->filled(ahead, block);
	}
	read_ahead(ahead);
	settle(ahead);
}

void ahead_begin(struct ahead *ahead, duet_handle file, uint64_t expected_bytes)
{
	ahead->error = 0;
	ahead->end_bytes = ahead->missing_from = AHEAD_NO_END;
	ahead->file = file;
	ahead->next_bytes = ahead->given_bytes = 0;
	ahead->expected_bytes = expected_bytes;
	ahead->reading = ahead->used = 0;
	ahead->begun = true;
	go_on(ahead);
}

uint64_t ahead_whole_bytes(const struct ahead *ahead)
{
	uint64_t bytes = ahead->next_bytes;

	if (ahead->end_bytes < bytes)
		bytes = ahead->end_bytes;
	return ahead->missing_from < bytes ? ahead->missing_from : bytes;
}

void ahead_give(struct block *block)
{
	block->state = BLOCK_FREE;
	block->ahead->used--;
	go_on(block->ahead);
}
