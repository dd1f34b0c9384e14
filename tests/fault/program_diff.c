/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is done with stored results, also with bad ones: one clear line each. */
#include <jansson.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/fault/program.h"
#include "tests/support/result.h"

/* Of every run here: as short as can be, and nothing repeated. */
#define SHORT "--warmup 0 --duration 0.02 --repeats 0"

static char paths[3][256]; /* old, new, and what is written */
static struct result_shape shape;

static void name_files(void)
{
	const char *folder = getenv("TMPDIR");

	for (int i = 0; i < 3; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/duet-diff-%d.%d.json",
			 folder ? folder : "/tmp", (int)getpid(), i);
	result_shape_init(&shape);
}

static void remove_files(void)
{
	for (int i = 0; i < 3; i++)
		unlink(paths[i]);
}

static void write_shape(int file)
{
	json_t *result = result_make(&shape);

	result_write(result, paths[file]);
	json_decref(result);
}

static void write_text(int file, const char *text)
{
	FILE *out = fopen(paths[file], "w");

	fputs(text, out);
	fclose(out);
}

/* A result that a disk had no room for the end of. */
static void truncate_result(int file)
{
	struct stat what;

	write_shape(file);
	ck_assert_int_eq(stat(paths[file], &what), 0);
	ck_assert_int_eq(truncate(paths[file], what.st_size / 2), 0);
}

START_TEST(a_diff_has_text_and_json)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *diff;

	write_shape(0);
	shape.cpu_ns[0] = 2200;
	shape.kernel = "6.18.0";
	write_shape(1);
	program_begin(program, NULL, "diff %s %s --json %s", paths[0], paths[1], paths[2]);
	program_end(program);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	ck_assert_str_eq(program->complained, "");
	ck_assert_ptr_nonnull(strstr(program->said, "environment.kernel_release: 6.1.0 -> 6.18.0"));
	ck_assert_ptr_nonnull(strstr(program->said, "1.100  [1.089, 1.111]"));
	ck_assert_ptr_nonnull(strstr(program->said, "old lower"));
	diff = json_load_file(paths[2], 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(diff, "kind")), "diff");
	json_decref(diff);
	program_begin(program, NULL, "diff %s %s --json -", paths[0], paths[1]);
	program_end(program);
	diff = json_loads(program->said, 0, NULL);
	ck_assert_ptr_nonnull(diff);
	json_decref(diff);
	program_begin(program, NULL, "show %s", paths[2]);
	program_end(program);
	program_expect(program, 2, "written by duet diff");
	free(program);
}
END_TEST

START_TEST(a_gate_decides_the_exit_code)
{
	struct program *program = calloc(1, sizeof(*program));

	write_shape(0);
	shape.cpu_ns[0] = 2200;
	write_shape(1);
	program_begin(program, NULL, "diff %s %s --quiet --fail-if cpu>1.05", paths[0], paths[1]);
	program_end(program);
	program_expect(program, 1, "cpu_per_operation_ns of echo, 64 connections, 64 bytes, depth 1 "
		       "(completion, new / old) is 1.100 [1.089, 1.111], the limit is 1.05");
	ck_assert_str_eq(program->said, "");
	program_begin(program, NULL, "diff %s %s --fail-if cpu>1.2", paths[0], paths[1]);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	ck_assert_ptr_nonnull(strstr(program->said, "--fail-if cpu>1.2: held (2 comparisons)"));
	program_begin(program, NULL, "diff %s %s --fail-if p999>2", paths[0], paths[1]);
	program_end(program);
	program_expect(program, 3, "no cell could be judged");
	program_begin(program, NULL, "diff %s %s --fail-if speed>2", paths[0], paths[1]);
	program_end(program);
	program_expect(program, 2, "latency_p50_ns (p50), throughput_per_s (throughput)");
	free(program);
}
END_TEST

START_TEST(two_results_that_cannot_be_compared_are_told_why)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *wrong;

	write_shape(0);
	shape.connections = 1;
	write_shape(1);
	program_begin(program, NULL, "diff %s %s", paths[0], paths[1]);
	program_end(program);
	program_expect(program, 3, "(connections: 1 and not 64)");
	result_shape_init(&shape);
	wrong = result_make(&shape);
	json_object_set_new(json_array_get(json_object_get(wrong, "cells"), 0), "correct",
			    json_false());
	result_write(wrong, paths[1]);
	program_begin(program, NULL, "diff %s %s", paths[0], paths[1]);
	program_end(program);
	program_expect(program, 3, "in the new result a byte came back wrong");
	json_decref(wrong);
	free(program);
}
END_TEST

static const char *const READERS[] = { "show %s", "diff %s %s", "diff %2$s %1$s",
				       "compare --like %s" };

struct bad {
	const char *text, *part;
};

static const struct bad BAD[] = {
	{ NULL, "cut short" },
	{ "", "cut short or no JSON" },
	{ "\x7f" "ELF\x01", "no JSON" },
	{ "name,cpu\n1,2\n", "no JSON" },
	{ "{\"name\": \"something else\"}", "not a result of duet compare" },
	{ "[1, 2, 3]", "not a result of duet compare" },
	{ "{\"schema\": 2, \"cells\": [], \"run\": {}}", "schema 2, but this duet reads schema 1" },
	{ "{\"schema\": 1, \"cells\": [{\"workload\": \"file\", \"parameters\": {\"block_bytes\": 512, "
	  "\"depth\": 1}, \"rounds\": [], \"arms\": [{}]}, 3], \"run\": {}}", "cell 2" },
	{ "{\"schema\": 1, \"cells\": [], \"run\": {}}", "not a result" },
	{ "{\"schema\": 1, \"cells\": [1], \"run\": {}}", "cell 1" },
};
enum { BAD_COUNT = sizeof(BAD) / sizeof(*BAD) };

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

START_TEST(a_bad_file_is_named_in_one_line)
{
	const struct bad *bad = &BAD[_i % BAD_COUNT];
	struct program *program = calloc(1, sizeof(*program));
	char words[1024];

	if (bad->text)
		write_text(0, bad->text);
	else
		truncate_result(0);
	write_shape(1);
	snprintf(words, sizeof(words), READERS[_i / BAD_COUNT], paths[0], paths[1]);
	program_begin(program, NULL, "%s", words);
	program_end(program);
	program_expect(program, 2, bad->part);
	ck_assert_ptr_nonnull(strstr(program->complained, paths[0]));
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

static void shrink_files(void)
{
	struct rlimit limit = { 100, 100 };

	setrlimit(RLIMIT_FSIZE, &limit);
}

START_TEST(a_full_disk_is_said_and_the_older_file_kept)
{
	struct program *program = calloc(1, sizeof(*program));
	char text[8] = "";
	FILE *file;

	write_shape(0);
	write_shape(1);
	write_text(2, "older");
	program_begin(program, shrink_files, "diff %s %s --quiet --json %s", paths[0], paths[1],
		      paths[2]);
	program_end(program);
	ck_assert_int_eq(program->code, 3);
	file = fopen(paths[2], "r");
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	ck_assert_str_eq(text, "older");
	program_begin(program, NULL, "diff %s %s --json /dev/full", paths[0], paths[1]);
	program_end(program);
	program_expect(program, 3, "No space left on device");
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program diff");
	TCase *cases = tcase_create("diff");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_files, remove_files);
	tcase_add_test(cases, a_diff_has_text_and_json);
	tcase_add_test(cases, a_gate_decides_the_exit_code);
	tcase_add_test(cases, two_results_that_cannot_be_compared_are_told_why);
	tcase_add_loop_test(cases, a_bad_file_is_named_in_one_line, 0,
			    BAD_COUNT * (int)(sizeof(READERS) / sizeof(*READERS)));
	tcase_add_test(cases, a_full_disk_is_said_and_the_older_file_kept);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
