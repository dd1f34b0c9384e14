/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the kernel counted, as rows of the table; what a stored result may say of it. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/report/shape.h"
#include "compare/report/text.h"

static json_t *make_result(const char *views)
{
	char text[2048];
	json_t *json;

	snprintf(text, sizeof(text), "{\"schema\": 1, \"run\": {}, \"cells\": [{\"workload\": "
		 "\"echo\", \"parameters\": {\"connections\": 1, \"size_bytes\": 1, "
		 "\"depth\": 1}, \"rounds\": [], \"arms\": [{\"name\": \"completion\"}, {\"name\": \"polling\"}], "
		 "\"metrics\": [], \"counters\": []%s%s}]}",
		 *views ? ", \"kernel_view\": " : "", views);
	json = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(json);
	return json;
}

static char *print(const char *views)
{
	json_t *result = make_result(views);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	text_cell(json_array_get(json_object_get(result, "cells"), 0), out);
	text_foot(result, out);
	fclose(out);
	json_decref(result);
	return text;
}

#define ON "{\"on\": true, \"why\": null, \"per_operation\": {\"system_calls\": 0.125, "           \
	   "\"wasted\": 0, \"wakeups\": null, \"voluntary_switches\": 2, "                         \
	   "\"involuntary_switches\": 30}}"
#define OFF "{\"on\": false, \"why\": \"the run was ended before\"}"

START_TEST(each_count_has_a_row_and_what_is_missing_a_dash)
{
	char *text = print("[" ON ", " OFF "]");

	ck_assert_ptr_nonnull(strstr(text, "the kernel counts, per op            a         b\n"
				     "  system calls                  0.1250         -\n"
				     "  calls that found nothing           0         -\n"
				     "  wakeups                            -         -\n"
				     "  voluntary switches             2.000         -\n"
				     "  involuntary switches            30.0         -\n"));
	ck_assert_ptr_null(strstr(text, "kernel view: off"));
	free(text);
}
END_TEST

START_TEST(where_no_arm_has_it_the_sentence_stands_alone)
{
	char *text = print("[" OFF ", " OFF "]");

	ck_assert_ptr_null(strstr(text, "the kernel counts"));
	ck_assert_ptr_nonnull(strstr(text, "\nkernel view: off: the run was ended before\n"));
	free(text);
}
END_TEST

START_TEST(an_older_result_says_nothing_of_it)
{
	char *text = print("");

	ck_assert_ptr_null(strstr(text, "kernel"));
	free(text);
}
END_TEST

START_TEST(odd_contents_are_refused_or_printed_all_the_same)
{
	static const char *const REFUSED[] = { "1", "{}", "[]", "[" ON "]", "[1, 2, 3]", "null" };
	static const char *const PRINTED[] = { "[1, 2]", "[{}, {\"on\": 1}]", "[" ON ", 5]",
					       "[{\"on\": true, \"per_operation\": 7}, {}]" };

	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(*REFUSED); i++) {
		json_t *result = make_result(REFUSED[i]);
		json_t *cells = json_object_get(result, "cells");

		const char *problem = shape_problem(json_array_get(cells, 0));

		ck_assert_msg(problem && strstr(problem, "kernel_view"), "taken: %s", REFUSED[i]);
		json_decref(result);
	}
	for (size_t i = 0; i < sizeof(PRINTED) / sizeof(*PRINTED); i++) {
		json_t *result = make_result(PRINTED[i]);
		json_t *cells = json_object_get(result, "cells");

		ck_assert_ptr_null(shape_problem(json_array_get(cells, 0)));
		free(print(PRINTED[i]));
		json_decref(result);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare kernel report");
	TCase *cases = tcase_create("kernel report");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, each_count_has_a_row_and_what_is_missing_a_dash);
	tcase_add_test(cases, where_no_arm_has_it_the_sentence_stands_alone);
	tcase_add_test(cases, an_older_result_says_nothing_of_it);
	tcase_add_test(cases, odd_contents_are_refused_or_printed_all_the_same);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
