/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The interval of a bench's figure, and what is said of it beside an upper and a lower bound. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "bench/support/rounds.h"

START_TEST(fifteen_values_stand_between_the_4th_and_the_12th)
{
	double values[15];
	struct estimate figure;

	for (int index = 0; index < 15; index++)
		values[index] = 15 - index;
	figure = rounds_estimate(values, 15);
	ck_assert_double_eq(figure.middle, 8);
	ck_assert_double_eq(figure.low, 4);
	ck_assert_double_eq(figure.high, 12);
}
END_TEST

START_TEST(five_values_carry_no_interval)
{
	double values[] = { 1, 2, 3, 4, 5 };
	struct estimate figure = rounds_estimate(values, 5);

	ck_assert_double_eq(figure.middle, 3);
	ck_assert(isinf(figure.low) && isinf(figure.high));
	ck_assert_int_eq(rounds_verdict(figure, 100), VERDICT_NOT_SHOWN);
	ck_assert_int_eq(rounds_verdict_least(figure, 0), VERDICT_NOT_SHOWN);
}
END_TEST

START_TEST(a_bound_is_held_by_the_whole_interval_or_not_shown)
{
	struct estimate figure = { 1.00, 0.96, 1.04 };

	ck_assert_int_eq(rounds_verdict(figure, 1.05), VERDICT_HOLDS);
	ck_assert_int_eq(rounds_verdict(figure, 1.02), VERDICT_NOT_SHOWN);
	ck_assert_int_eq(rounds_verdict(figure, 0.95), VERDICT_FALLS_SHORT);
	ck_assert_int_eq(rounds_verdict_least(figure, 0.95), VERDICT_HOLDS);
	ck_assert_int_eq(rounds_verdict_least(figure, 0.98), VERDICT_NOT_SHOWN);
	ck_assert_int_eq(rounds_verdict_least(figure, 1.05), VERDICT_FALLS_SHORT);
}
END_TEST

START_TEST(without_a_bound_or_a_figure_nothing_is_claimed)
{
	struct estimate figure = { 1, 1, 1 }, nothing = { NAN, NAN, NAN };

	ck_assert_int_eq(rounds_verdict(figure, NAN), VERDICT_NONE);
	ck_assert_int_eq(rounds_verdict_least(figure, NAN), VERDICT_NONE);
	ck_assert_int_eq(rounds_verdict(nothing, 1), VERDICT_NOT_SHOWN);
	ck_assert_int_eq(rounds_verdict_least(nothing, 1), VERDICT_NOT_SHOWN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bench rounds");
	TCase *cases = tcase_create("rounds");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, fifteen_values_stand_between_the_4th_and_the_12th);
	tcase_add_test(cases, five_values_carry_no_interval);
	tcase_add_test(cases, a_bound_is_held_by_the_whole_interval_or_not_shown);
	tcase_add_test(cases, without_a_bound_or_a_figure_nothing_is_claimed);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
