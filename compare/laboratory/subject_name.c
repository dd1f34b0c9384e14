/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Subjects that work on the names of files, and on their sizes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <duet/file.h>

#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"

enum { PATH_PLACE = 64 << 10, PATH_BYTES = 160, FILE_BYTES = 64 << 10, SHORT_BYTES = 1000,
       LONG_BYTES = 256 << 10 };

/* The name that is to come or to go, beside that of the file. Behind what a target lends, where nobody
 * else writes. */
static char *other(struct scene *scene)
{
	return (char *)scene->data + PATH_PLACE;
}

static int make_file(struct scene *scene)
{
	const char *folder = getenv("TMPDIR");
	int length = snprintf(scene->path, sizeof(scene->path), "%s/duet-name-%d",
			      folder && *folder ? folder : "/tmp", (int)getpid());
	int fd;

	if (length >= (int)sizeof(scene->path)) {
		scene->path[0] = 0;
		return -ENAMETOOLONG;
	}
	snprintf(other(scene), PATH_BYTES, "%s-other", scene->path);
	fd = open(scene->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, FILE_BYTES)) {
		length = -errno;
		if (fd >= 0)
			close(fd);
		return length;
	}
	return fd;
}

static int prepare_name(struct scene *scene)
{
	int fd = make_file(scene);

	return fd < 0 ? fd : close(fd);
}

static int prepare_both(struct scene *scene)
{
	int error = prepare_name(scene);

	return error ? error : link(scene->path, other(scene)) ? -errno : 0;
}

static int prepare_open(struct scene *scene)
{
	int fd = make_file(scene);

	return fd < 0 ? fd : scene_adopt(scene, fd);
}

/* Is to be seen what the end says? */
static void compare(struct scene *scene, bool seen)
{
	bool said = scene->run.disposition == DUET_COMPLETED;

	if (seen != said)
		scene_violation(scene, VIOLATION_EFFECT, "%s, but the effect is %s",
				said ? "completed" : "not completed", seen ? "there" : "not there");
}

static bool is_there(const char *path)
{
	struct stat unused;

	return !lstat(path, &unused);
}

static void account_came(struct scene *scene)
{
	compare(scene, is_there(other(scene)));
	remove(other(scene));
}

static void account_went(struct scene *scene)
{
	compare(scene, !is_there(other(scene)));
	remove(other(scene));
}

static void account_moved(struct scene *scene)
{
	bool moved = is_there(other(scene));

	compare(scene, moved && !is_there(scene->path));
	if (moved)
		rename(other(scene), scene->path);
}

static void account_size(struct scene *scene, off_t bytes)
{
	struct stat found = {0};

	if (fstat(scene->run.witness, &found) || (found.st_size != bytes && found.st_size != FILE_BYTES))
		scene_violation(scene, VIOLATION_EFFECT, "the file has %lld bytes",
				(long long)found.st_size);
	compare(scene, found.st_size == bytes);
}

/* ---- One a kind. ---- */

static void describe_mkdir(struct scene *scene)
{
	duet_op_mkdir(&scene->run.target, AT_FDCWD, other(scene), 0700);
}

static void describe_unlink(struct scene *scene)
{
	duet_op_unlink(&scene->run.target, AT_FDCWD, other(scene), 0);
}

static void describe_rename(struct scene *scene)
{
	duet_op_rename(&scene->run.target, AT_FDCWD, scene->path, AT_FDCWD, other(scene), 0);
}

static void describe_link(struct scene *scene)
{
	duet_op_link(&scene->run.target, AT_FDCWD, scene->path, AT_FDCWD, other(scene), 0);
}

static void describe_symlink(struct scene *scene)
{
	duet_op_symlink(&scene->run.target, scene->path, AT_FDCWD, other(scene));
}

static struct statx *found_of(const struct scene *scene)
{
	return (struct statx *)(void *)scene->data;
}

static void describe_statx(struct scene *scene)
{
	scene_lend(scene, sizeof(struct statx));
	memset(scene->data, 0, sizeof(struct statx));
	duet_op_statx(&scene->run.target, AT_FDCWD, scene->path, 0, STATX_SIZE, found_of(scene));
}

static void take_statx(struct scene *scene)
{
	bool seen = found_of(scene)->stx_size == FILE_BYTES;

	if (seen != (scene->run.target.disposition == DUET_COMPLETED))
		scene_violation(scene, VIOLATION_DATA, "the file is told to have %llu bytes",
				(unsigned long long)found_of(scene)->stx_size);
}

static void describe_truncate(struct scene *scene)
{
	duet_op_truncate(&scene->run.target, scene->run.handle, SHORT_BYTES);
}

static void account_truncate(struct scene *scene)
{
	account_size(scene, SHORT_BYTES);
}

static void describe_allocate(struct scene *scene)
{
	duet_op_allocate(&scene->run.target, scene->run.handle, 0, 0, LONG_BYTES);
}

static void account_allocate(struct scene *scene)
{
	account_size(scene, LONG_BYTES);
}

const struct subject SUBJECTS_NAME[] = {
	{ .name = "statx", .kind = DUET_STATX, .traits = SUBJECT_BY_ITSELF, .what = "of a file",
	  .prepare = prepare_name, .describe = describe_statx, .take = take_statx },
	{ .name = "mkdir", .kind = DUET_MKDIR, .traits = SUBJECT_BY_ITSELF,
	  .what = "of a new directory", .prepare = prepare_name, .describe = describe_mkdir,
	  .account = account_came },
	{ .name = "unlink", .kind = DUET_UNLINK, .traits = SUBJECT_BY_ITSELF,
	  .what = "of one of two names", .prepare = prepare_both, .describe = describe_unlink,
	  .account = account_went },
	{ .name = "rename", .kind = DUET_RENAME, .traits = SUBJECT_BY_ITSELF, .what = "of a file",
	  .prepare = prepare_name, .describe = describe_rename, .account = account_moved },
	{ .name = "link", .kind = DUET_LINK, .traits = SUBJECT_BY_ITSELF, .what = "of a file",
	  .prepare = prepare_name, .describe = describe_link, .account = account_came },
	{ .name = "symlink", .kind = DUET_SYMLINK, .traits = SUBJECT_BY_ITSELF,
	  .what = "to a file", .prepare = prepare_name, .describe = describe_symlink,
	  .account = account_came },
	{ .name = "truncate", .kind = DUET_TRUNCATE, .traits = SUBJECT_BY_ITSELF,
	  .what = "of 64 KiB to 1,000 bytes", .prepare = prepare_open,
	  .describe = describe_truncate, .account = account_truncate },
	{ .name = "allocate", .kind = DUET_ALLOCATE, .traits = SUBJECT_BY_ITSELF,
	  .what = "of 256 KiB for a file of 64", .prepare = prepare_open,
	  .describe = describe_allocate, .account = account_allocate },
	{ 0 },
};
