/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/shortcut.h"

#include "core/lifecycle.h"

/*
 * The short ways of those starts that are common, but not the most common: of a transfer that may end
 * at once, as every one that a task waits for, and of a read or write in a file.
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
	       slot->slot_class == CLASS_FILE && loop->pending < loop->plain_max &&
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

	core_begin(loop, op);
	op->there_bytes = 0;
	core_ledger_lend(loop, op->args.io.length_bytes);
	core_ring_append(line, op);
	core_state_step(op, STATE_IDLE, STATE_ISSUED);
	core_arm_deadline(loop, op);
	answer = loop->backend->start(loop, op);
	if (answer == BACKEND_ISSUED)
		return 0;
	/* What moved at once doesn't go on. */
	if (!(answer == BACKEND_ENDED && moved_at_once(op)) &&
	    core_issue_again(loop, op, answer) != BACKEND_ENDED)
		return 0;
	if (!moved_at_once(op) || !(op->flags & DUET_INLINE) || loop->done.first)
		return core_end_in_start(loop, op);
	if (op->timer)
		core_timer_disarm(&loop->timers, op);
	core_ring_remove(line, op);
	core_moved(loop, op, (uint32_t)op->result);
	return 1;
}

int core_start_otherwise(struct duet_loop *loop, struct duet_op *op)
{
	if (core_starts_plainly(loop, op, DUET_INLINE))
		return start_on(loop, op, core_plain_line(loop, op));
	if (starts_in_file(loop, op))
		return start_on(loop, op, &duet_core_op_slot(loop, op)->others);
	return core_start_any(loop, op);
}
