/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * The target is written in place: what it is (its links, its owner, a device) it stays. Blocks go to
 * their places in any order, so that a copy that fails in the middle may have holes. Then what this
 * copy has made is removed, and what was there before is cut where the first byte is missing: nothing
 * that is left looks like a whole copy with other bytes in it.
 */
#include "compare/copy/file.h"

#include <duet/file.h>
#include <duet/loop.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compare/copy/ahead.h"
#include "compare/copy/source.h"
#include "compare/measure/window.h"
#include "compare/say.h"
#include "compare/step.h"

struct copying {
	struct ahead ahead; /* first */
	struct service *service;
	const struct copy_options *options;
	struct source source;
	duet_handle to;
	struct statx to_is;
	struct duet_op op; /* of what is done alone */
	struct block blocks[AHEAD_DEPTH_MAX];
	unsigned char *data;
	bool over;
	bool made;      /* the target wasn't there before */
	bool unwritten; /* it was the target that failed */
	uint64_t bytes, writes;
};

/* ---- Blocks, each to its place. ---- */

static void write_rest(struct block *block);

static void drop(struct block *block, int error)
{
	struct copying *copying = (struct copying *)block->ahead;

	copying->unwritten = true;
	ahead_miss(block->ahead, block->offset + block->done);
	ahead_fail(block->ahead, error);
	ahead_give(block);
}

/* What O_DIRECT wrote in part is written again from where it may begin. */
static void on_written(struct duet_op *op)
{
	struct block *block = op->context;
	struct copying *copying = (struct copying *)block->ahead;
	uint32_t moved = op->result > 0 ? op->transferred : 0;

	if (copying->options->direct)
		moved -= moved % AHEAD_ALIGNMENT;
	block->done += moved;
	if (op->result < 0 || !moved) {
		drop(block, op->result < 0 ? op->result : -EIO);
	} else if (block->done < block->bytes) {
		block->ahead->continued++;
		write_rest(block);
	} else {
		copying->bytes += block->bytes;
		ahead_give(block);
	}
}

static void write_rest(struct block *block)
{
	struct copying *copying = (struct copying *)block->ahead;
	uint32_t bytes = block->bytes - block->done;
	int status;

	/* The end of the file: what is too much of it is cut off again when all is written. */
	if (copying->options->direct && bytes % AHEAD_ALIGNMENT) {
		uint32_t padding = AHEAD_ALIGNMENT - bytes % AHEAD_ALIGNMENT;

		memset(block->data + block->bytes, 0, padding);
		bytes += padding;
	}
	duet_op_write(&block->op, copying->to, block->data + block->done, bytes,
		      block->offset + block->done);
	block->op.done = on_written;
	copying->writes++;
	status = duet_op_start(block->ahead->loop, &block->op);
	if (status)
		drop(block, status);
}

static void on_filled(struct ahead *ahead, struct block *block)
{
	(void)ahead;
	write_rest(block);
}

static void on_over(struct ahead *ahead)
{
	((struct copying *)ahead)->over = true;
}

/* ---- The target. ---- */

static int refuse_target(const struct copying *copying, const char *what, int error)
{
	return say_failure(error == -ENOSPC || error == -EIO ? SAY_UNMEASURED : SAY_USAGE,
			   "serve: %s--to %s: %s%s", what, copying->options->to,
			   strerror(-error), copy_advice(error, copying->options->direct));
}

static bool is_regular(const struct copying *copying)
{
	return S_ISREG(copying->to_is.stx_mode);
}

static int check_target(const struct copying *copying)
{
	const struct statx *from = &copying->source.is, *to = &copying->to_is;
	const char *why = NULL;

	if (S_ISDIR(to->stx_mode))
		why = "it is a directory; give the file's name in it";
	else if (S_ISFIFO(to->stx_mode) || S_ISSOCK(to->stx_mode))
		why = "it has no place to write at; without --to the file goes to who connects";
	else if (from->stx_ino == to->stx_ino && from->stx_dev_major == to->stx_dev_major &&
		 from->stx_dev_minor == to->stx_dev_minor)
		why = "it is the same file as --from";
	return why ? say_failure(SAY_USAGE, "serve: --to %s: %s", copying->options->to, why)
		   : SAY_OK;
}

/* It is emptied only when it is known what was opened. */
static int open_target(struct copying *copying)
{
	struct duet_loop *loop = copying->service->loop;
	int flags = O_WRONLY | (copying->options->direct ? O_DIRECT : 0), code;
	int status = copy_look(loop, &copying->op, copying->options->to, &copying->to_is);

	copying->made = status == -ENOENT;
	if (status && !copying->made)
		return refuse_target(copying, "", status);
	code = copying->made ? SAY_OK : check_target(copying);
	if (code)
		return code;
	duet_op_open(&copying->op, AT_FDCWD, copying->options->to,
		     flags | (copying->made ? O_CREAT | O_EXCL : 0),
		     copying->source.is.stx_mode & 0777);
	status = step_run(loop, &copying->op);
	if (status) {
		copying->made = false;
		return refuse_target(copying, "can't open ", status);
	}
	copying->to = copying->op.made;
	status = copy_look_at(loop, &copying->op, copying->to, &copying->to_is);
	return status ? refuse_target(copying, "", status) : check_target(copying);
}

/* All of the room before the first byte: a disk that is too small says so now. A file system that
 * can't say is written to until it is full. */
static int take_room(struct copying *copying)
{
	struct duet_loop *loop = copying->service->loop;
	int status;

	if (!is_regular(copying))
		return SAY_OK;
	duet_op_truncate(&copying->op, copying->to, 0);
	status = step_run(loop, &copying->op);
	if (!status && copying->source.is.stx_size) {
		duet_op_allocate(&copying->op, copying->to, 0, 0, copying->source.is.stx_size);
		status = step_run(loop, &copying->op);
	}
	if (!status || status == -EOPNOTSUPP || status == -ENOSYS)
		return SAY_OK;
	copying->unwritten = true;
	ahead_fail(&copying->ahead, status);
	return SAY_OK;
}

/* ---- From beginning to end. ---- */

static int copy_blocks(struct copying *copying)
{
	struct ahead *ahead = &copying->ahead;
	int status = 0;

	ahead_begin(ahead, copying->source.file, copying->source.is.stx_size);
	while (!copying->over && status >= 0) {
		status = duet_loop_turn(ahead->loop, -1);
		if (copying->service->stopped && !copying->over)
			ahead_fail(ahead, -EINTR);
	}
	return status < 0 ? status : 0;
}

/* Its length, its way to the disk, and what only a close says. */
static int finish_target(struct copying *copying)
{
	struct duet_loop *loop = copying->service->loop;
	int status = 0, closed;

	if (is_regular(copying)) {
		duet_op_truncate(&copying->op, copying->to, ahead_whole_bytes(&copying->ahead));
		status = step_run(loop, &copying->op);
	}
	if (!status && !copying->ahead.error && copying->options->fsync) {
		duet_op_fsync(&copying->op, copying->to, 0);
		status = step_run(loop, &copying->op);
	}
	duet_op_close(&copying->op, copying->to);
	closed = step_run(loop, &copying->op);
	return status ? status : closed;
}

static int tell_failure(struct copying *copying, const char *left)
{
	const struct copy_options *options = copying->options;
	int error = copying->ahead.error;

	if (error == -EINTR && copying->service->stopped)
		return say_failure(SAY_UNMEASURED, "serve: stopped by a signal; --to %s%s",
				   options->to, left);
	return say_failure(SAY_UNMEASURED, "serve: can't %s %s: %s%s; --to %s%s",
			   copying->unwritten ? "write to" : "read from",
			   copying->unwritten ? options->to : options->from, strerror(-error),
			   copy_advice(error, options->direct), options->to, left);
}

static int fail(struct copying *copying)
{
	char left[96] = " is no file, and keeps what was written";

	if (copying->made) {
		duet_op_unlink(&copying->op, AT_FDCWD, copying->options->to, 0);
		snprintf(left, sizeof(left), step_run(copying->service->loop, &copying->op)
			 ? " is not whole, and can't be removed" : " is removed");
	} else if (is_regular(copying)) {
		snprintf(left, sizeof(left), " has the first %" PRIu64 " of %" PRIu64 " bytes",
			 ahead_whole_bytes(&copying->ahead), (uint64_t)copying->source.is.stx_size);
	}
	return tell_failure(copying, left);
}

static void tell_change(const struct copying *copying)
{
	uint64_t before = copying->source.is.stx_size, now = copying->ahead.end_bytes;

	if (S_ISREG(copying->source.is.stx_mode) && before && now != before)
		say_note("serve: --from %s %s while it was copied: from %" PRIu64 " bytes to "
			 "%" PRIu64 ", which the copy has, too", copying->options->from,
			 now < before ? "was cut" : "has grown", before, now);
}

static int copy(struct copying *copying)
{
	int code = source_open(&copying->source, copying->service->loop, &copying->op), status;

	if (!code)
		code = open_target(copying);
	if (!code)
		code = take_room(copying);
	if (code)
		return code;
	status = copying->ahead.error ? 0 : copy_blocks(copying);
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: the loop failed: %s", strerror(-status));
	status = finish_target(copying);
	if (status && !copying->ahead.error) {
		copying->unwritten = true;
		ahead_fail(&copying->ahead, status);
	}
	if (copying->ahead.error)
		return fail(copying);
	tell_change(copying);
	return SAY_OK;
}

static int tell(struct copying *copying)
{
	json_t *counts = json_pack("{s:I, s:I, s:I, s:I}", "bytes", (json_int_t)copying->bytes,
				   "reads", (json_int_t)copying->ahead.reads, "writes",
				   (json_int_t)copying->writes, "continued",
				   (json_int_t)copying->ahead.continued);

	service_print(copying->service, counts);
	return service_write(copying->service, "copy", counts);
}

static struct copying *make(struct service *service, const struct copy_options *options)
{
	struct copying *copying = calloc(1, sizeof(*copying));

	if (!copying)
		return NULL;
	copying->data = ahead_room(options->depth, options->block_bytes);
	if (!copying->data) {
		free(copying);
		return NULL;
	}
	copying->service = service;
	copying->options = options;
	copying->source = (struct source){ .path = options->from, .direct = options->direct };
	duet_op_init(&copying->op, NULL, NULL);
	copying->ahead = (struct ahead){
		.loop = service->loop, .blocks = copying->blocks, .depth = options->depth,
		.block_bytes = options->block_bytes, .direct = options->direct,
		.filled = on_filled, .over = on_over,
	};
	ahead_init(&copying->ahead, copying->data);
	return copying;
}

int copy_to_file(struct service *service, const struct copy_options *options)
{
	struct copying *copying = make(service, options);
	int code;

	if (!copying) {
		code = say_failure(SAY_UNMEASURED, "serve: no memory for %u blocks of %u bytes",
				   options->depth, options->block_bytes);
	} else {
		service_obey(service);
		service->begun_ns = window_now_ns();
		code = copy(copying);
		code = code ? code : tell(copying);
	}
	if (service_end(service, &code) && copying) {
		free(copying->data);
		free(copying);
	}
	return code;
}
