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
 * A range stays in its place when its loan ends, and is taken again by who comes back to the same memory,
 * as nearly every receive does: as no two ranges overlap, whether somebody has them or not, nothing else
 * need be looked at. Only a range that is new is held against the others. If it meets one that somebody
 * has, the start is refused; those that nobody has make way.
 *
 * A range is of the class k, the smallest with 2^k >= its length, and hangs in the cell that its first
 * byte chooses, of as many as fit into memory at 2^k bytes each; the cells are hashed into one table. What
 * meets another range is so found in the cells that the other touches, and in the one before, for each
 * class in use. As ranges don't overlap, few share a cell: with a smaller least class there would be
 * fewer, and more cells for a long range to look at. The table is never looked through more than once.
 *
 * The loans of several pieces are rare and stand in a list of their own.
 */

enum { CLASS_LEAST = 9 };

/* Odd, and near the golden ratio: neighbours, and the multiples of any power of two, come apart. */
static const uint64_t scatter = 0x9e3779b97f4a7c15;

struct span {
	uintptr_t first;
	uintptr_t last;
};

static inline bool meet(struct span a, struct span b)
{
	return a.first <= b.last && b.first <= a.last;
}

static inline struct span span_of(const struct iovec *piece)
{
	uintptr_t first = (uintptr_t)piece->iov_base;

	return (struct span){first, first + piece->iov_len - 1};
}

static inline struct span range_span(const struct core_range *range)
{
	return (struct span){range->first, range->first + (uint32_t)range->bytes - 1};
}

static inline unsigned class_of(uint32_t bytes)
{
	return 32 - (unsigned)__builtin_clz((bytes - 1) | ((1u << CLASS_LEAST) - 1));
}

static inline uint32_t *cell_of(const struct core_ranges *ranges, uint64_t hash)
{
	return &ranges->cells[(hash >> 32) * ranges->cells_max >> 32];
}

static uint32_t *cell_of_range(const struct core_ranges *ranges, const struct core_range *range)
{
	unsigned k = class_of((uint32_t)range->bytes);

	return cell_of(ranges, (uint64_t)(range->first >> k) * scatter);
}

/* Twice as many places as loans: whoever looks for one that nobody has finds it soon. */
int core_ranges_init(struct core_ranges *ranges, uint32_t loans_max)
{
	ranges->places_max = 2 * loans_max;
	ranges->cells_max = loans_max;
	ranges->places = calloc(ranges->places_max, sizeof(*ranges->places));
	ranges->cells = calloc(ranges->cells_max, sizeof(*ranges->cells));
	return ranges->places && ranges->cells ? 0 : -ENOMEM;
}

void core_ranges_fini(struct core_ranges *ranges)
{
	free(ranges->places);
	free(ranges->cells);
}

/* ---- Ranges come and go. ---- */

static void leave_class(struct core_ranges *ranges, unsigned k)
{
	if (!--ranges->counts[k])
		ranges->classes &= ~(1u << k);
}

/* Of the range that *link names, which nobody has. */
static void forget(struct core_ranges *ranges, uint32_t *link)
{
	uint32_t named = *link;
	struct core_range *range = &ranges->places[named - 1];

	leave_class(ranges, class_of((uint32_t)range->bytes));
	*link = range->next;
	range->bytes = 0;
	range->next = ranges->free;
	ranges->free = named;
}

static void forget_place(struct core_ranges *ranges, uint32_t place)
{
	uint32_t *link = cell_of_range(ranges, &ranges->places[place]);

	while (*link != place + 1)
		link = &ranges->places[*link - 1].next;
	forget(ranges, link);
}

/* A place of no range: there are as many again as can be taken. */
static uint32_t find_place(struct core_ranges *ranges)
{
	uint32_t place;

	if (!ranges->free && ranges->fresh < ranges->places_max)
		return ranges->fresh++;
	while (!ranges->free) {
		ranges->hand = ranges->hand + 1 < ranges->places_max ? ranges->hand + 1 : 0;
		if (!(ranges->places[ranges->hand].bytes & RANGE_TAKEN))
			forget_place(ranges, ranges->hand);
	}
	place = ranges->free - 1;
	ranges->free = ranges->places[place].next;
	return place;
}

static uint32_t add(struct core_ranges *ranges, uintptr_t first, uint32_t bytes)
{
	uint32_t place = find_place(ranges);
	struct core_range *range = &ranges->places[place];
	unsigned k = class_of(bytes);
	uint32_t *cell;

	range->first = first;
	range->bytes = bytes | RANGE_TAKEN;
	cell = cell_of_range(ranges, range);
	range->next = *cell;
	*cell = place + 1;
	ranges->counts[k]++;
	ranges->classes |= 1u << k;
	return place;
}

/* ---- Is anything written there? What was makes way. ---- */

static bool is_in_pieces(const struct core_ranges *ranges, struct span span)
{
	for (const struct duet_op *op = ranges->pieces; op; op = op->args.io.loan_next)
		for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
			const struct iovec *piece = &op->args.io.vectors[i];

			if (piece->iov_len && meet(span, span_of(piece)))
				return true;
		}
	return false;
}

static bool clear_cell(struct core_ranges *ranges, uint32_t *cell, struct span span)
{
	uint32_t *link = cell;

	while (*link) {
		struct core_range *range = &ranges->places[*link - 1];

		if (!meet(span, range_span(range)))
			link = &range->next;
		else if (range->bytes & RANGE_TAKEN)
			return false;
		else
			forget(ranges, link);
	}
	return true;
}

static bool clear_table(struct core_ranges *ranges, struct span span)
{
	for (uint32_t i = 0; i < ranges->cells_max; i++)
		if (!clear_cell(ranges, &ranges->cells[i], span))
			return false;
	return true;
}

static bool clear_class(struct core_ranges *ranges, unsigned k, struct span span)
{
	uint64_t before = (uint64_t)(span.first >> k) - 1;
	uint64_t count = (span.last >> k) - before + 1;
	uint64_t hash = before * scatter;

	if (count > ranges->cells_max)
		return clear_table(ranges, span);
	for (; count; count--, hash += scatter)
		if (!clear_cell(ranges, cell_of(ranges, hash), span))
			return false;
	return true;
}

static bool clear(struct core_ranges *ranges, struct span span)
{
	if (is_in_pieces(ranges, span))
		return false;
	for (uint32_t left = ranges->classes; left; left &= left - 1)
		if (!clear_class(ranges, (unsigned)__builtin_ctz(left), span))
			return MUTANT(overlap_unnoticed);
	return true;
}

/* ---- Loans begin and end. ---- */

static int enter_pieces(struct core_ranges *ranges, struct duet_op *op)
{
	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		const struct iovec *piece = &op->args.io.vectors[i];

		if (piece->iov_len && !clear(ranges, span_of(piece)))
			return -EBUSY;
	}
	/* For the way out: of its pieces one may be left then. */
	op->flags |= FLAG_PIECES;
	op->args.io.loan_next = ranges->pieces;
	ranges->pieces = op;
	return 0;
}

int core_range_enter_new(struct core_ranges *ranges, struct duet_op *op)
{
	const struct iovec *piece = &op->args.io.vectors[0];

	if (op->args.io.vector_count > 1)
		return enter_pieces(ranges, op);
	if (!clear(ranges, span_of(piece)))
		return -EBUSY;
	op->args.io.loan_place =
		add(ranges, (uintptr_t)piece->iov_base, op->args.io.length_bytes);
	return 0;
}

void core_range_leave_pieces(struct core_ranges *ranges, const struct duet_op *op)
{
	struct duet_op **link = &ranges->pieces;

	while (*link != op)
		link = &(*link)->args.io.loan_next;
	*link = op->args.io.loan_next;
}

/* ---- Totals. ---- */

void core_account_begin(struct core_ledger *ledger, const struct duet_op *op)
{
	struct core_account *account = &ledger->regimes[core_loan_regime(op)];

	account->count++;
	account->bytes += op->args.io.length_bytes;
	if (account->bytes > account->peak_bytes)
		account->peak_bytes = account->bytes;
	ledger->others.count++;
	ledger->others.bytes += op->args.io.length_bytes;
	core_account_high(ledger);
}

void core_account_end(struct core_ledger *ledger, const struct duet_op *op)
{
	struct core_account *account = &ledger->regimes[core_loan_regime(op)];

	account->count--;
	account->bytes -= op->args.io.length_bytes;
	ledger->others.count--;
	ledger->others.bytes -= op->args.io.length_bytes;
	core_account_high(ledger);
}

void duet_core_tick_regimes(struct duet_loop *loop, uint64_t passed_ns)
{
	struct core_ledger *ledger = &loop->ledger;

	for (unsigned i = DUET_REGIME_LENT + 1; i < DUET_REGIME_COUNT; i++) {
		struct core_account *account = &ledger->regimes[i];
		double byte_ns = (double)account->bytes * (double)(int64_t)passed_ns;
		uint64_t loan_ns = account->count * passed_ns;

		account->byte_ns += byte_ns;
		account->loan_ns += loan_ns;
		ledger->others.byte_ns += byte_ns;
		ledger->others.loan_ns += loan_ns;
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
							   .lent_seconds = (double)account->loan_ns / 1e9,
							   .lent_count = account->count};
	}
	ledger->regimes[DUET_REGIME_LENT].lent_bytes = from->lent_bytes - from->others.bytes;
	ledger->regimes[DUET_REGIME_LENT].lent_count = from->lent_count - from->others.count;
	ledger->regimes[DUET_REGIME_LENT].lent_byte_seconds =
		(from->lent_byte_ns - from->others.byte_ns) / 1e9;
	ledger->regimes[DUET_REGIME_LENT].lent_seconds =
		(double)(from->lent_loan_ns - from->others.loan_ns) / 1e9;
}

void duet_loop_ledger(const struct duet_loop *loop, struct duet_ledger *ledger)
{
	const struct core_ledger *from = &loop->ledger;

	*ledger = (struct duet_ledger){.lent_bytes = from->lent_bytes,
				       .lent_peak_bytes = from->lent_peak_bytes,
				       .lent_byte_seconds = from->lent_byte_ns / 1e9,
				       .lent_seconds = (double)from->lent_loan_ns / 1e9,
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

/* What is lent stays so to its end, also what has been moved of it already. */
static struct iovec whole_of(const struct duet_op *op)
{
	struct iovec piece = op->args.io.vectors[0];

	piece.iov_base = (char *)piece.iov_base + piece.iov_len - op->args.io.length_bytes;
	piece.iov_len = op->args.io.length_bytes;
	return piece;
}

static void visit_op(const struct visitor *visitor, const struct duet_op *op)
{
	struct duet_loan loan = {.op = op,
				 .turn = (uint32_t)op->stamp,
				 .regime = core_loan_regime(op),
				 .writes = core_loan_writes(op)};

	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		struct iovec piece = op->flags & FLAG_PIECES ? op->args.io.vectors[i]
							     : whole_of(op);

		loan.data = piece.iov_base;
		loan.length_bytes = piece.iov_len;
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

/* Has it told its result, or is to, and keeps its memory? It has left its line. */
static bool keeps(const struct duet_op *op)
{
	return op && (op->state == STATE_RESULT || op->state == STATE_HOLDING);
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
	for (uint32_t i = 0; i < loop->entries_max; i++)
		if (keeps(loop->entries[i].op))
			visit_op(&visitor, loop->entries[i].op);
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
