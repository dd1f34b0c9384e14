/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/backend.h"

/*
 * The blocking calls of the file operations, for a worker: what a backend does that has no other way,
 * and so the same on all of them. Only the operation's arguments are looked at, and its descriptor,
 * which no close takes away before it has ended.
 */

static int answer(int result)
{
	return result < 0 ? -errno : result;
}

static int fd_of(const struct duet_op *op)
{
	return duet_core_op_slot(op->loop, op)->fd;
}

static int call_open(const struct duet_op *op)
{
	return answer(openat(op->args.open.directory, op->args.open.path,
			     op->args.open.flags | O_CLOEXEC, op->args.open.mode));
}

static int call_fsync(const struct duet_op *op)
{
	return answer(op->flags & DUET_DATA_ONLY ? fdatasync(fd_of(op)) : fsync(fd_of(op)));
}

static int call_statx(const struct duet_op *op)
{
	int result;

	duet_core_guard_lift_op(op);
	result = answer(statx(op->args.statx.directory, op->args.statx.path, op->args.statx.flags,
			      op->args.statx.mask, op->args.statx.into));
	duet_core_guard_lower_op(op);
	return result;
}

static int call_mkdir(const struct duet_op *op)
{
	return answer(mkdirat(op->args.open.directory, op->args.open.path, op->args.open.mode));
}

static int call_unlink(const struct duet_op *op)
{
	return answer(unlinkat(op->args.open.directory, op->args.open.path, op->args.open.flags));
}

static int call_rename(const struct duet_op *op)
{
	return answer(renameat2(op->args.rename.from_directory, op->args.rename.from,
				op->args.rename.to_directory, op->args.rename.to,
				op->args.rename.flags));
}

static int call_link(const struct duet_op *op)
{
	return answer(linkat(op->args.rename.from_directory, op->args.rename.from,
			     op->args.rename.to_directory, op->args.rename.to,
			     (int)op->args.rename.flags));
}

static int call_symlink(const struct duet_op *op)
{
	return answer(symlinkat(op->args.rename.from, op->args.rename.to_directory,
				op->args.rename.to));
}

static int call_truncate(const struct duet_op *op)
{
	return answer(ftruncate(fd_of(op), (off_t)op->args.extent.length_bytes));
}

static int call_allocate(const struct duet_op *op)
{
	return answer(fallocate(fd_of(op), op->args.extent.mode,
				(off_t)op->args.extent.offset_bytes,
				(off_t)op->args.extent.length_bytes));
}

static int (*const calls[DUET_IO_KIND_COUNT])(const struct duet_op *op) = {
	[DUET_OPEN] = call_open,         [DUET_FSYNC] = call_fsync,
	[DUET_STATX] = call_statx,       [DUET_MKDIR] = call_mkdir,
	[DUET_UNLINK] = call_unlink,     [DUET_RENAME] = call_rename,
	[DUET_LINK] = call_link,         [DUET_SYMLINK] = call_symlink,
	[DUET_TRUNCATE] = call_truncate, [DUET_ALLOCATE] = call_allocate,
};

int duet_core_call(struct duet_op *op)
{
	int result;

	do
		result = calls[op->kind](op);
	while (result == -EINTR);
	return result;
}

/* ---- Transfers. ---- */

/* The pieces of a transfer without its first `done` bytes: how many. */
static int pieces_behind(const struct duet_op *op, size_t done, struct iovec *pieces)
{
	int count = 0;

	if (MUTANT(pieces_start_over))
		done = 0;
	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		struct iovec piece = op->args.io.vectors[i];
		size_t skip = done < piece.iov_len ? done : piece.iov_len;

		done -= skip;
		piece.iov_base = (char *)piece.iov_base + skip;
		piece.iov_len -= skip;
		if (piece.iov_len)
			pieces[count++] = piece;
	}
	return count;
}

int duet_core_call_transfer(struct duet_op *op, uint32_t there_bytes)
{
	const bool fills = op->kind == DUET_READ;
	const struct iovec *lent = op->args.io.vectors;
	const uint32_t lent_count = fills ? op->args.io.vector_count : 0;
	unsigned lifted = duet_core_guard_lift_pieces(lent, lent_count);
	struct iovec pieces[DUET_OP_IOVECS];
	size_t done = there_bytes;
	ssize_t n;

	do {
		int count = pieces_behind(op, done, pieces);
		off_t offset = (off_t)(op->args.io.offset_bytes + done);

		n = fills ? preadv(fd_of(op), pieces, count, offset)
			  : pwritev(fd_of(op), pieces, count, offset);
		if (n > 0)
			done += (size_t)n;
	} while ((n > 0 && done < op->args.io.length_bytes) || (n < 0 && errno == EINTR));
	/* An error behind bytes that were moved is met again by whoever asks for the rest. */
	if (n < 0 && !done)
		n = -errno;
	duet_core_guard_lower_pieces(lent, lent_count, lifted);
	return done ? (int)done : (int)n;
}
