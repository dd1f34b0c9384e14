/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Which rounds and which figures a conclusion is made of: known rounds, known answers. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/report/conclude.h"

enum { ROUNDS = 14, OPERATIONS = 500, OPERATIONS_ALL = 1000 };

/* Every figure has a value of its own, and scale tells the slots apart. */
static json_t *make_slot(int arm, double scale)
{
	json_t *slot = json_pack("{s:i, s:i, s:i, s:i, s:f, s:f, s:{s:f, s:f, s:n}}", "arm", arm,
				 "operations", OPERATIONS, "operations_total", OPERATIONS_ALL,
				 "elapsed_ns", 1000000, "cpu_ns", 300000 * scale, "load_cpu_ns",
				 700000 * scale, "latency", "p50_ns", 100 * scale, "p99_ns",
				 200 * scale, "p999_ns");

	json_object_set_new(slot, "counters",
			    json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
				      "system_calls", 1000 * scale, "wasted", 2000 * scale, "waits",
				      3000 * scale, "inline_ended", 4000 * scale, "worker",
				      5000 * scale, "registrations", 6000 * scale, "ended",
				      7000 * scale, "interim", 8000 * scale, "armed", 9000 * scale,
				      "lent_byte_seconds", 0.25 * scale, "life_ns", 5e8,
				      "lent_seconds", 0.125 * scale, "copied_bytes", 64000 * scale));
	json_object_set_new(slot, "noise",
			    json_pack("{s:i, s:i, s:i, s:f, s:f}", "wait_ns", 0, "steal_ns", 0,
				      "others_cpu_ns", 900000, "voluntary_switches", 1000 * scale,
				      "involuntary_switches", 250 * scale));
	return slot;
}

/* kept and quiet, with b at twice what a has */
static json_t *make_round(int index, double scale)
{
	return json_pack("{s:i, s:b, s:n, s:[o, o, o]}", "round", index, "kept", 1, "disturbed_by",
			 "slots", make_slot(0, scale), make_slot(1, 2 * scale),
			 make_slot(0, scale));
}

static json_t *make_cell(void)
{
	json_t *rounds = json_array();

	for (int i = 0; i < ROUNDS; i++)
		json_array_append_new(rounds, make_round(i, 1 + 0.001 * (i % 7 - 3)));
	return json_pack("{s:s, s:{s:i}, s:[{s:s}, {s:s}], s:o, s:b}", "workload", "file",
			 "parameters", "depth", 1, "arms", "name", "one", "name", "two", "rounds",
			 rounds, "correct", 1);
}

static json_t *round_at(const json_t *cell, size_t index)
{
	return json_array_get(json_object_get(cell, "rounds"), index);
}

/* Rounds that were played again: figures of which nothing may be seen. */
static void add_repeated(json_t *cell, int count)
{
	for (int i = 0; i < count; i++) {
		json_t *round = make_round(0, 50);

		json_array_set_new(json_object_get(round, "slots"), 1, make_slot(1, 1));
		json_object_set_new(round, "kept", json_false());
		json_object_set_new(round, "disturbed_by", json_string("a neighbour"));
		json_array_insert_new(json_object_get(cell, "rounds"), 0, round);
	}
}

static double median_of(const json_t *cell, const char *list, const char *key, size_t arm)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(cell, list), i, one) {
		const json_t *medians = json_object_get(one, "medians");

		if (!strcmp(json_string_value(json_object_get(one, "key")), key))
			return json_is_number(json_array_get(medians, arm))
				? json_number_value(json_array_get(medians, arm)) : NAN;
	}
	ck_abort_msg("there is no %s", key);
	return NAN;
}

static const json_t *comparison_of(const json_t *cell, size_t metric)
{
	const json_t *one = json_array_get(json_object_get(cell, "metrics"), metric);

	return json_array_get(json_object_get(one, "comparisons"), 0);
}

static const char *verdict_of(const json_t *cell, size_t metric)
{
	return json_string_value(json_object_get(comparison_of(cell, metric), "verdict"));
}

static json_int_t noise_of(const json_t *cell, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(cell, "noise"), key));
}

START_TEST(every_counter_is_what_its_row_says)
{
	static const struct {
		const char *key;
		double of_a, of_b;
	} ROWS[] = {
		{ "system_calls_per_operation", 1, 2 },	  { "wasted_attempts_per_operation", 2, 4 },
		{ "waits_per_operation", 3, 6 },	  { "completions_per_wait", 5, 5 },
		{ "inline_per_operation", 4, 8 },	  { "worker_per_operation", 5, 10 },
		{ "registrations_per_operation", 6, 12 }, { "context_switches_per_operation", 2.5, 5 },
		{ "bytes_on_loan_mean", 0.5, 1 },	  { "arm_busy_percent", 30, 60 },
		{ "byte_us_on_loan_per_operation", 250, 500 },
		{ "us_on_loan_per_operation", 125, 250 },
		{ "copied_bytes_per_operation", 64, 128 },
		{ "load_busy_percent", 70, 140 },
	};
	enum { COUNT = sizeof(ROWS) / sizeof(*ROWS) };
	json_t *cell = make_cell();

	conclude_cell(cell);
	ck_assert_uint_eq(json_array_size(json_object_get(cell, "counters")), COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		ck_assert_double_eq_tol(median_of(cell, "counters", ROWS[i].key, 0), ROWS[i].of_a,
					1e-9);
		ck_assert_double_eq_tol(median_of(cell, "counters", ROWS[i].key, 1), ROWS[i].of_b,
					1e-9);
	}
	json_decref(cell);
}
END_TEST

/* Fewer ends than operations: what it did were no operations of the loop's. */
START_TEST(a_native_dialect_has_no_completions_per_wait)
{
	json_t *cell = make_cell(), *round, *slot;
	size_t i, k;

	json_array_foreach(json_object_get(cell, "rounds"), i, round) {
		json_array_foreach(json_object_get(round, "slots"), k, slot) {
			json_t *counters = json_object_get(slot, "counters");

			json_object_set_new(counters, "ended", json_integer(k == 1 ? 0 : 7000));
			json_object_set_new(counters, "interim", json_integer(k == 1 ? 999 : 0));
		}
	}
	conclude_cell(cell);
	ck_assert_double_gt(median_of(cell, "counters", "completions_per_wait", 0), 2);
	ck_assert(isnan(median_of(cell, "counters", "completions_per_wait", 1)));
	json_decref(cell);
}
END_TEST

START_TEST(of_a_repeated_round_nothing_is_seen)
{
	json_t *cell = make_cell(), *quiet = make_cell();

	conclude_cell(quiet);
	add_repeated(cell, ROUNDS + 2);
	conclude_cell(cell);
	ck_assert(json_equal(json_object_get(cell, "metrics"), json_object_get(quiet, "metrics")));
	ck_assert(json_equal(json_object_get(cell, "counters"),
			     json_object_get(quiet, "counters")));
	ck_assert_double_eq_tol(median_of(cell, "metrics", "cpu_per_operation_ns", 0), 600, 1e-6);
	ck_assert_int_eq(noise_of(cell, "rounds_kept"), ROUNDS);
	ck_assert_int_eq(noise_of(cell, "rounds_repeated"), ROUNDS + 2);
	ck_assert_int_eq(noise_of(cell, "rounds_disturbed"), 0);
	ck_assert(!conclude_disturbed(cell));
	json_decref(cell);
	json_decref(quiet);
}
END_TEST

START_TEST(half_of_the_rounds_is_not_most_of_them)
{
	json_t *cell = make_cell();

	for (size_t i = 0; i < ROUNDS / 2; i++)
		json_object_set_new(round_at(cell, i), "disturbed_by", json_string("a neighbour"));
	conclude_cell(cell);
	ck_assert_int_eq(noise_of(cell, "rounds_disturbed"), ROUNDS / 2);
	ck_assert_str_eq(verdict_of(cell, 3), "a lower");
	json_object_set_new(round_at(cell, ROUNDS / 2), "disturbed_by", json_string("a neighbour"));
	conclude_cell(cell);
	ck_assert_str_eq(verdict_of(cell, 3), "too noisy");
	ck_assert_str_eq(verdict_of(cell, 2), "too noisy");
	ck_assert_str_eq(verdict_of(cell, 1), "a lower");
	ck_assert_str_eq(verdict_of(cell, 0), "a lower");
	json_decref(cell);
}
END_TEST

START_TEST(one_disturbed_slot_makes_a_round_disturbed)
{
	for (size_t i = 0; i < 3; i++) {
		json_t *round = make_round(0, 1);
		json_t *slot = json_array_get(json_object_get(round, "slots"), i);

		ck_assert_ptr_null(conclude_disturbance(round));
		json_object_set_new(json_object_get(slot, "noise"), "wait_ns", json_integer(30000));
		ck_assert_ptr_nonnull(conclude_disturbance(round));
		json_decref(round);
	}
}
END_TEST

/* a misses the rate, b keeps it, or the other way round: neither has a latency to set against. */
START_TEST(a_rate_that_either_arm_missed_takes_the_latency)
{
	for (size_t missing = 0; missing < 2; missing++) {
		json_t *cell = make_cell();
		json_t *slot = json_array_get(json_object_get(round_at(cell, 5), "slots"), missing);

		json_object_set_new(slot, "rate_kept", json_false());
		conclude_cell(cell);
		ck_assert_str_eq(verdict_of(cell, 0), "a lower");
		ck_assert_str_eq(verdict_of(cell, 1), "not measured");
		ck_assert_str_eq(verdict_of(cell, 3), "not measured");
		ck_assert(isnan(median_of(cell, "metrics", "latency_p50_ns", missing)));
		ck_assert(!isnan(median_of(cell, "metrics", "latency_p50_ns", !missing)));
		json_decref(cell);
	}
}
END_TEST

/* What duet diff sets side by side. */
START_TEST(figures_and_floors_are_those_of_the_kept_rounds)
{
	json_t *cell = make_cell();
	double values[64];
	unsigned int left_out;

	add_repeated(cell, 4);
	json_object_set_new(json_array_get(json_object_get(round_at(cell, 0), "slots"), 2), "cpu_ns",
			    json_integer(1));
	ck_assert_uint_eq(conclude_figures(cell, 0, 1, values, &left_out), ROUNDS);
	ck_assert_uint_eq(left_out, 0);
	for (int i = 0; i < ROUNDS; i++)
		ck_assert_double_eq_tol(values[i], 1200, 5);
	ck_assert_uint_eq(conclude_floors(cell, 0, values), ROUNDS);
	for (int i = 0; i < ROUNDS; i++)
		ck_assert_double_eq_tol(values[i], 1, 1e-9);
	json_decref(cell);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare conclude");
	TCase *cases = tcase_create("conclude");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, every_counter_is_what_its_row_says);
	tcase_add_test(cases, a_native_dialect_has_no_completions_per_wait);
	tcase_add_test(cases, of_a_repeated_round_nothing_is_seen);
	tcase_add_test(cases, half_of_the_rounds_is_not_most_of_them);
	tcase_add_test(cases, one_disturbed_slot_makes_a_round_disturbed);
	tcase_add_test(cases, a_rate_that_either_arm_missed_takes_the_latency);
	tcase_add_test(cases, figures_and_floors_are_those_of_the_kept_rounds);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
