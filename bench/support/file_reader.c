/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Each place has an operation that is started again as soon as it has ended, whether it ends in its
 * start or by a callback.
 */
#include "file_reader.h"

#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPERATIONS_SPARE = 8, HANDLES_MAX = 4, ENTRIES_LEAST = 8, SHUTDOWN_NS = 1000000000 };

struct reader;

/* One read after the other, into memory of its own. */
struct place {
	struct duet_op op;
	struct reader *reader;
	char *memory;
	uint32_t block;
};

struct reader {
	struct file_shape shape;
	struct duet_loop *loop;
	duet_handle handle;
	struct place *places;
	char *memory;
	uint64_t random;
	uint64_t left;		/* reads not yet begun */
	uint32_t open;		/* begun and not yet ended */
	int error;		/* the first one, or 0 */
	bool inlined;
};

static void check(struct reader *reader, const struct place *place)
{
	const uint32_t bytes = reader->shape.block_bytes;
	int error = 0;

	if (place->op.result != (int32_t)bytes)
		error = place->op.result < 0 ? place->op.result : -EIO;
	else if (!file_block_right(place->memory, bytes, place->block))
		error = -EBADMSG;
	if (error) {
		reader->error = error;
		reader->left = 0;
	}
}

/* Begins one read, and the next for as long as they end in their start. */
static void begin(struct reader *reader, struct place *place)
{
	const uint32_t bytes = reader->shape.block_bytes;

	while (reader->left > 0) {
		int rc;

		reader->left--;
		place->block = file_block_draw(&reader->random, reader->shape.block_count);
		duet_op_read(&place->op, reader->handle, place->memory, bytes,
			     (uint64_t)place->block * bytes);
		if (reader->inlined)
			duet_op_inline(&place->op);
		rc = duet_op_start(reader->loop, &place->op);
		if (rc == 0) {
			reader->open++;
			return;
		}
		if (rc < 0)
			place->op.result = rc;
		check(reader, place);
	}
}

static void on_read(struct duet_op *op)
{
	struct place *place = op->context;

	place->reader->open--;
	check(place->reader, place);
	begin(place->reader, place);
}

static int read_blocks(void *arg, uint64_t count)
{
	struct reader *reader = arg;

	reader->left = count;
	reader->error = 0;
	for (uint32_t index = 0; index < reader->shape.depth; index++)
		begin(reader, &reader->places[index]);
	while (reader->open > 0) {
		int rc = duet_loop_turn(reader->loop, -1);

		if (rc < 0)
			return rc;
	}
	return reader->error;
}

static void destroy(void *arg)
{
	struct reader *reader = arg;

	if (reader->loop)
		duet_loop_shutdown(reader->loop, duet_loop_now_ns(reader->loop) + SHUTDOWN_NS);
	duet_loop_destroy(reader->loop);
	free(reader->places);
	free(reader->memory);
	free(reader);
}

static int make_places(struct reader *reader)
{
	const struct file_shape *shape = &reader->shape;

	reader->memory = aligned_alloc(4096, (size_t)shape->depth * shape->block_bytes);
	reader->places = calloc(shape->depth, sizeof(*reader->places));
	if (!reader->memory || !reader->places)
		return -ENOMEM;
	for (uint32_t index = 0; index < shape->depth; index++) {
		struct place *place = &reader->places[index];

		place->reader = reader;
		place->memory = reader->memory + (size_t)index * shape->block_bytes;
		duet_op_init(&place->op, on_read, place);
	}
	return 0;
}

static int open_loop(struct reader *reader, const struct duet_backend *backend, const char *tuning)
{
	struct duet_loop_options options;
	int rc, fd;

	duet_loop_options_init(&options);
	options.operations_max = reader->shape.depth + OPERATIONS_SPARE;
	options.handles_max = HANDLES_MAX;
	options.worker_threads = reader->shape.threads;
	options.tuning = tuning;
	rc = duet_loop_create(&reader->loop, backend, &options);
	if (rc < 0)
		return rc;
	fd = dup(reader->shape.fd);	/* the loop owns what it adopts */
	return fd < 0 ? -errno : duet_handle_adopt(reader->loop, fd, 0, &reader->handle);
}

static void *create(const struct duet_backend *backend, const char *tuning,
		    const struct file_shape *shape, bool inlined)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int rc;

	if (!reader)
		return NULL;
	reader->shape = *shape;
	reader->random = 1;
	reader->inlined = inlined;
	rc = make_places(reader);
	if (rc == 0)
		rc = open_loop(reader, backend, tuning);
	if (rc < 0) {
		destroy(reader);
		errno = -rc;
		return NULL;
	}
	return reader;
}

static void *create_polling(const struct file_shape *shape)
{
	return create(duet_polling(), NULL, shape, true);
}

static void *create_polling_called(const struct file_shape *shape)
{
	return create(duet_polling(), NULL, shape, false);
}

/* A ring has workers of the kernel's: it needs none of ours. Its queue has as many places as the floor's,
 * or the least there are: a longer one leaves the cache. */
static void *create_completion(const struct file_shape *shape)
{
	struct file_shape alone = *shape;
	char tuning[32];

	alone.threads = 0;
	snprintf(tuning, sizeof(tuning), "entries=%u",
		 shape->depth > ENTRIES_LEAST ? shape->depth : ENTRIES_LEAST);
	return create(duet_completion(), tuning, &alone, true);
}

const struct file_engine twin_polling_reader = {
	.name = "polling",
	.create = create_polling,
	.read = read_blocks,
	.destroy = destroy,
};

const struct file_engine twin_polling_called_reader = {
	.name = "polling-called",
	.create = create_polling_called,
	.read = read_blocks,
	.destroy = destroy,
};

const struct file_engine twin_completion_reader = {
	.name = "completion",
	.create = create_completion,
	.read = read_blocks,
	.destroy = destroy,
};
