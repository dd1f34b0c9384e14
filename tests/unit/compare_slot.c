/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is stored of a slot is what grew between the two edges of its window, each figure under its
 * own key. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "compare/report/slot.h"

/* No two figures are alike, nor is any of them 0 when the window opens. */
static struct window made_window(pid_t subject)
{
	return (struct window){
		.subject = subject,
		.opened = { .at_ns = 1000000, .subject_cpu_ns = 10, .own_cpu_ns = 20,
			    .subject = { 30, 40, 50, 1 }, .own = { 60, 70, 80, 1 },
			    .machine = { 90, 100 } },
		.closed = { .at_ns = 1000000 + 5000, .subject_cpu_ns = 10 + 1001,
			    .own_cpu_ns = 20 + 1002,
			    .subject = { 30 + 1003, 40 + 1004, 50 + 1005, 1 },
			    .own = { 60 + 1006, 70 + 1007, 80 + 1008, 1 },
			    .machine = { 90 + 4009, 100 + 1010 } },
	};
}

static json_t *made_slot(const struct window *window, int values)
{
	struct histogram *latency = calloc(1, sizeof(*latency));
	struct slot slot = { .window = window, .latency = latency, .operations = 1011,
			     .operations_total = 1012, .wrong_bytes = 1013,
			     .lost_operations = 1014 };
	json_t *json;

	/* 1 to 100 again and again: below 128 all are exact. */
	for (int i = 0; i < values; i++)
		histogram_record(latency, (uint64_t)(i % 100 + 1));
	json = slot_json(&slot);
	free(latency);
	return json;
}

static json_int_t integer_at(const json_t *json, const char *key)
{
	ck_assert_msg(json_is_integer(json_object_get(json, key)), "no whole number: %s", key);
	return json_integer_value(json_object_get(json, key));
}

START_TEST(each_figure_is_what_grew)
{
	struct window window = made_window(1);
	json_t *json = made_slot(&window, 100), *noise = json_object_get(json, "noise");

	ck_assert_int_eq(integer_at(json, "elapsed_ns"), 5000);
	ck_assert_int_eq(integer_at(json, "cpu_ns"), 1001);
	ck_assert_int_eq(integer_at(json, "load_cpu_ns"), 1002);
	ck_assert_int_eq(integer_at(json, "operations"), 1011);
	ck_assert_int_eq(integer_at(json, "operations_total"), 1012);
	ck_assert_int_eq(integer_at(json, "wrong_bytes"), 1013);
	ck_assert_int_eq(integer_at(json, "lost_operations"), 1014);
	ck_assert_int_eq(integer_at(noise, "wait_ns"), 1006);
	ck_assert_int_eq(integer_at(noise, "steal_ns"), 1010);
	ck_assert_int_eq(integer_at(noise, "others_cpu_ns"), 4009 - 1001 - 1002);
	ck_assert_int_eq(integer_at(noise, "voluntary_switches"), 1004);
	ck_assert_int_eq(integer_at(noise, "involuntary_switches"), 1005);
	ck_assert_int_eq(integer_at(noise, "load_involuntary_switches"), 1008);
	json_decref(json);
}
END_TEST

START_TEST(an_arm_that_is_its_own_load_has_none_beside_it)
{
	struct window window = made_window(getpid());
	json_t *json = made_slot(&window, 100), *noise = json_object_get(json, "noise");

	ck_assert_int_eq(integer_at(json, "cpu_ns"), 1001);
	ck_assert_int_eq(integer_at(json, "load_cpu_ns"), 0);
	ck_assert_int_eq(integer_at(noise, "load_involuntary_switches"), 0);
	json_decref(json);
}
END_TEST

START_TEST(of_whom_nobody_looked_at_nothing_is_said)
{
	struct window window = made_window(0);
	json_t *json, *noise;

	window.opened.subject_cpu_ns = window.closed.subject_cpu_ns = 0;
	json = made_slot(&window, 100);
	noise = json_object_get(json, "noise");
	ck_assert(json_is_null(json_object_get(json, "cpu_ns")));
	ck_assert(json_is_null(json_object_get(noise, "voluntary_switches")));
	ck_assert(json_is_null(json_object_get(noise, "involuntary_switches")));
	json_decref(json);
}
END_TEST

START_TEST(each_quantile_stands_under_its_name_if_enough_lies_beyond)
{
	static const char *const KEYS[] = { "p50_ns", "p99_ns", "p999_ns" };
	static const double TRUE_NS[] = { 51, 100, 100 };
	static const int COUNTS[] = { 10, 100, 1000, 10000 };
	struct window window = made_window(1);

	for (int shown = 0; shown < 4; shown++) {
		json_t *json = made_slot(&window, COUNTS[shown]);
		const json_t *latency = json_object_get(json, "latency");

		ck_assert_int_eq(integer_at(latency, "count"), COUNTS[shown]);
		for (int i = 0; i < 3; i++) {
			const json_t *value = json_object_get(latency, KEYS[i]);

			if (i < shown)
				ck_assert_double_eq_tol(json_number_value(value), TRUE_NS[i], 1e-6);
			else
				ck_assert_msg(json_is_null(value), "%s of %d", KEYS[i],
					      COUNTS[shown]);
		}
		json_decref(json);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare slot");
	TCase *cases = tcase_create("slot");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, each_figure_is_what_grew);
	tcase_add_test(cases, an_arm_that_is_its_own_load_has_none_beside_it);
	tcase_add_test(cases, of_whom_nobody_looked_at_nothing_is_said);
	tcase_add_test(cases, each_quantile_stands_under_its_name_if_enough_lies_beyond);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
