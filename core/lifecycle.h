/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include <duet/operation.h>

#include "core/loop.h"

/* The short ways have one bound: pending against short_max, and of the shortest, which inherit nothing,
 * against plain_max. To be called after a change of what they can't be had with: a shutdown, something
 * that waits for room, an inherited deadline; or of `kept`. */
static inline void core_plain_bound(struct duet_loop *loop)
{
	bool none = loop->shutting_down || loop->backlog.first;

	loop->short_max = none ? 0 : loop->operations_max - loop->kept;
	loop->plain_max = loop->deadline_ns == DUET_NO_DEADLINE ? loop->short_max : 0;
}

/* What is started now has no more time than that. */
static inline void core_inherit(const struct duet_loop *loop, struct duet_op *op)
{
	if (loop->deadline_ns < op->deadline_ns)
		op->deadline_ns = loop->deadline_ns;
}

/* The earliest of what ends op by time, if anything does. */
static inline void core_arm_deadline(struct duet_loop *loop, struct duet_op *op)
{
	uint64_t due_ns = op->kind == DUET_CLOSE ? DUET_NO_DEADLINE : op->deadline_ns;

	if (op->kind == DUET_TIMEOUT && op->args.timeout.due_ns < due_ns)
		due_ns = op->args.timeout.due_ns;
	if (due_ns != DUET_NO_DEADLINE)
		core_timer_arm(&loop->timers, op, due_ns);
}

/* A place that nobody else may take, for what ends and begins again; and its end. */
static inline void core_place_keep(struct duet_loop *loop)
{
	loop->kept++;
	core_plain_bound(loop);
}

static inline void core_place_give(struct duet_loop *loop)
{
	loop->kept--;
	core_plain_bound(loop);
}

/* The hook of that name for backends without it. */
int core_transfer(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot);

void core_abort_unless_owner(const struct duet_loop *loop);

/* Debug builds stop a call from a thread that doesn't own the loop. */
static inline void core_check_owner(const struct duet_loop *loop)
{
#ifdef DUET_DEBUG
	core_abort_unless_owner(loop);
#else
	(void)loop;
#endif
}

/* Records a request to end op and carries it on: to the backend, or to the done queue. Nothing
 * happens if op is idle, ended or already asked to end; but a pause gives way to a real request. */
void core_request(struct duet_loop *loop, struct duet_op *op, enum duet_cause cause);

/* The same for everything on a line, from its head. */
void core_request_line(struct duet_loop *loop, struct duet_op *const *ring, enum duet_cause cause);

/* Hands op to the backend, behind what waits for room already. BACKEND_ENDED: it is over, the raw
 * result is in op->result. */
int core_issue(struct duet_loop *loop, struct duet_op *op);

/* What follows from an answer of the backend's that isn't BACKEND_ISSUED: the next piece of a whole
 * transfer, or waiting for room. As core_issue(). */
int core_issue_again(struct duet_loop *loop, struct duet_op *op, int answer);

/* 0, or the error of a start that can't be; sets *slot, of what is for a handle. */
int core_refusal(struct duet_loop *loop, struct duet_op *op, struct duet_slot **slot);

/* duet_op_start(), the long way, which holds for all. */
int core_start_any(struct duet_loop *loop, struct duet_op *op);

/* The answer of a start whose operation has ended, with the raw result in op->result: 1, if it may end
 * there, or 0. */
int core_end_in_start(struct duet_loop *loop, struct duet_op *op);
bool core_may_end_inline(const struct duet_loop *loop, const struct duet_op *op);

/* Asks the backend to stop an issued operation; without room there it is owed. */
void core_stop(struct duet_loop *loop, struct duet_op *op);

/* What follows from the answer of whoever has it, of those that the hook cancel() may give but -EAGAIN. */
void core_stop_answered(struct duet_loop *loop, struct duet_op *op, int answer);

/* The backend has ended op, or it never got there: concludes it, puts it on the done queue, and
 * issues what it stood in front of. */
void core_finish(struct duet_loop *loop, struct duet_op *op, int raw);

/* What was borrowed comes back, the identity goes: op has ended. */
void core_give_back(struct duet_loop *loop, struct duet_op *op);

/* Starts what waited for room, in order. */
void core_retry_backlog(struct duet_loop *loop);

/* Starts what waited for room, and asks for owed cancels, as far as the backend has room. */
void core_retry(struct duet_loop *loop);

/* A timer of op has expired: a timeout has come, or a deadline. */
void core_expired(struct duet_loop *loop, struct duet_op *op);

/* Calls back what is on the done queue now, not what that adds to it. */
void core_drain(struct duet_loop *loop);

/* A starved receive gets its turn, if a buffer is free. */
void core_feed(struct duet_loop *loop, struct duet_pool *pool);

/* Before a sleep: who got a turn may have found nothing to receive and left the buffer where it is,
 * with others still in line. As many get a turn as there are buffers. False: nobody did. */
bool core_feed_idle(struct duet_loop *loop);

#endif
