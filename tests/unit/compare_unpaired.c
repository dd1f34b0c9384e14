/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Two runs whose rounds aren't paired: known input, known answers. */
#include <check.h>
#include <math.h>

#include "compare/measure/interval.h"
#include "compare/measure/rounds.h"
#include "compare/measure/unpaired.h"

enum { VALUES_MAX = 64 };

/* Values around a centre, a step apart. */
static struct unpaired_side side_of(double *values, unsigned int count, double centre, double step)
{
	for (unsigned int i = 0; i < count; i++)
		values[i] = centre * exp(step * (((i * 7) % count) - (count - 1) / 2.0));
	return (struct unpaired_side){ .values = values, .rounds = count, .floor = 0.01,
				       .measured = true };
}

static struct unpaired_result decide(double ratio, double step, unsigned int before,
				     unsigned int after)
{
	double old[VALUES_MAX], new[VALUES_MAX];
	struct unpaired_side sides[] = { side_of(old, before, 100, step),
					 side_of(new, after, 100 * ratio, step) };
	struct unpaired_result result;

	unpaired_decide(&sides[0], &sides[1], &result);
	return result;
}

START_TEST(the_interval_is_the_quotient_of_the_ends)
{
	struct unpaired_result result = decide(1.2, 0.002, 15, 15);

	/* 97.5 % of 15 are the 3rd and the 13th: five steps off the middle, on both sides. */
	ck_assert_double_eq_tol(result.ratio, 1.2, 1e-9);
	ck_assert_double_eq_tol(result.low, 1.2 * exp(-0.02), 1e-9);
	ck_assert_double_eq_tol(result.high, 1.2 * exp(0.02), 1e-9);
	ck_assert_double_eq_tol(result.level, 1 - 4 * 121.0 / 32768, 1e-9);
	ck_assert_double_ge(result.level, 0.95);
	ck_assert_double_eq_tol(result.detectable, expm1(0.02), 1e-9);
	ck_assert_str_eq(unpaired_word(result.verdict), "old lower");
	ck_assert_str_eq(unpaired_word(decide(0.8, 0.002, 15, 9).verdict), "new lower");
}
END_TEST

START_TEST(what_the_interval_or_the_floor_covers_is_not_claimed)
{
	ck_assert_int_eq(decide(1.03, 0.004, 15, 15).verdict, VERDICT_NO_DIFFERENCE);
	ck_assert_int_eq(decide(1.008, 0.0001, 15, 15).verdict, VERDICT_NO_DIFFERENCE);
	ck_assert_int_eq(decide(1.012, 0.0001, 15, 15).verdict, VERDICT_A_LOWER);
}
END_TEST

START_TEST(six_rounds_are_too_few_and_seven_are_not)
{
	ck_assert_int_eq(decide(2, 0.002, 6, 15).verdict, VERDICT_TOO_FEW_ROUNDS);
	ck_assert_int_eq(decide(2, 0.002, 15, 6).verdict, VERDICT_TOO_FEW_ROUNDS);
	ck_assert_int_eq(decide(2, 0.002, UNPAIRED_VALUES_MIN, UNPAIRED_VALUES_MIN).verdict,
			 VERDICT_A_LOWER);
}
END_TEST

START_TEST(noise_and_missing_figures_have_words_of_their_own)
{
	double old[15], new[15];
	struct unpaired_side sides[] = { side_of(old, 15, 1, 0.001), side_of(new, 15, 2, 0.001) };
	struct unpaired_result result;

	sides[1].disturbed = true;
	unpaired_decide(&sides[0], &sides[1], &result);
	ck_assert_int_eq(result.verdict, VERDICT_TOO_NOISY);
	sides[1].disturbed = false;
	sides[0].floor = 0.3;
	unpaired_decide(&sides[0], &sides[1], &result);
	ck_assert_int_eq(result.verdict, VERDICT_TOO_NOISY);
	sides[0].measured = false;
	unpaired_decide(&sides[0], &sides[1], &result);
	ck_assert_int_eq(result.verdict, VERDICT_NOT_MEASURED);
}
END_TEST

START_TEST(the_floor_is_the_larger_end)
{
	double ratios[15];

	side_of(ratios, 15, 1.01, 0.002);
	ck_assert_double_eq_tol(unpaired_floor(ratios, 15), 1.01 * exp(0.008) - 1, 1e-9);
	side_of(ratios, 15, 1 / 1.01, 0.002);
	ck_assert_double_eq_tol(unpaired_floor(ratios, 15), 1.01 * exp(0.008) - 1, 1e-9);
	ck_assert_double_lt(unpaired_floor(ratios, 5), 0);
}
END_TEST

static double skewed(uint64_t *state)
{
	double share = (double)(rounds_random(state) >> 11) / 9007199254740992.0;

	return 1 - log(1 - share); /* one, and an exponential: its median is 1 + log 2 */
}

/* Whatever the distribution: the true ratio lies outside in at most 5 of 100 pairs of runs. */
START_TEST(the_interval_holds_the_true_ratio_as_often_as_it_says)
{
	uint64_t state = 5;
	int outside = 0;

	for (int i = 0; i < 2000; i++) {
		double old[15], new[9];
		struct unpaired_side sides[] = { { old, 15, 0, true, false },
						 { new, 9, 0, true, false } };
		struct unpaired_result result;

		for (int k = 0; k < 15; k++)
			old[k] = skewed(&state);
		for (int k = 0; k < 9; k++)
			new[k] = 3 * skewed(&state);
		unpaired_decide(&sides[0], &sides[1], &result);
		outside += result.low > 3 || result.high < 3;
	}
	ck_assert_int_le(outside, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare unpaired");
	TCase *cases = tcase_create("unpaired");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, the_interval_is_the_quotient_of_the_ends);
	tcase_add_test(cases, what_the_interval_or_the_floor_covers_is_not_claimed);
	tcase_add_test(cases, six_rounds_are_too_few_and_seven_are_not);
	tcase_add_test(cases, noise_and_missing_figures_have_words_of_their_own);
	tcase_add_test(cases, the_floor_is_the_larger_end);
	tcase_add_test(cases, the_interval_holds_the_true_ratio_as_often_as_it_says);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
