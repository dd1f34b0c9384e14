/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/http/path.h"

#include <stdio.h>
#include <string.h>

enum { BAD_REQUEST = 400, FORBIDDEN = 403, NOT_FOUND = 404 };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte, decoded; *at is behind it then. Its value, or -1: it makes no sense. */
static int decode(const char *text, size_t bytes, size_t *at)
{
	int high, low;

	if (text[*at] != '%')
		return (unsigned char)text[(*at)++];
	high = bytes - *at > 2 ? digit(text[*at + 1]) : -1;
	low = bytes - *at > 2 ? digit(text[*at + 2]) : -1;
	if (high < 0 || low < 0)
		return -1;
	*at += 3;
	return high * 16 + low;
}

static int leave_last(struct path *path)
{
	if (!path->depth)
		return FORBIDDEN;
	path->bytes--;
	while (path->bytes && path->names[path->bytes - 1])
		path->bytes--;
	path->depth--;
	return 0;
}

/* The name that stands from begin to the end of what there is. */
static int end_name(struct path *path, size_t begin)
{
	const char *name = path->names + begin;
	size_t bytes = path->bytes - begin;
	bool dots = (bytes == 1 || bytes == 2) && !memcmp(name, "..", bytes);

	if (bytes > PATH_NAME_MAX || (!dots && bytes && path->depth == PATH_DEPTH_MAX))
		return NOT_FOUND;
	path->folder = !bytes || dots;
	if (path->folder) {
		path->bytes = begin;
		return bytes == 2 ? leave_last(path) : 0;
	}
	path->names[path->bytes++] = 0;
	path->depth++;
	return 0;
}

/* From behind a slash to the next one or the end. A slash that is encoded is none between names, and can
 * be in none. */
static int read_name(struct path *path, const char *text, size_t bytes, size_t *at)
{
	size_t begin = path->bytes;

	while (*at < bytes && text[*at] != '/') {
		int c = decode(text, bytes, at);

		if (c <= 0)
			return BAD_REQUEST;
		if (c == '/' || path->bytes + 2 > sizeof(path->names))
			return NOT_FOUND;
		path->names[path->bytes++] = (char)c;
	}
	return end_name(path, begin);
}

int path_read(struct path *path, const char *text, size_t bytes)
{
	size_t at = 0;
	int status = 0;

	path->bytes = 0;
	path->depth = 0;
	path->folder = true;
	if (!bytes || *text != '/')
		return BAD_REQUEST;
	while (!status && at < bytes) {
		at++;
		status = read_name(path, text, bytes, &at);
	}
	return status;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("-._~", c);
}

bool path_write_folder(const struct path *path, char *text, size_t room)
{
	size_t used = 0;

	if (room < 5)
		return false;
	text[used++] = '/';
	for (size_t i = 0; i < path->bytes; i++) {
		const char c = path->names[i];

		if (room - used < 5)
			return false;
		if (!c)
			text[used++] = '/';
		else if (is_plain(c))
			text[used++] = c;
		else
			used += (size_t)snprintf(text + used, 4, "%%%02X", (unsigned char)c);
	}
	text[used] = 0;
	return true;
}
