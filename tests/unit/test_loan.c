/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "core/loan.h"
#include "tests/support/harness.h"

/* The index of what is written to, beside a model that looks at everything. */

#define LOANS 64

static struct core_ranges ranges;
static struct duet_op ops[LOANS];
static bool lent[LOANS];
static uint64_t state;

static uint32_t draw(uint32_t bound)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % bound;
}

static uint64_t seed_of_the_run(void)
{
	const char *text = getenv("DUET_TEST_SEED");

	return text ? strtoull(text, NULL, 10) : 1;
}

/* Somewhere in memory that nobody looks at, so that any address will do. */
static void name_piece(struct duet_op *op, uint32_t i, uintptr_t first, size_t bytes)
{
	op->args.io.vectors[i] = (struct iovec){ (void *)first, bytes };
	op->args.io.length_bytes += (uint32_t)bytes;
	op->args.io.vector_count = i + 1;
}

static void name_range(struct duet_op *op, uintptr_t first, size_t bytes)
{
	op->kind = DUET_RECV;
	op->flags = 0;
	op->args.io.length_bytes = 0;
	op->args.io.vector_count = 0;
	name_piece(op, 0, first, bytes);
}

static bool pieces_meet(const struct iovec *a, const struct iovec *b)
{
	uintptr_t first = (uintptr_t)a->iov_base;
	uintptr_t other = (uintptr_t)b->iov_base;

	return a->iov_len && b->iov_len && first < other + b->iov_len && other < first + a->iov_len;
}

static bool meets_any(const struct duet_op *op)
{
	for (unsigned i = 0; i < LOANS; i++)
		for (uint32_t at = 0; lent[i] && at < ops[i].args.io.vector_count; at++)
			for (uint32_t own = 0; own < op->args.io.vector_count; own++)
				if (pieces_meet(&ops[i].args.io.vectors[at],
						&op->args.io.vectors[own]))
					return true;
	return false;
}

/* Lengths of every class, mostly short, and addresses near each other. */
static size_t draw_length(void)
{
	return 1 + draw(1u << (3 + draw(16)));
}

static void name_anything(struct duet_op *op)
{
	uint32_t pieces = draw(8) ? 1 : 1 + draw(DUET_OP_IOVECS);

	/* Often where it was the last time. */
	if (op->args.io.vector_count == 1 && draw(2))
		return;
	/* What another kind has left there. */
	if (!draw(8))
		op->args.io.loan_place = draw(2) ? draw(200) : UINT32_MAX - draw(9);
	name_range(op, 0x10000 + draw(1u << 21), draw_length());
	for (uint32_t i = 1; i < pieces; i++)
		name_piece(op, i, 0x10000 + draw(1u << 21), draw_length());
}

START_TEST(an_overlap_is_found_exactly_where_there_is_one)
{
	unsigned refused = 0;

	state = seed_of_the_run();
	printf("seed=%llu (DUET_TEST_SEED)\n", (unsigned long long)state);
	ck_assert_int_eq(core_ranges_init(&ranges, LOANS), 0);
	for (unsigned step = 0; step < 100000; step++) {
		struct duet_op *op = &ops[draw(LOANS)];
		bool *is_lent = &lent[op - ops];
		int expected;

		if (*is_lent) {
			core_range_leave(&ranges, op, LOAN_ANY);
			*is_lent = false;
			continue;
		}
		name_anything(op);
		expected = meets_any(op) ? -EBUSY : 0;
		ck_assert_int_eq(core_range_enter(&ranges, op, LOAN_ANY), expected);
		*is_lent = expected == 0;
		refused += expected != 0;
	}
	ck_assert_uint_gt(refused, 1000);
	for (unsigned i = 0; i < LOANS; i++)
		if (lent[i])
			core_range_leave(&ranges, &ops[i], LOAN_ANY);
	core_ranges_fini(&ranges);
}
END_TEST

START_TEST(neighbours_do_not_meet_and_one_byte_does)
{
	static const uint32_t lengths[] = { 1, 7, 64, 511, 512, 513, 4096, 65536, 1u << 20 };

	ck_assert_int_eq(core_ranges_init(&ranges, 64), 0);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uintptr_t first = 0x7f0000000000 + 4096 * 3 + i;

		name_range(&ops[0], first, lengths[i]);
		name_range(&ops[1], first + lengths[i], 4096);
		name_range(&ops[2], first - 100, 100);
		name_range(&ops[3], first - 1, 2);
		name_range(&ops[4], first + lengths[i] - 1, 1);
		ck_assert_int_eq(core_range_enter(&ranges, &ops[0], LOAN_ANY), 0);
		ck_assert_int_eq(core_range_enter(&ranges, &ops[1], LOAN_ANY), 0);
		ck_assert_int_eq(core_range_enter(&ranges, &ops[2], LOAN_ANY), 0);
		ck_assert_int_eq(core_range_enter(&ranges, &ops[3], LOAN_ANY), -EBUSY);
		ck_assert_int_eq(core_range_enter(&ranges, &ops[4], LOAN_ANY), -EBUSY);
		for (unsigned j = 0; j < 3; j++)
			core_range_leave(&ranges, &ops[j], LOAN_ANY);
	}
	core_ranges_fini(&ranges);
}
END_TEST

/* What has been moved of a loan is on loan all the same. */
START_TEST(a_transfer_under_way_keeps_all_its_memory)
{
	ck_assert_int_eq(core_ranges_init(&ranges, 16), 0);
	name_range(&ops[0], 0x10000, 1000);
	ck_assert_int_eq(core_range_enter(&ranges, &ops[0], LOAN_ANY), 0);
	core_advance(&ops[0], 600);
	name_range(&ops[1], 0x10000, 10);
	ck_assert_int_eq(core_range_enter(&ranges, &ops[1], LOAN_ANY), -EBUSY);
	core_range_leave(&ranges, &ops[0], LOAN_ANY);
	ck_assert_int_eq(core_range_enter(&ranges, &ops[1], LOAN_ANY), 0);
	core_range_leave(&ranges, &ops[1], LOAN_ANY);
	core_ranges_fini(&ranges);
}
END_TEST

/* A message may have nothing but control data. */
START_TEST(a_loan_of_no_bytes_has_no_range)
{
	name_range(&ops[0], 0x10000, 0);
	ops[0].kind = DUET_RECVMSG;
	ck_assert(!core_loan_writes(&ops[0]));
	name_range(&ops[0], 0x10000, 1);
	ops[0].kind = DUET_RECVMSG;
	ck_assert(core_loan_writes(&ops[0]));
}
END_TEST

/* Every kind that lends says which regimes it takes, and no other does; what moves bytes of one buffer
 * takes all of them. */
START_TEST(a_kind_that_lends_says_which_regimes_it_takes)
{
	static const enum duet_kind all[] = { DUET_RECV, DUET_SEND, DUET_READ, DUET_WRITE };

	for (unsigned kind = 0; kind < DUET_KIND_COUNT; kind++) {
		unsigned regimes = duet_kind_regimes((enum duet_kind)kind);

		ck_assert_msg(core_kinds[kind].lends == (regimes != 0), "%s: regimes %#x",
			duet_kind_name((enum duet_kind)kind), regimes);
		ck_assert_msg(!regimes || regimes & 1u << DUET_REGIME_LENT, "%s isn't lent to",
			duet_kind_name((enum duet_kind)kind));
	}
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(duet_kind_regimes(all[i]), (1u << DUET_REGIME_COUNT) - 1);
}
END_TEST

int main(void)
{
	return plain_run("loan",
		CASES(an_overlap_is_found_exactly_where_there_is_one,
			neighbours_do_not_meet_and_one_byte_does,
			a_transfer_under_way_keeps_all_its_memory, a_loan_of_no_bytes_has_no_range,
			a_kind_that_lends_says_which_regimes_it_takes));
}
