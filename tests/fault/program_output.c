/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where the output can't go: a closed or full standard output, a full disk, a pipe that nobody reads,
 * a link. What can be seen before the first round is refused before it. */
#include <jansson.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/fault/program.h"

#define SHORT "--rounds 1 --warmup 0 --duration 0.03 --repeats 0"

static char path[256], other[256];

static void name_files(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/duet-output-%d.json", folder ? folder : "/tmp",
		 (int)getpid());
	snprintf(other, sizeof(other), "%s/duet-output-%d.other", folder ? folder : "/tmp",
		 (int)getpid());
}

static void remove_files(void)
{
	unlink(path);
	unlink(other);
}

static void fill_output(void)
{
	dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
}

static void close_output(void)
{
	close(STDOUT_FILENO);
}

static void close_streams(void)
{
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
}

static const char *const COMMANDS[] = { "--help", "--version", "doctor", "compare --help",
					"compare file --depth 1 " SHORT };

START_TEST(output_that_is_lost_is_said_with_the_cause)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, fill_output, "%s", COMMANDS[_i]);
	program_end(program);
	program_expect(program, 3, "can't write to the standard output: No space left on device");
	program_begin(program, close_output, "%s", COMMANDS[_i]);
	program_end(program);
	program_expect(program, 3, "can't write to the standard output: it is closed");
	free(program);
}
END_TEST

START_TEST(a_closed_output_is_seen_before_the_first_round)
{
	static const char *const WORDS[] = { "compare --duration 60", "load echo 127.0.0.1:1",
					     "compare echo --duration 60 --json - --quiet" };
	struct program *program = calloc(1, sizeof(*program));

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++) {
		program_begin(program, close_output, "%s", WORDS[i]);
		program_end(program);
		program_expect(program, 3, "it is closed");
	}
	free(program);
}
END_TEST

START_TEST(a_lost_table_with_no_other_result_ends_the_run)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, fill_output, "compare file echo --depth 1 " SHORT);
	program_end(program);
	program_expect(program, 3, "No space left on device");
	free(program);
}
END_TEST

/* No file that is opened later stands in for a stream that was closed. */
START_TEST(a_run_without_streams_stores_its_result)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *json;

	program_begin(program, close_streams, "compare file echo --depth 1 --connections 1 --quiet "
		      "--json %s " SHORT, path);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	json = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(json);
	json_decref(json);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program output");
	TCase *cases = tcase_create("output");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_checked_fixture(cases, name_files, remove_files);
	tcase_add_loop_test(cases, output_that_is_lost_is_said_with_the_cause, 0,
			    sizeof(COMMANDS) / sizeof(*COMMANDS));
	tcase_add_test(cases, a_closed_output_is_seen_before_the_first_round);
	tcase_add_test(cases, a_lost_table_with_no_other_result_ends_the_run);
	tcase_add_test(cases, a_run_without_streams_stores_its_result);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
