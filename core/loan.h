/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_LOAN_H
#define CORE_LOAN_H

#include <errno.h>

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

/* Is that memory written to? Asked of what lends. */
static inline bool core_loan_writes(const struct duet_op *op)
{
	return core_loan_usual(op) ? !((op->kind ^ DUET_RECV) & 1) : !core_kind(op)->gathers;
}

/* It is one of the four, and the memory simply lent: known to who has looked, and said to the compiler. */
static inline void core_loan_plain(const struct duet_op *op)
{
	if (!core_loan_usual(op) || op->flags & (FLAG_GIVEN | FLAG_COPIED))
		__builtin_unreachable();
}

/* The smallest k with 2^k >= bytes, but for the small ones: these are of the least class. */
static inline unsigned core_range_class(uint32_t bytes)
{
	enum { LEAST = 9 };

	return 32 - (unsigned)__builtin_clz((bytes - 1) | ((1u << LEAST) - 1));
}

static inline void core_range_leave(struct core_ranges *ranges, const struct duet_op *op)
{
	struct duet_op *next = op->args.io.loan_next;
	struct duet_op **link = op->args.io.loan_link;
	unsigned k = core_range_class(op->args.io.length_bytes);

	*link = next;
	if (next)
		next->args.io.loan_link = link;
	if (__builtin_expect(!(op->flags & FLAG_PIECES), 1) && !--ranges->counts[k])
		ranges->classes &= ~(1u << k);
}

static inline enum duet_regime core_loan_regime(const struct duet_op *op)
{
	return op->flags & (FLAG_GIVEN | FLAG_COPIED) ? (enum duet_regime)op->buffer.regime
						      : DUET_REGIME_LENT;
}

/* loan.c. 0, or -EBUSY: another operation writes there. */
int core_ranges_init(struct core_ranges *ranges, uint32_t loans_max);
void core_ranges_fini(struct core_ranges *ranges);
int core_range_enter(struct core_ranges *ranges, struct duet_op *op);
void core_account_begin(struct core_ledger *ledger, const struct duet_op *op);
DUET_API void duet_core_account_end(struct core_ledger *ledger, const struct duet_op *op);
void core_account_peak(struct core_ledger *ledger);
/* A line for each buffer that the caller holds: those of operations are named with them. */
void core_loans_dump(const struct duet_loop *loop, void (*line)(void *context, const char *text),
		     void *context);

/* 0, or -EBUSY: it would write where another operation writes, and nothing was lent. */
static inline int core_loan_begin(struct duet_loop *loop, struct duet_op *op)
{
	struct core_ledger *ledger = &loop->ledger;

	if (core_loan_writes(op) && core_range_enter(&ledger->ranges, op))
		return -EBUSY;
	if (__builtin_expect(op->flags & (FLAG_GIVEN | FLAG_COPIED), 0))
		core_account_begin(ledger, op);
	ledger->lent_count++;
	ledger->lent_bytes += op->args.io.length_bytes;
	if (__builtin_expect(ledger->lent_bytes > ledger->lent_high_bytes, 0))
		core_account_peak(ledger);
	return 0;
}

static inline void core_loan_end(struct duet_loop *loop, const struct duet_op *op)
{
	struct core_ledger *ledger = &loop->ledger;

	if (core_loan_writes(op))
		core_range_leave(&ledger->ranges, op);
	if (__builtin_expect(op->flags & (FLAG_GIVEN | FLAG_COPIED), 0))
		duet_core_account_end(ledger, op);
	ledger->lent_count--;
	ledger->lent_bytes -= op->args.io.length_bytes;
}

#endif
