/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_OWNED_H
#define DUET_OWNED_H

#include <duet/api.h>
#include <duet/operation.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_loop;

/*
 * Operations of the loop's own, each with a buffer beside it: the ones that can be abandoned.
 *
 * An operation in the caller's memory lends that memory until its terminal completion, however little
 * the caller still cares; so whoever wants to walk away at once needs one that is the loop's. There are
 * `owned_max` of them with `owned_bytes` each, made with the loop (see struct duet_loop_options; none
 * by default). One that is taken is used as any other: say what it is to do, start, cancel, be called
 * back, start again; in a scope, too. Only duet_op_init() is not for it.
 *
 *	        take               return, or abandon while it is idle
 *	free ----------> taken ------------------------------------------> free
 *	                   |                                                ^
 *	                   |  abandon while it is pending                   |
 *	                   +----------------> abandoned --------------------+
 *	                                                  terminal completion
 */

/*
 * Takes one, idle, with done and context as duet_op_init() has them. 0, or -ENOBUFS: owned_max are in
 * use, those included that were abandoned and have not ended; *op is NULL then.
 */
DUET_API int duet_op_take(struct duet_loop *loop, duet_done_fn *done, void *context,
			  struct duet_op **op);

/* Gives it back. 0, -EBUSY (it is pending), -EINVAL (not one that was taken). */
DUET_API int duet_op_return(struct duet_op *op);

/*
 * Its buffer, of owned_bytes bytes: the runtime's memory, moved in by naming it in the operation, and
 * back with the completion. NULL if it is not one that was taken, or if owned_bytes is 0.
 */
DUET_API void *duet_op_buffer(struct duet_op *op);

/*
 * Between saying what it is to do and start, as duet_op_deadline(): the memory that it names (data of a
 * send, write, recv or read, the path of an open) is copied through the buffer. What goes out is copied
 * now, and the caller's memory is free from here on. What comes in is copied just before the
 * completion is told, as much as came; if the operation is abandoned before, the caller's memory is free
 * from there on, and not written any more. The backend only ever sees the buffer.
 * 0, -EMSGSIZE (more than owned_bytes), -EINVAL (not one that was taken; pending; a kind that names no
 * memory; a pooled receive; a message with a header; arguments that the start would refuse).
 */
DUET_API int duet_op_copy_through(struct duet_op *op);

/*
 * Gives up all that is left of it: the operation, its buffer, and what it may yet bring. Its end is
 * requested, nobody is called back any more, and it is the loop's again at its terminal completion
 * (at once, if it isn't pending): never touch it after this. A descriptor that still comes is closed,
 * and a pool's buffer goes back; bytes that came are counted in `discarded_bytes` of struct
 * duet_stats. What a send or write has moved it has moved. If it was a member of a scope it leaves
 * that at once, without a say in the scope's result; member is the caller's again. The loop goes on
 * waiting for it, in duet_loop_shutdown(), too.
 *
 * What it lends must be the runtime's: its own buffer, a buffer that was given with it, or the caller's
 * memory copied through (see <duet/buffer.h>), or, in one piece, memory of a pool's buffer that the
 * caller holds. A pool's buffer goes back with it. Also inside its own done(). On the loop's thread.
 * 0; -EINVAL: an operation of the caller's, one that lends memory of somebody else's (a message's
 * header always is), or a wait for a primitive, a task, a scope, a signal or a process, which might be
 * granted what nobody would give back. It stays
 * as it was then: cancel it, and wait.
 */
DUET_API int duet_op_abandon(struct duet_op *op);

#ifdef __cplusplus
}
#endif

#endif
