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

int store_write(const json_t *json, const char *path)
{
	char beside[FILE_MAX];
	int status;

	if (!strcmp(path, "-"))
		status = write_stream(json, stdout);
	else if (is_special(path)) /* a pipe, /dev/null or the like: no name to take */
		status = write_file(json, path);
	else if (snprintf(beside, sizeof(beside), "%s.%d.part", path, (int)getpid()) >=
		 (int)sizeof(beside))
		status = -ENAMETOOLONG;
	else {
		status = write_file(json, beside);
		if (!status && rename(beside, path))
			status = -errno;
		if (status)
			unlink(beside);
	}
	if (!status)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "can't write the result to %s: %s; nothing was left there",
			   path, strerror(-status));
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

int store_read(const char *path, json_t **json)
{
	json_error_t error;
	struct stat what;
	int code;

	*json = NULL;
	if (stat(path, &what))
		return say_failure(SAY_USAGE, "%s: %s", path, strerror(errno));
	if (S_ISDIR(what.st_mode))
		return say_failure(SAY_USAGE, "%s: this is a folder; give a file written by --json",
				   path);
	*json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!*json)
		return say_failure(SAY_USAGE, "%s: line %d: %s; the file is cut short or no JSON",
				   path, error.line, error.text);
	code = check_shape(path, *json);
	if (code) {
		json_decref(*json);
		*json = NULL;
	}
	return code;
}
