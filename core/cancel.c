/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/queue.h"
#include "core/regime.h"
#include "core/scope.h"
#include "core/shortcut.h"
#include "core/splice.h"

/*
 * Requests to end: by the caller, a deadline, a close, the shutdown. The earliest is recorded; what
 * became of the operation is in its own end alone, which core_finish() concludes as any other.
 */

/* Takes a waiting operation out of the queue it may be on. */
static void leave_queues(struct duet_loop *loop, struct duet_op *op)
{
	if (core_queue_remove(&loop->backlog, op))
		return;
	if (op->kind == DUET_RECV && op->flags & DUET_POOLED)
		loop->starved -= core_queue_remove(&op->args.io.pool->starved, op);
}

static void owe(struct duet_loop *loop, struct duet_op *op, uint64_t not_before_ns)
{
	core_state_set(op, STATE_STOPPING);
	/* The list has one time, the earliest: none is put off by those that come later. */
	if (!loop->owed.first || not_before_ns < loop->owed_ns)
		loop->owed_ns = not_before_ns;
	core_queue_push(&loop->owed, op);
}

void core_stop(struct duet_loop *loop, struct duet_op *op)
{
	int answer = loop->backend->cancel(loop, op);

	if (answer != -EAGAIN) {
		core_stop_answered(loop, op, answer);
		return;
	}
	loop->stats.queue_full++;
	owe(loop, op, 0);
}

void core_stop_answered(struct duet_loop *loop, struct duet_op *op, int answer)
{
	loop->stats.cancels++;
	/* As if it had never been handed over. */
	if (answer == BACKEND_UNTRIED)
		core_state_set(op, STATE_WAITING);
	loop->stats.cancels_ended += answer != BACKEND_ISSUED;
	if (answer != BACKEND_ISSUED)
		core_finish(loop, op, -ECANCELED);
	else
		core_state_set(op, STATE_CANCELLING);
}

void core_request(struct duet_loop *loop, struct duet_op *op, enum duet_cause cause)
{
	if (op->request == REQUEST_PAUSE)
		op->request = (uint8_t)cause;
	if (op->state != STATE_WAITING && op->state != STATE_ISSUED)
		return;
	if (op->kind == DUET_CLOSE)
		return;
	op->request = (uint8_t)cause;
	if (op->state == STATE_WAITING) {
		leave_queues(loop, op);
		core_finish(loop, op, -ECANCELED);
	} else if (core_kind(op)->stop) {
		core_kind(op)->stop(loop, op);
	} else {
		core_stop(loop, op);
	}
}

/* A shutdown asks the scopes, and those who are in a shelter by their own rules. */
static bool is_spared(const struct duet_op *op, enum duet_cause cause)
{
	return cause == DUET_CAUSE_SHUTDOWN && core_scope_shelters(op);
}

static void note_request(struct duet_op *op, enum duet_cause cause)
{
	if ((!op->request || op->request == REQUEST_PAUSE) && !is_spared(op, cause))
		op->request = (uint8_t)cause;
}

void core_request_line(struct duet_loop *loop, struct duet_op *const *ring, enum duet_cause cause)
{
	struct duet_op *op = *ring;
	struct duet_op *last = op ? op->prev : NULL;

	/* All are asked before the first one ends: its end may take others along, which then name
	 * their own cause. */
	for (struct duet_op *each = op; each; each = each == last ? NULL : each->next)
		note_request(core_splice_whose(each), cause);
	/* A request takes no other operation off its line: followers are not issued while a handle
	 * closes or the loop shuts down, and they end by their own request. But a splice that ends short
	 * takes along what stands behind it in its other line, which may be in this one, too: then the
	 * walk begins anew, and who was asked isn't asked twice. */
	while (op) {
		struct duet_op *next = op == last ? NULL : op->next;
		struct duet_op *asked = core_splice_whose(op);

		if (!is_spared(asked, cause))
			core_request(loop, asked, cause);
		if (asked != op && asked->state == STATE_ENDED) {
			next = *ring;
			last = next ? next->prev : NULL;
		}
		op = next;
	}
}

void duet_op_cancel(struct duet_op *op)
{
	if (op->state == STATE_IDLE)
		return;
	CORE_GUARD(core_guard_cancel(op));
	core_check_owner(op->loop);
	if (op->flags & (FLAG_GIVEN | FLAG_COPIED))
		core_regime_let_go(op);
	core_request(op->loop, op, DUET_CAUSE_CANCEL);
}

void duet_core_expire(struct duet_op *op)
{
	core_request(op->loop, op, DUET_CAUSE_DEADLINE);
}

void duet_core_end_timed(struct duet_loop *loop, struct duet_op *op, struct duet_op **line)
{
	core_timer_disarm(&loop->timers, op);
	if (line)
		duet_core_end_plainly(loop, op, line);
	else
		duet_core_end_in_file(loop, op);
}

int duet_op_pending(const struct duet_op *op)
{
	return op->state != STATE_IDLE;
}

int duet_op_timeout_update(struct duet_op *op, uint64_t due_ns)
{
	if (op->kind != DUET_TIMEOUT)
		return -EINVAL;
	if (op->state != STATE_IDLE && op->state != STATE_ISSUED)
		return -ENOENT;
	if (op->state == STATE_IDLE) {
		op->args.timeout.due_ns = due_ns;
		return 1;
	}
	core_check_owner(op->loop);
	core_timer_disarm(&op->loop->timers, op);
	op->args.timeout.due_ns = due_ns;
	core_arm_deadline(op->loop, op);
	return 0;
}

void core_expired(struct duet_loop *loop, struct duet_op *op)
{
	if (op->kind == DUET_TIMEOUT && op->args.timeout.due_ns <= op->deadline_ns)
		core_finish(loop, op, 0);
	else
		core_request(loop, op, DUET_CAUSE_DEADLINE);
}

void duet_core_cancel_again(struct duet_loop *loop, struct duet_op *op)
{
	if (op->state != STATE_CANCELLING)
		return;
	loop->stats.cancels_again++;
	owe(loop, op, core_now_ns(loop) + LIMIT_CANCEL_AGAIN_NS);
}

void core_retry(struct duet_loop *loop)
{
	struct core_queue owed;
	struct duet_op *op;

	if (loop->backlog.first || !loop->plain_max)
		core_retry_backlog(loop);
	if (!loop->owed.first || loop->owed_ns > core_now_ns(loop))
		return;
	owed = loop->owed;
	loop->owed.first = NULL;
	while ((op = core_queue_pop(&owed))) {
		core_stop(loop, op);
		if (!loop->owed.first)
			continue;
		/* There was no room for this one: none for the others, which keep their order. */
		core_queue_append(&loop->owed, &owed);
		return;
	}
}
