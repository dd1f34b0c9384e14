/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/loan.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/backend.h"
#include "core/mutant.h"

/*
 * Where the loans lie that are written to, so that an overlap is found at the start.
 *
 * A loan is of the class k, the smallest with 2^k >= its length, and hangs in the cell that its first byte
 * chooses, of as many as fit into memory at 2^k bytes each; the cells are hashed into one table. What
 * overlaps a range is so found in the cells that the range touches, and in the one before, for each class
 * in use. As loans don't overlap, few share a cell: with a smaller least class there would be fewer, and
 * more cells for a long range to look at. A table is never looked through more than once.
 *
 * The loans of several pieces are rare and stand in a list of their own.
 */

/* Odd, and near the golden ratio: neighbours, and the multiples of any power of two, come apart. */
static const uint64_t scatter = 0x9e3779b97f4a7c15;

struct range {
	uintptr_t first;
	uintptr_t last;
};

/* What is lent stays so to its end, also what has been moved of it already. */
static inline struct range range_of(const struct duet_op *op)
{
	const struct iovec *piece = &op->args.io.vectors[0];
	uintptr_t end = (uintptr_t)piece->iov_base + piece->iov_len;

	return (struct range){end - op->args.io.length_bytes, end - 1};
}

static inline bool meet(struct range a, struct range b)
{
	return a.first <= b.last && b.first <= a.last;
}

static inline struct duet_op **cell_of(const struct core_ranges *ranges, uint64_t hash)
{
	return &ranges->cells[(hash >> 32) * ranges->count >> 32];
}

int core_ranges_init(struct core_ranges *ranges, uint32_t loans_max)
{
	ranges->count = loans_max;
	ranges->cells = calloc(loans_max, sizeof(*ranges->cells));
	return ranges->cells ? 0 : -ENOMEM;
}

void core_ranges_fini(struct core_ranges *ranges)
{
	free(ranges->cells);
}

/* ---- Is anything written there? ---- */

static bool met_in_pieces(const struct core_ranges *ranges, struct range range)
{
	for (const struct duet_op *op = ranges->pieces; op; op = op->args.io.loan_next)
		for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
			const struct iovec *piece = &op->args.io.vectors[i];
			uintptr_t first = (uintptr_t)piece->iov_base;

			if (piece->iov_len &&
			    meet(range, (struct range){first, first + piece->iov_len - 1}))
				return true;
		}
	return false;
}

static __attribute__((noinline)) bool met_anywhere(const struct core_ranges *ranges,
						   struct range range)
{
	for (uint32_t i = 0; i < ranges->count; i++)
		for (const struct duet_op *op = ranges->cells[i]; op; op = op->args.io.loan_next)
			if (meet(range, range_of(op)))
				return true;
	return false;
}

static inline bool met_in_cell(const struct core_ranges *ranges, uint64_t hash,
			       struct range range)
{
	for (const struct duet_op *op = *cell_of(ranges, hash); op; op = op->args.io.loan_next)
		if (meet(range, range_of(op)))
			return true;
	return false;
}

static bool met_in_class(const struct core_ranges *ranges, struct range range, unsigned k)
{
	uint64_t before = (uint64_t)(range.first >> k) - 1;
	uint64_t count = (range.last >> k) - before + 1;
	uint64_t hash = before * scatter;

	if (count > ranges->count)
		return met_anywhere(ranges, range);
	for (; count; count--, hash += scatter)
		if (met_in_cell(ranges, hash, range))
			return true;
	return false;
}

static __attribute__((noinline)) bool met(const struct core_ranges *ranges, struct range range)
{
	if (met_in_pieces(ranges, range))
		return true;
	for (uint32_t left = ranges->classes; left; left &= left - 1)
		if (met_in_class(ranges, range, (unsigned)__builtin_ctz(left)))
			return true;
	return false;
}

/* ---- Coming and going. ---- */

static inline void hang(struct duet_op **link, struct duet_op *op)
{
	struct duet_op *next = *link;

	op->args.io.loan_next = next;
	op->args.io.loan_link = link;
	if (next)
		next->args.io.loan_link = &op->args.io.loan_next;
	*link = op;
}

static __attribute__((noinline)) int enter_pieces(struct core_ranges *ranges, struct duet_op *op)
{
	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		const struct iovec *piece = &op->args.io.vectors[i];
		uintptr_t first = (uintptr_t)piece->iov_base;

		if (piece->iov_len && met(ranges, (struct range){first, first + piece->iov_len - 1}))
			return -EBUSY;
	}
	/* For the way out: of its pieces one may be left then. */
	op->flags |= FLAG_PIECES;
	hang(&ranges->pieces, op);
	return 0;
}

int core_range_enter(struct core_ranges *ranges, struct duet_op *op)
{
	uint32_t bytes = op->args.io.length_bytes;
	uintptr_t first = (uintptr_t)op->args.io.vectors[0].iov_base;
	struct range range = {first, first + bytes - 1};
	unsigned k = core_range_class(bytes);
	uint64_t hash = (uint64_t)(first >> k) * scatter;
	bool found;

	if (__builtin_expect(op->args.io.vector_count > 1, 0))
		return enter_pieces(ranges, op);
	/* Usually all are of one length, and so of one class. */
	if (__builtin_expect(!(ranges->classes & ~(1u << k)) && !ranges->pieces, 1))
		found = met_in_cell(ranges, hash - scatter, range) ||
			met_in_cell(ranges, hash, range) ||
			(range.last >> k != first >> k &&
			 met_in_cell(ranges, hash + scatter, range));
	else
		found = met(ranges, range);
	if (__builtin_expect(found, 0) && !MUTANT(overlap_unnoticed))
		return -EBUSY;
	hang(cell_of(ranges, hash), op);
	if (!ranges->counts[k]++)
		ranges->classes |= 1u << k;
	return 0;
}

/* ---- Totals. ---- */

/* What is simply lent is the rest, but for its peak: see lent_high_bytes. */
static void set_high(struct core_ledger *ledger)
{
	uint64_t lent = ledger->regimes[DUET_REGIME_LENT].peak_bytes + ledger->others.bytes;

	ledger->lent_high_bytes = ledger->lent_peak_bytes < lent ? ledger->lent_peak_bytes : lent;
}

void core_account_peak(struct core_ledger *ledger)
{
	struct core_account *lent = &ledger->regimes[DUET_REGIME_LENT];
	uint64_t lent_bytes = ledger->lent_bytes - ledger->others.bytes;

	if (ledger->lent_bytes > ledger->lent_peak_bytes)
		ledger->lent_peak_bytes = ledger->lent_bytes;
	if (lent_bytes > lent->peak_bytes)
		lent->peak_bytes = lent_bytes;
	set_high(ledger);
}

void core_account_begin(struct core_ledger *ledger, const struct duet_op *op)
{
	struct core_account *account = &ledger->regimes[core_loan_regime(op)];

	account->count++;
	account->bytes += op->args.io.length_bytes;
	if (account->bytes > account->peak_bytes)
		account->peak_bytes = account->bytes;
	ledger->others.count++;
	ledger->others.bytes += op->args.io.length_bytes;
	set_high(ledger);
}

void duet_core_account_end(struct core_ledger *ledger, const struct duet_op *op)
{
	struct core_account *account = &ledger->regimes[core_loan_regime(op)];

	account->count--;
	account->bytes -= op->args.io.length_bytes;
	ledger->others.count--;
	ledger->others.bytes -= op->args.io.length_bytes;
	set_high(ledger);
}

void duet_core_tick_regimes(struct duet_loop *loop, uint64_t passed_ns)
{
	struct core_ledger *ledger = &loop->ledger;

	for (unsigned i = DUET_REGIME_LENT + 1; i < DUET_REGIME_COUNT; i++) {
		double byte_ns = (double)ledger->regimes[i].bytes * (double)(int64_t)passed_ns;

		ledger->regimes[i].byte_ns += byte_ns;
		ledger->others.byte_ns += byte_ns;
	}
}

static void count_held(const struct duet_pool *pool, struct duet_ledger *ledger)
{
	struct duet_account *account = &ledger->regimes[pool->regime];
	uint32_t held = pool->count - pool->free_count - pool->given;
	uint64_t peak = (uint64_t)(pool->count - pool->free_least) * pool->size_bytes;
	uint64_t bytes = (uint64_t)held * pool->size_bytes;

	ledger->held_count += held;
	ledger->held_bytes += bytes;
	ledger->held_peak_bytes += peak;
	account->held_count += held;
	account->held_bytes += bytes;
	account->held_peak_bytes += peak;
}

static void count_lent(const struct core_ledger *from, struct duet_ledger *ledger)
{
	for (unsigned i = 0; i < DUET_REGIME_COUNT; i++) {
		const struct core_account *account = &from->regimes[i];

		ledger->regimes[i] = (struct duet_account){.lent_bytes = account->bytes,
							   .lent_peak_bytes = account->peak_bytes,
							   .lent_byte_seconds = account->byte_ns / 1e9,
							   .lent_count = account->count};
	}
	ledger->regimes[DUET_REGIME_LENT].lent_bytes = from->lent_bytes - from->others.bytes;
	ledger->regimes[DUET_REGIME_LENT].lent_count = from->lent_count - from->others.count;
	ledger->regimes[DUET_REGIME_LENT].lent_byte_seconds =
		(from->lent_byte_ns - from->others.byte_ns) / 1e9;
}

void duet_loop_ledger(const struct duet_loop *loop, struct duet_ledger *ledger)
{
	const struct core_ledger *from = &loop->ledger;

	*ledger = (struct duet_ledger){.lent_bytes = from->lent_bytes,
				       .lent_peak_bytes = from->lent_peak_bytes,
				       .lent_byte_seconds = from->lent_byte_ns / 1e9,
				       .lent_count = from->lent_count};
	count_lent(from, ledger);
	for (uint32_t id = 0; id < loop->pool_count; id++)
		count_held(loop->pools[id], ledger);
}

/* ---- Every one of them. ---- */

struct visitor {
	void (*visit)(void *context, const struct duet_loan *loan);
	void *context;
};

static void visit_op(const struct visitor *visitor, const struct duet_op *op)
{
	struct duet_loan loan = {.op = op,
				 .turn = (uint32_t)op->stamp,
				 .regime = core_loan_regime(op),
				 .writes = core_loan_writes(op)};

	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		const struct iovec *piece = &op->args.io.vectors[i];
		struct range range = range_of(op);
		bool single = !(op->flags & FLAG_PIECES);

		loan.data = single ? (const void *)range.first : piece->iov_base;
		loan.length_bytes = single ? op->args.io.length_bytes : piece->iov_len;
		visitor->visit(visitor->context, &loan);
	}
}

static void visit_line(const struct visitor *visitor, const struct duet_op *head)
{
	const struct duet_op *op = head;

	if (!op)
		return;
	do {
		if (core_lends(op))
			visit_op(visitor, op);
		op = op->next;
	} while (op != head);
}

static void visit_pool(const struct visitor *visitor, const struct duet_pool *pool)
{
	struct duet_loan loan = {.length_bytes = pool->size_bytes,
				 .regime = (enum duet_regime)pool->regime};

	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->states[i] != BUFFER_HELD)
			continue;
		loan.data = pool->memory + (size_t)i * pool->size_bytes;
		loan.turn = pool->since[i];
		visitor->visit(visitor->context, &loan);
	}
}

void duet_loop_loans(const struct duet_loop *loop,
		     void (*visit)(void *context, const struct duet_loan *loan), void *context)
{
	const struct visitor visitor = {visit, context};

	for (uint32_t i = 0; i < loop->handles_max; i++) {
		visit_line(&visitor, loop->slots[i].reads);
		visit_line(&visitor, loop->slots[i].writes);
		visit_line(&visitor, loop->slots[i].others);
	}
	for (uint32_t id = 0; id < loop->pool_count; id++)
		visit_pool(&visitor, loop->pools[id]);
}

struct dump {
	void (*line)(void *context, const char *text);
	void *context;
};

static void dump_held(void *context, const struct duet_loan *loan)
{
	const struct dump *dump = context;
	char text[128];

	snprintf(text, sizeof(text), "buffer %p (%s, %zu bytes) held by the caller since turn %u",
		 loan->data, duet_regime_name(loan->regime), loan->length_bytes, loan->turn);
	dump->line(dump->context, text);
}

void core_loans_dump(const struct duet_loop *loop, void (*line)(void *context, const char *text),
		     void *context)
{
	struct dump dump = {line, context};
	const struct visitor visitor = {dump_held, &dump};

	for (uint32_t id = 0; id < loop->pool_count; id++)
		visit_pool(&visitor, loop->pools[id]);
}
