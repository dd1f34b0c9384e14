/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* duet compare CLAIM, of all claims, quick: what they leave, and bad input. What costs how much is
 * not asserted. */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "tests/fault/program.h"
#include "tests/support/refuse.h"

static char path[256];

static void name_file(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/duet-claim-test-%d.json", folder ? folder : "/tmp",
		 (int)getpid());
}

static void remove_file(void)
{
	unlink(path);
}

static const char *const CLAIMS[] = { "try-first", "stateless", "parity", "models", "beside",
				      "blocking", "hot", "scheduling", "idle", "regimes", "paths" };
enum { CLAIMS_COUNT = sizeof(CLAIMS) / sizeof(*CLAIMS) };

/* ---- Results. ---- */

static const json_t *at(const json_t *object, const char *key)
{
	return json_object_get(object, key);
}

static size_t count_shown(const json_t *result)
{
	json_t *mechanism;
	size_t i, count = 0;

	json_array_foreach(at(result, "mechanisms"), i, mechanism)
		count += json_is_null(at(mechanism, "refused"));
	return count;
}

static void check_arm(const json_t *arm, bool first)
{
	ck_assert(json_number_value(at(at(arm, "figures"), "cpu_ns")) > 0);
	ck_assert_int_eq(json_is_object(at(arm, "cpu")), !first);
	ck_assert_int_eq(json_is_object(at(arm, "latency")), !first);
	ck_assert_int_eq(json_is_string(at(arm, "against")), !first);
	if (!first)
		ck_assert_ptr_nonnull(json_string_value(at(at(arm, "cpu"), "verdict")));
}

/* Each round has all arms, and the first twice. */
static void check_group(const json_t *group, size_t rounds)
{
	const json_t *arms = at(group, "arms");
	json_t *arm, *slots;
	size_t i;

	json_array_foreach(arms, i, arm)
		check_arm(arm, !i);
	ck_assert_uint_ge(i, 2);
	ck_assert_uint_eq(json_array_size(at(group, "rounds")), rounds);
	json_array_foreach(at(group, "rounds"), i, slots)
		ck_assert_uint_eq(json_array_size(slots), json_array_size(arms) + 1);
}

static json_t *load_result(bool complete, size_t rounds)
{
	json_t *result = json_load_file(path, JSON_REJECT_DUPLICATES, NULL), *group;
	size_t i;

	ck_assert_msg(result != NULL, "no JSON in %s", path);
	ck_assert_int_eq(json_is_true(at(result, "complete")), complete);
	json_array_foreach(at(result, "groups"), i, group)
		check_group(group, i + 1 < json_array_size(at(result, "groups")) || complete
			    ? rounds : json_array_size(at(group, "rounds")));
	ck_assert_uint_ge(i, 1);
	ck_assert_uint_ge(json_array_size(at(result, "findings")), 1);
	return result;
}

START_TEST(a_claim_leaves_a_table_and_a_result_that_is_shown_again)
{
	struct program *played, *shown;
	char words[512];
	json_t *result;

	snprintf(words, sizeof(words), "compare %s --quick --rounds 2 --json %s", CLAIMS[_i],
		 path);
	played = program_run(words, 0);
	result = load_result(true, 2);
	if (count_shown(result) < 2)
		program_skip("there is one mechanism only");
	json_decref(result);
	snprintf(words, sizeof(words), "show %s", path);
	shown = program_run(words, 0);
	ck_assert_str_eq(played->said, shown->said);
	for (char *line = strtok(played->said, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_msg(strlen(line) <= 80, "too long: %s", line);
		ck_assert_msg(line[strlen(line) - 1] != ' ', "ends with a blank: %s", line);
	}
	free(played);
	free(shown);
}
END_TEST

START_TEST(json_on_stdout_is_alone_there)
{
	struct program *program = program_run(
		"compare parity --quick --rounds 1 --backend polling --json -", 0);
	json_t *result = json_loads(program->said, JSON_REJECT_DUPLICATES, NULL);
	const json_t *group = json_array_get(at(result, "groups"), 0);
	const json_t *native = json_array_get(at(group, "arms"), 1);

	ck_assert_uint_eq(json_array_size(at(result, "groups")), 4);
	ck_assert_str_eq(json_string_value(at(at(native, "cpu"), "verdict")), "too few rounds");
	json_decref(result);
	free(program);
}
END_TEST

START_TEST(a_result_that_finds_no_room_is_printed_though_quiet)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare parity --quick --rounds 1 --backend polling --quiet "
		      "--json /dev/full");
	program_end(program);
	ck_assert_int_eq(program->code, 3);
	ck_assert_ptr_nonnull(strstr(program->complained, "the table is printed in its place"));
	ck_assert_ptr_nonnull(strstr(program->said, "duet compare parity on Linux"));
	free(program);
}
END_TEST

/* ---- What is taken away. ---- */

/* Of all but the last, whose paths are a ring's alone. */
START_TEST(a_refused_ring_is_told_and_the_reactor_is_played)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, forbid_ring, "compare %s --quick --rounds 1", CLAIMS[_i]);
	program_end(program);
	ck_assert_msg(program->code == 0, "exit code %d: %s", program->code, program->complained);
	ck_assert_msg(strstr(program->said, "completion/deferred can't be had here: ") != NULL, "%s",
		      program->said);
	ck_assert_ptr_nonnull(strstr(program->said, "polling"));
	program_begin(program, forbid_ring, "compare %s --quick --backend completion", CLAIMS[_i]);
	program_end(program);
	program_expect(program, 3, ": completion/deferred can't be had here: io_uring");
	free(program);
}
END_TEST

/* The reactor is there, but has no path to choose. */
START_TEST(paths_of_the_reactor_are_refused_by_what_they_are)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare paths --quick --backend polling");
	program_end(program);
	program_expect(program, 2, "compare paths: --backend polling: it has none of what is compared");
	free(program);
}
END_TEST

static void become_nobody(void)
{
	if (setgid(65534) || setuid(65534))
		_exit(125);
}

/* The kernel's table is for root; what is counted without it stays. */
START_TEST(without_privileges_the_kernel_s_own_table_is_left_out)
{
	struct program *program = calloc(1, sizeof(*program));
	const json_t *figures;
	json_t *result;

	if (geteuid()) {
		program_skip("only root can become somebody else");
		free(program);
		return;
	}
	program_begin(program, become_nobody,
		      "compare stateless --quick --rounds 1 --backend polling --json -");
	program_end(program);
	ck_assert_msg(program->code == 0, "exit code %d: %s", program->code, program->complained);
	result = json_loads(program->said, 0, NULL);
	figures = at(json_array_get(at(json_array_get(at(result, "groups"), 0), "arms"), 0),
		     "figures");
	ck_assert_ptr_null(at(figures, "slab"));
	ck_assert(json_number_value(at(figures, "kernel")) > 0);
	json_decref(result);
	free(program);
}
END_TEST

/* The sanitizer's search at the end needs a thread and a descriptor of its own. */
static void search_no_leaks(void)
{
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
}

static void lower_files(void)
{
	const struct rlimit limit = { 200, 200 };

	search_no_leaks();
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void lower_threads(void)
{
	const struct rlimit limit = { 50, 50 };

	search_no_leaks();
	setrlimit(RLIMIT_NPROC, &limit);
	become_nobody();
}

/* What ten thousand tasks take isn't everywhere to be had. */
START_TEST(what_the_machine_refuses_is_named)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, lower_files,
		      "play-claim models --backend polling --arm wait/callbacks --size 10000 --quick");
	program_end(program);
	program_expect(program, 3, "raise the limit of open files");
	if (!geteuid()) {
		program_begin(program, lower_threads,
			      "play-claim models --backend polling --arm wait/threads --size 100 --quick");
		program_end(program);
		program_expect(program, 3, "Resource temporarily unavailable");
	}
	free(program);
}
END_TEST

/* Before the first round, and not when its turn comes. */
START_TEST(descriptors_are_asked_for_first)
{
	static const char *const asked[][2] = {
		{ "models", "10000 tasks take 10032 descriptors, and the limit is 200: " },
		{ "stateless --quick", "1000 connections take 1032 descriptors" },
		{ "beside", "1000 children take 1032 descriptors" },
		{ "idle", "10000 connections take 10032 descriptors" },
	};
	struct program *program = calloc(1, sizeof(*program));

	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		program_begin(program, lower_files, "compare %s --backend polling", asked[i][0]);
		program_end(program);
		program_expect(program, 3, asked[i][1]);
		ck_assert_str_eq(program->said, "");
	}
	free(program);
}
END_TEST

START_TEST(an_interrupt_keeps_the_rounds_that_were_played)
{
	struct program *program = calloc(1, sizeof(*program));
	/* The first round may be repeated twice, of twelve plays where there are most. Those of
	 * scheduling take longest, and are of four. */
	int children = strcmp(CLAIMS[_i], "scheduling") ? 37 : 13;

	program_begin(program, NULL, "compare %s --quick --rounds 99 --json %s", CLAIMS[_i],
		      path);
	program_await_children(program, children);
	ck_assert_int_eq(kill(program->pid, SIGINT), 0);
	program_end(program);
	program_expect(program, 0, "ended early");
	ck_assert_ptr_nonnull(strstr(program->said, "Ended early: this is what was played until then."));
	json_decref(load_result(false, 99));
	free(program);
}
END_TEST

START_TEST(an_interrupt_before_the_first_round_leaves_nothing)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare %s --json %s", CLAIMS[_i], path);
	program_await_children(program, 1);
	ck_assert_int_eq(kill(program->pid, SIGINT), 0);
	program_end(program);
	program_expect(program, 3, "ended before the first round was over");
	ck_assert_int_eq(access(path, F_OK), -1);
	free(program);
}
END_TEST

/* ---- Bad input. ---- */

static void refuse(const char *words, const char *part)
{
	struct program *program = program_run(words, 2);

	program_expect(program, 2, part);
	free(program);
}

START_TEST(what_is_unknown_is_answered_with_what_there_is)
{
	refuse("compare try-first --backend kqueue", "there are completion, completion/deferred");
	refuse("compare try-first echo", "compare try-first: 'echo' is one word too many");
	refuse("compare stateless --rounds 0", "from 1 to 99");
	refuse("compare stateless --connections 5", "connections");
	refuse("compare parity --json /nonexistent/x.json", "/nonexistent/x.json");
	refuse("compare parity --show x.json", "write duet show FILE");
	refuse("compare models threads", "compare models: 'threads' is one word too many");
	refuse("compare beside --backend reference", "there are completion, completion/deferred");
	refuse("compare echo parity", "write duet compare parity first");
	refuse("play-claim chess --backend polling", "which claim, which backend?");
	refuse("play-claim parity", "which claim, which backend?");
}
END_TEST

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

START_TEST(a_file_that_is_no_result_is_refused)
{
	static const char *const TEXTS[] = {
		"{", "[]", "{\"schema\": 1, \"kind\": \"compare parity\"}",
		"{\"schema\": 1, \"kind\": \"compare parity\", \"groups\": [{\"arms\": [{}]}]}",
		"{\"schema\": 2, \"kind\": \"compare parity\", \"groups\": []}",
	};
	char words[512];

	snprintf(words, sizeof(words), "show %s", path);
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++) {
		write_file(TEXTS[i]);
		refuse(words, path);
	}
	write_file("{\"schema\": 1, \"kind\": \"compare stateless\", \"groups\": [{\"arms\": "
		   "[{\"name\": \"x\", \"figures\": {}}]}]}");
	snprintf(words, sizeof(words), "compare --like %s", path);
	refuse(words, "of duet compare stateless; duet show prints it");
}
END_TEST

START_TEST(each_has_its_own_help)
{
	char words[64];
	struct program *program;

	snprintf(words, sizeof(words), "compare %s --help", CLAIMS[_i]);
	program = program_run(words, 0);
	ck_assert_ptr_nonnull(strstr(program->said, "--quick"));
	ck_assert_ptr_nonnull(strstr(program->said, CLAIMS[_i]));
	free(program);
}
END_TEST

/* Each on a line of its own that begins with its name. */
START_TEST(all_questions_are_listed_and_each_is_asked_by_itself)
{
	static const char *const QUESTIONS[] = { "cells", "informed", "try-first", "stateless",
						 "beside", "hot", "parity", "models",
						 "scheduling", "blocking" };
	struct program *program = program_run("compare --help", 0);
	const char *at = program->said;
	char words[64];

	for (size_t i = 0; i < sizeof(QUESTIONS) / sizeof(*QUESTIONS); i++) {
		snprintf(words, sizeof(words), "\n  %s ", QUESTIONS[i]);
		at = at ? strstr(at, words) : NULL;
		ck_assert_msg(at != NULL, "%s is not listed in its place: %s", QUESTIONS[i],
			      program->said);
		snprintf(words, sizeof(words), "compare echo %s", QUESTIONS[i]);
		refuse(words, "is a question, and asked by itself");
	}
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program claim");
	TCase *cases = tcase_create("claim");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_file, remove_file);
	tcase_add_loop_test(cases, a_claim_leaves_a_table_and_a_result_that_is_shown_again, 0,
			    CLAIMS_COUNT);
	tcase_add_test(cases, json_on_stdout_is_alone_there);
	tcase_add_test(cases, a_result_that_finds_no_room_is_printed_though_quiet);
	tcase_add_loop_test(cases, a_refused_ring_is_told_and_the_reactor_is_played, 0,
			    CLAIMS_COUNT - 1);
	tcase_add_test(cases, paths_of_the_reactor_are_refused_by_what_they_are);
	tcase_add_test(cases, without_privileges_the_kernel_s_own_table_is_left_out);
	tcase_add_test(cases, what_the_machine_refuses_is_named);
	tcase_add_test(cases, descriptors_are_asked_for_first);
	tcase_add_loop_test(cases, an_interrupt_keeps_the_rounds_that_were_played, 0,
			    CLAIMS_COUNT);
	tcase_add_loop_test(cases, an_interrupt_before_the_first_round_leaves_nothing, 0,
			    CLAIMS_COUNT);
	tcase_add_test(cases, what_is_unknown_is_answered_with_what_there_is);
	tcase_add_test(cases, a_file_that_is_no_result_is_refused);
	tcase_add_loop_test(cases, each_has_its_own_help, 0, CLAIMS_COUNT);
	tcase_add_test(cases, all_questions_are_listed_and_each_is_asked_by_itself);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
