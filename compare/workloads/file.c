/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Random reads of a file, through the page cache or past it. The arm's process checks every block:
 * the content of a file that we make follows from the offset, and of a file that was given every
 * block is summed up before. A made file has no name: nothing can be left behind. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/load/pattern.h"
#include "compare/measure/process.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/workloads/nameless.h"
#include "compare/workloads/player.h"
#include "compare/workloads/workload.h"

enum { MADE_BYTES = 64 << 20, BLOCKS_MAX = 65536, WORKERS = 4 };
enum { PROGRESS_BLOCKS = 256 };

static json_t *parameters(const struct cell *cell)
{
	return json_pack("{s:o, s:s, s:i, s:i, s:b, s:i}", "file",
			 store_string(cell->file ? cell->file : "made"), "load", "closed loop",
			 "block_bytes", (int)cell->block_bytes, "depth", (int)cell->depth, "direct",
			 cell->direct, "worker_threads", WORKERS);
}

static int write_blocks(int fd, uint32_t block_bytes, unsigned char *block)
{
	for (off_t at = 0; at + block_bytes <= MADE_BYTES; at += block_bytes) {
		ssize_t moved;

		if (process_interrupted())
			return -EINTR;
		pattern_block_fill(block, block_bytes, (uint64_t)at);
		moved = pwrite(fd, block, block_bytes, at);
		if (moved >= 0 && moved < (ssize_t)block_bytes) /* why, the next attempt says */
			moved = pwrite(fd, block + moved, block_bytes - (size_t)moved, at + moved);
		if (moved <= 0)
			return moved < 0 ? -errno : -EIO;
	}
	return fsync(fd) ? -errno : 0;
}

static int make_file(struct stage *stage, const struct cell *cell, unsigned char *block)
{
	const char *folder = getenv("TMPDIR");
	int status;

	if (!folder || !*folder)
		folder = "/tmp";
	stage->file = nameless_open(folder);
	status = stage->file < 0 ? stage->file
				 : write_blocks(stage->file, cell->block_bytes, block);
	if (status == -EINTR)
		return WORKLOAD_INTERRUPTED;
	if (status)
		return say_failure(SAY_UNMEASURED, "can't make a file of %d MiB in %s: %s; %s, or "
				   "give a --file", MADE_BYTES >> 20, folder, strerror(-status),
				   status == -EFBIG ? "raise the limit of file sizes with ulimit -f"
						    : "set TMPDIR to a folder with room");
	stage->stride_bytes = cell->block_bytes;
	stage->blocks = MADE_BYTES / cell->block_bytes;
	return SAY_OK;
}

/* A large file takes a while, which is shown, and can be ended. */
static int sum_blocks(const struct stage *stage, const struct cell *cell, unsigned char *block)
{
	for (uint64_t i = 0; i < stage->blocks; i++) {
		ssize_t moved = pread(stage->file, block, cell->block_bytes,
				      (off_t)(i * stage->stride_bytes));
		uint64_t sum = pattern_block_sum(block, cell->block_bytes);

		if (process_interrupted())
			return WORKLOAD_INTERRUPTED;
		if (i % PROGRESS_BLOCKS == 0)
			say_progress("file  its blocks are summed up first  %" PRIu64 " %%",
				     100 * i / stage->blocks);
		if (moved != (ssize_t)cell->block_bytes)
			return say_failure(SAY_UNMEASURED, "%s: can't read at byte %" PRIu64 ": %s",
					   cell->file, i * stage->stride_bytes,
					   moved < 0 ? strerror(errno) : "it ended before");
		if (pwrite(stage->sums, &sum, sizeof(sum), (off_t)(i * sizeof(sum))) !=
		    (ssize_t)sizeof(sum))
			return say_failure(SAY_UNMEASURED, "can't keep sums: %s", strerror(errno));
	}
	return SAY_OK;
}

/* Opened without waiting: a pipe is refused by its kind, and not listened to. */
static int open_given(const struct cell *cell, struct stat *what)
{
	int fd = open(cell->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, what)) {
		say_failure(SAY_USAGE, "--file %s: %s", cell->file, strerror(errno));
	} else if (!S_ISREG(what->st_mode) || what->st_size < (off_t)cell->block_bytes) {
		say_failure(SAY_USAGE, "--file %s: give a regular file of at least one block "
			    "(%u bytes)", cell->file, cell->block_bytes);
		close(fd);
		fd = -1;
	}
	return fd;
}

static int check(const struct cell *cell)
{
	struct stat what;
	int fd = cell->file ? open_given(cell, &what) : -1;

	if (fd >= 0)
		close(fd);
	return cell->file && fd < 0 ? SAY_USAGE : SAY_OK;
}

static int take_file(struct stage *stage, const struct cell *cell, unsigned char *block)
{
	struct stat what;

	stage->file = open_given(cell, &what);
	if (stage->file < 0)
		return SAY_USAGE;
	stage->blocks = (uint64_t)what.st_size / cell->block_bytes;
	stage->stride_bytes = cell->block_bytes;
	if (stage->blocks > BLOCKS_MAX) {
		stage->stride_bytes *= stage->blocks / BLOCKS_MAX;
		stage->blocks = BLOCKS_MAX;
	}
	stage->sums = memfd_create("sums", MFD_CLOEXEC);
	if (stage->sums < 0)
		return say_failure(SAY_UNMEASURED, "can't keep sums: %s", strerror(errno));
	return sum_blocks(stage, cell, block);
}

/* Both ways leave the file in the page cache: there it stays, or it is all dropped, so that the
 * first slot finds what the last one does. */
static int prepare(struct stage *stage, const struct cell *cell)
{
	unsigned char *block = malloc(cell->block_bytes);
	int code;

	if (!block)
		return say_failure(SAY_UNMEASURED, "out of memory");
	code = cell->file ? take_file(stage, cell, block) : make_file(stage, cell, block);
	free(block);
	if (!code && cell->direct)
		posix_fadvise(stage->file, 0, 0, POSIX_FADV_DONTNEED);
	return code;
}

static void tidy(struct stage *stage)
{
	if (stage->file >= 0)
		close(stage->file);
	if (stage->sums >= 0)
		close(stage->sums);
	stage->file = stage->sums = -1;
}

static int play(const struct stage *stage, const struct cell *cell, const struct arm *arm,
		json_t **slot)
{
	struct player_job job = { .stage = stage, .cell = cell, .arm = arm, .file = cell->file };
	struct arguments *arguments = &job.arguments;
	int code = player_begin(&job, "play");

	*slot = NULL;
	if (code)
		return code;
	arguments_add(arguments, "--model=%s", arm->model);
	arguments_add(arguments, "--file=/proc/%d/fd/%d", (int)getpid(), stage->file);
	arguments_add(arguments, "--name=%s", cell->file ? cell->file : "the made file");
	if (stage->sums >= 0)
		arguments_add(arguments, "--sums=/proc/%d/fd/%d", (int)getpid(), stage->sums);
	arguments_add(arguments, "--block=%u", cell->block_bytes);
	arguments_add(arguments, "--depth=%u", cell->depth);
	arguments_add(arguments, "--workers=%d", WORKERS);
	arguments_add(arguments, "--blocks=%" PRIu64, stage->blocks);
	arguments_add(arguments, "--stride=%" PRIu64, stage->stride_bytes);
	if (cell->direct)
		arguments_add(arguments, "--direct");
	return player_end(&job, slot);
}

const struct workload WORKLOAD_FILE = {
	.name = "file", .parameters = parameters, .check = check, .prepare = prepare, .play = play,
	.tidy = tidy,
};
