/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/file_reader.h"

#include <duet/loop.h>
#include <duet/operation.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare/load/pattern.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"
#include "compare/models/model.h"

enum { ALIGNMENT = 4096 }; /* what O_DIRECT asks for at most */

struct file_reader {
	struct file_reader_options options;
	struct file_reader_result *result;
	struct duet_scheduler scheduler;
	uint64_t random, polls;
	bool stopped;
	char *lanes;
	unsigned char *memory;
};

const struct file_model *file_model_find(const char *name)
{
	static const struct file_model *const models[] = { &FILE_CALLBACK, &FILE_COROUTINE,
							   &FILE_FUTURE };

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		if (!strcmp(models[i]->name, name))
			return models[i];
	}
	return NULL;
}

static void fail(struct file_lane *lane, int error)
{
	struct file_reader_result *result = lane->reader->result;

	lane->reader->stopped = true;
	if (result->error)
		return;
	result->error = error;
	result->error_offset = lane->block * lane->reader->options.stride_bytes;
}

bool file_lane_next(struct file_lane *lane, struct duet_op *op)
{
	struct file_reader *reader = lane->reader;
	const struct file_reader_options *options = &reader->options;

	if (reader->stopped)
		return false;
	lane->block = rounds_random(&reader->random) % options->blocks;
	lane->begun_ns = window_now_ns();
	duet_op_read(op, options->file, lane->data, options->block_bytes,
		     lane->block * options->stride_bytes);
	return true;
}

static uint64_t count_wrong(const struct file_lane *lane)
{
	const struct file_reader_options *options = &lane->reader->options;

	if (!options->sums)
		return pattern_block_wrong(lane->data, options->block_bytes,
					   lane->block * options->stride_bytes);
	return pattern_block_sum(lane->data, options->block_bytes) == options->sums[lane->block]
		? 0 : options->block_bytes;
}

static void check(struct file_lane *lane)
{
	struct file_reader_result *result = lane->reader->result;
	uint64_t wrong_bytes = count_wrong(lane);

	if (wrong_bytes && !result->wrong_bytes)
		result->wrong_offset = lane->block * lane->reader->options.stride_bytes;
	result->wrong_bytes += wrong_bytes;
}

void file_lane_done(struct file_lane *lane, const struct duet_op *op)
{
	struct file_reader_result *result = lane->reader->result;

	histogram_record(&result->latency, window_now_ns() - lane->begun_ns);
	result->completed++;
	if (op->result < 0)
		fail(lane, op->result);
	else if ((uint32_t)op->result < lane->reader->options.block_bytes)
		fail(lane, -ENODATA);
	else
		check(lane);
}

struct duet_scheduler *file_lane_scheduler(struct file_lane *lane)
{
	return &lane->reader->scheduler;
}

void file_lane_polled(struct file_lane *lane)
{
	lane->reader->polls++;
}

void file_reader_stop(struct file_reader *reader)
{
	reader->stopped = true;
}

bool file_reader_busy(const struct file_reader *reader)
{
	return duet_loop_pending(reader->options.loop) || reader->scheduler.live;
}

void file_reader_count(const struct file_reader *reader, struct model_counts *counts)
{
	const struct duet_scheduler_stats *stats = &reader->scheduler.stats;

	counts->steps = stats->resumed + stats->stepped;
	counts->wakes = stats->stepped;
	counts->polls = reader->polls;
}

void file_reader_finish(struct file_reader *reader)
{
	if (!reader)
		return;
	free(reader->lanes);
	free(reader->memory);
	free(reader);
}

static struct file_reader *allocate(const struct file_reader_options *options)
{
	struct file_reader *reader = calloc(1, sizeof(*reader));
	size_t size = (size_t)options->depth * options->block_bytes;

	if (!reader)
		return NULL;
	reader->lanes = calloc(options->depth, options->model->bytes);
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	reader->memory = aligned_alloc(ALIGNMENT, size);
	if (reader->lanes && reader->memory)
		return reader;
	file_reader_finish(reader);
	return NULL;
}

static struct file_lane *lane_at(struct file_reader *reader, uint32_t index)
{
	const struct file_model *model = reader->options.model;

	return (struct file_lane *)(void *)(reader->lanes + index * model->bytes +
					    model->lane_offset);
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
	duet_scheduler_init(&reader->scheduler, options->loop, NULL);
	for (uint32_t i = 0; i < options->depth; i++) {
		struct file_lane *lane = lane_at(reader, i);

		lane->reader = reader;
		lane->data = reader->memory + (size_t)i * options->block_bytes;
		options->model->begin(lane);
	}
	return reader;
}
