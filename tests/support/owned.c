/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/owned.h"

unsigned called;

static void count_call(struct duet_op *op)
{
	(void)op;
	called++;
}

void owned_open(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.owned_max = OWNED;
	options.owned_bytes = OWNED_BYTES;
	stage_reopen(&options, NULL);
	called = 0;
}

struct duet_op *take(void)
{
	struct duet_op *op;

	ck_assert_int_eq(duet_op_take(stage.loop, count_call, NULL, &op), 0);
	ck_assert_ptr_nonnull(op);
	return op;
}

struct duet_stats stats(void)
{
	struct duet_stats now;

	duet_loop_stats(stage.loop, &now);
	return now;
}

void start(struct duet_op *op)
{
	stage.inside++;
	ck_assert_int_eq(duet_op_start(stage.loop, op), 0);
	stage.inside--;
}

void expect_all_back(void)
{
	struct duet_op *ops[OWNED];

	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(3);
	for (unsigned i = 0; i < OWNED; i++)
		ops[i] = take();
	for (unsigned i = 0; i < OWNED; i++)
		ck_assert_int_eq(duet_op_return(ops[i]), 0);
}
