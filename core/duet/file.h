/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_FILE_H
#define DUET_FILE_H

#include <duet/operation.h>

#ifdef __cplusplus
extern "C" {
#endif

struct statx;

/*
 * Files beyond open, read, write and fsync (which are in operation.h): several pieces in one
 * transfer, the size of a file, and what can be done with names.
 *
 * Each does what the system call of its name does, with the same flags, and ends with the same
 * errors. Paths, and what a statx fills in, are lent until the terminal completion. A directory is
 * AT_FDCWD or a descriptor (of a handle: duet_handle_fd()), which has to stay open until then: no
 * close of a handle waits for it.
 *
 * None of them can be stopped once it runs (DUET_CANCEL_NOT): a cancel, a deadline or a close that
 * comes before ends it untouched, and one that comes later changes nothing. They run at the same
 * time, in no order: what has to come after another one is started in its completion.
 */

/*
 * duet_op_read() and duet_op_write() with up to DUET_OP_IOVECS pieces, filled or written one after
 * the other; the array is copied, the pieces are lent. Fewer bytes than all of them have only at
 * the end of the file, or when the disk fills up.
 */
DUET_API void duet_op_read_vector(struct duet_op *op, duet_handle handle,
				  const struct iovec *vectors, unsigned count,
				  uint64_t offset_bytes);
DUET_API void duet_op_write_vector(struct duet_op *op, duet_handle handle,
				   const struct iovec *vectors, unsigned count,
				   uint64_t offset_bytes);

/* ftruncate(2): cuts a file, or makes it longer by a hole. -EINVAL on what is no file open for
 * writing. */
DUET_API void duet_op_truncate(struct duet_op *op, duet_handle handle, uint64_t length_bytes);

/* fallocate(2): 0 as the mode makes sure of the room from offset_bytes on, a FALLOC_FL_... says
 * otherwise. length_bytes is at least 1. */
DUET_API void duet_op_allocate(struct duet_op *op, duet_handle handle, int mode,
			       uint64_t offset_bytes, uint64_t length_bytes);

/* statx(2): STATX_... of mask, into *into. Of a handle itself: its descriptor as the directory, an
 * empty path and AT_EMPTY_PATH. */
DUET_API void duet_op_statx(struct duet_op *op, int directory, const char *path, int flags,
			    unsigned mask, struct statx *into);

/* mkdirat(2), and unlinkat(2): with AT_REMOVEDIR as rmdir(2). */
DUET_API void duet_op_mkdir(struct duet_op *op, int directory, const char *path, unsigned mode);
DUET_API void duet_op_unlink(struct duet_op *op, int directory, const char *path, int flags);

/* renameat2(2), and linkat(2): `to` becomes another name of what `from` names. */
DUET_API void duet_op_rename(struct duet_op *op, int from_directory, const char *from,
			     int to_directory, const char *to, unsigned flags);
DUET_API void duet_op_link(struct duet_op *op, int from_directory, const char *from,
			   int to_directory, const char *to, int flags);

/* symlinkat(2): path becomes a link to target, which is text and need not exist. */
DUET_API void duet_op_symlink(struct duet_op *op, const char *target, int directory,
			      const char *path);

#ifdef __cplusplus
}
#endif

#endif
