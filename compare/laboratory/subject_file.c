/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Subjects that work on files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"

enum { FILE_BYTES = SCENE_BYTES_MAX, CACHED_BYTES = 64 << 10, DIRTY_BYTES = 256 << 10 };

/* Made once for all runs of a cell. */
static int make_path(struct scene *scene)
{
	const char *folder = getenv("TMPDIR");
	int length = snprintf(scene->path, sizeof(scene->path), "%s/duet-cancel-%d",
			      folder && *folder ? folder : "/tmp", (int)getpid());

	if (length < (int)sizeof(scene->path))
		return 0;
	scene->path[0] = 0;
	return -ENAMETOOLONG;
}

static int fill_file(struct scene *scene)
{
	int fd = open(scene->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	scene_pattern(scene->scratch, FILE_BYTES, 0);
	n = write(fd, scene->scratch, FILE_BYTES);
	if (n == FILE_BYTES && !fsync(fd))
		n = 0;
	else
		n = n < 0 ? -errno : -ENOSPC;
	close(fd);
	return (int)n;
}

static int make_file(struct scene *scene)
{
	int error = scene->path[0] ? 0 : make_path(scene);

	if (error || !access(scene->path, F_OK))
		return error;
	return fill_file(scene);
}

static int open_file(struct scene *scene, int flags)
{
	int error = make_file(scene);

	return error ? error : scene_adopt(scene, open(scene->path, flags | O_CLOEXEC));
}

/* ---- Reads. ---- */

static int prepare_cached(struct scene *scene)
{
	int error = open_file(scene, O_RDONLY);

	if (!error && pread(scene->run.witness, scene->scratch, FILE_BYTES, 0) != FILE_BYTES)
		error = -EIO;
	return error;
}

static int prepare_cold(struct scene *scene)
{
	int error = open_file(scene, O_RDONLY);

	return error ? error : -posix_fadvise(scene->run.witness, 0, 0, POSIX_FADV_DONTNEED);
}

static int prepare_direct(struct scene *scene)
{
	return open_file(scene, O_RDONLY | O_DIRECT);
}

static void describe_reading(struct scene *scene, uint32_t bytes)
{
	scene_lend(scene, bytes);
	duet_op_read(&scene->run.target, scene->run.handle, scene->data, bytes, 0);
}

static void describe_read(struct scene *scene)
{
	describe_reading(scene, FILE_BYTES);
}

static void describe_read_cached(struct scene *scene)
{
	describe_reading(scene, CACHED_BYTES);
}

static void take_read(struct scene *scene)
{
	if (!scene_pattern_holds(scene->data, scene->run.target.transferred, 0))
		scene_violation(scene, VIOLATION_DATA, "a byte read is not what the file has");
}

/* ---- Writes, fsync. ---- */

/* Of zeros, so that what was written is told from what was not. */
static int prepare_write(struct scene *scene)
{
	int error = open_file(scene, O_RDWR);

	if (error)
		return error;
	memset(scene->scratch, 0, FILE_BYTES);
	return pwrite(scene->run.witness, scene->scratch, FILE_BYTES, 0) == FILE_BYTES ? 0 : -EIO;
}

static void describe_write(struct scene *scene)
{
	scene_lend(scene, FILE_BYTES);
	scene_pattern(scene->data, FILE_BYTES, 0);
	duet_op_write(&scene->run.target, scene->run.handle, scene->data, FILE_BYTES, 0);
}

/* What is said to be written stands there, and nothing behind it. */
static void account_write(struct scene *scene)
{
	uint32_t said = scene->run.transferred;

	if (pread(scene->run.witness, scene->scratch, FILE_BYTES, 0) != FILE_BYTES)
		return;
	if (!scene_pattern_holds(scene->scratch, said, 0))
		scene_violation(scene, VIOLATION_DATA, "%u bytes written, but others stand there",
				said);
	for (uint32_t i = said; i < FILE_BYTES; i++) {
		if (!scene->scratch[i])
			continue;
		scene_violation(scene, VIOLATION_EFFECT, "%u bytes written, but byte %u was, too",
				said, i);
		return;
	}
}

static int prepare_dirty(struct scene *scene)
{
	int error = open_file(scene, O_RDWR);

	if (error)
		return error;
	scene_pattern(scene->scratch, DIRTY_BYTES, 0);
	return pwrite(scene->run.witness, scene->scratch, DIRTY_BYTES, 0) == DIRTY_BYTES ? 0 : -EIO;
}

static void describe_fsync(struct scene *scene)
{
	duet_op_fsync(&scene->run.target, scene->run.handle, 0);
}

/* ---- At the own position. ---- */

static void describe_recv(struct scene *scene)
{
	scene_lend(scene, CACHED_BYTES);
	duet_op_recv(&scene->run.target, scene->run.handle, scene->data, CACHED_BYTES, 0);
}

static void describe_send(struct scene *scene)
{
	scene_lend(scene, FILE_BYTES);
	scene_pattern(scene->data, FILE_BYTES, 0);
	duet_op_send(&scene->run.target, scene->run.handle, scene->data, FILE_BYTES, DUET_WHOLE);
}

/* The position is where it is said to be: what comes next follows. */
static void account_position(struct scene *scene)
{
	off_t at = lseek(scene->run.witness, 0, SEEK_CUR);

	if (at != (off_t)scene->run.transferred)
		scene_violation(scene, VIOLATION_BYTES, "%u bytes moved, but the position is %lld",
				scene->run.transferred, (long long)at);
}

static void account_send(struct scene *scene)
{
	account_position(scene);
	account_write(scene);
}

/* ---- Open. ---- */

static void describe_open(struct scene *scene)
{
	duet_op_open(&scene->run.target, AT_FDCWD, scene->path, O_RDONLY, 0);
}

static void take_made(struct scene *scene)
{
	if (scene->run.target.result == 0)
		scene->run.made = scene->run.target.made;
}

static int make_fifo(struct scene *scene)
{
	int error = scene->path[0] ? 0 : make_path(scene);

	if (error || !access(scene->path, F_OK))
		return error;
	return mkfifo(scene->path, 0600) ? -errno : 0;
}

/* Both ends, as opening the writing end alone waits, or fails, where no reader has come yet. */
static void come_to_write(struct scene *scene)
{
	scene->run.held = open(scene->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

const struct subject SUBJECTS_FILE[] = {
	{ .name = "read-cached", .kind = DUET_READ, .traits = SUBJECT_BY_ITSELF,
	  .what = "64 KiB that are in memory", .prepare = prepare_cached,
	  .describe = describe_read_cached, .take = take_read },
	{ .name = "read-cold", .kind = DUET_READ, .traits = SUBJECT_BY_ITSELF,
	  .what = "1 MiB that is not in memory", .prepare = prepare_cold, .describe = describe_read,
	  .take = take_read },
	{ .name = "read-direct", .kind = DUET_READ, .traits = SUBJECT_BY_ITSELF,
	  .what = "1 MiB past the page cache", .prepare = prepare_direct, .describe = describe_read,
	  .take = take_read },
	{ .name = "write", .kind = DUET_WRITE, .traits = SUBJECT_BY_ITSELF,
	  .what = "1 MiB, into the page cache", .prepare = prepare_write, .describe = describe_write,
	  .account = account_write },
	{ .name = "recv-file", .kind = DUET_RECV, .traits = SUBJECT_BY_ITSELF,
	  .what = "64 KiB at the position of a file", .prepare = prepare_cached,
	  .describe = describe_recv, .take = take_read, .account = account_position },
	{ .name = "send-file", .kind = DUET_SEND, .traits = SUBJECT_BY_ITSELF,
	  .what = "1 MiB at the position of a file", .prepare = prepare_write,
	  .describe = describe_send, .account = account_send },
	{ .name = "fsync", .kind = DUET_FSYNC, .traits = SUBJECT_BY_ITSELF, .what = "of 256 KiB",
	  .prepare = prepare_dirty, .describe = describe_fsync },
	{ .name = "open", .kind = DUET_OPEN, .traits = SUBJECT_BY_ITSELF | SUBJECT_MAKES,
	  .what = "of a file", .prepare = make_file, .describe = describe_open, .take = take_made },
	{ .name = "open-fifo", .kind = DUET_OPEN, .traits = SUBJECT_MAKES,
	  .what = "of a FIFO that nobody has open", .prepare = make_fifo, .describe = describe_open,
	  .satisfy = come_to_write, .take = take_made },
	{ 0 },
};
