/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The schedule of an open loop, against plain division in wider numbers. */
#include <check.h>

#include "compare/load/schedule.h"

static const uint32_t RATES[] = { 1, 3, 7, 1000, 20000, 44100, 999983, 3333333, SCHEDULE_RATE_MAX };
enum { RATES_COUNT = sizeof(RATES) / sizeof(*RATES) };

static const uint64_t START_NS = UINT64_C(987654321012345);
static const uint64_t YEAR_NS = UINT64_C(31536000000000000);

START_TEST(due_times_are_exact_after_a_year)
{
	struct schedule schedule = { START_NS, RATES[_i], 64 };
	uint64_t year = YEAR_NS / 1000000000 * RATES[_i];

	ck_assert_uint_eq(schedule_due_ns(&schedule, 0), START_NS);
	ck_assert_uint_eq(schedule_due_ns(&schedule, year), START_NS + YEAR_NS);
	for (uint64_t message = year; message < year + 5000; message++) {
		__uint128_t exact = (__uint128_t)message * 1000000000 / RATES[_i];

		ck_assert_uint_eq(schedule_due_ns(&schedule, message), START_NS + (uint64_t)exact);
	}
}
END_TEST

START_TEST(the_interval_is_constant_to_the_nanosecond)
{
	struct schedule schedule = { START_NS, RATES[_i], 5 };
	uint64_t interval_ns = 1000000000 / RATES[_i];

	for (uint64_t message = 0; message < 100000; message++) {
		uint64_t gap_ns = schedule_due_ns(&schedule, message + 1) -
			schedule_due_ns(&schedule, message);

		ck_assert_uint_ge(gap_ns, interval_ns);
		ck_assert_uint_le(gap_ns, interval_ns + 1);
	}
}
END_TEST

START_TEST(a_message_is_counted_from_its_due_time_on)
{
	struct schedule schedule = { START_NS, RATES[_i], 64 };
	uint64_t far = YEAR_NS / 1000000000 * RATES[_i];

	ck_assert_uint_eq(schedule_count(&schedule, 0), 0);
	ck_assert_uint_eq(schedule_count(&schedule, START_NS - 1), 0);
	for (uint64_t message = 0; message < far; message = message * 9 / 8 + 1) {
		uint64_t due_ns = schedule_due_ns(&schedule, message);

		ck_assert_uint_eq(schedule_count(&schedule, due_ns), message + 1);
		if (message)
			ck_assert_uint_eq(schedule_count(&schedule, due_ns - 1), message);
	}
}
END_TEST

START_TEST(connections_take_turns_and_share_evenly)
{
	static const uint32_t CONNECTIONS[] = { 1, 2, 3, 64, 1000 };
	struct schedule schedule = { START_NS, 1000, CONNECTIONS[_i] };

	for (uint64_t at_ns = START_NS; at_ns < START_NS + 5000000000; at_ns += 77777777) {
		uint64_t sum = 0, all = schedule_count(&schedule, at_ns);

		for (uint32_t i = 0; i < CONNECTIONS[_i]; i++) {
			uint64_t own = schedule_count_of(&schedule, i, at_ns);

			ck_assert_uint_le(own - all / CONNECTIONS[_i], 1);
			sum += own;
		}
		ck_assert_uint_eq(sum, all);
	}
}
END_TEST

START_TEST(a_connection_s_own_messages_are_staggered_between_the_others)
{
	struct schedule schedule = { START_NS, 1000, 8 };

	for (uint32_t connection = 0; connection < 8; connection++) {
		for (uint64_t nth = 0; nth < 100; nth++) {
			uint64_t message = schedule_message(&schedule, connection, nth);
			uint64_t due_ns = schedule_due_ns(&schedule, message);

			ck_assert_uint_eq(schedule_connection(&schedule, message), connection);
			ck_assert_uint_eq(due_ns, START_NS + (nth * 8 + connection) * 1000000);
			ck_assert_uint_eq(schedule_count_of(&schedule, connection, due_ns),
					  nth + 1);
			ck_assert_uint_eq(schedule_count_of(&schedule, connection, due_ns - 1),
					  nth);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare schedule");
	TCase *cases = tcase_create("schedule");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, due_times_are_exact_after_a_year, 0, RATES_COUNT);
	tcase_add_loop_test(cases, the_interval_is_constant_to_the_nanosecond, 0, RATES_COUNT);
	tcase_add_loop_test(cases, a_message_is_counted_from_its_due_time_on, 0, RATES_COUNT);
	tcase_add_loop_test(cases, connections_take_turns_and_share_evenly, 0, 5);
	tcase_add_test(cases, a_connection_s_own_messages_are_staggered_between_the_others);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
