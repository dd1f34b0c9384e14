/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_LOAN_H
#define CORE_LOAN_H

#include <errno.h>

#include "core/guard.h"
#include "core/operation.h"

/* A loan: memory that is out of the caller's hands, from the start of the operation that names it to its
 * terminal completion. The ledger is the account of all; its byte-seconds are counted by duet_core_tick(). */

/* Does it name memory that is counted? A pooled receive names none. */
static inline bool core_lends(const struct duet_op *op)
{
	return core_kind(op)->lends && !(op->flags & DUET_POOLED);
}

/* Is it one of the four that move bytes from or to one piece of memory? */
static inline bool core_loan_usual(const struct duet_op *op)
{
	_Static_assert(DUET_SEND == DUET_RECV + 1 && DUET_READ == DUET_RECV + 2 &&
			       DUET_WRITE == DUET_RECV + 3,
		       "incoming and outgoing take turns");
	return (uint32_t)op->kind - DUET_RECV <= DUET_WRITE - DUET_RECV;
}

/* Is that memory written to? Asked of what lends; a message may have none. */
static inline bool core_loan_writes(const struct duet_op *op)
{
	return core_loan_usual(op) ? !((op->kind ^ DUET_RECV) & 1)
				   : !core_kind(op)->gathers && op->args.io.length_bytes;
}

/* What whoever begins or ends a loan knows of it already, at compile time. */
enum core_loan_way {
	LOAN_ANY,
	/* One of the four, of one piece, simply lent. */
	LOAN_PLAIN,
	/* Of those one that is only read, */
	LOAN_READ,
	/* and one that is written, to a range that is known. */
	LOAN_KNOWN
};

static inline enum duet_regime core_loan_regime(const struct duet_op *op)
{
	return op->flags & (FLAG_GIVEN | FLAG_COPIED) ? (enum duet_regime)op->buffer.regime
						      : DUET_REGIME_LENT;
}

/* loan.c. 0, or -EBUSY: another operation writes there. */
int core_ranges_init(struct core_ranges *ranges, uint32_t loans_max);
void core_ranges_fini(struct core_ranges *ranges);
int core_range_enter_new(struct core_ranges *ranges, struct duet_op *op);
void core_range_leave_pieces(struct core_ranges *ranges, const struct duet_op *op);
void core_account_begin(struct core_ledger *ledger, const struct duet_op *op);
void core_account_end(struct core_ledger *ledger, const struct duet_op *op);
/* A line for each buffer that the caller holds: those of operations are named with them. */
void core_loans_dump(const struct duet_loop *loop, void (*line)(void *context, const char *text),
		     void *context);

/* What is simply lent is the rest, but for its peak: see lent_high_bytes. */
static inline void core_account_high(struct core_ledger *ledger)
{
	uint64_t lent = ledger->regimes[DUET_REGIME_LENT].peak_bytes + ledger->others.bytes;

	ledger->lent_high_bytes = ledger->lent_peak_bytes < lent ? ledger->lent_peak_bytes : lent;
}

/* Here, as is what is asked of a range, so that a usual start has no call to save registers for. */
static inline void core_account_peak(struct core_ledger *ledger)
{
	struct core_account *lent = &ledger->regimes[DUET_REGIME_LENT];
	uint64_t lent_bytes = ledger->lent_bytes - ledger->others.bytes;

	if (ledger->lent_bytes > ledger->lent_peak_bytes)
		ledger->lent_peak_bytes = ledger->lent_bytes;
	if (lent_bytes > lent->peak_bytes)
		lent->peak_bytes = lent_bytes;
	core_account_high(ledger);
}

/* Is it the same memory again, which nobody has had in between? Its range is where it was then. Whatever
 * stands in loan_place, any range that is alike will do. */
static inline bool core_range_is_known(const struct core_ranges *ranges, const struct duet_op *op)
{
	const uint32_t place = op->args.io.loan_place;
	const struct core_range *range = &ranges->places[place];

	return place < ranges->places_max && range->bytes == op->args.io.length_bytes &&
	       range->first == (uintptr_t)op->args.io.vectors[0].iov_base &&
	       op->args.io.vector_count <= 1;
}

static inline int core_range_enter(struct core_ranges *ranges, struct duet_op *op,
				   enum core_loan_way way)
{
	if (way != LOAN_KNOWN && !core_range_is_known(ranges, op))
		return core_range_enter_new(ranges, op);
	ranges->places[op->args.io.loan_place].bytes |= RANGE_TAKEN;
	return 0;
}

static inline void core_range_leave(struct core_ranges *ranges, const struct duet_op *op,
				    enum core_loan_way way)
{
	if (way == LOAN_ANY && op->flags & FLAG_PIECES)
		core_range_leave_pieces(ranges, op);
	else
		ranges->places[op->args.io.loan_place].bytes = op->args.io.length_bytes;
}

static inline bool core_loan_enters(const struct duet_op *op, enum core_loan_way way)
{
	if (way == LOAN_READ || way == LOAN_KNOWN)
		return way == LOAN_KNOWN;
	return way == LOAN_PLAIN ? !((op->kind ^ DUET_RECV) & 1) : core_loan_writes(op);
}

static inline bool core_loan_is_special(const struct duet_op *op, enum core_loan_way way)
{
	return way == LOAN_ANY && op->flags & (FLAG_GIVEN | FLAG_COPIED);
}

/* 0, or -EBUSY: it would write where another operation writes, and nothing was lent. */
static inline int core_loan_begin_as(struct duet_loop *loop, struct duet_op *op,
				     enum core_loan_way way)
{
	struct core_ledger *ledger = &loop->ledger;

	if (core_loan_enters(op, way) && core_range_enter(&ledger->ranges, op, way))
		return -EBUSY;
	if (core_loan_is_special(op, way))
		core_account_begin(ledger, op);
	ledger->lent_count++;
	ledger->lent_bytes += op->args.io.length_bytes;
	if (__builtin_expect(ledger->lent_bytes > ledger->lent_high_bytes, 0))
		core_account_peak(ledger);
	return 0;
}

static inline void core_loan_end_as(struct duet_loop *loop, const struct duet_op *op,
				    enum core_loan_way way)
{
	struct core_ledger *ledger = &loop->ledger;

	if (core_loan_enters(op, way))
		core_range_leave(&ledger->ranges, op, way);
	if (core_loan_is_special(op, way))
		core_account_end(ledger, op);
	ledger->lent_count--;
	ledger->lent_bytes -= op->args.io.length_bytes;
}

static inline int core_loan_begin(struct duet_loop *loop, struct duet_op *op)
{
	return core_loan_begin_as(loop, op, LOAN_ANY);
}

static inline void core_loan_end(struct duet_loop *loop, const struct duet_op *op)
{
	core_loan_end_as(loop, op, LOAN_ANY);
}

#endif
