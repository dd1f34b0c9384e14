/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Random reads of a file by callbacks: a fixed number in flight, each started anew as it completes,
 * every block compared with what it has to be. One source for all backends. */
#ifndef COMPARE_MODELS_FILE_CALLBACK_H
#define COMPARE_MODELS_FILE_CALLBACK_H

#include <duet/handle.h>
#include <stdbool.h>
#include <stdint.h>

#include "compare/measure/histogram.h"

struct duet_loop;

struct file_reader_options {
	struct duet_loop *loop;
	duet_handle file;
	uint32_t block_bytes, depth;
	uint64_t blocks;         /* how many different ones are read */
	uint64_t stride_bytes;   /* from one of them to the next */
	const uint64_t *sums;    /* what each must sum up to; NULL: their content is ours */
	uint64_t seed;
};

struct file_reader;

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

/* From here on nothing new is started: over when the loop has nothing pending. */
void file_reader_stop(struct file_reader *reader);

/* After nothing is pending any more. */
void file_reader_finish(struct file_reader *reader);

#endif
