/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/file_callback.h"

#include <duet/loop.h>
#include <duet/operation.h>
#include <errno.h>
#include <stdlib.h>

#include "compare/load/pattern.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"

enum { ALIGNMENT = 4096 }; /* what O_DIRECT asks for at most */

struct read {
	struct duet_op op;
	struct file_reader *reader;
	unsigned char *data;
	uint64_t block, begun_ns;
};

struct file_reader {
	struct file_reader_options options;
	struct file_reader_result *result;
	uint64_t random;
	bool stopped;
	struct read *reads;
	unsigned char *memory;
};

static void fail(struct read *read, int error)
{
	struct file_reader_result *result = read->reader->result;

	read->reader->stopped = true;
	if (result->error)
		return;
	result->error = error;
	result->error_offset = read->block * read->reader->options.stride_bytes;
}

static void begin(struct read *read)
{
	struct file_reader *reader = read->reader;
	const struct file_reader_options *options = &reader->options;
	int status;

	read->block = rounds_random(&reader->random) % options->blocks;
	read->begun_ns = window_now_ns();
	duet_op_read(&read->op, options->file, read->data, options->block_bytes,
		     read->block * options->stride_bytes);
	status = duet_op_start(options->loop, &read->op);
	if (status < 0)
		fail(read, status);
}

static uint64_t count_wrong(const struct read *read)
{
	const struct file_reader_options *options = &read->reader->options;

	if (!options->sums)
		return pattern_block_wrong(read->data, options->block_bytes,
					   read->block * options->stride_bytes);
	return pattern_block_sum(read->data, options->block_bytes) == options->sums[read->block]
		? 0 : options->block_bytes;
}

static void check(struct read *read)
{
	struct file_reader_result *result = read->reader->result;
	uint64_t wrong_bytes = count_wrong(read);

	if (wrong_bytes && !result->wrong_bytes)
		result->wrong_offset = read->block * read->reader->options.stride_bytes;
	result->wrong_bytes += wrong_bytes;
}

static void on_read(struct duet_op *op)
{
	struct read *read = op->context;
	struct file_reader *reader = read->reader;

	histogram_record(&reader->result->latency, window_now_ns() - read->begun_ns);
	reader->result->completed++;
	if (op->result < 0)
		fail(read, op->result);
	else if ((uint32_t)op->result < reader->options.block_bytes)
		fail(read, -ENODATA);
	else
		check(read);
	if (!reader->stopped)
		begin(read);
}

void file_reader_stop(struct file_reader *reader)
{
	reader->stopped = true;
}

void file_reader_finish(struct file_reader *reader)
{
	if (!reader)
		return;
	free(reader->reads);
	free(reader->memory);
	free(reader);
}

static struct file_reader *allocate(const struct file_reader_options *options)
{
	struct file_reader *reader = calloc(1, sizeof(*reader));
	size_t size = (size_t)options->depth * options->block_bytes;

	if (!reader)
		return NULL;
	reader->reads = calloc(options->depth, sizeof(*reader->reads));
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	reader->memory = aligned_alloc(ALIGNMENT, size);
	if (reader->reads && reader->memory)
		return reader;
	file_reader_finish(reader);
	return NULL;
}

struct file_reader *file_reader_start(const struct file_reader_options *options,
				      struct file_reader_result *result)
{
	struct file_reader *reader = allocate(options);

	if (!reader)
		return NULL;
	reader->options = *options;
	reader->result = result;
	reader->random = options->seed;
	for (uint32_t i = 0; i < options->depth; i++) {
		struct read *read = &reader->reads[i];

		read->reader = reader;
		read->data = reader->memory + (size_t)i * options->block_bytes;
		duet_op_init(&read->op, on_read, read);
		begin(read);
	}
	return reader;
}
