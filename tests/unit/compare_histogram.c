/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "compare/measure/histogram.h"
#include "compare/measure/rounds.h"

START_TEST(every_value_lies_in_its_bucket)
{
	for (uint64_t value = 0; value < UINT64_C(1) << 42; value = value * 17 / 16 + 1) {
		size_t index = histogram_index(value);

		ck_assert_uint_lt(index, HISTOGRAM_BUCKETS);
		ck_assert_uint_le(histogram_lower_bound(index), value);
		ck_assert_uint_gt(histogram_lower_bound(index + 1), value);
	}
}
END_TEST

START_TEST(a_bucket_is_at_most_one_part_in_128_wide)
{
	for (size_t i = 128; i + 1 < HISTOGRAM_BUCKETS; i++) {
		uint64_t lower = histogram_lower_bound(i);

		ck_assert_uint_gt(histogram_lower_bound(i + 1), lower);
		ck_assert_uint_le((histogram_lower_bound(i + 1) - lower) * 128, lower);
	}
}
END_TEST

START_TEST(a_value_beyond_the_top_counts_in_the_last_bucket)
{
	ck_assert_uint_eq(histogram_index(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}
END_TEST

static int ascending(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

START_TEST(quantiles_agree_with_sorting_to_within_the_stated_error)
{
	static const double QUANTILES[] = { 0.5, 0.9, 0.99, 0.999 };
	enum { COUNT = 20000 };
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	uint64_t *values = calloc(COUNT, sizeof(*values)), state = 7;

	for (int i = 0; i < COUNT; i++) {
		double u = ((double)(rounds_random(&state) >> 11) + 1) / 9007199254740993.0;

		values[i] = (uint64_t)(20000 - 30000 * log(u));
		histogram_record(histogram, values[i]);
	}
	qsort(values, COUNT, sizeof(*values), ascending);
	for (size_t i = 0; i < sizeof(QUANTILES) / sizeof(*QUANTILES); i++) {
		double sorted = (double)values[(size_t)(QUANTILES[i] * COUNT)];

		ck_assert_double_eq_tol(histogram_quantile(histogram, QUANTILES[i]) / sorted, 1,
					1.0 / 128);
	}
	ck_assert_double_eq(histogram_quantile(histogram, 1), (double)values[COUNT - 1]);
	free(values);
	free(histogram);
}
END_TEST

START_TEST(a_quantile_never_leaves_what_was_recorded)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	ck_assert_double_eq(histogram_quantile(histogram, 0.5), 0);
	histogram_record(histogram, 1000003);
	ck_assert_double_eq(histogram_quantile(histogram, 0.001), 1000003);
	ck_assert_double_eq(histogram_quantile(histogram, 0.999), 1000003);
	free(histogram);
}
END_TEST

START_TEST(a_tail_needs_ten_values_beyond_it)
{
	ck_assert(histogram_can_show(20, 0.5));
	ck_assert(!histogram_can_show(19, 0.5));
	ck_assert(histogram_can_show(1000, 0.99));
	ck_assert(!histogram_can_show(999, 0.99));
	ck_assert(histogram_can_show(10000, 0.999));
	ck_assert(!histogram_can_show(9999, 0.999));
}
END_TEST

/* As many values below as above: the one to be passed is the last of the lower half. */
START_TEST(a_quantile_between_two_buckets_belongs_to_the_lower)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	for (int i = 0; i < 20; i++)
		histogram_record(histogram, i < 10 ? 100 : 5000);
	ck_assert_double_eq(histogram_quantile(histogram, 0.5), 101);
	free(histogram);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare histogram");
	TCase *cases = tcase_create("histogram");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, every_value_lies_in_its_bucket);
	tcase_add_test(cases, a_bucket_is_at_most_one_part_in_128_wide);
	tcase_add_test(cases, a_value_beyond_the_top_counts_in_the_last_bucket);
	tcase_add_test(cases, quantiles_agree_with_sorting_to_within_the_stated_error);
	tcase_add_test(cases, a_quantile_never_leaves_what_was_recorded);
	tcase_add_test(cases, a_quantile_between_two_buckets_belongs_to_the_lower);
	tcase_add_test(cases, a_tail_needs_ten_values_beyond_it);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
