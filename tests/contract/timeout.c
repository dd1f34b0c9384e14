/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

#define TIMERS 64

static void timeout_start(struct trial *trial, uint64_t due_ns)
{
	trial_init(trial);
	duet_op_timeout(&trial->op, due_ns);
	trial_start(trial);
}

START_TEST(a_timeout_ends_with_0_and_never_early)
{
	struct trial trial;
	uint64_t due = duet_loop_now_ns(stage.loop) + 2000000;

	timeout_start(&trial, due);
	await(&trial);
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), due);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_timeout_that_is_due_already_ends_in_a_turn)
{
	struct trial past;
	struct trial zero;

	timeout_start(&past, duet_loop_now_ns(stage.loop));
	timeout_start(&zero, 0);
	ck_assert_uint_eq(stage.ends, 0);
	turn_until(stage.ends == 2);
	expect(&past, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&zero, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(timers_fire_in_the_order_in_which_they_are_due)
{
	struct trial trials[TIMERS];
	uint64_t now = duet_loop_now_ns(stage.loop);

	for (unsigned i = 0; i < TIMERS; i++)
		timeout_start(&trials[i], now + 1000000 + (uint64_t)(i * 29 % TIMERS) * 1000);
	turn_until(stage.ends == TIMERS);
	for (unsigned i = 0; i < TIMERS; i++)
		ck_assert_uint_eq(trials[i].rank, i * 29 % TIMERS + 1);
}
END_TEST

START_TEST(timers_due_at_the_same_time_fire_in_the_order_of_their_start)
{
	struct trial trials[TIMERS];
	uint64_t due = duet_loop_now_ns(stage.loop) + 1000000;

	for (unsigned i = 0; i < TIMERS; i++)
		timeout_start(&trials[i], due);
	turn_until(stage.ends == TIMERS);
	for (unsigned i = 0; i < TIMERS; i++)
		ck_assert_uint_eq(trials[i].rank, i + 1);
}
END_TEST

START_TEST(timers_that_became_due_in_one_turn_still_fire_in_order)
{
	struct trial trials[TIMERS];
	uint64_t now = duet_loop_now_ns(stage.loop);

	for (unsigned i = 0; i < TIMERS; i++)
		timeout_start(&trials[i], now + (i & 1 ? 1000 : 500) + i / 2);
	if (stage.arm->kernel)
		clock_pass(now + 1000000);
	turn_until(stage.ends == TIMERS);
	for (unsigned i = 0; i < TIMERS; i++)
		ck_assert_uint_eq(trials[i].rank, i & 1 ? TIMERS / 2 + i / 2 + 1 : i / 2 + 1);
}
END_TEST

START_TEST(cancelled_timers_leave_the_order_of_the_others)
{
	struct trial trials[TIMERS];
	uint64_t due = duet_loop_now_ns(stage.loop) + 2000000;
	unsigned last = 0;

	for (unsigned i = 0; i < TIMERS; i++)
		timeout_start(&trials[i], due + (TIMERS - i) / 8 * 1000);
	for (unsigned i = 0; i < TIMERS; i += 3)
		trial_cancel(&trials[i]);
	turn_until(stage.ends == TIMERS);
	for (unsigned group = 0; group <= TIMERS / 8; group++) {
		for (unsigned i = 0; i < TIMERS; i++) {
			if (i % 3 == 0 || (TIMERS - i) / 8 != group)
				continue;
			expect(&trials[i], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			ck_assert_uint_gt(trials[i].rank, last);
			last = trials[i].rank;
		}
	}
}
END_TEST

START_TEST(a_cancelled_timeout_ends_untouched)
{
	struct trial trial;

	timeout_start(&trial, duet_loop_now_ns(stage.loop) + 3600000000000u);
	stage_settle(2);
	trial_cancel(&trial);
	ck_assert_uint_eq(trial.ends, 0);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

static void restart(struct trial *trial)
{
	if (trial->ends < 3) {
		duet_op_timeout(&trial->op, duet_loop_now_ns(stage.loop));
		ck_assert_int_eq(duet_op_start(stage.loop, &trial->op), 0);
	}
}

START_TEST(a_timer_started_in_a_timer_s_end_does_not_keep_the_turn)
{
	struct trial trial;

	trial_init(&trial);
	trial.then = restart;
	duet_op_timeout(&trial.op, 0);
	trial_start(&trial);
	turn_until(trial.ends == 3);
}
END_TEST

START_TEST(a_deadline_ends_a_longer_timeout)
{
	struct trial trial;
	uint64_t now = duet_loop_now_ns(stage.loop);

	trial_init(&trial);
	duet_op_timeout(&trial.op, now + 3600000000000u);
	duet_op_deadline(&trial.op, now + 1000000);
	trial_run(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

/* It had its effect in the same moment: a result beats a deadline. */
START_TEST(a_timeout_that_is_due_at_its_deadline_fires)
{
	struct trial trial;
	uint64_t due = duet_loop_now_ns(stage.loop) + 1000000;

	trial_init(&trial);
	duet_op_timeout(&trial.op, due);
	duet_op_deadline(&trial.op, due);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	duet_op_timeout(&trial.op, due + 1);
	duet_op_deadline(&trial.op, due);
	trial_run(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(a_wait_without_work_ends_by_time)
{
	uint64_t now = duet_loop_now_ns(stage.loop);

	ck_assert_int_eq(duet_loop_turn(stage.loop, 3000000), 0);
	duet_loop_turn(stage.loop, 0);
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), now + 3000000);
}
END_TEST

int main(void)
{
	return contract_run("timeout",
		CASES(a_timeout_ends_with_0_and_never_early,
			a_timeout_that_is_due_already_ends_in_a_turn,
			timers_fire_in_the_order_in_which_they_are_due,
			timers_due_at_the_same_time_fire_in_the_order_of_their_start,
			timers_that_became_due_in_one_turn_still_fire_in_order,
			cancelled_timers_leave_the_order_of_the_others,
			a_cancelled_timeout_ends_untouched,
			a_timer_started_in_a_timer_s_end_does_not_keep_the_turn,
			a_deadline_ends_a_longer_timeout,
			a_timeout_that_is_due_at_its_deadline_fires, a_wait_without_work_ends_by_time),
		NULL);
}
