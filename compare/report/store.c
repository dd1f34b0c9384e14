/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/report/shape.h"
#include "compare/say.h"

enum { FILE_MAX = 4096 };

/* One line: indenting the histograms would make the file four times as long. Twelve digits are more
 * than was measured. */
static const size_t STYLE = JSON_REAL_PRECISION(12);

static int write_stream(const json_t *json, FILE *file)
{
	errno = 0;
	if (json_dumpf(json, file, STYLE) || fputc('\n', file) == EOF || fflush(file))
		return errno ? -errno : -EIO;
	return 0;
}

static int write_file(const json_t *json, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), status;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file) {
		status = -errno;
		if (fd >= 0)
			close(fd);
		return status;
	}
	status = write_stream(json, file);
	if (!status && fsync(fd) && errno != EINVAL && errno != EROFS)
		status = -errno;
	if (fclose(file) && !status)
		status = -errno;
	return status;
}

static bool is_special(const char *path)
{
	struct stat what;

	return !stat(path, &what) && !S_ISREG(what.st_mode);
}

/* The name of the file that a result is written into before it takes its own. */
static int name_beside(const char *path, char *beside)
{
	int length = snprintf(beside, FILE_MAX, "%s.%d.part", path, (int)getpid());

	return length < FILE_MAX ? 0 : -ENAMETOOLONG;
}

static int try_beside(const char *path)
{
	char beside[FILE_MAX];
	int status = name_beside(path, beside), fd;

	if (status)
		return status;
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	close(fd);
	unlink(beside);
	return 0;
}

int store_check(const char *path, const char *command)
{
	struct stat what;
	int status = 0;

	if (!strcmp(path, "-"))
		return SAY_OK;
	if (stat(path, &what))
		status = errno == ENOENT ? try_beside(path) : -errno;
	else if (S_ISDIR(what.st_mode))
		status = -EISDIR;
	else if (S_ISSOCK(what.st_mode))
		status = -ENXIO;
	else if (!S_ISREG(what.st_mode))
		status = access(path, W_OK) ? -errno : 0;
	else
		status = try_beside(path);
	if (!status)
		return SAY_OK;
	return say_failure(SAY_USAGE, "%s: --json %s: %s; give a file in a folder that can be written",
			   command, path, strerror(-status));
}

int store_write(const json_t *json, const char *path)
{
	char beside[FILE_MAX];
	bool older = !access(path, F_OK) && !is_special(path);
	int status;

	if (!strcmp(path, "-"))
		status = write_stream(json, stdout);
	else if (is_special(path)) /* a pipe, /dev/null or the like: no name to take */
		status = write_file(json, path);
	else {
		status = name_beside(path, beside);
		if (!status)
			status = write_file(json, beside);
		if (!status && rename(beside, path))
			status = -errno;
		if (status && status != -ENAMETOOLONG)
			unlink(beside);
	}
	if (!status)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "can't write the result to %s: %s; %s", path,
			   strerror(-status), older ? "the older file is kept as it was"
						    : "nothing was left there");
}

json_t *store_string(const char *text)
{
	json_t *json = json_string(text);
	char *copy = json ? NULL : strdup(text);

	if (!copy)
		return json;
	for (unsigned char *at = (unsigned char *)copy; *at; at++)
		*at = *at < 0x80 ? *at : '?';
	json = json_string(copy);
	free(copy);
	return json;
}

static int check_shape(const char *path, const json_t *json)
{
	const json_t *schema = json_object_get(json, "schema");

	if (!json_is_integer(schema))
		return say_failure(SAY_USAGE, "%s: this is JSON, but not a result of duet compare",
				   path);
	if (json_integer_value(schema) != STORE_SCHEMA)
		return say_failure(SAY_USAGE,
				   "%s: written with schema %lld, but this duet reads schema %d; use "
				   "the duet that wrote it", path,
				   (long long)json_integer_value(schema), STORE_SCHEMA);
	if (!json_is_array(json_object_get(json, "cells")) ||
	    !json_is_object(json_object_get(json, "run")))
		return say_failure(SAY_USAGE, "%s: this is JSON with a schema, but not a result of "
				   "duet compare", path);
	return SAY_OK;
}

static int check_cells(const char *path, const json_t *json)
{
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(json, "cells"), i, cell) {
		const char *problem = shape_problem(cell);

		if (problem)
			return say_failure(SAY_USAGE, "%s: not as duet compare writes it: cell %zu: "
					   "%s", path, i + 1, problem);
	}
	return SAY_OK;
}

int store_read(const char *path, json_t **json)
{
	json_error_t error;
	struct stat what;
	FILE *file;
	int code;

	*json = NULL;
	if (stat(path, &what))
		return say_failure(SAY_USAGE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(what.st_mode))
		return say_failure(SAY_USAGE, "%s: this is a %s; give a file written by --json",
				   path, S_ISDIR(what.st_mode) ? "folder" : S_ISFIFO(what.st_mode)
					   ? "pipe" : "device or socket");
	file = fopen(path, "re");
	if (!file)
		return say_failure(SAY_USAGE, "%s: %s", path, strerror(errno));
	*json = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	fclose(file);
	if (!*json)
		return say_failure(SAY_USAGE, "%s: line %d: %s; the file is cut short or no JSON",
				   path, error.line, error.text);
	code = check_shape(path, *json);
	if (!code)
		code = check_cells(path, *json);
	if (!code)
		shape_clean(*json);
	if (code) {
		json_decref(*json);
		*json = NULL;
	}
	return code;
}
