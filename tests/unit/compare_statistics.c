/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The interval, the verdict and the order of play: known input, known answers. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "compare/measure/interval.h"
#include "compare/measure/rounds.h"
#include "compare/measure/verdict.h"

struct ranks {
	unsigned int count, low, high;
	double level;
};

START_TEST(ranks_are_the_binomial_ones)
{
	/* From a table of the binomial distribution with p = 1/2. */
	static const struct ranks KNOWN[] = {
		{ 6, 1, 6, 0.96875 },	 { 8, 1, 8, 0.9921875 },   { 9, 2, 8, 0.9609375 },
		{ 12, 3, 10, 0.961426 }, { 15, 4, 12, 0.964844 }, { 21, 6, 16, 0.973396 },
		{ 30, 10, 21, 0.957226 },
	};

	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++) {
		double values[64];
		struct interval interval;

		for (unsigned int k = 0; k < KNOWN[i].count; k++)
			values[k] = KNOWN[i].count - k; /* n .. 1: sorting is its job */
		ck_assert_int_eq(interval_take(values, KNOWN[i].count, &interval), 0);
		ck_assert_uint_eq(interval.rank_low, KNOWN[i].low);
		ck_assert_uint_eq(interval.rank_high, KNOWN[i].high);
		ck_assert_double_eq(interval.low, KNOWN[i].low);
		ck_assert_double_eq(interval.high, KNOWN[i].high);
		ck_assert_double_eq_tol(interval.level, KNOWN[i].level, 1e-6);
	}
}
END_TEST

START_TEST(five_values_carry_no_interval)
{
	double values[] = { 5, 1, 4, 2, 3 };
	struct interval interval;

	ck_assert_int_eq(interval_take(values, 5, &interval), -ERANGE);
	ck_assert_double_eq(interval.middle, 3);
	ck_assert_int_eq(interval_take(values, 0, &interval), -ERANGE);
}
END_TEST

/* Fifteen ratios around a centre, from -7 to +7 steps. */
static void spread(double *ratios, double centre, double step)
{
	for (int i = 0; i < 15; i++)
		ratios[i] = centre * exp(step * ((i * 7) % 15 - 7));
}

static struct verdict_result decide(double centre, double step, double floor_step,
				    unsigned int rounds, bool disturbed)
{
	double ratios[15], floors[15];
	struct verdict_evidence evidence = { .ratios = ratios, .floors = floors, .rounds = rounds,
					     .measured = true, .disturbed = disturbed };
	struct verdict_result result;

	spread(ratios, centre, step);
	spread(floors, 1, floor_step);
	verdict_decide(&evidence, &result);
	return result;
}

START_TEST(a_clear_difference_is_claimed_in_its_direction)
{
	struct verdict_result result = decide(0.9, 0.002, 0.002, 15, false);

	ck_assert_int_eq(result.verdict, VERDICT_A_LOWER);
	ck_assert_double_eq_tol(result.ratio, 0.9, 1e-9);
	/* The 4th and 12th of -7..7 are -4 and +4. */
	ck_assert_double_eq_tol(result.low, 0.9 * exp(-0.008), 1e-9);
	ck_assert_double_eq_tol(result.high, 0.9 * exp(0.008), 1e-9);
	ck_assert_double_eq_tol(result.floor, expm1(0.008), 1e-9);
	ck_assert_int_eq(decide(1.1, 0.002, 0.002, 15, false).verdict, VERDICT_B_LOWER);
}
END_TEST

START_TEST(an_interval_that_holds_1_shows_nothing)
{
	struct verdict_result result = decide(1.01, 0.004, 0.001, 15, false);

	ck_assert_int_eq(result.verdict, VERDICT_NO_DIFFERENCE);
	ck_assert_double_eq_tol(result.detectable, expm1(0.016), 1e-9);
}
END_TEST

START_TEST(an_effect_below_the_floor_shows_nothing)
{
	/* The interval is off 1, but a against itself moved as much. */
	struct verdict_result result = decide(0.97, 0.002, 0.01, 15, false);

	ck_assert_double_lt(result.high, 1);
	ck_assert_int_eq(result.verdict, VERDICT_NO_DIFFERENCE);
	ck_assert_double_eq_tol(result.detectable, expm1(0.04), 1e-9);
}
END_TEST

START_TEST(noise_and_few_rounds_have_words_of_their_own)
{
	struct verdict_evidence nothing = { .measured = false, .rounds = 15 };
	struct verdict_result result;

	ck_assert_int_eq(decide(0.5, 0.002, 0.002, 15, true).verdict, VERDICT_TOO_NOISY);
	ck_assert_int_eq(decide(0.5, 0.002, 0.1, 15, false).verdict, VERDICT_TOO_NOISY);
	ck_assert_int_eq(decide(0.5, 0.002, 0.002, 5, false).verdict, VERDICT_TOO_FEW_ROUNDS);
	verdict_decide(&nothing, &result);
	ck_assert_int_eq(result.verdict, VERDICT_NOT_MEASURED);
}
END_TEST

START_TEST(the_words_are_a_closed_set)
{
	ck_assert_str_eq(verdict_word(VERDICT_A_LOWER), "a lower");
	ck_assert_str_eq(verdict_word(VERDICT_B_LOWER), "b lower");
	ck_assert_str_eq(verdict_word(VERDICT_NO_DIFFERENCE), "no difference shown");
	ck_assert_str_eq(verdict_word(VERDICT_TOO_NOISY), "too noisy");
	ck_assert_str_eq(verdict_word(VERDICT_TOO_FEW_ROUNDS), "too few rounds");
	ck_assert_str_eq(verdict_word(VERDICT_NOT_MEASURED), "not measured");
	ck_assert_int_eq(VERDICT_COUNT, 6);
}
END_TEST

static double normal(uint64_t *state)
{
	double sum = 0;

	for (int i = 0; i < 12; i++)
		sum += (double)(rounds_random(state) >> 11) / 9007199254740992.0;
	return sum - 6;
}

/* One whole run of 15 rounds on arms whose rounds vary by 2 %. */
static enum verdict simulate(double effect, uint64_t *state)
{
	double ratios[15], floors[15];
	struct verdict_evidence evidence = { .ratios = ratios, .floors = floors, .rounds = 15,
					     .measured = true };
	struct verdict_result result;

	for (int i = 0; i < 15; i++) {
		double first = exp(0.02 * normal(state)), again = exp(0.02 * normal(state));

		ratios[i] = sqrt(first * again) / (effect * exp(0.02 * normal(state)));
		floors[i] = first / again;
	}
	verdict_decide(&evidence, &result);
	return result.verdict;
}

START_TEST(identical_arms_are_told_apart_at_most_once_in_a_hundred_runs)
{
	uint64_t state = 11;
	int claims = 0;

	for (int i = 0; i < 2000; i++)
		claims += simulate(1, &state) != VERDICT_NO_DIFFERENCE;
	ck_assert_int_le(claims, 20);
}
END_TEST

START_TEST(an_arm_slower_by_five_percent_is_seen_nine_times_in_ten)
{
	uint64_t state = 12;
	int seen = 0;

	for (int i = 0; i < 1000; i++)
		seen += simulate(1.05, &state) == VERDICT_A_LOWER;
	ck_assert_int_ge(seen, 900);
}
END_TEST

START_TEST(a_round_plays_every_arm_once_and_the_first_twice)
{
	uint64_t state = 3;

	for (int round = 0; round < 100; round++) {
		unsigned int order[ROUNDS_SLOTS_MAX], seen[ROUNDS_ARMS_MAX] = {0};

		ck_assert_uint_eq(rounds_shuffle(order, 5, &state), 6);
		for (int i = 0; i < 6; i++)
			seen[order[i]]++;
		ck_assert_uint_eq(seen[0], 2);
		for (int arm = 1; arm < 5; arm++)
			ck_assert_uint_eq(seen[arm], 1);
	}
}
END_TEST

START_TEST(the_same_seed_plays_the_same_order)
{
	uint64_t one = 99, two = 99;

	for (int round = 0; round < 20; round++) {
		unsigned int left[ROUNDS_SLOTS_MAX], right[ROUNDS_SLOTS_MAX];

		rounds_shuffle(left, 2, &one);
		rounds_shuffle(right, 2, &two);
		ck_assert_mem_eq(left, right, 3 * sizeof(*left));
	}
}
END_TEST

START_TEST(no_slot_favours_an_arm)
{
	unsigned int second_arm_at[3] = {0};
	uint64_t state = 5;

	for (int round = 0; round < 3000; round++) {
		unsigned int order[ROUNDS_SLOTS_MAX];

		rounds_shuffle(order, 2, &state);
		for (int i = 0; i < 3; i++)
			second_arm_at[i] += order[i] == 1;
	}
	for (int i = 0; i < 3; i++)
		ck_assert(second_arm_at[i] > 900 && second_arm_at[i] < 1100);
}
END_TEST

START_TEST(a_disturbed_round_is_played_again_as_long_as_there_are_repeats)
{
	/* Two in a row, and then it is kept; five in all. */
	static const bool EXPECTED[] = { true, true, false, true, true, false, true, false, false };
	struct rounds_repeats repeats = { .max = 5 };

	ck_assert(!rounds_again(&repeats, false));
	for (size_t i = 0; i < sizeof(EXPECTED) / sizeof(*EXPECTED); i++)
		ck_assert_int_eq(rounds_again(&repeats, true), EXPECTED[i]);
	ck_assert_uint_eq(repeats.made, 5);
}
END_TEST

START_TEST(the_middle_of_an_even_number_lies_between_two)
{
	double values[] = { 8, 1, 2, 6, 4, 10 };
	struct interval interval;

	ck_assert_int_eq(interval_take(values, 6, &interval), 0);
	ck_assert_double_eq(interval.middle, 5);
	ck_assert_double_eq(interval.low, 1);
	ck_assert_double_eq(interval.high, 10);
}
END_TEST

/* Whatever the distribution and the number of rounds: the true median lies outside as seldom as the
 * level says, and where the level leaves room, no seldomer either. */
START_TEST(the_interval_holds_the_true_median_as_often_as_it_says)
{
	static const unsigned int COUNTS[] = { 6, 7, 8, 10, 15, 16, 30 };
	const unsigned int count = COUNTS[_i];
	enum { RUNS = 20000 };
	uint64_t state = 17 + count;
	struct interval interval;
	int outside = 0;

	for (int run = 0; run < RUNS; run++) {
		double values[64];

		for (unsigned int i = 0; i < count; i++) { /* skewed: its median is log 2 */
			double share = (double)(rounds_random(&state) >> 11) / 9007199254740992.0;

			values[i] = -log(1 - share);
		}
		interval_take(values, count, &interval);
		outside += interval.low > log(2) || interval.high < log(2);
	}
	ck_assert_double_ge(interval.level, 0.95);
	/* Four standard deviations of what chance does to 20,000 runs are 0.6 %. */
	ck_assert_double_eq_tol((double)outside / RUNS, 1 - interval.level, 0.006);
}
END_TEST

/* a against itself lay off 1 to one side: what it moved is the floor, whichever play came first. */
START_TEST(the_floor_is_the_larger_end_on_either_side)
{
	for (int side = 0; side < 2; side++) {
		double ratios[15], floors[15];
		struct verdict_evidence evidence = { .ratios = ratios, .floors = floors,
						     .rounds = 15, .measured = true };
		struct verdict_result result;

		spread(ratios, 1.05, 0.001);
		spread(floors, side ? 1.1 : 1 / 1.1, 0.002);
		verdict_decide(&evidence, &result);
		ck_assert_double_eq_tol(result.floor, 1.1 * exp(0.008) - 1, 1e-9);
		ck_assert_int_eq(result.verdict, VERDICT_NO_DIFFERENCE);
	}
}
END_TEST

/* A difference had to reach over the farther end: that one says what would have been seen. */
START_TEST(what_would_have_been_seen_is_measured_to_the_farther_end)
{
	for (int side = 0; side < 2; side++) {
		double ratios[15], floors[15];
		struct verdict_evidence evidence = { .ratios = ratios, .floors = floors,
						     .rounds = 15, .measured = true };
		struct verdict_result result;

		spread(floors, 1, 0.0001);
		for (int i = 0; i < 15; i++)
			ratios[i] = exp((side ? 1 : -1) * 0.01 * (i < 8 ? i - 7 : 5 * (i - 7)));
		verdict_decide(&evidence, &result);
		ck_assert_double_eq_tol(result.detectable, expm1(0.2), 1e-9);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare statistics");
	TCase *cases = tcase_create("statistics");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, ranks_are_the_binomial_ones);
	tcase_add_test(cases, five_values_carry_no_interval);
	tcase_add_test(cases, the_middle_of_an_even_number_lies_between_two);
	tcase_add_test(cases, a_clear_difference_is_claimed_in_its_direction);
	tcase_add_test(cases, an_interval_that_holds_1_shows_nothing);
	tcase_add_test(cases, an_effect_below_the_floor_shows_nothing);
	tcase_add_loop_test(cases, the_interval_holds_the_true_median_as_often_as_it_says, 0, 7);
	tcase_add_test(cases, the_floor_is_the_larger_end_on_either_side);
	tcase_add_test(cases, what_would_have_been_seen_is_measured_to_the_farther_end);
	tcase_add_test(cases, noise_and_few_rounds_have_words_of_their_own);
	tcase_add_test(cases, the_words_are_a_closed_set);
	tcase_add_test(cases, identical_arms_are_told_apart_at_most_once_in_a_hundred_runs);
	tcase_add_test(cases, an_arm_slower_by_five_percent_is_seen_nine_times_in_ten);
	tcase_add_test(cases, a_round_plays_every_arm_once_and_the_first_twice);
	tcase_add_test(cases, the_same_seed_plays_the_same_order);
	tcase_add_test(cases, no_slot_favours_an_arm);
	tcase_add_test(cases, a_disturbed_round_is_played_again_as_long_as_there_are_repeats);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
