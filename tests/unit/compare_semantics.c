/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What this kernel does is set against a recording; and a recording of another kernel is told from it. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare/semantics/semantics.h"
#include "tests/support/refuse.h"

static struct semantics_record forged[SEMANTICS_CASES_MAX];

static unsigned int copy_recording(void)
{
	unsigned int count = 0;

	while (SEMANTICS_RECORDED[count].name) {
		ck_assert_uint_lt(count, SEMANTICS_CASES_MAX - 1);
		forged[count] = SEMANTICS_RECORDED[count];
		count++;
	}
	forged[count] = (struct semantics_record){ NULL, NULL };
	return count;
}

static void forge(const char *name, const char *outcome)
{
	for (unsigned int i = 0; forged[i].name; i++) {
		if (!strcmp(forged[i].name, name)) {
			forged[i].outcome = outcome;
			return;
		}
	}
	ck_abort_msg("%s isn't recorded", name);
}

static const struct semantics_found *row_of(const struct semantics_result *result, const char *name)
{
	for (unsigned int i = 0; i < result->count; i++) {
		if (!strcmp(result->rows[i].name, name))
			return &result->rows[i];
	}
	ck_abort_msg("%s wasn't played", name);
}

static struct semantics_result *play(const struct semantics_record *recorded)
{
	struct semantics_result *result = calloc(1, sizeof(*result));

	ck_assert_int_eq(semantics_play(recorded, result), 0);
	return result;
}

/* No kernel is trusted, this one neither: what has to hold is that each has its row. */
START_TEST(every_case_is_recorded_and_every_record_is_played)
{
	struct semantics_result *result = play(SEMANTICS_RECORDED);

	ck_assert_uint_eq(result->count, copy_recording());
	for (unsigned int i = 0; i < result->count; i++) {
		ck_assert_str_eq(row_of(result, SEMANTICS_RECORDED[i].name)->recorded,
				 SEMANTICS_RECORDED[i].outcome);
		ck_assert_str_ne(result->rows[i].outcome, "");
		if (!result->rows[i].same)
			printf("differs here: %s: %s, recorded %s\n", result->rows[i].name,
			       result->rows[i].outcome, result->rows[i].recorded);
	}
	free(result);
}
END_TEST

START_TEST(a_difference_is_shown_and_a_race_or_an_alternative_is_none)
{
	struct semantics_result *result;
	char text[16384] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");
	json_t *json;

	copy_recording();
	forge("nop: in flight", "0 / ECANCELED");
	forge("nop: same batch", "0 / ECANCELED | ENOENT / ok");
	forge("nop: posted", "ENOENT / okay | also ENOENT / ok");
	forge("write into memory behind the ring's close", "seen 3 times in 200");
	result = play(forged);
	ck_assert(!row_of(result, "nop: in flight")->same);
	ck_assert_str_eq(row_of(result, "nop: in flight")->outcome, "ENOENT / ok");
	ck_assert(row_of(result, "nop: same batch")->same);
	ck_assert(!row_of(result, "nop: posted")->same);
	ck_assert(row_of(result, "write into memory behind the ring's close")->same);
	ck_assert_uint_ge(result->differing, 2);

	semantics_print(result, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "DIFFERS    nop: in flight"));
	ck_assert_ptr_nonnull(strstr(text, "recorded: 0 / ECANCELED\n"));
	json = semantics_json(result);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "differing")),
			 (json_int_t)result->differing);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "cases")), result->count);
	json_decref(json);
	free(result);
}
END_TEST

START_TEST(without_a_ring_nothing_is_played)
{
	struct semantics_result *result = calloc(1, sizeof(*result));
	int status;
	pid_t child = fork();

	if (child == 0) {
		forbid_ring();
		_exit(semantics_play(SEMANTICS_RECORDED, result) == -EPERM ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	free(result);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare_semantics");
	TCase *tcase = tcase_create("semantics");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_case_is_recorded_and_every_record_is_played);
	tcase_add_test(tcase, a_difference_is_shown_and_a_race_or_an_alternative_is_none);
	tcase_add_test(tcase, without_a_ring_nothing_is_played);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
