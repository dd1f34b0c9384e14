/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/shortcut.h"

#include <errno.h>

#include "core/lifecycle.h"
#include "core/waits.h"

/*
 * The short ways of those starts that are common, but not the most common: of a transfer that may end
 * at once, as every one that a task waits for, of a read or write in a file, and of a wait for a
 * primitive.
 */

/* As plain: a read or write of one piece of an open file. There may be any number of them at once, in
 * no order. */
static inline bool starts_in_file(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_slot *slot = &loop->slots[op->handle.slot];
	const uint32_t head = core_head(op) & ~CORE_HEAD(0, 0, DUET_INLINE);

	return (head == CORE_HEAD(DUET_READ, STATE_IDLE, 0) ||
		head == CORE_HEAD(DUET_WRITE, STATE_IDLE, 0)) &&
	       op->handle.slot < loop->handles_max &&
	       slot->generation == op->handle.generation && slot->slot_state == SLOT_OPEN &&
	       slot->slot_class == CLASS_FILE && loop->pending < loop->short_max &&
	       loop->capability[op->kind] != DUET_ABSENT &&
	       op->args.io.vectors[0].iov_len == op->args.io.length_bytes &&
	       op->args.io.length_bytes - 1 < DUET_TRANSFER_MAX &&
	       op->args.io.offset_bytes <= INT64_MAX;
}

/* It ended with its start, completed: all was moved, or what there was for a receive to take. Of the
 * pieces of a whole transfer the last is never the whole. */
static inline bool moved_at_once(const struct duet_op *op)
{
	if (op->identity || op->result <= 0)
		return false;
	return (uint32_t)op->result == op->args.io.length_bytes ||
	       (op->kind == DUET_RECV && !(op->flags & DUET_WHOLE));
}

static int start_on(struct duet_loop *loop, struct duet_op *op, struct duet_op **line)
{
	int answer;

	if (core_loan_begin_as(loop, op, LOAN_PLAIN))
		return -EBUSY;
	core_begin(loop, op);
	core_inherit(loop, op);
	op->there_bytes = 0;
	core_ring_append(line, op);
	core_state_step(op, STATE_IDLE, STATE_ISSUED);
	answer = loop->backend->start(loop, op);
	/* What moved at once doesn't go on. */
	if (answer == BACKEND_ISSUED || (!(answer == BACKEND_ENDED && moved_at_once(op)) &&
					 core_issue_again(loop, op, answer) != BACKEND_ENDED)) {
		core_begun(loop, op);
		if (op->deadline_ns != DUET_NO_DEADLINE)
			core_timer_arm(&loop->timers, op, op->deadline_ns);
		return 0;
	}
	if (!moved_at_once(op) || !(op->flags & DUET_INLINE) || loop->done.first)
		return core_end_in_start(loop, op);
	core_ring_remove(line, op);
	core_moved(loop, op, (uint32_t)op->result);
	return 1;
}

/* Is it a wait for a primitive, not for a task or a scope, nor work; to be told at once if it needs none? */
static inline bool asks_a_primitive(const struct duet_op *op)
{
	const uint32_t head = core_head(op) & ~CORE_HEAD(UINT8_MAX, 0, 0);

	return head == CORE_HEAD(0, STATE_IDLE, DUET_INLINE) && op->kind != DUET_JOIN &&
	       op->kind != DUET_JOIN_SCOPE && op->kind < DUET_WORK;
}

/* One of this loop, which may take it. */
static inline bool is_asked_here(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_waiters *waiters = op->args.wait.on;
	const struct core_wait *wait = core_kind(op)->wait;

	return waiters && waiters->loop == loop && loop->pending < loop->short_max &&
	       !(wait->lends && !op->args.wait.with) && !(wait->refuse && wait->refuse(loop, op));
}

/* It is to wait, or to be told in a turn: behind those who ended before, or by its attempt. */
static int start_waiting(struct duet_loop *loop, struct duet_op *op, int raw)
{
	if (raw != -EAGAIN && raw != CORE_WAIT_HELD) {
		op->result = raw;
		return core_end_in_start(loop, op);
	}
	core_identify(loop, op);
	core_begun(loop, op);
	if (loop->backend->begun)
		loop->backend->begun(loop, op);
	if (op->deadline_ns != DUET_NO_DEADLINE)
		core_timer_arm(&loop->timers, op, op->deadline_ns);
	return 0;
}

static __attribute__((noinline)) int start_wait(struct duet_loop *loop, struct duet_op *op)
{
	int raw;

	if (!is_asked_here(loop, op))
		return core_start_any(loop, op);
	core_begin(loop, op);
	core_inherit(loop, op);
	core_state_step(op, STATE_IDLE, STATE_ISSUED);
	op->args.wait.away = 0;
	raw = core_wait_enter(op);
	if (raw < 0 || loop->done.first)
		return start_waiting(loop, op, raw);
	loop->pending--;
	loop->stats.ended++;
	op->result = raw;
	core_state_step(op, STATE_ISSUED, STATE_ENDED);
	core_state_step(op, STATE_ENDED, STATE_IDLE);
	return 1;
}

int core_start_otherwise(struct duet_loop *loop, struct duet_op *op)
{
	if (op->kind >= DUET_IO_KIND_COUNT)
		return asks_a_primitive(op) ? start_wait(loop, op) : core_start_any(loop, op);
	if (core_starts_plainly(loop, op, DUET_INLINE, &loop->short_max))
		return start_on(loop, op, core_plain_line(loop, op));
	if (op->kind >= DUET_READ && starts_in_file(loop, op))
		return start_on(loop, op, &duet_core_op_slot(loop, op)->others);
	return core_start_any(loop, op);
}
