/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/harness.h"

static char directory[64];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void file_cleanup(void)
{
	if (directory[0])
		nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	directory[0] = '\0';
}

/* /var/tmp is on a disk where /tmp may be memory: page cache and O_DIRECT are what is tested. */
const char *file_path(const char *name)
{
	static char paths[4][160];
	static unsigned next;
	char *path = paths[next++ % 4];

	if (!directory[0]) {
		snprintf(directory, sizeof(directory), "/var/tmp/duet-test-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(directory));
	}
	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

duet_handle file_open(const char *path, int flags)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_open(&trial.op, AT_FDCWD, path, flags, 0600);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	return trial.op.made;
}

void file_write(duet_handle handle, const void *data, size_t bytes, uint64_t offset)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_write(&trial.op, handle, data, bytes, offset);
	trial_run(&trial);
	expect(&trial, (int)bytes, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

int file_read(duet_handle handle, void *data, size_t bytes, uint64_t offset)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_read(&trial.op, handle, data, bytes, offset);
	return trial_run(&trial);
}

void file_make(const char *path, size_t bytes)
{
	unsigned char *data = malloc(bytes);
	duet_handle handle = file_open(path, O_RDWR | O_CREAT);

	ck_assert_ptr_nonnull(data);
	pattern_fill(data, bytes, 0);
	file_write(handle, data, bytes, 0);
	handle_close(handle);
	free(data);
}
