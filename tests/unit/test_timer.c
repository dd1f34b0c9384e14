/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "core/timer.h"
#include "tests/support/harness.h"

/* The runs and the heap of deadlines, alone. */

#define MAX 1000

static struct core_timers timers;
static struct duet_op ops[MAX];

static void open_timers(void)
{
	ck_assert_int_eq(core_timers_init(&timers, MAX), 0);
}

START_TEST(an_empty_heap_has_no_next_and_nothing_due)
{
	open_timers();
	ck_assert_uint_eq(core_timers_next_ns(&timers), UINT64_MAX);
	ck_assert_ptr_null(core_timers_expire(&timers, UINT64_MAX));
	core_timer_disarm(&timers, &ops[0]);
	core_timers_fini(&timers);
}
END_TEST

START_TEST(nothing_expires_early_and_what_is_due_expires_once)
{
	open_timers();
	core_timer_arm(&timers, &ops[0], 100);
	ck_assert_uint_eq(core_timers_next_ns(&timers), 100);
	ck_assert_ptr_null(core_timers_expire(&timers, 99));
	ck_assert_ptr_eq(core_timers_expire(&timers, 100), &ops[0]);
	ck_assert_ptr_null(core_timers_expire(&timers, 100));
	ck_assert_uint_eq(ops[0].timer, 0);
	core_timers_fini(&timers);
}
END_TEST

START_TEST(equal_deadlines_expire_in_the_order_of_arming)
{
	open_timers();
	for (unsigned i = 0; i < MAX; i++)
		core_timer_arm(&timers, &ops[i], 7);
	for (unsigned i = 0; i < MAX; i++)
		ck_assert_ptr_eq(core_timers_expire(&timers, 7), &ops[i]);
	core_timers_fini(&timers);
}
END_TEST

START_TEST(random_arming_and_disarming_keeps_the_order)
{
	uint64_t due[MAX];
	uint64_t before = 0;
	unsigned seed = 1;
	unsigned left = MAX;

	printf("seed %u\n", seed);
	open_timers();
	for (unsigned i = 0; i < MAX; i++) {
		due[i] = (uint64_t)(rand_r(&seed) % 500);
		core_timer_arm(&timers, &ops[i], due[i]);
	}
	for (unsigned i = 0; i < MAX; i++) {
		if (rand_r(&seed) % 3)
			continue;
		core_timer_disarm(&timers, &ops[i]);
		core_timer_disarm(&timers, &ops[i]);
		left--;
	}
	ck_assert_uint_eq(timers.count, left);
	for (struct duet_op *op; (op = core_timers_expire(&timers, UINT64_MAX - 1)); left--) {
		ck_assert_uint_ge(due[op - ops], before);
		before = due[op - ops];
	}
	ck_assert_uint_eq(left, 0);
	core_timers_fini(&timers);
}
END_TEST

START_TEST(a_timer_can_be_armed_again_after_it_was_disarmed)
{
	open_timers();
	for (uint64_t i = 0; i < 3 * MAX; i++) {
		core_timer_arm(&timers, &ops[0], 3 * MAX - i);
		core_timer_arm(&timers, &ops[1], 5);
		core_timer_disarm(&timers, &ops[0]);
		ck_assert_uint_eq(core_timers_next_ns(&timers), 5);
		core_timer_disarm(&timers, &ops[1]);
	}
	ck_assert_uint_eq(timers.count, 0);
	core_timers_fini(&timers);
}
END_TEST

/* As of a program with a few patiences: nothing of it is in the heap, and all of it is in order. */
START_TEST(deadlines_that_come_in_the_order_of_their_times_need_no_heap)
{
	static const uint64_t patience_ns[CORE_TIMER_RUNS] = {5, 3000, 70, 900};
	uint64_t before = 0;
	unsigned count = 0;

	open_timers();
	for (unsigned i = 0; i < MAX; i++)
		core_timer_arm(&timers, &ops[i], 1000 + i + patience_ns[i % CORE_TIMER_RUNS]);
	ck_assert_uint_eq(timers.heap_count, 0);
	for (unsigned i = 0; i < MAX; i += 3)
		core_timer_disarm(&timers, &ops[i]);
	for (unsigned i = 0; i < MAX; i += 3)
		core_timer_arm(&timers, &ops[i], 4000 + i);
	ck_assert_uint_eq(timers.heap_count, 0);
	for (const struct core_timer *timer = NULL; (timer = core_timers_after(&timers, timer)); count++) {
		ck_assert_uint_ge(timer->due_ns, before);
		before = timer->due_ns;
	}
	ck_assert_uint_eq(count, MAX);
	core_timers_fini(&timers);
}
END_TEST

/* Of equal deadlines some are in a run and some in the heap. */
START_TEST(ties_between_runs_and_heap_go_to_the_one_armed_first)
{
	unsigned seen = 0;

	open_timers();
	for (unsigned i = 0; i <= CORE_TIMER_RUNS; i++)
		core_timer_arm(&timers, &ops[MAX - 1 - i], 100 - i);
	ck_assert_uint_gt(timers.heap_count, 0);
	for (unsigned i = 0; i < 90; i++)
		core_timer_arm(&timers, &ops[i], i % 3 ? 100 : 50);
	for (unsigned i = 0; i < 90; i += 3)
		ck_assert_ptr_eq(core_timers_expire(&timers, 50), &ops[i]);
	for (unsigned i = CORE_TIMER_RUNS; i <= CORE_TIMER_RUNS; i--)
		ck_assert_ptr_eq(core_timers_expire(&timers, 100), &ops[MAX - 1 - i]);
	for (unsigned i = 0; i < 90; i++)
		if (i % 3) {
			ck_assert_ptr_eq(core_timers_expire(&timers, 100), &ops[i]);
			seen++;
		}
	ck_assert_uint_eq(seen, 60);
	ck_assert_ptr_null(core_timers_expire(&timers, UINT64_MAX - 1));
	core_timers_fini(&timers);
}
END_TEST

int main(void)
{
	return plain_run("timer",
		CASES(an_empty_heap_has_no_next_and_nothing_due,
			nothing_expires_early_and_what_is_due_expires_once,
			equal_deadlines_expire_in_the_order_of_arming,
			random_arming_and_disarming_keeps_the_order,
			a_timer_can_be_armed_again_after_it_was_disarmed,
			deadlines_that_come_in_the_order_of_their_times_need_no_heap,
			ties_between_runs_and_heap_go_to_the_one_armed_first));
}
