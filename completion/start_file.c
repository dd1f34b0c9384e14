/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "completion/internal.h"

/*
 * What is asked for on names, and of the size of a file. The kernel gives all of it to its workers, as
 * none of these calls can promise not to wait.
 */

static int fd_of(const struct duet_op *op)
{
	return duet_core_op_slot(op->loop, op)->fd;
}

static void prep_statx(struct io_uring_sqe *sqe, const struct duet_op *op)
{
	io_uring_prep_statx(sqe, op->args.statx.directory, op->args.statx.path,
			    op->args.statx.flags, op->args.statx.mask, op->args.statx.into);
}

static void prep_mkdir(struct io_uring_sqe *sqe, const struct duet_op *op)
{
	io_uring_prep_mkdirat(sqe, op->args.open.directory, op->args.open.path,
			      op->args.open.mode);
}

static void prep_unlink(struct io_uring_sqe *sqe, const struct duet_op *op)
{
	io_uring_prep_unlinkat(sqe, op->args.open.directory, op->args.open.path,
			       op->args.open.flags);
}

static void prep_rename(struct io_uring_sqe *sqe, const struct duet_op *op)
{
	io_uring_prep_renameat(sqe, op->args.rename.from_directory, op->args.rename.from,
			       op->args.rename.to_directory, op->args.rename.to,
			       op->args.rename.flags);
}

static void prep_link(struct io_uring_sqe *sqe, const struct duet_op *op)
{
	io_uring_prep_linkat(sqe, op->args.rename.from_directory, op->args.rename.from,
			     op->args.rename.to_directory, op->args.rename.to,
			     (int)op->args.rename.flags);
}

static void prep_symlink(struct io_uring_sqe *sqe, const struct duet_op *op)
{
	io_uring_prep_symlinkat(sqe, op->args.rename.from, op->args.rename.to_directory,
				op->args.rename.to);
}

static void prep_truncate(struct io_uring_sqe *sqe, const struct duet_op *op)
{
	compat_prep_ftruncate(sqe, fd_of(op), op->args.extent.length_bytes);
}

static void prep_allocate(struct io_uring_sqe *sqe, const struct duet_op *op)
{
	io_uring_prep_fallocate(sqe, fd_of(op), op->args.extent.mode,
				(off_t)op->args.extent.offset_bytes,
				(off_t)op->args.extent.length_bytes);
}

static void (*const preps[DUET_IO_KIND_COUNT])(struct io_uring_sqe *sqe,
					       const struct duet_op *op) = {
	[DUET_STATX] = prep_statx,       [DUET_MKDIR] = prep_mkdir,
	[DUET_UNLINK] = prep_unlink,     [DUET_RENAME] = prep_rename,
	[DUET_LINK] = prep_link,         [DUET_SYMLINK] = prep_symlink,
	[DUET_TRUNCATE] = prep_truncate, [DUET_ALLOCATE] = prep_allocate,
};

int completion_start_call(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	preps[op->kind](sqe, op);
	return completion_issued(self, op, sqe, TAG_PLAIN);
}
