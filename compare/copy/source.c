/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/copy/source.h"

#include <duet/file.h>
#include <duet/loop.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "compare/say.h"
#include "compare/step.h"

enum { WANTED = STATX_TYPE | STATX_MODE | STATX_SIZE | STATX_INO };

int copy_look(struct duet_loop *loop, struct duet_op *op, const char *path, struct statx *is)
{
	duet_op_statx(op, AT_FDCWD, path, 0, WANTED, is);
	return step_run(loop, op);
}

int copy_look_at(struct duet_loop *loop, struct duet_op *op, duet_handle file, struct statx *is)
{
	duet_op_statx(op, duet_handle_fd(loop, file), "", AT_EMPTY_PATH, WANTED, is);
	return step_run(loop, op);
}

const char *copy_advice(int error, bool direct)
{
	if (direct && error == -EINVAL)
		return "; this file system may not know O_DIRECT: leave out --direct, or try a "
		       "--block of its own size";
	if (error == -EOPNOTSUPP)
		return "; this backend can't do that without threads: give --workers";
	if (error == -ENOSPC || error == -EDQUOT)
		return "; make room there, or give another --to";
	return say_advice(error);
}

static int refuse(const struct source *source, int error)
{
	return say_failure(SAY_USAGE, "serve: --from %s: %s%s", source->path,
			   strerror(-error), copy_advice(error, source->direct));
}

/* Also before it is opened: to open a pipe waits for its other end, and some devices do something. */
static int check_kind(const struct source *source)
{
	if (S_ISREG(source->is.stx_mode) || S_ISBLK(source->is.stx_mode))
		return SAY_OK;
	return say_failure(SAY_USAGE, "serve: --from %s: %s; give a file", source->path,
			   S_ISDIR(source->is.stx_mode) ? "it is a directory"
							: "it has no place to read at");
}

int source_open(struct source *source, struct duet_loop *loop, struct duet_op *op)
{
	int status = copy_look(loop, op, source->path, &source->is), code;

	if (status)
		return refuse(source, status);
	code = check_kind(source);
	if (code)
		return code;
	duet_op_open(op, AT_FDCWD, source->path, O_RDONLY | (source->direct ? O_DIRECT : 0), 0);
	status = step_run(loop, op);
	if (status)
		return refuse(source, status);
	source->file = op->made;
	status = copy_look_at(loop, op, source->file, &source->is);
	return status ? refuse(source, status) : check_kind(source);
}
