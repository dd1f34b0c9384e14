/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Kinds of the stress tier that work on files: on a real disk, if the file system has one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/laboratory/lane.h"

enum { BLOCK = LANE_BYTES_MAX, FILE_BLOCKS = 1024, FILE_LANES = 32, COLD_BYTES = 256 << 10,
       CHECK_ONE_OF = 16, DIRTY_ONE_OF = 256 };

/* ---- The file. ---- */

/* What stands at an offset, until it is written to. */
static const unsigned char *file_bytes(uint64_t place)
{
	static const struct lane FIRST;

	return stress_pattern(&FIRST, place);
}

static int fill_file(int fd)
{
	for (int i = 0; i < FILE_BLOCKS; i++) {
		off_t at = (off_t)i * BLOCK;

		if (pwrite(fd, file_bytes((uint64_t)at), BLOCK, at) != BLOCK)
			return errno ? -errno : -ENOSPC;
	}
	return fsync(fd) ? -errno : 0;
}

static int begin_file(struct stress *stress)
{
	const char *folder = getenv("TMPDIR");
	int length = snprintf(stress->path, sizeof(stress->path), "%s/duet-stress-%d",
			      folder && *folder ? folder : "/tmp", (int)getpid());
	int fd, error;

	if (length >= (int)sizeof(stress->path)) {
		stress->path[0] = 0;
		return -ENAMETOOLONG;
	}
	fd = open(stress->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		error = -errno;
		stress->path[0] = 0;
		return error;
	}
	error = fill_file(fd);
	close(fd);
	return error;
}

static void end_file(struct stress *stress)
{
	if (stress->path[0])
		unlink(stress->path);
}

static off_t own_block(const struct lane *lane)
{
	return (off_t)lane->index * BLOCK;
}

static int open_file(struct lane *lane, int flags)
{
	int error = lane_adopt(lane, open(lane->stress->path, flags | O_CLOEXEC));

	if (error)
		return error;
	lane->peer = open(lane->stress->path, O_RDWR | O_CLOEXEC);
	return lane->peer < 0 ? -errno : 0;
}

static int open_to_read(struct lane *lane)
{
	return open_file(lane, O_RDONLY);
}

static int open_direct(struct lane *lane)
{
	return open_file(lane, O_RDONLY | O_DIRECT);
}

/* ---- Reads. ---- */

static void describe_read(struct lane *lane)
{
	lane->place = (uint64_t)stress_below(&lane->stress->random, FILE_BLOCKS) * BLOCK;
	duet_op_read(&lane->op, lane->handle, lane->data, BLOCK, lane->place);
}

/* The other side throws pages out while they are read. */
static void forget_pages(struct lane *lane)
{
	off_t at = (off_t)stress_below(&lane->random, FILE_BLOCKS) * BLOCK;

	posix_fadvise(lane->peer, at, COLD_BYTES, POSIX_FADV_DONTNEED);
}

static void describe_read_cold(struct lane *lane)
{
	describe_read(lane);
	posix_fadvise(lane->peer, (off_t)lane->place, BLOCK, POSIX_FADV_DONTNEED);
}

static void take_read(struct lane *lane)
{
	if (memcmp(lane->data, file_bytes(lane->place), lane->op.transferred) != 0)
		lane_violation(lane, VIOLATION_DATA, "a byte read is not what the file has");
	if (lane->op.disposition == DUET_COMPLETED && lane->op.transferred != BLOCK)
		lane_violation(lane, VIOLATION_EFFECT, "completed with %u bytes of %d",
			       lane->op.transferred, BLOCK);
}

/* At the position of the file, which the witness shares: it is where what was received ends. */
static void describe_recv(struct lane *lane)
{
	lane->place = (uint64_t)stress_below(&lane->stress->random, FILE_BLOCKS) * BLOCK;
	lseek(lane->witness, (off_t)lane->place, SEEK_SET);
	duet_op_recv(&lane->op, lane->handle, lane->data, BLOCK, 0);
}

static void take_recv(struct lane *lane)
{
	off_t at = lseek(lane->witness, 0, SEEK_CUR);

	take_read(lane);
	if (at != (off_t)(lane->place + lane->op.transferred))
		lane_violation(lane, VIOLATION_BYTES, "%u bytes received, but the position is %lld",
			       lane->op.transferred, (long long)at - (long long)lane->place);
}

/* ---- Writes. `stands` is the place of what a lane's block holds, `place` of what is written. ---- */

static bool put_block(struct lane *lane, uint64_t place)
{
	lane->stands = place;
	return pwrite(lane->peer, stress_pattern(lane, place), BLOCK, own_block(lane)) == BLOCK;
}

static int open_writing(struct lane *lane, int flags)
{
	int error = open_file(lane, O_RDWR | flags);

	/* Only before the first write. */
	return error || lane->place || put_block(lane, 0) ? error : -EIO;
}

static int open_to_write(struct lane *lane)
{
	return open_writing(lane, 0);
}

static int open_to_write_direct(struct lane *lane)
{
	return open_writing(lane, O_DIRECT);
}

static void describe_write(struct lane *lane)
{
	lane->place = lane->stands + 1 + stress_below(&lane->stress->random, BLOCK);
	memcpy(lane->data, stress_pattern(lane, lane->place), BLOCK);
	duet_op_write(&lane->op, lane->handle, lane->data, BLOCK, (uint64_t)own_block(lane));
}

/* As many bytes as are said are new, and those behind them are the old ones. */
static void check_block(struct lane *lane, uint32_t said)
{
	static _Alignas(LANE_BYTES_MAX) unsigned char block[BLOCK];
	const unsigned char *old = stress_pattern(lane, lane->stands);

	if (pread(lane->witness, block, BLOCK, own_block(lane)) != BLOCK)
		lane_violation(lane, VIOLATION_EFFECT, "what was written can't be read");
	else if (said && !stress_holds(lane, block, said, lane->place))
		lane_violation(lane, VIOLATION_DATA, "%u bytes written, but others stand there", said);
	else if (memcmp(block + said, old + said, BLOCK - said) != 0)
		lane_violation(lane, VIOLATION_EFFECT, "%u bytes written, but more was, too", said);
}

/* A look past the page cache is as slow as the write. */
static void take_write(struct lane *lane)
{
	uint32_t said = lane->op.transferred;
	bool whole = lane->op.disposition == DUET_COMPLETED;

	if (!(fcntl(lane->witness, F_GETFL) & O_DIRECT) || lane->serial % CHECK_ONE_OF == 0)
		check_block(lane, said);
	if (whole && said != BLOCK)
		lane_violation(lane, VIOLATION_EFFECT, "completed with %u bytes of %d", said, BLOCK);
	if (whole)
		lane->stands = lane->place;
	else if (said)
		put_block(lane, lane->place);
}

static void settle_write(struct lane *lane)
{
	check_block(lane, 0);
}

/* ---- Fsync. ---- */

/* Now and then there is something to be made durable: that takes a journal milliseconds. */
static void make_dirty(struct lane *lane)
{
	if (!stress_below(&lane->random, DIRTY_ONE_OF))
		put_block(lane, lane->stands + 1);
}

static void describe_fsync(struct lane *lane)
{
	duet_op_fsync(&lane->op, lane->handle,
		      stress_below(&lane->stress->random, 2) ? DUET_DATA_ONLY : 0);
}

/* ---- Open. ---- */

static void describe_open(struct lane *lane)
{
	duet_op_open(&lane->op, AT_FDCWD, lane->stress->path, O_RDONLY, 0);
}

static void take_made(struct lane *lane)
{
	int fd;

	if (lane->op.result < 0)
		return;
	fd = duet_handle_release(lane->stress->loop, lane->op.made);
	if (fd < 0)
		lane_violation(lane, VIOLATION_EFFECT, "the opened handle is none: %s",
			       duet_error_name(fd));
	else
		close(fd);
}

#define OF_A_FILE .begin = begin_file, .end = end_file
const struct stress_kind STRESS_FILES[] = {
	{ .name = "read-cached", .kind = DUET_READ, .lanes = FILE_LANES, .bytes = BLOCK,
	  .what = "4 KiB that are in memory", OF_A_FILE, .open = open_to_read,
	  .describe = describe_read, .take = take_read },
	{ .name = "read-cold", .kind = DUET_READ, .lanes = FILE_LANES, .bytes = BLOCK,
	  .what = "4 KiB that are thrown out of memory while others read them", OF_A_FILE,
	  .open = open_to_read, .describe = describe_read_cold, .act = forget_pages,
	  .take = take_read },
	{ .name = "read-direct", .kind = DUET_READ, .lanes = FILE_LANES, .bytes = BLOCK,
	  .what = "4 KiB past the page cache", OF_A_FILE, .open = open_direct,
	  .describe = describe_read, .take = take_read },
	{ .name = "recv-file", .kind = DUET_RECV, .lanes = FILE_LANES, .bytes = BLOCK,
	  .what = "4 KiB at the position of a file", OF_A_FILE, .open = open_to_read,
	  .describe = describe_recv, .act = forget_pages, .take = take_recv },
	{ .name = "write", .kind = DUET_WRITE, .lanes = FILE_LANES, .bytes = BLOCK,
	  .what = "4 KiB into the page cache", OF_A_FILE, .open = open_to_write,
	  .describe = describe_write, .take = take_write, .settle = settle_write },
	{ .name = "write-direct", .kind = DUET_WRITE, .lanes = FILE_LANES, .bytes = BLOCK,
	  .what = "4 KiB past the page cache", OF_A_FILE, .open = open_to_write_direct,
	  .describe = describe_write, .take = take_write, .settle = settle_write },
	{ .name = "fsync", .kind = DUET_FSYNC, .lanes = FILE_LANES,
	  .what = "of a file that others write to", OF_A_FILE, .open = open_to_read,
	  .describe = describe_fsync, .act = make_dirty },
	{ .name = "open", .kind = DUET_OPEN, .lanes = FILE_LANES, .what = "of a file", OF_A_FILE,
	  .describe = describe_open, .take = take_made },
	{ 0 },
};
