/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SPLICE_H
#define DUET_SPLICE_H

#include <duet/api.h>
#include <duet/operation.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Bytes from one handle to another without a look at them, as splice(2): from a pipe into a socket, a
 * file or another pipe, or from one of these into a pipe. None of them passes through the program's
 * memory, so that none is lent, and a cancel has nothing to wait for but a disk.
 */

/* Not at an offset: where the file stands, which moves on. */
#define DUET_SPLICE_ONWARD UINT64_MAX

/*
 * Between which two. The caller's, and lent with the operation from a start that returned 0 to the
 * terminal completion: it is what stands in the second of two lines. One for each operation that is
 * pending.
 */
struct duet_splice {
	duet_handle from;
	duet_handle to;
	/* Of a file: where to begin, moved on by what was moved. Of what is none only DUET_SPLICE_ONWARD. */
	uint64_t from_offset_bytes;
	uint64_t to_offset_bytes;
	struct duet_op place; /* the loop's */
};

/* Both offsets are DUET_SPLICE_ONWARD then. */
DUET_API void duet_splice_init(struct duet_splice *splice, duet_handle from, duet_handle to);

/*
 * Moves up to length_bytes as soon as there are any and there is room for them; `result` and
 * `transferred` say how many, 0 at the end of the input. Like a receive it is complete with the first
 * that come, which may be fewer, as a pipe holds no more than it holds. With DUET_WHOLE it goes on
 * until all are moved: at the end of the input it is partial then, or untouched. Two of those, from a
 * file into a pipe and from that pipe into a socket, send a file of any length.
 *
 * It stands in two lines, in that of the receives on `from` and in that of the sends on `to`, from its
 * start on, and has its turn when it is first in both: so what was started before it on either side is
 * received, or sent, before, and what was started after it after. If it fails, or moves less than the
 * whole that it was to move, the writes behind it end untouched, as behind a send. The close of either
 * handle ends it, and waits until it was told. `handle` of the operation is `to`.
 *
 * Cancelled it is untouched, or partial with what was moved: bytes leave the input only if the output
 * takes them. A call on a file can't be stopped, and ends as it would have.
 *
 * -EPIPE: nobody reads what is written; SIGPIPE is never raised. -EBADF: not open for that. Of two pipes
 * that are one, or of handles of which none is a pipe, -EINVAL, as of a file that is open for appending.
 * A file takes a worker, of the kernel or of the loop: -EOPNOTSUPP where there is neither.
 *
 * Refused by the start with -EINVAL: one handle twice, two of which neither can be a pipe, a listener
 * or a socket that keeps messages apart, an offset of what is no file; with -EBADF: either is not there, or
 * is being closed; with -EBUSY: `splice` is another's that is pending. A splice can't be abandoned.
 */
DUET_API void duet_op_splice(struct duet_op *op, struct duet_splice *splice, size_t length_bytes,
			     unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
