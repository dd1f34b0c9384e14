/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "compare/load/pattern.h"

enum { PATH_BYTES_MAX = 320 };

static int write_all(int fd, uint32_t bytes)
{
	uint32_t done = 0;

	while (done < bytes) {
		size_t piece;
		const unsigned char *data = pattern_at(0, done, &piece);
		ssize_t written = write(fd, data, piece < bytes - done ? piece : bytes - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? -errno : -EIO;
		done += (uint32_t)written;
	}
	return 0;
}

static int make_file(const char *folder, uint32_t bytes)
{
	char path[PATH_BYTES_MAX];
	int fd, error;

	snprintf(path, sizeof(path), "%s/" FOLDER_FILE, folder);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	error = write_all(fd, bytes);
	return close(fd) && !error ? -errno : error;
}

int folder_make(char *folder, size_t size, uint32_t file_bytes)
{
	const char *where = getenv("TMPDIR");
	int length, error;

	length = snprintf(folder, size, "%s/duet-XXXXXX", where && *where ? where : "/tmp");
	error = length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
	if (!error && !mkdtemp(folder))
		error = -errno;
	if (error) {
		*folder = 0;
		return error;
	}
	pattern_make();
	error = make_file(folder, file_bytes);
	if (error) {
		folder_remove(folder);
		*folder = 0;
	}
	return error;
}

void folder_remove(const char *folder)
{
	char path[PATH_BYTES_MAX];

	if (!*folder)
		return;
	snprintf(path, sizeof(path), "%s/" FOLDER_FILE, folder);
	unlink(path);
	rmdir(folder);
}
