/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Kinds of the stress tier that work on the names and the sizes of files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <duet/file.h>

#include "compare/laboratory/lane.h"

enum { NAME_LANES = 16, NAME_BYTES = 160, BASE_BYTES = 8192, STEP_BYTES = 4096 };

/* Two names for each lane, lent with its operation. */
static char names[NAME_LANES][2][NAME_BYTES];

static int begin_name(struct stress *stress)
{
	const char *folder = getenv("TMPDIR");
	int length = snprintf(stress->path, sizeof(stress->path), "%s/duet-names-XXXXXX",
			      folder && *folder ? folder : "/tmp");

	memset(names, 0, sizeof(names));
	if (length < (int)sizeof(stress->path) && mkdtemp(stress->path))
		return 0;
	stress->path[0] = 0;
	return errno ? -errno : -ENAMETOOLONG;
}

static void end_name(struct stress *stress)
{
	if (!stress->path[0])
		return;
	for (uint32_t lane = 0; lane < NAME_LANES; lane++)
		for (int i = 0; i < 2; i++)
			remove(names[lane][i]);
	rmdir(stress->path);
}

static int make_name(struct lane *lane)
{
	struct stat found;
	int fd;

	for (int i = 0; i < 2; i++)
		snprintf(names[lane->index][i], NAME_BYTES, "%s/%u%c", lane->stress->path,
			 lane->index, 'a' + i);
	/* Also again, in the place of a handle that was closed. */
	fd = open(names[lane->index][!stat(names[lane->index][1], &found)],
		  O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int open_size(struct lane *lane)
{
	int fd = make_name(lane);
	int error = fd < 0 ? fd : ftruncate(fd, BASE_BYTES) ? -errno : 0;

	lane->stands = BASE_BYTES;
	if (fd >= 0 && error)
		close(fd);
	return error ? error : lane_adopt(lane, fd);
}

static bool is_there(const struct lane *lane, int which)
{
	struct stat unused;

	return !lstat(names[lane->index][which], &unused);
}

static bool completed(const struct lane *lane)
{
	return lane->op.disposition == DUET_COMPLETED;
}

/* `stands` is which of the two names there is: the first visit makes it. */
static void describe_rename(struct lane *lane)
{
	int from = (int)lane->stands;

	if (!names[lane->index][0][0])
		close(make_name(lane));
	duet_op_rename(&lane->op, AT_FDCWD, names[lane->index][from], AT_FDCWD,
		       names[lane->index][!from], 0);
}

static void take_rename(struct lane *lane)
{
	if (completed(lane))
		lane->stands = !lane->stands;
	if (!is_there(lane, (int)lane->stands) || is_there(lane, !lane->stands))
		lane_violation(lane, VIOLATION_EFFECT, "the name is not where it is said to be");
}

/* In turns it comes and goes: `stands` says whether it is there. */
static void describe_come_and_go(struct lane *lane, int flags)
{
	char *name = names[lane->index][1];

	if (!*name)
		close(make_name(lane));
	if (lane->stands)
		duet_op_unlink(&lane->op, AT_FDCWD, name, flags);
	else if (flags)
		duet_op_mkdir(&lane->op, AT_FDCWD, name, 0700);
	else if (lane->serial % 4 < 2)
		duet_op_symlink(&lane->op, names[lane->index][0], AT_FDCWD, name);
	else
		duet_op_link(&lane->op, AT_FDCWD, names[lane->index][0], AT_FDCWD, name, 0);
}

static void describe_mkdir(struct lane *lane)
{
	describe_come_and_go(lane, AT_REMOVEDIR);
}

static void describe_link(struct lane *lane)
{
	describe_come_and_go(lane, 0);
}

static void take_come_and_go(struct lane *lane)
{
	if (completed(lane))
		lane->stands = !lane->stands;
	if (is_there(lane, 1) != (bool)lane->stands)
		lane_violation(lane, VIOLATION_EFFECT, "the name is %s",
			       lane->stands ? "gone" : "there");
}

static void describe_truncate(struct lane *lane)
{
	lane->place = stress_below(&lane->stress->random, BASE_BYTES);
	duet_op_truncate(&lane->op, lane->handle, lane->place);
}

static void describe_allocate(struct lane *lane)
{
	lane->place = lane->stands + 1 + stress_below(&lane->stress->random, STEP_BYTES);
	duet_op_allocate(&lane->op, lane->handle, 0, 0, lane->place);
}

static void take_size(struct lane *lane)
{
	struct stat found = {0};

	if (completed(lane))
		lane->stands = lane->place;
	if (fstat(lane->witness, &found) || (uint64_t)found.st_size != lane->stands)
		lane_violation(lane, VIOLATION_EFFECT, "the file has %lld bytes and not %llu",
			       (long long)found.st_size, (unsigned long long)lane->stands);
}

static void describe_statx(struct lane *lane)
{
	duet_op_statx(&lane->op, AT_FDCWD, names[lane->index][0], 0, STATX_SIZE,
		      (struct statx *)(void *)lane->data);
}

static void take_statx(struct lane *lane)
{
	const struct statx *found = (const struct statx *)(const void *)lane->data;

	if (completed(lane) && found->stx_size != BASE_BYTES)
		lane_violation(lane, VIOLATION_DATA, "the file is told to have %llu bytes",
			       (unsigned long long)found->stx_size);
}

#define OF_NAMES .lanes = NAME_LANES, .begin = begin_name, .end = end_name
const struct stress_kind STRESS_NAMES[] = {
	{ .name = "statx", .kind = DUET_STATX, .bytes = sizeof(struct statx), .what = "of a file",
	  OF_NAMES, .open = open_size, .describe = describe_statx, .take = take_statx },
	{ .name = "mkdir", .kind = DUET_MKDIR, .what = "and its removal, in turns", OF_NAMES,
	  .describe = describe_mkdir, .take = take_come_and_go },
	{ .name = "link", .kind = DUET_LINK,
	  .what = "hard and symbolic, and their removal, in turns", OF_NAMES,
	  .describe = describe_link, .take = take_come_and_go },
	{ .name = "rename", .kind = DUET_RENAME, .what = "there and back", OF_NAMES,
	  .describe = describe_rename, .take = take_rename },
	{ .name = "truncate", .kind = DUET_TRUNCATE, .what = "of 8 KiB at most", OF_NAMES,
	  .open = open_size, .describe = describe_truncate, .take = take_size },
	{ .name = "allocate", .kind = DUET_ALLOCATE, .what = "of a little more each time", OF_NAMES,
	  .open = open_size, .describe = describe_allocate, .take = take_size },
	{ 0 },
};
