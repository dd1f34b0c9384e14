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

/* ---- Moved. ---- */

START_TEST(a_timeout_is_moved_either_way)
{
	struct trial sooner, later, mark;
	uint64_t now = duet_loop_now_ns(stage.loop);

	timeout_start(&sooner, now + 3600000000000u);
	timeout_start(&later, now + 1000000);
	timeout_start(&mark, now + 3000000);
	ck_assert_int_eq(duet_op_timeout_update(&sooner.op, now + 2000000), 0);
	ck_assert_int_eq(duet_op_timeout_update(&later.op, now + 4000000), 0);
	turn_until(stage.ends == 3);
	ck_assert_uint_eq(sooner.rank, 1);
	ck_assert_uint_eq(mark.rank, 2);
	ck_assert_uint_eq(later.rank, 3);
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), now + 4000000);
	expect(&sooner, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&later, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* Of those that are due at the same time it is the last, as if it were started now. */
START_TEST(a_moved_timeout_stands_behind_those_that_were_there)
{
	struct trial trials[TIMERS];
	uint64_t due = duet_loop_now_ns(stage.loop) + 2000000;

	for (unsigned i = 0; i < TIMERS; i++)
		timeout_start(&trials[i], i % 4 ? due : due + 5000000);
	for (unsigned i = 0; i < TIMERS; i += 4)
		ck_assert_int_eq(duet_op_timeout_update(&trials[i].op, due), 0);
	ck_assert_int_eq(duet_op_timeout_update(&trials[1].op, due), 0);
	turn_until(stage.ends == TIMERS);
	for (unsigned i = 0, rank = 0; i < TIMERS; i++)
		if (i % 4 && i != 1)
			ck_assert_uint_eq(trials[i].rank, ++rank);
	for (unsigned i = 0; i < TIMERS; i += 4)
		ck_assert_uint_eq(trials[i].rank, TIMERS - TIMERS / 4 + i / 4);
	ck_assert_uint_eq(trials[1].rank, TIMERS);
}
END_TEST

/* Against a plain list: by their time, and of one time by who was started or moved first. */
START_TEST(timeouts_moved_at_random_fire_in_order)
{
	static struct trial trials[TIMERS];
	uint64_t due[TIMERS], sequence[TIMERS], steps = 0, random = 7;
	uint64_t base = duet_loop_now_ns(stage.loop) + 5000000;

	for (unsigned i = 0; i < TIMERS; i++) {
		due[i] = base + i % 7 * 1000;
		sequence[i] = steps++;
		timeout_start(&trials[i], due[i]);
	}
	for (unsigned i = 0; i < 2000; i++) {
		unsigned which;

		random = random * 6364136223846793005u + 1442695040888963407u;
		which = (random >> 40) % TIMERS;
		due[which] = base + (random >> 50) % 9 * 1000;
		sequence[which] = steps++;
		ck_assert_int_eq(duet_op_timeout_update(&trials[which].op, due[which]), 0);
	}
	turn_until(stage.ends == TIMERS);
	for (unsigned i = 0; i < TIMERS; i++) {
		unsigned rank = 1;

		for (unsigned j = 0; j < TIMERS; j++)
			rank += due[j] < due[i] || (due[j] == due[i] && sequence[j] < sequence[i]);
		ck_assert_uint_eq(trials[i].rank, rank);
	}
}
END_TEST

/* The patience of a connection: pushed on with each message. */
START_TEST(a_timeout_that_is_moved_on_and_on_does_not_fire)
{
	struct trial trial;
	uint64_t now = duet_loop_now_ns(stage.loop);

	timeout_start(&trial, now + 50000000);
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert_int_eq(duet_op_timeout_update(&trial.op, now + 3600000000000u + i), 0);
		if (i % 100 == 0)
			stage_settle(1);
	}
	ck_assert_uint_eq(trial.ends, 0);
	ck_assert_int_eq(duet_op_timeout_update(&trial.op, 0), 0);
	ck_assert_uint_eq(trial.ends, 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(an_idle_timeout_is_moved_for_its_next_start)
{
	struct trial trial;
	uint64_t now = duet_loop_now_ns(stage.loop);

	trial_init(&trial);
	ck_assert_int_eq(duet_op_timeout_update(&trial.op, now), -EINVAL);
	duet_op_timeout(&trial.op, now + 3600000000000u);
	ck_assert_int_eq(duet_op_timeout_update(&trial.op, now + 1000000), 1);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_op_timeout_update(&trial.op, now), 1);
	duet_op_nop(&trial.op);
	ck_assert_int_eq(duet_op_timeout_update(&trial.op, now), -EINVAL);
}
END_TEST

static int answer;

static void move_other(struct trial *trial)
{
	answer = duet_op_timeout_update(&((struct trial *)trial->context)->op, UINT64_MAX);
}

/* Asked to end, or fired in the same moment: its completion is about to say so. */
START_TEST(a_timeout_that_has_ended_is_not_moved)
{
	struct trial first, second;
	uint64_t now = duet_loop_now_ns(stage.loop);

	timeout_start(&first, now + 3600000000000u);
	trial_cancel(&first);
	ck_assert_int_eq(duet_op_timeout_update(&first.op, now), -ENOENT);
	await(&first);
	expect(&first, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	trial_init(&first);
	first.then = move_other;
	first.context = &second;
	duet_op_timeout(&first.op, 0);
	trial_start(&first);
	timeout_start(&second, 0);
	turn_until(first.ends && second.ends);
	ck_assert_int_eq(answer, -ENOENT);
	expect(&second, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_moved_timeout_keeps_its_deadline)
{
	struct trial trial;
	uint64_t now = duet_loop_now_ns(stage.loop);

	trial_init(&trial);
	duet_op_timeout(&trial.op, now + 1000000);
	duet_op_deadline(&trial.op, now + 2000000);
	trial_start(&trial);
	ck_assert_int_eq(duet_op_timeout_update(&trial.op, UINT64_MAX), 0);
	await(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

/* One that was never due is one that no sleep ends for. */
START_TEST(a_timeout_without_a_time_can_be_given_one)
{
	struct trial trial;

	timeout_start(&trial, UINT64_MAX);
	stage_settle(3);
	ck_assert_int_eq(duet_op_timeout_update(&trial.op, duet_loop_now_ns(stage.loop)), 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
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
			a_timeout_that_is_due_at_its_deadline_fires, a_timeout_is_moved_either_way,
			a_moved_timeout_stands_behind_those_that_were_there,
			timeouts_moved_at_random_fire_in_order,
			a_timeout_that_is_moved_on_and_on_does_not_fire,
			an_idle_timeout_is_moved_for_its_next_start,
			a_timeout_that_has_ended_is_not_moved, a_moved_timeout_keeps_its_deadline,
			a_timeout_without_a_time_can_be_given_one, a_wait_without_work_ends_by_time),
		NULL);
}
