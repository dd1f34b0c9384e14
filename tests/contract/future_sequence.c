/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/future.h"

/* R11, R12: one future after the other, not longer than that, and not asked to end. */

#define MS 1000000u
#define SECOND 1000000000u
#define STEPS 100

static struct solo solo;
static struct probe probes[STEPS];
static struct duet_then_future then;
static struct duet_limit_future limit;
static struct duet_limit_future shield;
static struct duet_op_future receive;
static struct duet_event_future cleaned;
static duet_handle pair[2];
static unsigned char data[8];
static unsigned at;

/* ---- One after the other. ---- */

static struct duet_future *next_probe(struct duet_then_future *self, int32_t result)
{
	(void)self;
	return result < 0 || ++at == STEPS ? NULL : &probes[at].future;
}

static void probes_init(unsigned needs)
{
	at = 0;
	for (int i = 0; i < STEPS; i++)
		probe_init(&probes[i], needs, i);
}

START_TEST(then_goes_on_with_what_follows_and_has_the_last_result)
{
	probes_init(2);
	ck_assert_int_eq(duet_then_future_init(&then, &probes[0].future, next_probe), 0);
	solo_start(&solo, &then.future);
	for (unsigned i = 0; i < STEPS; i++) {
		stage_settle(3);
		ck_assert_uint_eq(at, i);
		ck_assert_uint_eq(probes[i].polls, 1);
		duet_waker_wake(probes[i].waker);
	}
	ck_assert_int_eq(solo_end(&solo), STEPS - 1);
}
END_TEST

START_TEST(then_does_not_keep_the_turn_when_all_is_there_at_once)
{
	probes_init(1);
	ck_assert_int_eq(duet_then_future_init(&then, &probes[0].future, next_probe), 0);
	solo_start(&solo, &then.future);
	stage_settle(1);
	ck_assert_uint_le(at, DUET_THEN_STEPS_MAX);
	ck_assert_int_eq(solo_end(&solo), STEPS - 1);
}
END_TEST

START_TEST(then_ends_at_a_failure_if_nothing_follows)
{
	probes_init(1);
	probes[2].gives = -EIO;
	ck_assert_int_eq(duet_then_future_init(&then, &probes[0].future, next_probe), 0);
	solo_start(&solo, &then.future);
	ck_assert_int_eq(solo_end(&solo), -EIO);
	ck_assert_uint_eq(probes[3].polls, 0);
}
END_TEST

static struct duet_future *next_in_any_case(struct duet_then_future *self, int32_t result)
{
	(void)result;
	return self->current == &probes[0].future ? &shield.future : NULL;
}

/* Asked where it waits: the first ends, and what is shielded is carried out. */
START_TEST(what_follows_in_a_shield_is_cleanup)
{
	probes_init(2);
	duet_event_future_init(&cleaned);
	ck_assert_int_eq(duet_shield_future_init(&shield, &cleaned.future, SECOND), 0);
	ck_assert_int_eq(duet_then_future_init(&then, &probes[0].future, next_in_any_case), 0);
	solo_start(&solo, &then.future);
	stage_settle(3);
	duet_task_cancel(&solo.task.task);
	stage_settle(3);
	ck_assert_uint_eq(probes[0].cancels, 1);
	duet_task_cancel(&solo.task.task);
	stage_settle(3);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	ck_assert_int_eq(cleaned.future.state, DUET_FUTURE_PENDING);
	duet_event_future_set(&cleaned, 1);
	ck_assert_int_eq(solo_end(&solo), 1);
}
END_TEST

/* ---- Not longer than that. ---- */

static void receive_init(void)
{
	pair_open(pair);
	duet_op_future_init(&receive);
	duet_op_recv(&receive.op, pair[1], data, 5, DUET_WHOLE);
}

START_TEST(a_timeout_ends_what_takes_longer_and_hands_over_what_came)
{
	receive_init();
	stream_send(pair[0], "he", 2);
	ck_assert_int_eq(duet_timeout_future_init(&limit, &receive.future, 5 * MS), 0);
	solo_start(&solo, &limit.future);
	ck_assert_int_eq(solo_end(&solo), 2);
	ck_assert_uint_eq(limit.expired, 1);
	ck_assert_uint_eq(receive.op.transferred, 2);
	ck_assert_int_eq(receive.op.disposition, DUET_PARTIAL);
}
END_TEST

START_TEST(a_timeout_ends_what_has_no_effect)
{
	receive_init();
	ck_assert_int_eq(duet_timeout_future_init(&limit, &receive.future, 5 * MS), 0);
	solo_start(&solo, &limit.future);
	ck_assert_int_eq(solo_end(&solo), -ETIMEDOUT);
	ck_assert_int_eq(receive.op.disposition, DUET_UNTOUCHED);
}
END_TEST

START_TEST(a_timeout_that_was_not_needed_gives_its_timer_back)
{
	receive_init();
	ck_assert_int_eq(duet_timeout_future_init(&limit, &receive.future, 3600u * (uint64_t)SECOND / 10),
			 0);
	solo_start(&solo, &limit.future);
	stage_settle(3);
	stream_send(pair[0], "hello", 5);
	ck_assert_int_eq(solo_end(&solo), 5);
	ck_assert_uint_eq(limit.expired, 0);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
}
END_TEST

START_TEST(in_a_timeout_the_task_s_deadline_reaches_what_is_no_operation)
{
	duet_event_future_init(&cleaned);
	ck_assert_int_eq(duet_timeout_future_init(&limit, &cleaned.future, 3600u * (uint64_t)SECOND / 10),
			 0);
	ck_assert_int_eq(duet_scheduler_init(&solo.scheduler, stage.loop, NULL), 0);
	duet_future_task_init(&solo.task, &limit.future);
	solo.task.task.deadline_ns = duet_loop_now_ns(stage.loop) + 3 * MS;
	ck_assert_int_eq(duet_task_spawn(&solo.scheduler, NULL, &solo.task.task), 0);
	ck_assert_int_eq(solo_end(&solo), -ETIMEDOUT);
}
END_TEST

START_TEST(what_is_ready_at_once_needs_no_timer)
{
	struct duet_stats before, after;

	probes_init(1);
	duet_loop_stats(stage.loop, &before);
	ck_assert_int_eq(duet_timeout_future_init(&limit, &probes[7].future, SECOND), 0);
	solo_start(&solo, &limit.future);
	ck_assert_int_eq(solo_end(&solo), 7);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(after.started, before.started);
}
END_TEST

START_TEST(what_completes_all_the_same_has_completed)
{
	probes_init(2);
	probes[3].gives_cancelled = 33;
	ck_assert_int_eq(duet_timeout_future_init(&limit, &probes[3].future, MS), 0);
	solo_start(&solo, &limit.future);
	ck_assert_int_eq(solo_end(&solo), 33);
	ck_assert_uint_eq(limit.expired, 1);
	ck_assert_uint_eq(probes[3].polls, 1);
	ck_assert_uint_eq(probes[3].cancels, 1);
}
END_TEST

START_TEST(without_room_for_its_timer_time_is_over)
{
	struct duet_loop_options options;
	struct trial only;

	duet_loop_options_init(&options);
	options.operations_max = 1;
	stage_reopen(&options, NULL);
	trial_init(&only);
	duet_op_timeout(&only.op, duet_loop_now_ns(stage.loop) + 3600u * (uint64_t)SECOND);
	trial_start(&only);
	probes_init(2);
	ck_assert_int_eq(duet_timeout_future_init(&limit, &probes[0].future, SECOND), 0);
	solo_start(&solo, &limit.future);
	ck_assert_int_eq(solo_end(&solo), -ENOBUFS);
	ck_assert_uint_eq(probes[0].cancels, 1);
	trial_cancel(&only);
	await(&only);
}
END_TEST

START_TEST(out_of_range_is_refused)
{
	probes_init(1);
	ck_assert_int_eq(duet_timeout_future_init(&limit, &probes[0].future, 0), -EINVAL);
	ck_assert_int_eq(duet_shield_future_init(&limit, &probes[0].future, 1000000000001), -EINVAL);
	ck_assert_uint_eq(probes[0].future.awaited, 0);
}
END_TEST

/* ---- A shield. ---- */

START_TEST(into_a_shield_no_request_comes_nor_a_deadline)
{
	receive_init();
	ck_assert_int_eq(duet_shield_future_init(&shield, &receive.future, 100 * (uint64_t)SECOND), 0);
	solo_start(&solo, &shield.future);
	solo.task.task.deadline_ns = duet_loop_now_ns(stage.loop) + MS;
	stage_settle(3);
	duet_task_cancel(&solo.task.task);
	clock_pass(solo.task.task.deadline_ns);
	stage_settle(3);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	stream_send(pair[0], "hello", 5);
	ck_assert_int_eq(solo_end(&solo), 5);
}
END_TEST

START_TEST(a_shield_has_a_budget)
{
	receive_init();
	ck_assert_int_eq(duet_shield_future_init(&shield, &receive.future, 5 * MS), 0);
	solo_start(&solo, &shield.future);
	stage_settle(3);
	duet_task_cancel(&solo.task.task);
	ck_assert_int_eq(solo_end(&solo), -ETIMEDOUT);
	ck_assert_int_eq(receive.op.disposition, DUET_UNTOUCHED);
}
END_TEST

START_TEST(a_shutdown_does_not_come_into_a_shield_that_began)
{
	receive_init();
	ck_assert_int_eq(duet_shield_future_init(&shield, &receive.future, 30 * MS), 0);
	solo_start(&solo, &shield.future);
	stage_settle(3);
	ck_assert(duet_op_pending(&receive.op));
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	turn_until(solo.scheduler.live == 0);
	ck_assert_int_eq(solo.task.task.result, -ETIMEDOUT);
	ck_assert_uint_eq(receive.op.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(asked_at_any_moment_a_timeout_ends)
{
	for (unsigned turns = 0; turns < 8; turns++) {
		receive_init();
		ck_assert_int_eq(duet_timeout_future_init(&limit, &receive.future, SECOND), 0);
		solo_start(&solo, &limit.future);
		for (unsigned i = 0; i < turns; i++) {
			if (i == 3)
				stream_send(pair[0], "hello", 5);
			stage_settle(1);
		}
		duet_task_cancel(&solo.task.task);
		solo_end(&solo);
		ck_assert_int_eq(limit.future.result,
				 receive.future.result == 5 ? 5 : -ECANCELED);
		ck_assert_int_eq(duet_future_drop(&limit.future), 0);
		ck_assert_int_eq(duet_future_drop(&limit.timer.future), 0);
		pair_close(pair);
	}
}
END_TEST

int main(void)
{
	return contract_run("future sequence",
		CASES(then_goes_on_with_what_follows_and_has_the_last_result,
			then_does_not_keep_the_turn_when_all_is_there_at_once,
			then_ends_at_a_failure_if_nothing_follows,
			what_follows_in_a_shield_is_cleanup,
			a_timeout_ends_what_takes_longer_and_hands_over_what_came,
			a_timeout_ends_what_has_no_effect,
			a_timeout_that_was_not_needed_gives_its_timer_back,
			in_a_timeout_the_task_s_deadline_reaches_what_is_no_operation,
			what_is_ready_at_once_needs_no_timer,
			what_completes_all_the_same_has_completed,
			without_room_for_its_timer_time_is_over, out_of_range_is_refused,
			into_a_shield_no_request_comes_nor_a_deadline, a_shield_has_a_budget,
			a_shutdown_does_not_come_into_a_shield_that_began,
			asked_at_any_moment_a_timeout_ends),
		NULL);
}
