/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/future.h"

/* The naive ways are as correct as the others, and cost what they say. */

#define COUNT 8

static struct solo solo;
static struct probe probes[COUNT];
static struct duet_future *children[COUNT];
static struct duet_poll_all_future all;

static void probes_init(void)
{
	for (int i = 0; i < COUNT; i++) {
		probe_init(&probes[i], 1000, 10 + i);
		children[i] = &probes[i].future;
	}
}

START_TEST(poll_all_polls_every_child_at_each_wake)
{
	probes_init();
	ck_assert_int_eq(duet_poll_all_join_init(&all, children, COUNT), 0);
	solo_start(&solo, &all.future);
	stage_settle(3);
	ck_assert_uint_eq(all.polls, COUNT);
	for (unsigned i = 0; i < 5; i++) {
		duet_waker_wake(probes[i].waker);
		stage_settle(3);
		ck_assert_uint_eq(all.polls, (i + 2) * COUNT);
	}
	for (int i = 0; i < COUNT; i++)
		probes[i].needs = 0;
	duet_waker_wake(probes[0].waker);
	ck_assert_int_eq(solo_end(&solo), 0);
	for (int i = 0; i < COUNT; i++)
		ck_assert_int_eq(probes[i].future.result, 10 + i);
}
END_TEST

START_TEST(a_join_of_poll_all_has_the_failure)
{
	probes_init();
	for (int i = 0; i < COUNT; i++)
		probes[i].needs = 1;
	probes[3].gives = -EIO;
	ck_assert_int_eq(duet_poll_all_join_init(&all, children, COUNT), 0);
	solo_start(&solo, &all.future);
	ck_assert_int_eq(solo_end(&solo), -EIO);
}
END_TEST

START_TEST(a_race_of_poll_all_waits_for_its_losers)
{
	probes_init();
	probes[0].cancel_needs = 2;
	probes[6].gives_cancelled = 66;
	probes[5].needs = 2;
	ck_assert_int_eq(duet_poll_all_race_init(&all, children, COUNT), 0);
	solo_start(&solo, &all.future);
	stage_settle(3);
	duet_waker_wake(probes[5].waker);
	stage_settle(3);
	ck_assert_int_eq(all.winner, 5);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	duet_waker_wake(probes[0].waker);
	ck_assert_int_eq(solo_end(&solo), 15);
	ck_assert_int_eq(probes[6].future.result, 66);
	ck_assert_int_eq(probes[7].future.result, -ECANCELED);
}
END_TEST

/* As of any join: who was cancelled by somebody else has failed, and was the first. */
START_TEST(a_join_of_poll_all_has_the_first_failure)
{
	probes_init();
	probes[6].gives = -ECANCELED;
	probes[1].gives = -EIO;
	ck_assert_int_eq(duet_poll_all_join_init(&all, children, COUNT), 0);
	solo_start(&solo, &all.future);
	stage_settle(3);
	probes[6].needs = 0;
	duet_waker_wake(probes[0].waker);
	stage_settle(3);
	for (int i = 0; i < COUNT; i++)
		probes[i].needs = 0;
	duet_waker_wake(probes[0].waker);
	ck_assert_int_eq(solo_end(&solo), -ECANCELED);
}
END_TEST

/* An operation ends, and makes its future ready, between two polls; one had ended before the first. */
START_TEST(poll_all_hears_of_what_became_ready_between_its_polls)
{
	struct duet_op_future timers[COUNT];
	struct duet_waker deaf = { .wake = hear_nothing };
	struct duet_context context = context_of(&deaf);

	for (int i = 0; i < COUNT; i++) {
		duet_timer_future_init(&timers[i], duet_loop_now_ns(stage.loop) + 1000000);
		children[i] = &timers[i].future;
	}
	duet_future_poll(children[3], &context);
	turn_until(children[3]->state == DUET_FUTURE_READY);
	ck_assert_int_eq(duet_poll_all_join_init(&all, children, COUNT), 0);
	solo_start(&solo, &all.future);
	ck_assert_int_eq(solo_end(&solo), 0);
	ck_assert_uint_eq(all.ready, COUNT);
	for (int i = 0; i < COUNT; i++)
		ck_assert_int_eq(duet_future_claim(children[i]), 0);
}
END_TEST

START_TEST(a_race_of_poll_all_that_nobody_wins_has_the_last_failure)
{
	probes_init();
	for (int i = 0; i < COUNT; i++)
		probes[i].gives = -1 - i;
	ck_assert_int_eq(duet_poll_all_race_init(&all, children, COUNT), 0);
	solo_start(&solo, &all.future);
	stage_settle(3);
	for (int i = 0; i < COUNT; i++) {
		/* The first in the array is the last to fail. */
		probes[COUNT - 1 - i].needs = 0;
		duet_waker_wake(probes[0].waker);
		stage_settle(3);
	}
	ck_assert_int_eq(solo_end(&solo), -1);
	ck_assert_int_eq(all.winner, -1);
}
END_TEST

START_TEST(poll_all_that_is_asked_asks_all)
{
	probes_init();
	ck_assert_int_eq(duet_poll_all_join_init(&all, children, COUNT), 0);
	solo_start(&solo, &all.future);
	stage_settle(3);
	duet_task_cancel(&solo.task.task);
	ck_assert_int_eq(solo_end(&solo), -ECANCELED);
	for (int i = 0; i < COUNT; i++)
		ck_assert_uint_eq(probes[i].cancels, 1);
}
END_TEST

/* ---- Spinning. ---- */

static struct duet_spin_task spin;

static void spin_start(struct duet_future *top)
{
	ck_assert_int_eq(duet_scheduler_init(&solo.scheduler, stage.loop, NULL), 0);
	duet_spin_task_init(&spin, top);
	ck_assert_int_eq(duet_task_spawn(&solo.scheduler, NULL, &spin.task), 0);
}

START_TEST(a_spinning_task_asks_in_each_turn_and_hears_no_wake)
{
	probes_init();
	probes[0].needs = 200;
	spin_start(&probes[0].future);
	stage_settle(50);
	ck_assert_uint_ge(spin.polls, 45);
	ck_assert_uint_le(spin.polls, 51);
	turn_until(solo.scheduler.live == 0);
	ck_assert_int_eq(spin.task.result, 10);
	ck_assert_uint_eq(spin.polls, 200);
}
END_TEST

START_TEST(a_spinning_task_over_an_operation_has_its_result_and_can_be_asked)
{
	static struct duet_op_future receive;
	static unsigned char data[8];
	duet_handle pair[2];

	for (int asked = 0; asked < 2; asked++) {
		pair_open(pair);
		duet_op_future_init(&receive);
		duet_op_recv(&receive.op, pair[1], data, 5, DUET_WHOLE);
		spin_start(&receive.future);
		stage_settle(5);
		if (asked)
			duet_task_cancel(&spin.task);
		else
			stream_send(pair[0], "hello", 5);
		turn_until(solo.scheduler.live == 0);
		ck_assert_int_eq(spin.task.result, asked ? -ECANCELED : 5);
		pair_close(pair);
	}
}
END_TEST

START_TEST(spin_takes_turns_until_it_is_ready)
{
	struct duet_op_future timer;

	probes_init();
	probes[0].needs = 30;
	ck_assert_int_eq((int)duet_spin(stage.loop, &probes[0].future), 30);
	duet_timer_future_init(&timer, duet_loop_now_ns(stage.loop) + 1000000);
	ck_assert_int_gt((int)duet_spin(stage.loop, &timer.future), 0);
	ck_assert_int_eq(timer.future.result, 0);
}
END_TEST

int main(void)
{
	return contract_run("naive",
		CASES(poll_all_polls_every_child_at_each_wake, a_join_of_poll_all_has_the_failure,
			a_race_of_poll_all_waits_for_its_losers,
			a_join_of_poll_all_has_the_first_failure,
			poll_all_hears_of_what_became_ready_between_its_polls,
			a_race_of_poll_all_that_nobody_wins_has_the_last_failure,
			poll_all_that_is_asked_asks_all,
			a_spinning_task_asks_in_each_turn_and_hears_no_wake,
			a_spinning_task_over_an_operation_has_its_result_and_can_be_asked,
			spin_takes_turns_until_it_is_ready),
		NULL);
}
