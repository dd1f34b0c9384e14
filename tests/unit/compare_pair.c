/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Two results side by side: what is matched with what, and what is said of the rest. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/report/pair.h"
#include "compare/report/side.h"
#include "tests/support/result.h"

static struct result_shape shapes[2];

static void init_shapes(void)
{
	result_shape_init(&shapes[0]);
	result_shape_init(&shapes[1]);
}

/* Takes both over. */
static json_t *pair_up(json_t *before, json_t *after)
{
	struct pair_result sides[] = { { "old.json", before }, { "new.json", after } };
	json_t *diff = pair_json(&sides[0], &sides[1]);

	ck_assert_ptr_nonnull(diff);
	json_decref(before);
	json_decref(after);
	return diff;
}

static json_t *pair_shapes(void)
{
	return pair_up(result_make(&shapes[0]), result_make(&shapes[1]));
}

static const json_t *comparison_at(const json_t *diff, size_t metric, size_t arm)
{
	const json_t *cell = json_array_get(json_object_get(diff, "cells"), 0);
	const json_t *one = json_array_get(json_object_get(cell, "metrics"), metric);

	return json_array_get(json_object_get(one, "comparisons"), arm);
}

static const char *verdict_at(const json_t *diff, size_t metric, size_t arm)
{
	return json_string_value(json_object_get(comparison_at(diff, metric, arm), "verdict"));
}

static double number_at(const json_t *diff, size_t arm, const char *key)
{
	return json_number_value(json_object_get(comparison_at(diff, 0, arm), key));
}

static bool says(const json_t *diff, const char *part)
{
	json_t *sentence;
	size_t i;

	json_array_foreach(json_object_get(diff, "not_compared"), i, sentence) {
		if (strstr(json_string_value(sentence), part))
			return true;
	}
	return false;
}

START_TEST(every_arm_has_its_two_medians_and_their_ratio)
{
	json_t *diff;

	shapes[1].cpu_ns[1] = 3000;
	diff = pair_shapes();
	ck_assert_double_eq_tol(number_at(diff, 0, "old_median"), 2000, 1e-6);
	ck_assert_double_eq_tol(number_at(diff, 1, "old_median"), 4000, 1e-6);
	ck_assert_double_eq_tol(number_at(diff, 1, "new_median"), 3000, 1e-6);
	ck_assert_double_eq_tol(number_at(diff, 1, "ratio"), 0.75, 1e-6);
	ck_assert_double_eq_tol(number_at(diff, 1, "ratio_low"), 0.75 * exp(-0.01), 1e-4);
	ck_assert_double_eq_tol(number_at(diff, 1, "ratio_high"), 0.75 * exp(0.01), 1e-4);
	ck_assert_str_eq(verdict_at(diff, 0, 0), "no difference shown");
	ck_assert_str_eq(verdict_at(diff, 0, 1), "new lower");
	ck_assert_str_eq(verdict_at(diff, 4, 1), "not measured");
	ck_assert_uint_eq(json_array_size(json_object_get(diff, "not_compared")), 0);
	json_decref(diff);
}
END_TEST

START_TEST(arms_are_matched_by_name_wherever_they_stand)
{
	json_t *diff;

	shapes[1].arms[0] = "polling";
	shapes[1].arms[1] = "completion";
	diff = pair_shapes();
	ck_assert_str_eq(verdict_at(diff, 0, 0), "old lower"); /* completion: 2000, then 4000 */
	ck_assert_str_eq(verdict_at(diff, 0, 1), "new lower");
	json_decref(diff);
}
END_TEST

START_TEST(an_arm_that_stands_there_twice_is_matched_in_order)
{
	json_t *diff;

	shapes[0].arms[1] = shapes[1].arms[1] = "completion";
	diff = pair_shapes();
	ck_assert_int_eq(json_integer_value(json_object_get(comparison_at(diff, 0, 1), "new_arm")),
			 1);
	ck_assert_str_eq(verdict_at(diff, 0, 1), "no difference shown");
	json_decref(diff);
}
END_TEST

START_TEST(an_arm_of_one_side_only_is_said)
{
	json_t *diff;

	shapes[1].arms[1] = "polling:events=8";
	diff = pair_shapes();
	ck_assert_uint_eq(json_array_size(json_object_get(diff, "cells")), 1);
	ck_assert(says(diff, "the arm polling is only in the old result"));
	ck_assert(says(diff, "the arm polling:events=8 is only in the new result"));
	json_decref(diff);
}
END_TEST

START_TEST(two_cells_with_the_same_parameters_are_told_apart_by_their_arms)
{
	json_t *before = result_make(&shapes[0]), *after = result_make(&shapes[1]), *diff;

	shapes[0].arms[0] = "polling/future";
	shapes[0].cpu_ns[0] = 8000;
	json_array_insert_new(json_object_get(before, "cells"), 0, result_cell(&shapes[0]));
	json_array_append_new(json_object_get(after, "cells"), result_cell(&shapes[0]));
	/* The first old cell has "polling" in common with both new ones, but more with the second. */
	diff = pair_up(before, after);
	ck_assert_uint_eq(json_array_size(json_object_get(diff, "cells")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(diff, "not_compared")), 0);
	ck_assert_double_eq_tol(number_at(diff, 0, "ratio"), 1, 1e-9);
	json_decref(diff);
}
END_TEST

START_TEST(what_cannot_be_compared_is_said_and_why)
{
	json_t *diff, *after;

	shapes[1].connections = 65;
	diff = pair_shapes();
	ck_assert_uint_eq(json_array_size(json_object_get(diff, "cells")), 0);
	ck_assert(says(diff, "other parameters (connections: 65 and not 64)"));
	json_decref(diff);
	init_shapes();
	shapes[1].arms[0] = "x";
	shapes[1].arms[1] = "y";
	diff = pair_shapes();
	ck_assert(says(diff, "no common arm"));
	json_decref(diff);
	init_shapes();
	after = result_make(&shapes[1]);
	json_object_set_new(json_array_get(json_object_get(after, "cells"), 0), "correct",
			    json_false());
	diff = pair_up(result_make(&shapes[0]), after);
	ck_assert(says(diff, "in the new result a byte came back wrong"));
	json_decref(diff);
	shapes[0].rounds = 0;
	diff = pair_shapes();
	ck_assert(says(diff, "in the old result no round was played to its end"));
	json_decref(diff);
}
END_TEST

START_TEST(a_parameter_that_only_a_later_version_stores_as_null_changes_nothing)
{
	json_t *after = result_make(&shapes[1]), *diff;
	json_t *cell = json_array_get(json_object_get(after, "cells"), 0);

	json_object_set_new(json_object_get(cell, "parameters"), "later", json_null());
	diff = pair_up(result_make(&shapes[0]), after);
	ck_assert_uint_eq(json_array_size(json_object_get(diff, "cells")), 1);
	json_decref(diff);
}
END_TEST

START_TEST(few_rounds_and_noise_have_their_words)
{
	json_t *diff;

	shapes[1].rounds = 6;
	diff = pair_shapes();
	ck_assert_str_eq(verdict_at(diff, 0, 0), "too few rounds");
	json_decref(diff);
	init_shapes();
	shapes[0].wait_ns = 900000;
	diff = pair_shapes();
	ck_assert_str_eq(verdict_at(diff, 2, 0), "too noisy");
	ck_assert_str_eq(verdict_at(diff, 0, 0), "no difference shown");
	json_decref(diff);
}
END_TEST

/* The load of the moment never is the same, and is not told. */
START_TEST(what_differs_beside_the_figures_is_listed)
{
	json_t *diff, *list, *after;

	shapes[1].kernel = "6.18.0";
	after = result_make(&shapes[1]);
	json_object_set_new(json_array_get(json_object_get(after, "cells"), 0), "duration_ns",
			    json_integer(2000000));
	diff = pair_up(result_make(&shapes[0]), after);
	list = json_object_get(diff, "differences");
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "key")),
			 "environment.kernel_release");
	list = json_object_get(json_array_get(json_object_get(diff, "cells"), 0), "differences");
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "key")),
			 "cell.duration_ns");
	json_decref(diff);
}
END_TEST

/* Whole rounds are whole, but who reads must know. */
START_TEST(a_run_that_was_ended_early_is_compared_and_marked)
{
	json_t *after = result_make(&shapes[1]), *diff;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	json_object_set_new(after, "complete", json_false());
	diff = pair_up(result_make(&shapes[0]), after);
	side_text(diff, out);
	fclose(out);
	ck_assert_uint_eq(json_array_size(json_object_get(diff, "cells")), 1);
	ck_assert_ptr_nonnull(strstr(text, "incomplete"));
	free(text);
	json_decref(diff);
}
END_TEST

static void spoil_rounds(json_t *result, size_t count)
{
	const json_t *cell = json_array_get(json_object_get(result, "cells"), 0);

	for (size_t i = 0; i < count; i++) {
		json_t *round = json_array_get(json_object_get(cell, "rounds"), i);
		json_t *slot = json_array_get(json_object_get(round, "slots"), 1);

		json_object_set_new(slot, "cpu_ns", json_null());
	}
}

START_TEST(rounds_that_cannot_show_a_metric_are_left_out_as_long_as_seven_remain)
{
	for (size_t spoiled = 8; spoiled < 10; spoiled++) {
		json_t *after = result_make(&shapes[1]), *diff;

		spoil_rounds(after, spoiled);
		diff = pair_up(result_make(&shapes[0]), after);
		ck_assert_str_eq(verdict_at(diff, 0, 0), "no difference shown");
		ck_assert_str_eq(verdict_at(diff, 0, 1),
				 spoiled == 8 ? "no difference shown" : "not measured");
		json_decref(diff);
	}
}
END_TEST

static void expect_width(const json_t *diff, size_t width)
{
	char *text = NULL, *line;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	side_text(diff, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "new lower"));
	ck_assert_ptr_nonnull(strstr(text, "[0.74"));
	ck_assert_ptr_nonnull(strstr(text, "4.00 us"));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_msg(strlen(line) <= width, "too long: %s", line);
		ck_assert_msg(line[strlen(line) - 1] != ' ', "ends with a blank: %s", line);
	}
	free(text);
}

START_TEST(the_text_fits_its_columns)
{
	json_t *diff;

	shapes[1].cpu_ns[1] = 3000;
	shapes[1].kernel = "6.18.0";
	diff = pair_shapes();
	ck_assert_int_eq(setenv("COLUMNS", "80", 1), 0);
	expect_width(diff, 80);
	ck_assert_int_eq(setenv("COLUMNS", "40", 1), 0);
	expect_width(diff, 40);
	unsetenv("COLUMNS");
	json_decref(diff);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare pair");
	TCase *cases = tcase_create("pair");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, init_shapes, NULL);
	tcase_add_test(cases, every_arm_has_its_two_medians_and_their_ratio);
	tcase_add_test(cases, arms_are_matched_by_name_wherever_they_stand);
	tcase_add_test(cases, an_arm_that_stands_there_twice_is_matched_in_order);
	tcase_add_test(cases, an_arm_of_one_side_only_is_said);
	tcase_add_test(cases, two_cells_with_the_same_parameters_are_told_apart_by_their_arms);
	tcase_add_test(cases, what_cannot_be_compared_is_said_and_why);
	tcase_add_test(cases, a_parameter_that_only_a_later_version_stores_as_null_changes_nothing);
	tcase_add_test(cases, few_rounds_and_noise_have_their_words);
	tcase_add_test(cases, what_differs_beside_the_figures_is_listed);
	tcase_add_test(cases, a_run_that_was_ended_early_is_compared_and_marked);
	tcase_add_test(cases, rounds_that_cannot_show_a_metric_are_left_out_as_long_as_seven_remain);
	tcase_add_test(cases, the_text_fits_its_columns);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
