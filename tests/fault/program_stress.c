/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* duet cancel stress: a short one of everything, what it says of it, and of bad input. */
#include <jansson.h>
#include <stdbool.h>

#include "tests/fault/program.h"

static char path[256];

static void name_file(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/duet-stress-test-%d.json", folder ? folder : "/tmp",
		 (int)getpid());
}

static void remove_file(void)
{
	unlink(path);
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static json_int_t sum_of(const json_t *list)
{
	json_int_t sum = 0;
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		sum += number(one, "count");
	return sum;
}

static json_int_t requests(const json_t *cell)
{
	json_t *ways = json_object_get(cell, "ways");

	return number(ways, "here") + number(ways, "callback") + number(ways, "message") +
	       number(ways, "deadline") + number(ways, "close");
}

static void check_cell(const json_t *cell, json_int_t least)
{
	const char *kind = json_string_value(json_object_get(cell, "kind"));

	ck_assert_msg(requests(cell) >= least, "%s: %lld requests", kind,
		      (long long)requests(cell));
	ck_assert_msg(requests(cell) == number(cell, "asked") + number(cell, "late"),
		      "%s: a request is neither in time nor late", kind);
	ck_assert_msg(sum_of(json_object_get(cell, "outcomes")) == number(cell, "asked"),
		      "%s: outcomes are missing", kind);
	ck_assert_msg(number(cell, "operations") ==
		      requests(cell) + number(json_object_get(cell, "ways"), "nobody"),
		      "%s: operations are missing", kind);
}

static void check_page(const json_t *result)
{
	static char text[1 << 16];
	FILE *file = fopen("docs/man/duet-cancel.1", "re");
	json_t *kind;
	size_t i;

	ck_assert_msg(file != NULL, "run it from the root of the tree");
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 0);
	fclose(file);
	json_array_foreach(json_object_get(result, "kinds"), i, kind) {
		const char *name = json_string_value(json_object_get(kind, "name"));

		ck_assert_msg(strstr(text, name) != NULL, "docs/man/duet-cancel.1 doesn't name %s",
			      name);
	}
}

/* Of a sanitizer's build a part: it has to be over in time. */
START_TEST(everything_is_accounted_for_on_every_mechanism)
{
	char words[512];
	json_t *result, *cells, *cell;
	size_t i;

	snprintf(words, sizeof(words), "cancel stress --count 3000 --seconds 2 --json %s", path);
	free(program_run(words, 0));
	result = json_load_file(path, 0, NULL);
	ck_assert(json_is_true(json_object_get(result, "complete")));
	ck_assert(json_is_true(json_object_get(result, "correct")));
	cells = json_object_get(result, "cells");
	ck_assert_uint_eq(json_array_size(cells),
			  json_array_size(json_object_get(result, "kinds")) *
			  json_array_size(json_object_get(result, "mechanisms")));
	json_array_foreach(cells, i, cell) {
		if (!json_object_get(cell, "refused"))
			check_cell(cell, 500);
	}
	check_page(result);
	json_decref(result);
}
END_TEST

START_TEST(a_stored_one_is_printed_again)
{
	struct program *played, *shown;
	char words[512];

	snprintf(words, sizeof(words), "cancel stress recv --backend polling --count 2000 --json %s",
		 path);
	played = program_run(words, 0);
	snprintf(words, sizeof(words), "cancel show %s", path);
	shown = program_run(words, 0);
	ck_assert_str_eq(played->said, shown->said);
	ck_assert_ptr_nonnull(strstr(shown->said, "recv: from a unix stream; stops: partial"));
	ck_assert_ptr_nonnull(strstr(shown->said, "everything is accounted for"));
	free(played);
	free(shown);
}
END_TEST

static json_int_t elapsed(const json_t *result)
{
	json_t *cell = json_array_get(json_object_get(result, "cells"), 0);

	ck_assert_str_eq(json_string_value(json_object_get(cell, "kind")), "timeout");
	return number(cell, "elapsed_ns");
}

START_TEST(what_was_whole_is_not_played_again)
{
	char words[700];
	json_t *before, *after;

	snprintf(words, sizeof(words), "cancel stress timeout --backend polling --count 2000 --quiet "
		 "--json %s", path);
	free(program_run(words, 0));
	before = json_load_file(path, 0, NULL);
	snprintf(words, sizeof(words), "cancel stress timeout poll --backend polling --count 2000 "
		 "--quiet --resume %s --json %s", path, path);
	free(program_run(words, 0));
	after = json_load_file(path, 0, NULL);
	ck_assert_int_eq(elapsed(before), elapsed(after));
	ck_assert_uint_eq(json_array_size(json_object_get(after, "cells")), 2);
	snprintf(words, sizeof(words), "cancel stress timeout --backend polling --count 20000 --quiet "
		 "--resume %s --json %s", path, path);
	free(program_run(words, 0));
	json_decref(after);
	after = json_load_file(path, 0, NULL);
	ck_assert_int_ne(elapsed(before), elapsed(after));
	json_decref(before);
	json_decref(after);
}
END_TEST

START_TEST(one_batch_can_be_played_again_and_again)
{
	struct program *program = program_run(
		"cancel stress timeout --backend polling/eager --batch 17 "
				      "--count 9000 --json -", 0);
	json_t *result = json_loads(program->said, 0, NULL);
	json_t *cell = json_array_get(json_object_get(result, "cells"), 0);

	ck_assert_ptr_nonnull(cell);
	ck_assert_str_eq(json_string_value(json_object_get(cell, "mechanism")), "polling/eager");
	check_cell(cell, 9000);
	json_decref(result);
	free(program);
}
END_TEST

static bool has_two_threads(const struct program *program)
{
	char name[64], text[2048];
	FILE *file;
	bool two;
	size_t n;

	snprintf(name, sizeof(name), "/proc/%d/status", (int)program->pid);
	file = fopen(name, "re");
	ck_assert_msg(file != NULL, "it ended early");
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = 0;
	two = strstr(text, "Threads:\t2") != NULL;
	return two;
}

/* The other side's thread is there: it is past its preparations. */
START_TEST(what_was_played_is_kept_when_it_is_interrupted)
{
	static struct program program;

	program_begin(&program, NULL, "cancel stress timeout --backend completion --count 1000000000 "
		      "--seconds 1000");
	for (int i = 0; i < 5000 && !has_two_threads(&program); i++)
		program_pause_ms(1);
	ck_assert_int_eq(kill(program.pid, SIGINT), 0);
	program_end(&program);
	ck_assert_int_eq(program.code, 0);
	ck_assert_ptr_nonnull(strstr(program.said, "Interrupted: this is what was played"));
	ck_assert_ptr_nonnull(strstr(program.said, "completion/deferred"));
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
	refuse("cancel stress chess", "no such kind as 'chess'; there are nop, timeout, poll, accept");
	refuse("cancel stress --backend kqueue", "there are completion, completion/deferred");
	refuse("cancel stress --count 0", "from 1 to");
	refuse("cancel stress --json /nonexistent/x.json", "/nonexistent/x.json");
}
END_TEST

START_TEST(a_result_of_another_seed_is_not_resumed)
{
	char words[512];

	snprintf(words, sizeof(words), "cancel stress nop --backend polling --count 100 --quiet --json "
		 "%s", path);
	free(program_run(words, 0));
	snprintf(words, sizeof(words), "cancel stress nop --seed 2 --resume %s", path);
	refuse(words, "of another seed");
	refuse("cancel stress nop --resume /nonexistent.json", "/nonexistent.json");
}
END_TEST

START_TEST(a_file_that_is_none_is_refused)
{
	static const char *const TEXTS[] = {
		"{\"schema\": 1, \"kind\": \"cancel stress\"}",
		"{\"schema\": 1, \"kind\": \"cancel stress\", \"cells\": [{\"kind\": \"recv\"}]}",
		"{\"schema\": 2, \"kind\": \"cancel stress\", \"cells\": []}",
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
	Suite *suite = suite_create("program stress");
	TCase *cases = tcase_create("stress");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_file, remove_file);
	tcase_add_test(cases, everything_is_accounted_for_on_every_mechanism);
	tcase_add_test(cases, a_stored_one_is_printed_again);
	tcase_add_test(cases, what_was_whole_is_not_played_again);
	tcase_add_test(cases, one_batch_can_be_played_again_and_again);
	tcase_add_test(cases, what_was_played_is_kept_when_it_is_interrupted);
	tcase_add_test(cases, what_is_unknown_is_answered_with_what_there_is);
	tcase_add_test(cases, a_result_of_another_seed_is_not_resumed);
	tcase_add_test(cases, a_file_that_is_none_is_refused);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
