/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* An end inside start overtook ends that had yet to be told: bytes came out of order, and a handle
 * was closed before a receive on it had heard of its cancel. */

static duet_handle pair[2];
static char bytes[3];
static char told[4];
static unsigned told_count;
static struct trial first, second, third;

static void tell(struct trial *trial)
{
	ck_assert_int_eq(trial->op.result, 1);
	told[told_count++] = bytes[trial == &second ? 1 : 2];
}

static void receive(struct trial *trial, unsigned place)
{
	trial_init(trial);
	trial->then = tell;
	duet_op_recv(&trial->op, pair[1], &bytes[place], 1, 0);
	duet_op_inline(&trial->op);
}

static void tell_and_go_on(struct trial *trial)
{
	ck_assert_int_eq(trial->op.result, 1);
	told[told_count++] = bytes[0];
	receive(&third, 2);
	if (trial_try(&third) == 1)
		told[told_count++] = bytes[2];
}

START_TEST(bytes_are_told_in_order_also_by_ends_inside_start)
{
	pair_open(pair);
	told_count = 0;
	receive(&first, 0);
	first.then = tell_and_go_on;
	receive(&second, 1);
	ck_assert_int_eq(trial_try(&first), 0);
	ck_assert_int_eq(trial_try(&second), 0);
	stream_send(pair[0], "123", 3);
	turn_until(told_count == 3);
	told[3] = 0;
	ck_assert_str_eq(told, "123");
}
END_TEST

START_TEST(a_close_ends_inside_start_only_when_all_on_the_handle_were_told)
{
	struct trial trial;
	int answer;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], bytes, 1, 0);
	trial_start(&trial);
	trial_cancel(&trial);
	trial_init(&first);
	duet_op_close(&first.op, pair[1]);
	duet_op_inline(&first.op);
	answer = trial_try(&first);
	ck_assert(answer == 0 || !duet_op_pending(&trial.op));
	await(&trial);
	if (answer == 0) {
		await(&first);
		ck_assert_uint_lt(trial.rank, first.rank);
	}
}
END_TEST

int main(void)
{
	return contract_run("inline order",
		CASES(bytes_are_told_in_order_also_by_ends_inside_start,
			a_close_ends_inside_start_only_when_all_on_the_handle_were_told),
		NULL);
}
