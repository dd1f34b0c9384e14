/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Random reads of a file: a fixed number of lanes, in each one read after the other, every block
 * compared with what it has to be. One source for all backends and models: how a lane waits for its
 * read, and goes on, is all that a model says. */
#ifndef COMPARE_MODELS_FILE_READER_H
#define COMPARE_MODELS_FILE_READER_H

#include <duet/handle.h>
#include <duet/operation.h>
#include <duet/scheduler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/measure/histogram.h"

struct file_reader;
struct model_counts;

/* Of one read after the other: a part of the model's own struct. */
struct file_lane {
	struct file_reader *reader;
	unsigned char *data;
	uint64_t block, begun_ns;
};

struct file_model {
	const char *name;
	size_t bytes, lane_offset; /* the model's struct, zeroed, and where the lane is in it */
	void (*begin)(struct file_lane *lane);
};

extern const struct file_model FILE_CALLBACK, FILE_COROUTINE, FILE_FUTURE;

#define FILE_MODEL_NAMES "callback, coroutine and future"

const struct file_model *file_model_find(const char *name); /* NULL: none of this name */

struct file_reader_options {
	const struct file_model *model;
	struct duet_loop *loop;
	duet_handle file;
	uint32_t block_bytes, depth;
	uint64_t blocks;         /* how many different ones are read */
	uint64_t stride_bytes;   /* from one of them to the next */
	const uint64_t *sums;    /* what each must sum up to; NULL: their content is ours */
	uint64_t seed;
};

struct file_reader_result {
	uint64_t completed, wrong_bytes;
	int error;                /* the first one, or -ENODATA for a block that was cut short */
	uint64_t error_offset;
	uint64_t wrong_offset;    /* of the first block that isn't what it has to be */
	struct histogram latency; /* from start to completion */
};

/* Starts the first reads. NULL if there is no memory. */
struct file_reader *file_reader_start(const struct file_reader_options *options,
				      struct file_reader_result *result);

/* From here on nothing new is started; turns are taken until it isn't busy any more. */
void file_reader_stop(struct file_reader *reader);
bool file_reader_busy(const struct file_reader *reader);

void file_reader_count(const struct file_reader *reader, struct model_counts *counts);

/* When it isn't busy any more. */
void file_reader_finish(struct file_reader *reader);

/* ---- For models. ---- */

/* The next read of the lane: says what op is to do. False: there is none any more. */
bool file_lane_next(struct file_lane *lane, struct duet_op *op);

/* What became of it. */
void file_lane_done(struct file_lane *lane, const struct duet_op *op);

struct duet_scheduler *file_lane_scheduler(struct file_lane *lane);
void file_lane_polled(struct file_lane *lane); /* a leaf future was */

#endif
