/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the load generator says of itself becomes a mark on the cell, a sentence and a verdict. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/report/conclude.h"
#include "compare/report/limits.h"

enum { ROUNDS = 8 };

static json_t *make_slot(int arm, bool limited, bool kept)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:b, s:b, s:{s:f, s:f, s:f}}", "arm", arm,
			 "operations", 1000, "elapsed_ns", 1000000, "cpu_ns", 2000000 + arm,
			 "load_limited", limited, "rate_kept", kept, "latency", "p50_ns", 20000.0,
			 "p99_ns", 40000.0, "p999_ns", 50000.0);
}

/* b is limited in every round, and misses its rate in the first missed ones. */
static json_t *make_cell(int missed, int rate_per_s)
{
	json_t *rounds = json_array();

	for (int i = 0; i < ROUNDS; i++)
		json_array_append_new(rounds, json_pack("{s:b, s:[o, o, o]}", "kept", i != 7,
							"slots", make_slot(0, false, true),
							make_slot(1, true, i >= missed),
							make_slot(0, false, true)));
	return json_pack("{s:s, s:{s:i}, s:[{}, {}], s:o}", "workload", "echo", "parameters",
			 "rate_per_s", rate_per_s, "arms", "rounds", rounds);
}

static const json_t *comparison(const json_t *cell, size_t metric)
{
	const json_t *one = json_array_get(json_object_get(cell, "metrics"), metric);

	return json_array_get(json_object_get(one, "comparisons"), 0);
}

static const char *word(const json_t *cell, size_t metric, const char *key)
{
	const char *text = json_string_value(json_object_get(comparison(cell, metric), key));

	return text ? text : "";
}

static char *print(const json_t *cell)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	limits_print(cell, out);
	fclose(out);
	for (char *at = text; *at; at++)
		*at = *at == '\n' ? ' ' : *at;
	return text;
}

START_TEST(a_missed_rate_takes_the_latency_and_leaves_the_rest)
{
	json_t *cell = make_cell(3, 5000);
	char *text;

	conclude_cell(cell);
	ck_assert_str_ne(word(cell, 0, "verdict"), "not measured"); /* CPU */
	ck_assert_str_ne(word(cell, 2, "verdict"), "not measured"); /* throughput */
	for (size_t metric = 1; metric < 5; metric += metric == 1 ? 2 : 1) {
		ck_assert_str_eq(word(cell, metric, "verdict"), "not measured");
		ck_assert_str_eq(word(cell, metric, "reason"), "the rate was not kept");
	}
	text = print(cell);
	ck_assert_ptr_nonnull(strstr(text, "The rate was not kept in 3 of 7 plays of b: "));
	ck_assert_ptr_nonnull(strstr(text, "bottleneck in 7 of 7 plays of b: it came late"));
	free(text);
	json_decref(cell);
}
END_TEST

START_TEST(a_busy_generator_is_named_and_the_verdicts_stand)
{
	json_t *cell = make_cell(0, 0), *counts;
	char *text;

	conclude_cell(cell);
	ck_assert_str_eq(word(cell, 1, "verdict"), "no difference shown");
	counts = json_object_get(cell, "load_limited_slots");
	ck_assert_int_eq(json_integer_value(json_array_get(counts, 0)), 0);
	ck_assert_int_eq(json_integer_value(json_array_get(counts, 1)), 7);
	text = print(cell);
	ck_assert_ptr_nonnull(strstr(text, "in 7 of 7 plays of b: it was busy"));
	ck_assert_ptr_null(strstr(text, "The rate"));
	free(text);
	json_decref(cell);
}
END_TEST

/* There the arm is the client, and the load the one that answers. */
START_TEST(of_rockets_it_is_the_server_that_was_busy)
{
	json_t *cell = make_cell(0, 0);
	char *text;

	json_object_set_new(cell, "workload", json_string("rockets"));
	conclude_cell(cell);
	text = print(cell);
	ck_assert_ptr_nonnull(strstr(text, "The server of rockets was the bottleneck in 7 of 7 plays"));
	free(text);
	json_decref(cell);
}
END_TEST

START_TEST(an_arm_that_is_its_own_load_has_no_such_mark)
{
	json_t *cell = json_pack("{s:s, s:[{}, {}], s:[{s:b, s:[{s:i}]}]}", "workload", "file",
				 "arms", "rounds", "kept", 1, "slots", "arm", 0);
	char *text;

	limits_conclude(cell);
	ck_assert_ptr_null(json_object_get(cell, "load_limited_slots"));
	text = print(cell);
	ck_assert_str_eq(text, "");
	free(text);
	json_decref(cell);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare limits");
	TCase *cases = tcase_create("limits");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, a_missed_rate_takes_the_latency_and_leaves_the_rest);
	tcase_add_test(cases, a_busy_generator_is_named_and_the_verdicts_stand);
	tcase_add_test(cases, of_rockets_it_is_the_server_that_was_busy);
	tcase_add_test(cases, an_arm_that_is_its_own_load_has_no_such_mark);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
