/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Gates: what is one, and which result fails one. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "compare/gate.h"
#include "compare/say.h"
#include "tests/support/result.h"

static int read_text(const char *text, struct gates *gates)
{
	struct option_list list = { { text }, 1 };

	return gate_read(gates, &list, "compare");
}

START_TEST(a_gate_is_a_metric_a_mark_and_a_number)
{
	static const char *const GOOD[] = { "cpu_per_operation_ns>1.05", "cpu>1.05", " cpu > 1.05 ",
					    "cpu>1.0500" };
	struct gates gates;

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(*GOOD); i++) {
		ck_assert_int_eq(read_text(GOOD[i], &gates), SAY_OK);
		ck_assert_uint_eq(gates.count, 1);
		ck_assert_str_eq(gates.list[0].metric, "cpu_per_operation_ns");
		ck_assert(gates.list[0].above);
		ck_assert_double_eq(gates.list[0].limit, 1.05);
	}
	ck_assert_int_eq(read_text("throughput<.9", &gates), SAY_OK);
	ck_assert_str_eq(gates.list[0].metric, "throughput_per_s");
	ck_assert(!gates.list[0].above);
}
END_TEST

START_TEST(anything_else_is_refused)
{
	static const char *const BAD[] = {
		"cpu", "cpu>", ">1", "cpu>x", "cpu>1.05x", "cpu=1", "cpu>=1", "cpu>0", "cpu>-1",
		"cpu>0x10", "cpu>inf", "cpu>nan", "cp>1", "cpux>1", "cpu x>1", "cpu>1>2", "1>cpu",
		"", " ", "cpu>1e999", "CPU>1",
	};
	struct gates gates;

	for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++)
		ck_assert_msg(read_text(BAD[i], &gates) == SAY_USAGE, "taken: '%s'", BAD[i]);
}
END_TEST

/* The verdict of one gate on a result of this shape, whose JSON is left in *kept if that is asked
 * for. */
static const char *verdict_on(const struct result_shape *shape, const char *text)
{
	json_t *result = result_make(shape), *gate;
	static char verdict[32];
	struct gates gates;

	ck_assert_int_eq(read_text(text, &gates), SAY_OK);
	gate_judge(&gates, result);
	gate = json_array_get(json_object_get(result, "gates"), 0);
	snprintf(verdict, sizeof(verdict), "%s",
		 json_string_value(json_object_get(gate, "verdict")));
	json_decref(result);
	return verdict;
}

START_TEST(it_fails_only_if_the_whole_interval_lies_beyond)
{
	struct result_shape shape;

	result_shape_init(&shape);
	shape.cpu_ns[1] = 2000 / 1.1; /* a / b is 1.1, and every round agrees */
	ck_assert_str_eq(verdict_on(&shape, "cpu>1.05"), "failed");
	ck_assert_str_eq(verdict_on(&shape, "cpu>1.11"), "held");
	ck_assert_str_eq(verdict_on(&shape, "cpu<1.05"), "held");
	ck_assert_str_eq(verdict_on(&shape, "cpu<1.2"), "failed"); /* it had to be 1.2 at least */
	ck_assert_str_eq(verdict_on(&shape, "p50>1.05"), "failed");
	ck_assert_str_eq(verdict_on(&shape, "throughput>1.05"), "held");
}
END_TEST

START_TEST(what_cannot_be_judged_neither_fails_nor_holds)
{
	struct result_shape shape;

	result_shape_init(&shape);
	ck_assert_str_eq(verdict_on(&shape, "p999>0.1"), "not judged");
	shape.wait_ns = 900000; /* every round disturbed: what the clock on the wall says is noise */
	ck_assert_str_eq(verdict_on(&shape, "p99>0.1"), "not judged");
	ck_assert_str_eq(verdict_on(&shape, "cpu>0.1"), "failed");
	shape.rounds = 5;
	ck_assert_str_eq(verdict_on(&shape, "cpu>0.1"), "not judged");
}
END_TEST

/* One comparison as it is stored, with what a gate looks at. */
static json_t *result_with(const char *verdict, double low, double high)
{
	return json_pack("{s:[{s:s, s:{}, s:[{s:s}, {s:s}], s:[{s:s, s:[{s:i, s:i, s:s, s:f, s:f, "
			 "s:f}]}]}]}", "cells", "workload", "file", "parameters", "arms", "name",
			 "one", "name", "two", "metrics", "key", "cpu_per_operation_ns",
			 "comparisons", "a", 0, "b", 1, "verdict", verdict, "ratio",
			 (low + high) / 2, "ratio_low", low, "ratio_high", high);
}

static int say_of(json_t *result, const char *text)
{
	struct gates gates;
	int code;

	ck_assert_int_eq(read_text(text, &gates), SAY_OK);
	gate_judge(&gates, result);
	code = gate_say(result);
	json_decref(result);
	return code;
}

START_TEST(a_difference_that_is_not_claimed_fails_no_gate_beyond_1)
{
	ck_assert_int_eq(say_of(result_with("b lower", 1.06, 1.08), "cpu>1.05"), SAY_GATE);
	ck_assert_int_eq(say_of(result_with("no difference shown", 1.06, 1.08), "cpu>1.05"), SAY_OK);
	ck_assert_int_eq(say_of(result_with("too noisy", 1.06, 1.08), "cpu>1.05"), SAY_UNMEASURED);
	/* On this side of 1 no difference at all is already too much. */
	ck_assert_int_eq(say_of(result_with("no difference shown", 0.97, 1.02), "cpu>0.9"), SAY_GATE);
	ck_assert_int_eq(say_of(result_with("no difference shown", 0.85, 1.02), "cpu>0.9"), SAY_OK);
	ck_assert_int_eq(say_of(result_with("a lower", 0.92, 0.94), "cpu<0.95"), SAY_GATE);
	ck_assert_int_eq(say_of(result_with("a lower", 0.92, 0.96), "cpu<0.95"), SAY_OK);
	ck_assert_int_eq(say_of(result_with("no difference shown", 0.92, 0.94), "cpu<0.95"), SAY_OK);
}
END_TEST

START_TEST(a_run_that_was_ended_early_passes_no_gate)
{
	json_t *result = result_with("no difference shown", 0.97, 1.02);

	json_object_set_new(result, "complete", json_false());
	ck_assert_int_eq(say_of(json_incref(result), "cpu>1.05"), SAY_UNMEASURED);
	ck_assert_int_eq(say_of(result, "cpu>0.5"), SAY_GATE);
}
END_TEST

START_TEST(gates_are_told_in_the_text)
{
	json_t *result = result_with("b lower", 1.06, 1.08);
	struct option_list list = { { "cpu>1.05", "p50>2" }, 2 };
	struct gates gates;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_int_eq(gate_read(&gates, &list, "diff"), SAY_OK);
	gate_judge(&gates, result);
	gate_print(result, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "--fail-if cpu>1.05: failed, 1 of 1"));
	ck_assert_ptr_nonnull(strstr(text, "--fail-if p50>2: not judged (0 comparisons)"));
	free(text);
	json_decref(result);
}
END_TEST

/* Of two gates the one that failed decides, whichever stands first. */
START_TEST(a_gate_that_failed_outweighs_one_that_could_not_be_judged)
{
	static const char *const TEXTS[] = { "cpu>1.05", "p50>2", "cpu>1.05" };

	for (int first = 0; first < 2; first++) {
		struct option_list list = { { TEXTS[first], TEXTS[first + 1] }, 2 };
		json_t *result = result_with("b lower", 1.06, 1.08);
		struct gates gates;

		ck_assert_int_eq(gate_read(&gates, &list, "compare"), SAY_OK);
		gate_judge(&gates, result);
		ck_assert_int_eq(gate_say(result), SAY_GATE);
		json_decref(result);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare gate");
	TCase *cases = tcase_create("gate");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, a_gate_is_a_metric_a_mark_and_a_number);
	tcase_add_test(cases, anything_else_is_refused);
	tcase_add_test(cases, it_fails_only_if_the_whole_interval_lies_beyond);
	tcase_add_test(cases, what_cannot_be_judged_neither_fails_nor_holds);
	tcase_add_test(cases, a_difference_that_is_not_claimed_fails_no_gate_beyond_1);
	tcase_add_test(cases, a_run_that_was_ended_early_passes_no_gate);
	tcase_add_test(cases, a_gate_that_failed_outweighs_one_that_could_not_be_judged);
	tcase_add_test(cases, gates_are_told_in_the_text);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
