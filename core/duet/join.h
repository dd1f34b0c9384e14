/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_JOIN_H
#define DUET_JOIN_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/scope.h>
#include <duet/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Waiting for the end of a task or of a scope, as operations on its loop (on another: -EINVAL).
 */

/*
 * Ends when the task has ended, with its result; at once if it is idle. Any number may wait, and their
 * ends are told after ended(). The operation is about the waiting alone: a cancel or deadline of it stops
 * that (the cancel class is total) and leaves the task as it is. A start by the task itself is refused
 * with -EDEADLK.
 */
DUET_API void duet_op_join(struct duet_op *op, struct duet_task *task);

/*
 * duet_scope_join() said, and its joined() as the end of an operation: result is the scope's, and its
 * memory the caller's again. A request to end the operation is one to the scope, with the same cause
 * (a deadline on this is the scope's); the operation itself ends when the scope has, never earlier.
 * A shield holds against requests that come from another scope or a shutdown, and against the deadline of
 * a task that awaits this. Disposition: completed if
 * the result is 0; tainted, with the cause of the request, if the scope was stopped because of it: it is
 * over half-way and can't be joined again, so that is the cancel class, too; else failed. The start is
 * refused with -ESHUTDOWN if the scope isn't open, -EALREADY if it is being joined.
 */
DUET_API void duet_op_join_scope(struct duet_op *op, struct duet_scope *scope);

#ifdef __cplusplus
}
#endif

#endif
