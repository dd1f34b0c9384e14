/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where the output can't go: a closed or full standard output, a full disk, a pipe that nobody reads,
 * a link. What can be seen before the first round is refused before it. */
#include <jansson.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
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
					("compare file --depth 1 " SHORT),
					"cancel sweep conversation --policy await --backend polling" };

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

/* A disk of its own that only the started process sees, and full. */
static void write_to_full_disk(void)
{
	static const char block[65536];
	char name[300];
	int fd;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", other, "tmpfs", 0, "size=64k"))
		_exit(125);
	snprintf(name, sizeof(name), "%s/table", other);
	fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		continue;
	dup2(fd, STDOUT_FILENO);
}

START_TEST(a_full_disk_is_seen_before_the_first_round)
{
	struct program *program = calloc(1, sizeof(*program));

	ck_assert_int_eq(mkdir(other, 0700), 0);
	program_begin(program, write_to_full_disk, "compare --duration 60");
	program_end(program);
	rmdir(other);
	if (program->code == 125)
		program_skip("a disk of one's own takes privileges");
	else
		program_expect(program, 3, "no space is left on its disk");
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

START_TEST(a_result_that_finds_no_room_is_printed_though_quiet)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare file --depth 1 --quiet --json /dev/full " SHORT);
	program_end(program);
	ck_assert_int_eq(program->code, 3);
	ck_assert_ptr_nonnull(strstr(program->complained, "No space left on device"));
	ck_assert_ptr_nonnull(strstr(program->complained, "the table is printed in its place"));
	ck_assert_ptr_nonnull(strstr(program->said, "CPU per operation"));
	ck_assert_ptr_nonnull(strstr(program->said, "Again:"));
	free(program);
}
END_TEST

START_TEST(a_pipe_that_nobody_reads_is_refused_before_the_first_round)
{
	struct program *program = calloc(1, sizeof(*program));

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	program_begin(program, NULL, "compare file --duration 60 --json %s", path);
	program_end(program);
	program_expect(program, 2, "a pipe that nobody reads");
	program_begin(program, NULL, "load echo 127.0.0.1:1 --json %s", path);
	program_end(program);
	program_expect(program, 2, "a pipe that nobody reads");
	free(program);
}
END_TEST

static json_t *take_from_pipe(int fd)
{
	FILE *file = fdopen(fd, "r");
	json_t *json;

	fcntl(fd, F_SETFL, 0);
	json = json_loadf(file, 0, NULL);
	fclose(file);
	return json;
}

START_TEST(a_pipe_with_a_reader_gets_the_result)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *json;
	int fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	program_begin(program, NULL, "compare file --depth 1 --quiet --json %s " SHORT, path);
	program_await_children(program, 1); /* it is open by now: else we would see an end */
	json = take_from_pipe(fd);
	ck_assert_ptr_nonnull(json);
	json_decref(json);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	free(program);
}
END_TEST

START_TEST(a_reader_that_leaves_is_said)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	program_begin(program, NULL, "compare file --depth 1 --json %s " SHORT, path);
	program_await_children(program, 1);
	close(fd);
	program_end(program);
	program_expect(program, 3, "Broken pipe");
	free(program);
}
END_TEST

START_TEST(a_link_stays_and_what_it_leads_to_is_written)
{
	struct program *program = calloc(1, sizeof(*program));
	struct stat what;
	json_t *json;

	ck_assert_int_eq(symlink(other, path), 0);
	program_begin(program, NULL, "compare file --duration 60 --json %s", path);
	program_end(program);
	program_expect(program, 2, "a link that leads nowhere");
	close(open(other, O_WRONLY | O_CREAT, 0600));
	program_begin(program, NULL, "compare file --depth 1 --quiet --json %s " SHORT, path);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	ck_assert_int_eq(lstat(path, &what), 0);
	ck_assert(S_ISLNK(what.st_mode));
	json = json_load_file(other, 0, NULL);
	ck_assert_ptr_nonnull(json);
	json_decref(json);
	free(program);
}
END_TEST

START_TEST(a_lost_comparison_is_said_with_the_cause_however_long_it_is)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare file --depth 1 --quiet --json %s " SHORT, path);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	program_begin(program, fill_output, "diff %s %s", path, path);
	program_end(program);
	program_expect(program, 3, "can't write to the standard output: No space left on device");
	program_begin(program, fill_output, "compare file --depth 1 --json - " SHORT);
	program_end(program);
	program_expect(program, 3, "to the standard output: No space left on device");
	free(program);
}
END_TEST

static int pipe_ends[2];

static void read_from_pipe(void)
{
	dup2(pipe_ends[0], STDIN_FILENO);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void write_to_pipe(void)
{
	dup2(pipe_ends[1], STDOUT_FILENO);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

START_TEST(show_reads_what_compare_pipes_into_it)
{
	struct program *compare = calloc(1, sizeof(*compare)), *show = calloc(1, sizeof(*show));

	ck_assert_int_eq(pipe(pipe_ends), 0);
	program_begin(show, read_from_pipe, "show -");
	program_begin(compare, write_to_pipe, "compare file --depth 1 --json - " SHORT);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	program_end(compare);
	program_end(show);
	ck_assert_msg(!compare->code && !show->code, "%s%s", compare->complained, show->complained);
	ck_assert_ptr_nonnull(strstr(show->said, "CPU per operation"));
	free(compare);
	free(show);
}
END_TEST

START_TEST(a_table_that_is_left_half_read_loses_no_result)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *json;

	ck_assert_int_eq(pipe(pipe_ends), 0);
	program_begin(program, write_to_pipe, "compare file echo --depth 1 --connections 1 --json "
		      "%s " SHORT, path);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	program_end(program);
	program_expect(program, 3, "can't write to the standard output: Broken pipe");
	json = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "cells")), 2);
	ck_assert(json_is_true(json_object_get(json, "complete")));
	json_decref(json);
	free(program);
}
END_TEST

static void await_full_pipe(int fd)
{
	const int size = fcntl(fd, F_GETPIPE_SZ);
	int bytes = 0;

	for (int i = 0; i < 2000 && bytes < size; i++) {
		ck_assert_int_eq(ioctl(fd, FIONREAD, &bytes), 0);
		program_pause_ms(5);
	}
	ck_assert_int_eq(bytes, size);
}

START_TEST(an_interrupt_while_the_result_is_written_loses_nothing)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *json;

	ck_assert_int_eq(pipe(pipe_ends), 0);
	ck_assert_int_ge(fcntl(pipe_ends[1], F_SETPIPE_SZ, 4096), 0);
	program_begin(program, write_to_pipe, "compare file --depth 1 --json - " SHORT);
	close(pipe_ends[1]);
	await_full_pipe(pipe_ends[0]);
	kill(program->pid, SIGTERM);
	program_pause_ms(50);
	json = take_from_pipe(pipe_ends[0]);
	ck_assert_ptr_nonnull(json);
	ck_assert(json_is_true(json_object_get(json, "complete")));
	json_decref(json);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	free(program);
}
END_TEST

START_TEST(a_reader_that_stays_away_is_given_up_by_a_second_interrupt)
{
	struct program *program = calloc(1, sizeof(*program));

	ck_assert_int_eq(pipe(pipe_ends), 0);
	ck_assert_int_ge(fcntl(pipe_ends[1], F_SETPIPE_SZ, 4096), 0);
	program_begin(program, write_to_pipe, "compare file --depth 1 --json - " SHORT);
	close(pipe_ends[1]);
	await_full_pipe(pipe_ends[0]);
	kill(program->pid, SIGTERM);
	program_pause_ms(50);
	kill(program->pid, SIGTERM);
	program_end(program);
	ck_assert_int_eq(program->code, 128 + SIGTERM);
	close(pipe_ends[0]);
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
	tcase_add_test(cases, a_full_disk_is_seen_before_the_first_round);
	tcase_add_test(cases, a_lost_table_with_no_other_result_ends_the_run);
	tcase_add_test(cases, a_run_without_streams_stores_its_result);
	tcase_add_test(cases, a_result_that_finds_no_room_is_printed_though_quiet);
	tcase_add_test(cases, a_pipe_that_nobody_reads_is_refused_before_the_first_round);
	tcase_add_test(cases, a_pipe_with_a_reader_gets_the_result);
	tcase_add_test(cases, a_reader_that_leaves_is_said);
	tcase_add_test(cases, a_link_stays_and_what_it_leads_to_is_written);
	tcase_add_test(cases, a_lost_comparison_is_said_with_the_cause_however_long_it_is);
	tcase_add_test(cases, show_reads_what_compare_pipes_into_it);
	tcase_add_test(cases, a_table_that_is_left_half_read_loses_no_result);
	tcase_add_test(cases, an_interrupt_while_the_result_is_written_loses_nothing);
	tcase_add_test(cases, a_reader_that_stays_away_is_given_up_by_a_second_interrupt);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
