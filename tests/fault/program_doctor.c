/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What duet doctor says of each operation, and of the kernel. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/fault/program.h"
#include "tests/support/refuse.h"

static void switch_off(void)
{
	setenv("DUET_COMPLETION_WITHOUT", "accept,ftruncate", 1);
	setenv("COLUMNS", "80", 1);
}

START_TEST(each_operation_says_why_it_is_not_native)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, switch_off, "doctor");
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	ck_assert_ptr_nonnull(strstr(program->said, "  accept         emulated       native\n"));
	ck_assert_ptr_nonnull(
		strstr(program->said, "  completion  accept: accept is switched off\n"));
	ck_assert_ptr_nonnull(
		strstr(program->said, "  completion  truncate: ftruncate is switched off\n"));
	ck_assert_ptr_nonnull(strstr(program->said, "  polling     read: tried without blocking"));
	free(program);
}
END_TEST

static json_t *operation_of(const json_t *result, size_t backend, const char *name)
{
	json_t *one, *operations = json_object_get(
		json_array_get(json_object_get(result, "backends"), backend), "operations");
	size_t i;

	json_array_foreach(operations, i, one) {
		if (!strcmp(json_string_value(json_object_get(one, "name")), name))
			return one;
	}
	ck_abort_msg("no operation %s", name);
}

START_TEST(the_same_stands_in_the_json)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result, *accepting;

	program_begin(program, switch_off, "doctor --json -");
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	result = json_loads(program->said, 0, NULL);
	ck_assert_ptr_nonnull(result);
	ck_assert_str_eq(json_string_value(json_object_get(result, "kind")), "doctor");
	accepting = operation_of(result, 0, "accept");
	ck_assert_str_eq(json_string_value(json_object_get(accepting, "capability")), "emulated");
	ck_assert_str_eq(json_string_value(json_object_get(accepting, "why")),
			 "accept is switched off");
	accepting = operation_of(result, 1, "accept");
	ck_assert_str_eq(json_string_value(json_object_get(accepting, "capability")), "native");
	json_decref(result);
	free(program);
}
END_TEST

START_TEST(the_kernel_is_told_and_a_refused_ring_is_said)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result;

	program_begin(program, NULL, "doctor --kernel --json -");
	program_end(program);
	result = json_loads(program->said, 0, NULL);
	ck_assert_ptr_nonnull(result);
	ck_assert_str_eq(json_string_value(json_object_get(result, "kind")), "doctor kernel");
	ck_assert_int_eq(program->code,
			 json_integer_value(json_object_get(result, "differing")) > 0);
	json_decref(result);
	program_begin(program, forbid_ring, "doctor --kernel");
	program_end(program);
	program_expect(program, 3, "seccomp");
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program_doctor");
	TCase *cases = tcase_create("doctor");
	SRunner *runner;
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, each_operation_says_why_it_is_not_native);
	tcase_add_test(cases, the_same_stands_in_the_json);
	tcase_add_test(cases, the_kernel_is_told_and_a_refused_ring_is_said);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
