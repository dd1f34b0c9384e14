/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * A ring with a single issuer that defers task work to its one enter a turn (Linux 6.1). A read that
 * has come is replaced at once: its successor leaves with the next enter, not with the last of its
 * batch.
 */
#include "floor_ring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

struct floor_ring {
	struct file_shape shape;
	struct io_uring ring;
	bool ring_made;
	uint64_t random;
	char *memory;		/* a block for each place */
	uint32_t *blocks;	/* what is being read into it */
	uint64_t left;		/* reads not yet begun */
	uint32_t open;		/* begun and not yet ended */
};

static void destroy(void *arg)
{
	struct floor_ring *self = arg;

	if (self->ring_made)
		io_uring_queue_exit(&self->ring);
	free(self->blocks);
	free(self->memory);
	free(self);
}

static int make_ring(struct floor_ring *self)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
	};
	int rc = io_uring_queue_init_params(self->shape.depth, &self->ring, &params);

	if (rc < 0)
		return rc;
	self->ring_made = true;
	rc = io_uring_register_ring_fd(&self->ring);
	return rc < 0 ? rc : 0;
}

static void *create(const struct file_shape *shape)
{
	struct floor_ring *self = calloc(1, sizeof(*self));
	int rc = -ENOMEM;

	if (!self)
		return NULL;
	self->shape = *shape;
	self->random = 1;
	self->memory = aligned_alloc(4096, (size_t)shape->depth * shape->block_bytes);
	self->blocks = calloc(shape->depth, sizeof(*self->blocks));
	if (self->memory && self->blocks)
		rc = make_ring(self);
	if (rc < 0) {
		destroy(self);
		errno = -rc;
		return NULL;
	}
	return self;
}

static char *place_of(const struct floor_ring *self, uint32_t place)
{
	return self->memory + (size_t)place * self->shape.block_bytes;
}

/* The queue has a place for each read, so one is free. */
static void begin(struct floor_ring *self, uint32_t place)
{
	const uint32_t bytes = self->shape.block_bytes;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	uint32_t block = file_block_draw(&self->random, self->shape.block_count);

	self->blocks[place] = block;
	io_uring_prep_read(sqe, self->shape.fd, place_of(self, place), bytes,
			   (uint64_t)block * bytes);
	sqe->user_data = place;
	self->left--;
	self->open++;
}

static int end(struct floor_ring *self, uint32_t place, int result)
{
	const uint32_t bytes = self->shape.block_bytes;

	self->open--;
	if (result != (int)bytes)
		return result < 0 ? result : -EIO;
	if (!file_block_right(place_of(self, place), bytes, self->blocks[place]))
		return -EBADMSG;
	if (self->left > 0)
		begin(self, place);
	return 0;
}

static int turn(struct floor_ring *self)
{
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;
	int rc = io_uring_submit_and_wait(&self->ring, 1);
	int error = 0;

	if (rc < 0)
		return rc == -EINTR ? 0 : rc;
	io_uring_for_each_cqe(&self->ring, head, cqe) {
		rc = end(self, (uint32_t)cqe->user_data, cqe->res);
		if (rc < 0)
			error = rc;
		count++;
	}
	io_uring_cq_advance(&self->ring, count);
	return error;
}

static int read_blocks(void *arg, uint64_t count)
{
	struct floor_ring *self = arg;
	int error = 0;

	self->left = count;
	for (uint32_t place = 0; place < self->shape.depth && self->left > 0; place++)
		begin(self, place);
	while (self->open > 0) {
		int rc = turn(self);

		if (rc < 0) {
			error = rc;
			self->left = 0;
		}
	}
	return error;
}

const struct file_engine floor_ring_engine = {
	.name = "floor-ring",
	.create = create,
	.read = read_blocks,
	.destroy = destroy,
};
