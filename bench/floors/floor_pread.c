/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * One call a block and nothing else. A loop has one read under way, but takes the memory of as many
 * as it is asked for in turn: a program that wants them at once keeps them apart.
 */
#include "floor_pread.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct floor_pread {
	struct file_shape shape;
	uint64_t random;
	char *memory;
};

static void destroy(void *arg)
{
	struct floor_pread *self = arg;

	free(self->memory);
	free(self);
}

static void *create(const struct file_shape *shape)
{
	struct floor_pread *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->shape = *shape;
	self->random = 1;
	self->memory = aligned_alloc(4096, (size_t)shape->depth * shape->block_bytes);
	if (!self->memory) {
		destroy(self);
		return NULL;
	}
	return self;
}

static int read_blocks(void *arg, uint64_t count)
{
	struct floor_pread *self = arg;
	const uint32_t bytes = self->shape.block_bytes;

	for (uint32_t place = 0; count > 0; count--) {
		uint32_t block = file_block_draw(&self->random, self->shape.block_count);
		char *memory = self->memory + (size_t)place * bytes;
		ssize_t got = pread(self->shape.fd, memory, bytes, (off_t)block * bytes);

		if (got != (ssize_t)bytes)
			return got < 0 ? -errno : -EIO;
		if (!file_block_right(memory, bytes, block))
			return -EBADMSG;
		place = place + 1 < self->shape.depth ? place + 1 : 0;
	}
	return 0;
}

const struct file_engine floor_pread_engine = {
	.name = "floor-pread",
	.create = create,
	.read = read_blocks,
	.destroy = destroy,
};
