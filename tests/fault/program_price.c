/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* duet cancel price: a ladder with all its rungs, and bad input. What they cost is not asserted. */
#include <jansson.h>

#include "tests/fault/program.h"

static char path[256];

static void name_file(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/duet-price-test-%d.json", folder ? folder : "/tmp",
		 (int)getpid());
}

static void remove_file(void)
{
	unlink(path);
}

static double real(const json_t *object, const char *key)
{
	return json_real_value(json_object_get(object, key));
}

static void check_ratio(const json_t *ratio)
{
	ck_assert(real(ratio, "low") > 0);
	ck_assert(real(ratio, "low") <= real(ratio, "ratio"));
	ck_assert(real(ratio, "ratio") <= real(ratio, "high"));
	ck_assert_ptr_nonnull(json_string_value(json_object_get(ratio, "verdict")));
}

/* The plain one is the measure of the others. */
static void check_ladder(const json_t *ladder, size_t policies)
{
	json_t *rungs = json_object_get(ladder, "rungs"), *rung;
	size_t i;

	ck_assert_uint_eq(json_array_size(rungs), 2 * policies);
	ck_assert(json_is_false(json_object_get(json_array_get(rungs, 0), "asked")));
	json_array_foreach(rungs, i, rung) {
		ck_assert_int_eq(json_integer_value(json_object_get(rung, "rounds")), 6);
		ck_assert(real(rung, "bytes") >= 64);
		ck_assert(real(rung, "calls") > 0);
		check_ratio(json_object_get(rung, "cpu"));
		check_ratio(json_object_get(rung, "latency"));
		if (!i)
			ck_assert(real(json_object_get(rung, "cpu"), "ratio") == 1);
	}
}

START_TEST(every_policy_is_a_rung_on_every_mechanism)
{
	struct program *played, *shown;
	json_t *result, *ladder;
	size_t i, policies;
	char words[512];

	snprintf(words, sizeof(words), "cancel price --rounds 6 --json %s", path);
	played = program_run(words, 0);
	result = json_load_file(path, 0, NULL);
	ck_assert(json_is_true(json_object_get(result, "complete")));
	policies = json_array_size(json_object_get(result, "policies"));
	ck_assert_uint_ge(policies, 5);
	json_array_foreach(json_object_get(result, "ladders"), i, ladder)
		check_ladder(ladder, policies);
	ck_assert_uint_ge(i, 1);
	json_decref(result);
	snprintf(words, sizeof(words), "cancel show %s", path);
	shown = program_run(words, 0);
	ck_assert_str_eq(played->said, shown->said);
	free(played);
	free(shown);
}
END_TEST

START_TEST(some_rungs_and_one_mechanism_can_be_had_alone)
{
	struct program *program = program_run(
		"cancel price scope --rounds 6 --backend polling --json -", 0);
	json_t *result = json_loads(program->said, 0, NULL);
	json_t *ladders = json_object_get(result, "ladders");

	ck_assert_uint_eq(json_array_size(ladders), 1);
	/* And the plain one. */
	ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(ladders, 0), "rungs")), 3);
	json_decref(result);
	free(program);
}
END_TEST

static void refuse(const char *words, const char *part)
{
	struct program *program = program_run(words, 2);

	program_expect(program, 2, part);
	free(program);
}

START_TEST(what_is_unknown_is_answered_with_what_there_is)
{
	refuse("cancel price hope", "no such policy as 'hope'; there are await, scope");
	refuse("cancel price --backend kqueue", "there are completion, completion/deferred");
	refuse("cancel price --rounds 5", "from 6 to 99");
	refuse("cancel price --json /nonexistent/x.json", "/nonexistent/x.json");
}
END_TEST

START_TEST(a_file_that_is_none_is_refused)
{
	static const char *const TEXTS[] = {
		"{\"schema\": 1, \"kind\": \"cancel price\"}",
		"{\"schema\": 1, \"kind\": \"cancel price\", \"ladders\": [{\"rungs\": [{}]}]}",
		"{\"schema\": 2, \"kind\": \"cancel price\", \"ladders\": []}",
	};
	char words[512];

	snprintf(words, sizeof(words), "cancel show %s", path);
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++) {
		FILE *file = fopen(path, "w");

		fputs(TEXTS[i], file);
		fclose(file);
		refuse(words, path);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program price");
	TCase *cases = tcase_create("price");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_file, remove_file);
	tcase_add_test(cases, every_policy_is_a_rung_on_every_mechanism);
	tcase_add_test(cases, some_rungs_and_one_mechanism_can_be_had_alone);
	tcase_add_test(cases, what_is_unknown_is_answered_with_what_there_is);
	tcase_add_test(cases, a_file_that_is_none_is_refused);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
