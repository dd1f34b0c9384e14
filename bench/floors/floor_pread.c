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
#include <sys/uio.h>
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

typedef ssize_t read_fn(int fd, void *memory, size_t bytes, off_t offset);

/* A page that the kernel has taken back meanwhile is read as a loop's worker would. */
static ssize_t read_nowait(int fd, void *memory, size_t bytes, off_t offset)
{
	struct iovec into = { .iov_base = memory, .iov_len = bytes };
	ssize_t got = preadv2(fd, &into, 1, offset, RWF_NOWAIT);

	return got < 0 && errno == EAGAIN ? pread(fd, memory, bytes, offset) : got;
}

static inline int read_each(struct floor_pread *self, uint64_t count, read_fn *call)
{
	const uint32_t bytes = self->shape.block_bytes;

	for (uint32_t place = 0; count > 0; count--) {
		uint32_t block = file_block_draw(&self->random, self->shape.block_count);
		char *memory = self->memory + (size_t)place * bytes;
		ssize_t got = call(self->shape.fd, memory, bytes, (off_t)block * bytes);

		if (got != (ssize_t)bytes)
			return got < 0 ? -errno : -EIO;
		if (!file_block_right(memory, bytes, block))
			return -EBADMSG;
		place = place + 1 < self->shape.depth ? place + 1 : 0;
	}
	return 0;
}

static int read_blocks(void *self, uint64_t count)
{
	return read_each(self, count, pread);
}

static int read_blocks_nowait(void *self, uint64_t count)
{
	return read_each(self, count, read_nowait);
}

const struct file_engine floor_pread_engine = {
	.name = "floor-pread",
	.create = create,
	.read = read_blocks,
	.destroy = destroy,
};

const struct file_engine floor_nowait_engine = {
	.name = "floor-nowait",
	.create = create,
	.read = read_blocks_nowait,
	.destroy = destroy,
};
