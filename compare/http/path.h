/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The path of a request as names below the served folder: what is encoded is decoded, dots are taken
 * out, and none of it leads above the folder. */
#ifndef COMPARE_HTTP_PATH_H
#define COMPARE_HTTP_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum { PATH_NAME_MAX = 255, PATH_DEPTH_MAX = 64, PATH_BYTES_MAX = 4096 };

struct path {
	/* One after the other, each ends with a zero; none is empty, ".", ".." or has a slash. */
	char names[PATH_BYTES_MAX];
	size_t bytes;
	unsigned int depth; /* how many; 0: the folder itself */
	bool folder;        /* it is asked for as one: a slash stands at its end */
};

/* 0, or the status of HTTP to refuse it with: 400 makes no sense, 403 leads out of the folder, 404 can
 * be the name of no file. */
int path_read(struct path *path, const char *text, size_t bytes);

/* As it is asked for, from the slash at its beginning on, encoded again; as a folder. False: no room. */
bool path_write_folder(const struct path *path, char *text, size_t room);

#endif
