/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/report/shape.h"
#include "compare/say.h"

enum { FILE_MAX = PATH_MAX };

static int held_pipe = -1; /* from store_check() to store_write() */

/* One line: indenting the histograms would make the file four times as long. Twelve digits are more
 * than was measured. */
static const size_t STYLE = JSON_REAL_PRECISION(STORE_DIGITS);

static int write_stream(const json_t *json, FILE *file)
{
	errno = 0;
	if (json_dumpf(json, file, STYLE) || fputc('\n', file) == EOF || fflush(file))
		return errno ? -errno : -EIO;
	return 0;
}

/* fd is closed in any case; a negative one is an error that errno has. */
static int write_descriptor(const json_t *json, int fd)
{
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	int status;

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

static int write_file(const json_t *json, const char *path)
{
	return write_descriptor(json, open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
}

/* A reader that is gone is an error here, and no reason to die. */
static int write_special(const json_t *json, const char *path)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	int fd = held_pipe, status;

	held_pipe = -1;
	sigaction(SIGPIPE, &ignore, &before);
	status = fd >= 0 ? write_descriptor(json, fd) : write_file(json, path);
	sigaction(SIGPIPE, &before, NULL);
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

/* What a link leads to, and the path itself where there is nothing yet. */
static void follow(const char *path, char *target)
{
	if (!realpath(path, target))
		snprintf(target, FILE_MAX, "%s", path);
}

static int try_beside(const char *path)
{
	char target[FILE_MAX], beside[FILE_MAX];
	int status, fd;

	follow(path, target);
	status = name_beside(target, beside);

	if (status)
		return status;
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	close(fd);
	unlink(beside);
	return 0;
}

/* Opening to write would wait for a reader, and so it is asked without waiting. */
static int try_pipe(const char *path)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFL, 0);
	held_pipe = fd;
	return 0;
}

static int try_special(const char *path, const struct stat *what)
{
	if (S_ISDIR(what->st_mode))
		return -EISDIR;
	if (S_ISFIFO(what->st_mode))
		return try_pipe(path);
	if (S_ISSOCK(what->st_mode))
		return -EINVAL;
	return access(path, W_OK) ? -errno : 0;
}

int store_check(const char *path, const char *command)
{
	struct stat what, link;
	int status;

	if (!strcmp(path, "-"))
		return SAY_OK;
	if (!stat(path, &what) && !S_ISREG(what.st_mode))
		status = try_special(path, &what);
	else if (stat(path, &what) && !lstat(path, &link))
		return say_failure(SAY_USAGE, "%s: --json %s: this is a link that leads nowhere; "
				   "remove it, or make what it leads to", command, path);
	else
		status = try_beside(path);
	if (!status)
		return SAY_OK;
	if (status == -ENXIO)
		return say_failure(SAY_USAGE, "%s: --json %s: this is a pipe that nobody reads; start "
				   "its reader first, or give a file", command, path);
	return say_failure(SAY_USAGE, "%s: --json %s: %s; give a file in a folder that can be written",
			   command, path, strerror(-status));
}

static int write_beside(const json_t *json, const char *path)
{
	char target[FILE_MAX], beside[FILE_MAX];
	int status;

	follow(path, target);
	status = name_beside(target, beside);
	if (status)
		return status;
	status = write_file(json, beside);
	if (!status && rename(beside, target))
		status = -errno;
	if (status)
		unlink(beside);
	return status;
}

int store_write(const json_t *json, const char *path)
{
	bool older = !access(path, F_OK) && !is_special(path);
	int status;

	if (!strcmp(path, "-"))
		status = write_stream(json, stdout);
	else if (is_special(path)) /* a pipe, /dev/null or the like: no name to take */
		status = write_special(json, path);
	else
		status = write_beside(json, path);
	if (!status)
		return SAY_OK;
	if (!strcmp(path, "-"))
		return say_failure(SAY_UNMEASURED, "can't write the result to the standard output: %s",
				   strerror(-status));
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
	if (json_is_string(json_object_get(json, "kind")) &&
	    !strncmp(json_string_value(json_object_get(json, "kind")), "cancel", 6))
		return say_failure(SAY_USAGE, "%s: written by duet cancel; duet cancel show prints it",
				   path);
	if (json_is_string(json_object_get(json, "kind")) &&
	    !strncmp(json_string_value(json_object_get(json, "kind")), "compare ", 8))
		return say_failure(SAY_USAGE, "%s: of duet %s; duet show prints it", path,
				   json_string_value(json_object_get(json, "kind")));
	if (json_object_get(json, "kind"))
		return say_failure(SAY_USAGE, "%s: written by duet diff; give a result of duet "
				   "compare", path);
	if (!json_array_size(json_object_get(json, "cells")) ||
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

/* A pipe that has a name is refused, and not waited for; whoever says "-" means it. */
static int open_result(const char *path, FILE **file)
{
	struct stat what;

	*file = stdin;
	if (!strcmp(path, "-"))
		return SAY_OK;
	if (stat(path, &what))
		return say_failure(SAY_USAGE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(what.st_mode))
		return say_failure(SAY_USAGE, "%s: this is a %s; give a file written by --json, or - "
				   "for the standard input", path, S_ISDIR(what.st_mode)
					   ? "folder" : S_ISFIFO(what.st_mode)
					   ? "pipe" : "device or socket");
	*file = fopen(path, "re");
	if (!*file)
		return say_failure(SAY_USAGE, "%s: %s", path, strerror(errno));
	return SAY_OK;
}

static const char *called(const char *path)
{
	return strcmp(path, "-") ? path : "the standard input";
}

int store_load(const char *path, json_t **json)
{
	json_error_t error;
	FILE *file;
	int code = open_result(path, &file);

	*json = NULL;
	if (code)
		return code;
	*json = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	if (file != stdin)
		fclose(file);
	if (*json)
		return SAY_OK;
	if (!*error.text) /* jansson has a sentence for everything else */
		return say_failure(SAY_UNMEASURED, "%s: not enough memory to read it", called(path));
	return say_failure(SAY_USAGE, "%s: line %d: %s; it is cut short or no JSON", called(path),
			   error.line, error.text);
}

int store_judge(const char *path, json_t *json)
{
	int code = check_shape(called(path), json);

	if (!code)
		code = check_cells(called(path), json);
	if (!code)
		shape_clean(json);
	return code;
}

int store_read(const char *path, json_t **json)
{
	int code = store_load(path, json);

	if (!code)
		code = store_judge(path, *json);
	if (code) {
		json_decref(*json);
		*json = NULL;
	}
	return code;
}
