/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_SHORTCUT_H
#define CORE_SHORTCUT_H

#include <string.h>

#include "core/backend.h"
#include "core/buffer.h"
#include "core/guard.h"
#include "core/loan.h"
#include "core/operation.h"
#include "core/queue.h"

/*
 * The short ways: what nearly every message of a busy connection, and every read of a busy file, goes
 * along when all is as hoped. Each is a question, with the fewest looks at memory, and the steps to
 * take if the answer is yes; whatever is out of the ordinary goes the long way, which is in lifecycle.c
 * and knows nothing of these. In a header, so that they become part of the backends' own hot functions: the calls and
 * the saved registers between them would cost as much again as the work.
 */

/* Kind, state and flags of an operation, in one load. */
static inline uint32_t core_head(const struct duet_op *op)
{
	uint32_t head;

	_Static_assert(offsetof(struct duet_op, kind) == 0 &&
			       offsetof(struct duet_op, state) == 1 &&
			       offsetof(struct duet_op, flags) == 2,
		       "the head of an operation is its first word");
	memcpy(&head, op, sizeof(head));
	return head;
}

/* What core_head() is for these. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CORE_HEAD(kind, state, flags)                                                              \
	((uint32_t)(kind) | (uint32_t)(state) << 8 | (uint32_t)(flags) << 16)
#else
#define CORE_HEAD(kind, state, flags)                                                              \
	((uint32_t)(kind) << 24 | (uint32_t)(state) << 16 | (uint32_t)(flags))
#endif

/* Identities come from a table, by whose size pending is bounded: there is always a free one. */
static inline uint64_t core_identify(struct duet_loop *loop, struct duet_op *op)
{
	uint32_t index = loop->entry_free - 1;
	struct core_entry *entry = &loop->entries[index];

	loop->entry_free = entry->free_next;
	entry->op = op;
	op->identity = (uint64_t)entry->generation << 32 | index << IDENTITY_TAG_BITS;
	return op->identity;
}

/* The identity of an operation ends, with the entry of that index: what the kernel still says of it
 * is late. */
static inline void core_forget_entry(struct duet_loop *loop, struct duet_op *op, uint32_t index)
{
	struct core_entry *entry = &loop->entries[index];

	if (!MUTANT(cancel_by_pointer))
		entry->op = NULL;
	/* From 1 in steps of 2, so never 0: an identity of 0 is none. */
	entry->generation += 2;
	entry->free_next = loop->entry_free;
	loop->entry_free = index + 1;
	op->identity = 0;
}

static inline void core_forget(struct duet_loop *loop, struct duet_op *op)
{
	core_forget_entry(loop, op, (uint32_t)op->identity >> IDENTITY_TAG_BITS);
}

/* The line of a send or a receive. */
static inline struct duet_op **core_plain_line(const struct duet_loop *loop,
					       const struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	_Static_assert(DUET_SEND == DUET_RECV + 1 &&
			       offsetof(struct duet_slot, writes) ==
				       offsetof(struct duet_slot, reads) + sizeof(slot->reads),
		       "the kind is the place of the line");
	return &slot->reads + (op->kind - DUET_RECV);
}

/* What a pending operation begins with: that nothing has happened yet (one store of eight bytes).
 * Identity, timer and verdict are zero in every idle operation. */
static inline void core_begin(struct duet_loop *loop, struct duet_op *op)
{
	loop->pending++;
	op->loop = loop;
	op->stamp = loop->stamp;
	op->transferred = 0;
	op->disposition = DUET_COMPLETED;
	op->cause = DUET_CAUSE_ITSELF;
	op->more = 0;
	op->request = 0;
	CORE_GUARD(core_guard_begin(loop, op));
}

/* op stays. In a turn that has not read its clock the stamp has the time of an earlier one: for what ends
 * in its start that is good enough. What is lent makes the turn read it anyway, before its sleep. */
static inline void core_begun(struct duet_loop *loop, struct duet_op *op)
{
	if (__builtin_expect(!loop->now_unread, 1))
		return;
	core_now_ns(loop);
	op->stamp = loop->stamp;
}

/* The common start: a transfer of one piece on a plain handle, that nothing stands in front of, with no
 * flags but these, as one of so many. What core_start_any() would find out, with the fewest questions. */
static inline bool core_starts_plainly(const struct duet_loop *loop, const struct duet_op *op,
				       uint32_t flags, const uint32_t *max)
{
	const struct duet_slot *slot = &loop->slots[op->handle.slot];
	const uint32_t head = core_head(op) & ~CORE_HEAD(0, 0, DUET_WHOLE | flags);

	return (head == CORE_HEAD(DUET_SEND, STATE_IDLE, 0) ||
		head == CORE_HEAD(DUET_RECV, STATE_IDLE, 0)) &&
	       op->handle.slot < loop->handles_max && slot->plain == op->handle.generation &&
	       loop->pending < *max &&
	       /* Of several pieces the first is never the whole, or the rest are empty. */
	       op->args.io.vectors[0].iov_len == op->args.io.length_bytes &&
	       op->args.io.length_bytes - 1 < DUET_TRANSFER_MAX && !*core_plain_line(loop, op);
}

/* Whatever doesn't start plainly: core/shortcut.c knows the next shortest ways. */
int core_start_otherwise(struct duet_loop *loop, struct duet_op *op);

/*
 * Would op, if it is a `kind` (a send, or a receive into the caller's memory), end plainly if it
 * moved all that it is to move? It is alone on its line, so that nobody waits for its place; and no
 * other end waits to be told before it. Nor did anybody ask for its end, nor its deadline, or it would
 * be issued no more.
 */
static inline bool duet_core_may_end_plainly(const struct duet_loop *loop, const struct duet_op *op,
					     enum duet_kind kind)
{
	const uint32_t asked =
		CORE_HEAD(UINT8_MAX, UINT8_MAX, DUET_POOLED | FLAG_GIVEN | FLAG_COPIED);

	return (core_head(op) & asked) == CORE_HEAD(kind, STATE_ISSUED, 0) && op->next == op &&
	       !loop->done.first;
}

/* So much was moved, which completes it: the memory is the caller's again. Cause and disposition are
 * what the start has set: itself, completed. */
static inline void core_moved(struct duet_loop *loop, struct duet_op *op, uint32_t bytes)
{
	loop->pending--;
	loop->stats.ended++;
	op->transferred = bytes;
	op->buffer.length_bytes = bytes;
	op->result = (int)bytes;
	core_loan_end_as(loop, op, LOAN_PLAIN);
	core_state_step(op, STATE_ISSUED, STATE_ENDED);
	core_state_step(op, STATE_ENDED, STATE_IDLE);
}

static inline void core_moved_all(struct duet_loop *loop, struct duet_op *op)
{
	core_moved(loop, op, op->args.io.length_bytes);
}

/* Does so, and calls back. line: that of op, of which it is the only one. A deadline is another's
 * business: a call in between would cost those without one the saving of registers. */
static inline void duet_core_end_plainly(struct duet_loop *loop, struct duet_op *op,
					 struct duet_op **line)
{
	if (__builtin_expect(op->timer != 0, 0)) {
		duet_core_end_timed(loop, op, line);
		return;
	}
	loop->delivered++;
	*line = NULL;
	core_moved_all(loop, op);
	if (op->done)
		op->done(op);
}

/* The same for a read or write in a file, of which no other waits for its place, however many there
 * are. */
static inline bool duet_core_ends_in_file(const struct duet_loop *loop, const struct duet_op *op,
					  int result)
{
	return (op->kind == DUET_READ || op->kind == DUET_WRITE) && op->state == STATE_ISSUED &&
	       !(op->flags & (FLAG_GIVEN | FLAG_COPIED | FLAG_PIECES)) && !loop->done.first &&
	       (uint32_t)result == op->args.io.length_bytes;
}

static inline void duet_core_end_in_file(struct duet_loop *loop, struct duet_op *op)
{
	if (__builtin_expect(op->timer != 0, 0)) {
		duet_core_end_timed(loop, op, NULL);
		return;
	}
	loop->delivered++;
	core_ring_remove(&duet_core_op_slot(loop, op)->others, op);
	core_moved_all(loop, op);
	if (op->done)
		op->done(op);
}

/* May an arrival be told at once? Ends that wait to be told come first; somebody must want it. */
static inline bool duet_core_may_tell_plainly(const struct duet_loop *loop,
					      const struct duet_op *op)
{
	return !loop->done.first && op->done && !(MUTANT(late_bytes_discarded) && op->request);
}

/* duet_core_item_buffer(), if so: `bytes` are at `data`, in the buffer `index`, which the caller of
 * this has taken for the operation's. */
static inline void duet_core_tell_plainly(struct duet_loop *loop, struct duet_op *op,
					  struct duet_pool *pool, uint32_t index,
					  unsigned char *data, uint32_t bytes)
{
	op->buffer.data = data;
	op->buffer.length_bytes = bytes;
	op->buffer.offset_bytes = 0;
	op->buffer.pool = pool->id;
	op->buffer.index = (uint16_t)index;
	op->buffer.regime = DUET_REGIME_POOLED;
	op->transferred = bytes;
	op->result = (int)bytes;
	op->disposition = DUET_COMPLETED;
	op->cause = DUET_CAUSE_ITSELF;
	op->more = 1;
	CORE_GUARD(duet_core_guard_hold(data, bytes));
	loop->delivered++;
	loop->stats.interim++;
	op->done(op);
	op->more = 0;
	if (__builtin_expect(op->state == STATE_ENDED, 0))
		duet_core_item_told(loop, op);
}

#endif
