/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* Nop, and what holds for every operation: start's three answers and one end (R1, R13). */

START_TEST(a_nop_ends_once_with_0_in_a_turn)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_nop(&trial.op);
	trial_start(&trial);
	ck_assert_uint_eq(trial.ends, 0);
	await(&trial);
	stage_settle(5);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(an_operation_that_is_lent_cannot_be_started_again)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_nop(&trial.op);
	trial_start(&trial);
	/* A debug build stops there: tests/fault/guard.c. */
#ifndef DUET_DEBUG
	ck_assert_int_eq(trial_try(&trial), -EBUSY);
#endif
	await(&trial);
	stage_settle(5);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

static void start_again(struct trial *trial)
{
	unsigned *left = trial->context;

	if ((*left)-- > 0)
		ck_assert_int_eq(duet_op_start(stage.loop, &trial->op), 0);
}

START_TEST(an_operation_may_start_itself_again_in_its_own_end)
{
	unsigned left = 99;
	struct trial trial;

	trial_init(&trial);
	trial.then = start_again;
	trial.context = &left;
	duet_op_nop(&trial.op);
	trial_start(&trial);
	turn_until(trial.ends == 100);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, 100);
}
END_TEST

static void free_itself(struct trial *trial)
{
	bool *freed = trial->context;

	*freed = true;
	free(trial);
}

START_TEST(an_operation_may_be_freed_in_its_own_end)
{
	bool freed = false;
	struct trial *trial = malloc(sizeof(*trial));

	ck_assert_ptr_nonnull(trial);
	trial_init(trial);
	trial->then = free_itself;
	trial->context = &freed;
	duet_op_nop(&trial->op);
	trial_start(trial);
	turn_until(freed);
}
END_TEST

START_TEST(an_operation_without_a_callback_just_ends)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_nop(&op);
	ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
	turn_until(!duet_op_pending(&op));
	ck_assert_int_eq(op.result, 0);
}
END_TEST

START_TEST(more_than_operations_max_are_refused_with_ENOBUFS_and_the_rest_end)
{
	struct duet_loop_options options;
	struct trial trials[9];

	duet_loop_options_init(&options);
	options.operations_max = 8;
	stage_reopen(&options, NULL);
	for (unsigned i = 0; i < 9; i++) {
		trial_init(&trials[i]);
		duet_op_timeout(&trials[i].op, duet_loop_now_ns(stage.loop) + 1000000);
		ck_assert_int_eq(trial_try(&trials[i]), i < 8 ? 0 : -ENOBUFS);
	}
	ck_assert(!duet_op_pending(&trials[8].op));
	turn_until(stage.ends == 8);
	trial_run(&trials[8]);
	expect(&trials[8], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(an_unknown_kind_is_refused_with_EINVAL)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_nop(&trial.op);
	trial.op.kind = DUET_KIND_COUNT;
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	ck_assert(!duet_op_pending(&trial.op));
}
END_TEST

START_TEST(an_inline_nop_ends_in_start_or_in_a_turn_but_not_in_both)
{
	struct trial trial;
	int answer;

	trial_init(&trial);
	duet_op_nop(&trial.op);
	duet_op_inline(&trial.op);
	answer = trial_try(&trial);
	ck_assert(answer == 0 || answer == 1);
	if (answer == 0)
		await(&trial);
	ck_assert(!duet_op_pending(&trial.op));
	ck_assert_int_eq(trial.op.result, 0);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, answer == 0);
}
END_TEST

static void stop(struct trial *trial)
{
	(void)trial;
	duet_loop_stop(stage.loop);
}

START_TEST(stop_makes_run_return_with_work_pending)
{
	struct trial far;
	struct trial near;

	trial_init(&far);
	duet_op_timeout(&far.op, duet_loop_now_ns(stage.loop) + 3600000000000u);
	trial_start(&far);
	trial_init(&near);
	near.then = stop;
	duet_op_nop(&near.op);
	trial_start(&near);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	ck_assert(duet_op_pending(&far.op));
	trial_cancel(&far);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	expect(&far, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(&near, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

int main(void)
{
	return contract_run("nop",
		CASES(a_nop_ends_once_with_0_in_a_turn,
			an_operation_that_is_lent_cannot_be_started_again,
			an_operation_may_start_itself_again_in_its_own_end,
			an_operation_may_be_freed_in_its_own_end,
			an_operation_without_a_callback_just_ends,
			more_than_operations_max_are_refused_with_ENOBUFS_and_the_rest_end,
			an_unknown_kind_is_refused_with_EINVAL,
			an_inline_nop_ends_in_start_or_in_a_turn_but_not_in_both,
			stop_makes_run_return_with_work_pending),
		NULL);
}
