/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The whole comparison, short: what it leaves behind when all goes well, and when it doesn't. */
#include <jansson.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/fault/program.h"

/* Of every run here: as short as can be, and nothing repeated. */
#define SHORT "--warmup 0.01 --duration 0.03 --repeats 0"

static char path[256], input[256];

static void name_files(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/duet-compare-%d.json", folder ? folder : "/tmp",
		 (int)getpid());
	snprintf(input, sizeof(input), "%s/duet-compare-%d.input", folder ? folder : "/tmp",
		 (int)getpid());
}

static void remove_files(void)
{
	unlink(path);
	unlink(input);
}

static void write_input(size_t bytes, int seed)
{
	int fd = open(input, O_WRONLY | O_CREAT, 0600); /* not shortened in between */
	FILE *file = fdopen(fd, "w");

	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < bytes; i++)
		fputc((int)(i * 31 + i / 509 + (size_t)seed), file);
	fclose(file);
}

static json_t *load_result(void)
{
	json_error_t error;
	json_t *json = json_load_file(path, 0, &error);

	ck_assert_msg(json != NULL, "%s: %s", path, error.text);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "schema")), 1);
	return json;
}

static json_t *rounds_of(const json_t *result)
{
	const json_t *cell = json_array_get(json_object_get(result, "cells"), 0);

	return json_object_get(cell, "rounds");
}

/* stdout clean, stderr silent: nobody looks at a terminal. */
static void expect_clean(struct program *program)
{
	ck_assert_msg(program->code == 0, "exit code %d: %s", program->code, program->complained);
	ck_assert_str_eq(program->complained, "");
	ck_assert_ptr_null(strchr(program->said, '\033'));
	ck_assert_ptr_null(strchr(program->said, '\r'));
	for (char *line = strtok(program->said, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_msg(strlen(line) <= 80, "too long: %s", line);
		ck_assert_msg(line[strlen(line) - 1] != ' ', "ends with a blank: %s", line);
	}
}

static const char *const COMPARISONS[] = {
	"echo --connections 2", "echo --connections 1 --size 20000 --depth 3",
	"cells --connections 2", "file --depth 4",
	"file --depth 20 --a polling/coroutine --b completion/future",
	"file --direct --a completion/coroutine --b polling/future", "file --direct --depth 2 --block 8K",
	"echo file", "echo --a completion:mode=plain --b completion",
	"echo --connections 2 --a polling/native --b polling/callback", "echo --connections 2 --rate 500",
	"echo --connections 2 --a polling:spin_us=20 --b polling:try=never,burst=2",
	"echo --connections 2 --a floor-epoll --b floor-uring",
	"rockets --connections 3 --items 5",
	"rockets echo --items 3 --latency 0.001 --a polling/coroutine --b completion/future",
	"cancel --operations 5 --pending 20", "cancel --cells --operations 20 --pending 20",
	"cancel --method user-data --operations 1 --pending 20",
	"cancel --method descriptor --operations 5 --pending 20",
	"cancel --method deadline --operations 20 --b floor-link",
	"cancel --storm --operations 100", "cancel --deadlines --pending 20",
};

START_TEST(a_comparison_leaves_a_table_and_a_result_that_show_prints_again)
{
	struct program *program = calloc(1, sizeof(*program)), *show = calloc(1, sizeof(*show));
	json_t *result;

	program_begin(program, NULL, "compare %s --rounds 6 " SHORT " --json %s", COMPARISONS[_i],
		      path);
	program_end(program);
	program_begin(show, NULL, "show %s", path);
	program_end(show);
	ck_assert_msg(!strncmp(show->said, program->said, strlen(show->said)), "%s%s", show->said,
		      program->said);
	ck_assert_msg(!strncmp(program->said + strlen(show->said), "Stored in /", 11), "%s",
		      program->said);
	expect_clean(program);
	result = load_result();
	ck_assert(json_is_true(json_object_get(result, "complete")));
	ck_assert(json_is_true(json_object_get(result, "correct")));
	ck_assert_uint_eq(json_array_size(rounds_of(result)), 6);
	json_decref(result);
	free(program);
	free(show);
}
END_TEST

START_TEST(json_on_stdout_is_alone_there)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *json;

	program_begin(program, NULL, "compare echo --connections 1 --rounds 1 " SHORT " --json -");
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	json = json_loads(program->said, 0, NULL);
	ck_assert_ptr_nonnull(json);
	json_decref(json);
	free(program);
}
END_TEST

START_TEST(the_same_seed_plays_in_the_same_order)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *results[2];

	for (int i = 0; i < 2; i++) {
		program_begin(program, NULL, "compare file --depth 1 --rounds 4 --seed 5 " SHORT
			      " --json %s", path);
		program_end(program);
		ck_assert_msg(program->code == 0, "%s", program->complained);
		results[i] = load_result();
	}
	for (size_t round = 0; round < 4; round++) {
		for (size_t slot = 0; slot < 3; slot++) {
			json_t *one = json_array_get(rounds_of(results[0]), round);
			json_t *two = json_array_get(rounds_of(results[1]), round);

			one = json_array_get(json_object_get(one, "slots"), slot);
			two = json_array_get(json_object_get(two, "slots"), slot);
			ck_assert(json_equal(json_object_get(one, "arm"),
					     json_object_get(two, "arm")));
		}
	}
	json_decref(results[0]);
	json_decref(results[1]);
	free(program);
}
END_TEST

START_TEST(ctrl_c_before_the_first_round_is_over_measures_nothing)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare echo --duration 30 --json %s", path);
	program_await_children(program, 1);
	kill(program->pid, SIGINT);
	program_end(program);
	program_expect(program, 3, "nothing was measured");
	ck_assert_int_ne(access(path, F_OK), 0);
	free(program);
}
END_TEST

static void lead_a_group(void)
{
	setpgid(0, 0);
}

/* As by Ctrl-Z and fg: nothing waits meanwhile, and only the clock on the wall goes on. */
START_TEST(a_round_in_which_the_run_was_stopped_is_named)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result, *cause;

	program_begin(program, lead_a_group, "compare echo --connections 1 --rounds 1 --repeats 0 "
		      "--warmup 0 --duration 0.5 --no-kernel-view --json %s", path);
	program_await_children(program, 1);
	kill(-program->pid, SIGSTOP);
	program_pause_ms(100);
	kill(-program->pid, SIGCONT);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	result = load_result();
	cause = json_object_get(json_array_get(rounds_of(result), 0), "disturbed_by");
	ck_assert_ptr_nonnull(json_string_value(cause));
	ck_assert_str_eq(json_string_value(cause), "the run was stopped for a while");
	json_decref(result);
	free(program);
}
END_TEST

static const int ENDS[] = { SIGINT, SIGTERM, SIGHUP };

START_TEST(ctrl_c_keeps_whole_rounds_and_marks_them_incomplete)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result;

	program_begin(program, NULL, "compare echo --connections 1 --rounds 500 " SHORT
		      " --json %s", path);
	program_await_children(program, 8); /* three slots, and more of the next */
	kill(program->pid, ENDS[_i]);
	program_end(program);
	program_expect(program, 0, "ended early");
	ck_assert_ptr_nonnull(strstr(program->said, "Incomplete"));
	result = load_result();
	ck_assert(json_is_false(json_object_get(result, "complete")));
	ck_assert_uint_gt(json_array_size(rounds_of(result)), 0);
	for (size_t i = 0; i < json_array_size(rounds_of(result)); i++) {
		json_t *round = json_array_get(rounds_of(result), i);

		ck_assert_uint_eq(json_array_size(json_object_get(round, "slots")), 3);
	}
	json_decref(result);
	free(program);
}
END_TEST

START_TEST(a_result_with_no_place_to_go_is_refused_before_the_first_round)
{
	static const char *const PLACES[] = { "/nonexistent/x.json", "/" };
	struct program *program = calloc(1, sizeof(*program));

	for (int i = 0; i < 2; i++) {
		program_begin(program, NULL, "compare echo --duration 60 --json %s", PLACES[i]);
		program_end(program);
		program_expect(program, 2, PLACES[i]);
		program_begin(program, NULL, "serve echo --json %s", PLACES[i]);
		program_end(program);
		program_expect(program, 2, PLACES[i]);
		ck_assert_str_eq(program->said, "");
	}
	free(program);
}
END_TEST

START_TEST(what_cannot_be_played_is_refused_before_the_first_round)
{
	static const char *const CELLS[] = {
		"echo file --a polling/native", "file --a polling/opera", "--set quick --b polling/native",
		"--file /nonexistent/file",
	};
	struct program *program = calloc(1, sizeof(*program));

	for (size_t i = 0; i < sizeof(CELLS) / sizeof(*CELLS); i++) {
		program_begin(program, NULL, "compare %s --rounds 6 --duration 60", CELLS[i]);
		program_end(program);
		program_expect(program, 2, "file");
		ck_assert_str_eq(program->said, "");
	}
	free(program);
}
END_TEST

static void lower_files(void)
{
	struct rlimit limit = { 100, 100 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(more_connections_than_descriptors_are_refused_with_numbers)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, lower_files, "compare echo --connections 2000 --duration 60");
	program_end(program);
	program_expect(program, 3, "2000 connections take 2016 descriptors in each process, and the "
		       "limit is 100");
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

START_TEST(a_pipe_is_refused_by_its_kind_and_not_waited_for)
{
	struct program *program = calloc(1, sizeof(*program));

	ck_assert_int_eq(mkfifo(input, 0600), 0);
	program_begin(program, NULL, "compare file --file %s", input);
	program_end(program);
	program_expect(program, 2, "regular file");
	program_begin(program, NULL, "show %s", input);
	program_end(program);
	program_expect(program, 2, "a pipe");
	free(program);
}
END_TEST

START_TEST(an_older_result_that_is_kept_is_said)
{
	struct program *program = calloc(1, sizeof(*program));
	char text[8] = "";
	FILE *file = fopen(path, "w");

	fputs("older", file);
	fclose(file);
	program_begin(program, NULL, "compare echo --duration 30 --json %s", path);
	program_await_children(program, 1);
	kill(program->pid, SIGHUP);
	program_end(program);
	program_expect(program, 3, "nothing written to");
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	ck_assert_str_eq(text, "older");
	free(program);
}
END_TEST

/* The server is started first, and the load after it. */
static pid_t child_of(pid_t pid, int index)
{
	char name[64], text[64] = "", *at = text;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(name, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	for (int i = 0; i < index; i++)
		strtol(at, &at, 10);
	return (pid_t)strtol(at, NULL, 10);
}

START_TEST(a_load_that_somebody_ends_gives_no_round)
{
	struct program *program = calloc(1, sizeof(*program));
	pid_t load = 0;

	program_begin(program, NULL, "compare echo --rounds 1 --warmup 0 --duration 30");
	program_await_children(program, 1);
	for (int i = 0; i < 500 && load <= 0; i++) {
		program_pause_ms(10);
		load = child_of(program->pid, 1);
	}
	program_pause_ms(1000); /* it is at work by now, and hears signals */
	ck_assert_int_gt(load, 0);
	kill(load, SIGTERM);
	program_end(program);
	program_expect(program, 3, "somebody ended the load generator");
	free(program);
}
END_TEST

START_TEST(a_server_that_dies_is_named_and_a_paused_one_is_waited_for)
{
	struct program *program = calloc(1, sizeof(*program));
	static const int SIGNALS[] = { SIGSTOP, SIGKILL, SIGTERM };
	static const char *const HOW[] = { "", "the server died of signal 9",
					   "the server ended with exit code 0" };
	pid_t server;

	program_begin(program, NULL, "compare echo --rounds 1 --warmup 0 --duration 1 --repeats 0");
	program_await_children(program, 1);
	program_pause_ms(500);
	server = child_of(program->pid, 0);
	kill(server, SIGNALS[_i]);
	program_pause_ms(_i ? 0 : 3500);
	if (!_i)
		kill(server, SIGCONT);
	program_end(program);
	if (_i)
		program_expect(program, 3, HOW[_i]);
	ck_assert_msg(_i || !program->code, "%d: %s", program->code, program->complained);
	free(program);
}
END_TEST

START_TEST(a_result_that_finds_no_room_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare echo --connections 1 --rounds 1 " SHORT
		      " --json /dev/full");
	program_end(program);
	program_expect(program, 3, "No space left on device");
	free(program);
}
END_TEST

static void shrink_files(void)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	setrlimit(RLIMIT_FSIZE, &limit);
}

static void misplace_files(void)
{
	setenv("TMPDIR", "/nonexistent", 1);
}

START_TEST(no_room_for_the_made_file_is_said_with_what_to_do)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, shrink_files, "compare file --rounds 1 " SHORT);
	program_end(program);
	program_expect(program, 3, "File too large; raise the limit of file sizes with ulimit -f");
	program_begin(program, misplace_files, "compare file --rounds 1 " SHORT);
	program_end(program);
	program_expect(program, 3, "/nonexistent");
	ck_assert_ptr_nonnull(strstr(program->complained, "set TMPDIR"));
	free(program);
}
END_TEST

START_TEST(a_given_file_is_read_and_checked)
{
	struct program *program = calloc(1, sizeof(*program));

	write_input(300000, 0);
	program_begin(program, NULL, "compare file --file %s --rounds 1 " SHORT, input);
	program_end(program);
	expect_clean(program);
	free(program);
}
END_TEST

/* Large enough to be read for some seconds, and all of it a hole. */
START_TEST(ctrl_c_ends_the_look_at_a_large_file)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd = open(input, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_eq(ftruncate(fd, (off_t)60 << 30), 0);
	close(fd);
	program_begin(program, NULL, "compare file --file %s --block 1M " SHORT, input);
	program_pause_ms(500);
	kill(program->pid, SIGINT);
	program_end(program);
	program_expect(program, 3, "nothing was measured");
	free(program);
}
END_TEST

START_TEST(a_file_that_shrinks_is_no_wrong_byte)
{
	struct program *program = calloc(1, sizeof(*program));

	write_input(1 << 20, 0);
	program_begin(program, NULL, "compare file --file %s --rounds 500 " SHORT, input);
	program_await_children(program, 1);
	ck_assert_int_eq(truncate(input, 4096), 0);
	program_end(program);
	program_expect(program, 3, "shrank");
	free(program);
}
END_TEST

START_TEST(a_file_that_somebody_writes_to_is_named_and_no_arm_is_blamed)
{
	struct program *program = calloc(1, sizeof(*program));

	write_input(1 << 20, 0);
	program_begin(program, NULL, "compare file --file %s --rounds 500 " SHORT " --json %s", input,
		      path);
	program_await_children(program, 1);
	write_input(1 << 20, 1);
	program_end(program);
	program_expect(program, 3, "changed by somebody else while it was read: the block at byte ");
	ck_assert_ptr_nonnull(strstr(program->complained, input));
	ck_assert_ptr_null(strstr(program->complained, "arm "));
	ck_assert_ptr_null(strstr(program->said, "0 rounds"));
	free(program);
}
END_TEST

enum { MADE_BYTES = 64 << 20 };

/* The made file has no name, and nobody but us can reach it: it stands for an arm that hands over
 * wrong blocks. */
static int open_made_file(pid_t pid)
{
	struct stat what;
	char name[64];

	for (int number = 3; number < 64; number++) {
		snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)pid, number);
		if (!stat(name, &what) && S_ISREG(what.st_mode) && what.st_size == MADE_BYTES)
			return open(name, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

static void spoil_made_file(pid_t pid)
{
	static const char zeros[65536];
	int fd = open_made_file(pid);

	ck_assert_int_ge(fd, 0);
	for (off_t at = 0; at < MADE_BYTES; at += (off_t)sizeof(zeros))
		ck_assert_int_eq(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
	close(fd);
}

START_TEST(a_wrong_byte_voids_the_timings)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result;

	program_begin(program, NULL, "compare file --rounds 500 " SHORT " --fail-if cpu>0.001 "
		      "--json %s", path);
	program_await_children(program, 1);
	spoil_made_file(program->pid);
	program_end(program);
	program_expect(program, 4, "void");
	ck_assert_ptr_null(strstr(program->said, "0 rounds"));
	result = load_result();
	ck_assert(json_is_false(json_object_get(result, "correct")));
	ck_assert_ptr_nonnull(strstr(program->said, "timings are void"));
	json_decref(result);
	free(program);
}
END_TEST

static void keep_one_processor(void)
{
	cpu_set_t processors;

	sched_getaffinity(0, sizeof(processors), &processors);
	for (size_t cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &processors) && seen++)
			CPU_CLR(cpu, &processors);
	}
	sched_setaffinity(0, sizeof(processors), &processors);
}

START_TEST(one_processor_is_enough_and_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, keep_one_processor, "compare echo --connections 2 --rounds 1 " SHORT);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "One processor only"));
	free(program);
}
END_TEST

static void lose_privileges(void)
{
	struct rlimit limit = { 0, 0 };

	setrlimit(RLIMIT_MEMLOCK, &limit);
	if (!getuid() && setresuid(65534, 65534, 65534))
		_exit(125);
}

/* Without rights, and without a byte of locked memory, it works or says which of the two is missing:
 * that depends on the kernel. */
START_TEST(a_result_that_may_not_be_read_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	write_input(10, 0); /* for its owner only */
	ck_assert_int_eq(chmod(input, 0), 0);
	program_begin(program, lose_privileges, "show %s", input);
	program_end(program);
	program_expect(program, 2, ": Permission denied\n");
	free(program);
}
END_TEST

static const struct {
	const char *text, *says;
} WRONG_INPUTS[] = {
	{ "", "line 1: " },
	{ "{\"schema\": \"duet", "it is cut short or no JSON" },
	{ "{\"a\": [1, 2]", "it is cut short or no JSON" },
	{ "plain words\n", "it is cut short or no JSON" },
	{ "{\"a\": 1}\n", "this is JSON, but not a result of duet compare" },
	{ "[1, 2, 3]\n", "this is JSON, but not a result of duet compare" },
	{ "{\"schema\": \"another/1\"}\n", "" },
};

START_TEST(what_is_no_whole_result_is_said_in_a_line)
{
	struct program *program = calloc(1, sizeof(*program));
	FILE *file = fopen(input, "we");

	ck_assert_ptr_nonnull(file);
	fputs(WRONG_INPUTS[_i].text, file);
	fclose(file);
	program_begin(program, NULL, "show %s", input);
	program_end(program);
	program_expect(program, 2, WRONG_INPUTS[_i].says);
	program_expect(program, 2, input);
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

/* A true result, without its last bytes. */
START_TEST(a_result_that_was_cut_short_is_said_in_a_line)
{
	struct program *program = calloc(1, sizeof(*program));
	struct stat what;

	program_begin(program, NULL, "compare file --depth 1 --rounds 1 --quiet --json %s " SHORT, path);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_int_eq(stat(path, &what), 0);
	for (long long length = what.st_size - 2; length > 0; length /= 3) {
		ck_assert_int_eq(truncate(path, length), 0);
		program_begin(program, NULL, "show %s", path);
		program_end(program);
		program_expect(program, 2, "it is cut short or no JSON");
		ck_assert_str_eq(program->said, "");
	}
	free(program);
}
END_TEST

START_TEST(no_privileges_are_needed_or_it_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, lose_privileges, "compare echo --connections 2 --rounds 1 " SHORT);
	program_end(program);
	if (program->code)
		program_expect(program, 3, "completion");
	program_begin(program, lose_privileges, "doctor");
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program compare");
	TCase *cases = tcase_create("compare");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_files, remove_files);
	tcase_add_loop_test(cases,
			    a_comparison_leaves_a_table_and_a_result_that_show_prints_again, 0,
			    sizeof(COMPARISONS) / sizeof(*COMPARISONS));
	tcase_add_test(cases, json_on_stdout_is_alone_there);
	tcase_add_test(cases, the_same_seed_plays_in_the_same_order);
	tcase_add_test(cases, ctrl_c_before_the_first_round_is_over_measures_nothing);
	tcase_add_test(cases, a_round_in_which_the_run_was_stopped_is_named);
	tcase_add_loop_test(cases, ctrl_c_keeps_whole_rounds_and_marks_them_incomplete, 0, 3);
	tcase_add_test(cases, a_result_with_no_place_to_go_is_refused_before_the_first_round);
	tcase_add_test(cases, what_cannot_be_played_is_refused_before_the_first_round);
	tcase_add_test(cases, more_connections_than_descriptors_are_refused_with_numbers);
	tcase_add_test(cases, a_load_that_somebody_ends_gives_no_round);
	tcase_add_test(cases, a_pipe_is_refused_by_its_kind_and_not_waited_for);
	tcase_add_test(cases, an_older_result_that_is_kept_is_said);
	tcase_add_loop_test(cases, a_server_that_dies_is_named_and_a_paused_one_is_waited_for, 0, 3);
	tcase_add_test(cases, a_result_that_finds_no_room_is_said);
	tcase_add_test(cases, no_room_for_the_made_file_is_said_with_what_to_do);
	tcase_add_test(cases, a_given_file_is_read_and_checked);
	tcase_add_test(cases, ctrl_c_ends_the_look_at_a_large_file);
	tcase_add_test(cases, a_file_that_shrinks_is_no_wrong_byte);
	tcase_add_test(cases, a_file_that_somebody_writes_to_is_named_and_no_arm_is_blamed);
	tcase_add_test(cases, a_wrong_byte_voids_the_timings);
	tcase_add_test(cases, one_processor_is_enough_and_is_said);
	tcase_add_test(cases, a_result_that_may_not_be_read_is_said);
	tcase_add_loop_test(cases, what_is_no_whole_result_is_said_in_a_line, 0,
			    sizeof(WRONG_INPUTS) / sizeof(*WRONG_INPUTS));
	tcase_add_test(cases, a_result_that_was_cut_short_is_said_in_a_line);
	tcase_add_test(cases, no_privileges_are_needed_or_it_is_said);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
