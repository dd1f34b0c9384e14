/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* duet cancel op and show: bad input, output that can't go anywhere, and a run that is cut short; and the
 * columns that are there on request. */
#include <jansson.h>
#include <stdbool.h>

#include "tests/fault/program.h"

static char path[256];

static void name_file(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/duet-cancel-op-%d.json", folder ? folder : "/tmp",
		 (int)getpid());
}

static void remove_file(void)
{
	unlink(path);
}

static void expect_refusal(const char *words, int code, const char *part)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "%s", words);
	program_end(program);
	program_expect(program, code, part);
	free(program);
}

START_TEST(what_is_unknown_is_answered_with_all_that_there_is)
{
	expect_refusal("cancel op frobnicate", 2,
		       "'frobnicate'; there are nop, timeout, poll, socket, bind, listen, shutdown, "
		       "close, accept, accept-multishot, connect, connect-full, recv, recv-whole, "
		       "recv-pooled, recv-multishot, recv-moved, recv-copied, send, send-whole, "
		       "recvmsg, sendmsg, sendmsg-datagram, send-zero-copy, splice, splice-whole, "
		       "read-cached, read-cold, read-direct, write, recv-file, send-file, fsync, open, open-fifo, statx, mkdir, "
		       "unlink, rename, link, symlink, truncate, allocate");
	expect_refusal("cancel op --backend kqueue", 2,
		       "kqueue: there are completion, completion/deferred, completion/plain, polling, "
		       "polling/eager");
	expect_refusal("cancel op --runs many", 2, "many");
	expect_refusal("cancel op --json", 2, "--json");
}
END_TEST

START_TEST(what_can_not_be_shown_is_said)
{
	expect_refusal("cancel show /nonexistent.json", 2, "/nonexistent.json");
	expect_refusal("cancel show /etc", 2, "/etc");
	expect_refusal("cancel show /dev/null", 2, "/dev/null");
	expect_refusal("cancel show one.json two.json", 2, "give one file");
	expect_refusal("cancel show Makefile", 2, "Makefile: line 1");
	expect_refusal("cancel show docs/cancel.schema.json", 2, "not a result of duet cancel op");
}
END_TEST

/* ---- Output. ---- */

static void write_to_full_device(void)
{
	dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
}

START_TEST(a_full_disk_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "cancel op nop --backend polling --runs 1 --quiet --json /dev/full");
	program_end(program);
	ck_assert_int_eq(program->code, 3);
	ck_assert_ptr_nonnull(strstr(program->complained, "/dev/full: No space left on device"));
	ck_assert_ptr_nonnull(strstr(program->complained, "the table is printed in its place"));
	ck_assert_ptr_nonnull(strstr(program->said, "polling"));
	program_begin(program, write_to_full_device, "cancel op nop --backend polling --runs 1");
	program_end(program);
	program_expect(program, 3, "can't write to the standard output: No space left on device");
	program_begin(program, write_to_full_device, "cancel show docs/cancel/6.18.json");
	program_end(program);
	program_expect(program, 3, "can't write to the standard output: No space left on device");
	free(program);
}
END_TEST

static int pipe_ends[2];

static void write_to_pipe(void)
{
	dup2(pipe_ends[1], STDOUT_FILENO);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void close_stdout(void)
{
	close(STDOUT_FILENO);
}

/* Whoever leaves the table half read still gets the result. */
START_TEST(a_reader_that_leaves_costs_the_table_and_not_the_result)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *table;

	ck_assert_int_eq(pipe(pipe_ends), 0);
	program_begin(program, write_to_pipe, "cancel op nop --backend polling --runs 1 --json %s",
		      path);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	program_end(program);
	program_expect(program, 3, "can't write to the standard output: Broken pipe");
	table = json_load_file(path, 0, NULL);
	ck_assert(json_is_true(json_object_get(table, "complete")));
	json_decref(table);
	free(program);
}
END_TEST

START_TEST(a_closed_output_is_refused_before_the_first_run)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, close_stdout, "cancel op --runs 100000");
	program_end(program);
	program_expect(program, 3, "cancel op: can't write to the standard output: it is closed");
	free(program);
}
END_TEST

/* ---- Cut short. ---- */

static long sleeps_of(const struct program *program)
{
	static const char KEY[] = "voluntary_ctxt_switches:";
	char file_name[64], line[128];
	long count = -1;
	FILE *file;

	snprintf(file_name, sizeof(file_name), "/proc/%d/status", (int)program->pid);
	file = fopen(file_name, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, KEY, sizeof(KEY) - 1))
			count = strtol(line + sizeof(KEY) - 1, NULL, 10);
	}
	if (file)
		fclose(file);
	return count;
}

/* The first two cells are over without a sleep; later ones sleep in each run. */
static void await_third_cell(struct program *program)
{
	for (int i = 0; i < 20000 && sleeps_of(program) < 100; i++)
		program_pause_ms(1);
	ck_assert_int_ge(sleeps_of(program), 100);
}

static json_t *interrupted(int number)
{
	struct program *program = calloc(1, sizeof(*program)), *shown;
	json_t *table;

	program_begin(program, NULL, "cancel op nop timeout --backend polling --runs 500 --json %s",
		      path);
	await_third_cell(program);
	kill(program->pid, number);
	program_end(program);
	ck_assert_msg(program->code == 0, "exit code %d: %s", program->code, program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "Incomplete: the run was interrupted."));
	table = json_load_file(path, 0, NULL);
	shown = calloc(1, sizeof(*shown));
	program_begin(shown, NULL, "cancel show %s", path);
	program_end(shown);
	ck_assert_str_eq(shown->said, program->said);
	free(shown);
	free(program);
	return table;
}

START_TEST(what_was_measured_before_a_signal_is_kept)
{
	static const int NUMBERS[] = { SIGINT, SIGTERM, SIGHUP };
	json_t *table = interrupted(NUMBERS[_i]), *cell;

	ck_assert(json_is_false(json_object_get(table, "complete")));
	ck_assert_uint_ge(json_array_size(json_object_get(table, "cells")), 2);
	ck_assert_uint_lt(json_array_size(json_object_get(table, "cells")), 14);
	cell = json_array_get(json_object_get(table, "cells"), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(cell, "runs")), 500);
	json_decref(table);
}
END_TEST

/* ---- What is there to be seen. ---- */

static json_t *play(const char *words)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *table;

	program_begin(program, NULL, "%s --quiet --json %s", words, path);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s: exit code %d: %s", words, program->code,
		      program->complained);
	free(program);
	table = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(table);
	return table;
}

static json_t *cell_of(json_t *table, const char *phase, const char *mechanism)
{
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(table, "cells"), i, cell) {
		if (!strcmp(json_string_value(json_object_get(cell, "phase")), phase) &&
		    !strcmp(json_string_value(json_object_get(cell, "mechanism")), mechanism))
			return cell;
	}
	ck_abort_msg("no cell %s on %s", phase, mechanism);
	return NULL;
}

static const char *first_outcome(json_t *cell)
{
	json_t *outcome = json_array_get(json_object_get(cell, "outcomes"), 0);

	return json_string_value(json_object_get(outcome, "disposition"));
}

START_TEST(an_eager_reactor_is_there_for_those_who_ask_and_has_the_hazard_of_a_ring)
{
	json_t *table = play("cancel op recv --backend polling --backend polling/eager --runs 3");

	ck_assert_uint_eq(json_array_size(json_object_get(table, "mechanisms")), 2);
	ck_assert_str_eq(first_outcome(cell_of(table, "posted", "polling")), "untouched");
	ck_assert_str_eq(first_outcome(cell_of(table, "posted", "polling/eager")), "completed");
	json_decref(table);
	table = play("cancel op nop --runs 1");
	ck_assert_uint_eq(json_array_size(json_object_get(table, "mechanisms")), 3);
	json_decref(table);
}
END_TEST

static json_int_t answer_of(json_t *table, const char *phase, const char *mechanism, const char *key)
{
	json_t *cell = cell_of(table, phase, mechanism);
	json_t *answer = json_object_get(json_object_get(cell, "answers"), key);

	ck_assert_msg(json_is_integer(answer), "%s, %s: no %s", phase, mechanism, key);
	return json_integer_value(answer);
}

static bool plays(const json_t *table, size_t mechanism)
{
	json_t *one = json_array_get(json_object_get(table, "mechanisms"), mechanism);

	return json_is_null(json_object_get(one, "refused"));
}

/* And it is no more than that: what the ring can't find has ended all the same. */
START_TEST(what_the_cancel_was_told_is_there_beside_what_became_of_it)
{
	json_t *table = play("cancel op recv --runs 4");

	ck_assert_int_eq(answer_of(table, "flight", "polling", "cancels"), 4);
	ck_assert_int_eq(answer_of(table, "flight", "polling", "ended"), 4);
	/* In line it is nobody's but core's; after its end there is nothing to be asked. */
	ck_assert_int_eq(answer_of(table, "before", "polling", "cancels"), 0);
	ck_assert_int_eq(answer_of(table, "dispatched", "polling", "cancels"), 0);
	if (plays(table, 0)) {
		ck_assert_int_eq(answer_of(table, "flight", "completion/deferred", "found"), 4);
		ck_assert_int_eq(answer_of(table, "satisfied", "completion/plain", "unknown"), 4);
		ck_assert_str_eq(first_outcome(cell_of(table, "satisfied", "completion/plain")),
				 "completed");
	}
	json_decref(table);
}
END_TEST

START_TEST(all_three_moments_are_there)
{
	static const char *const MOMENTS[] = { "terminal", "buffer", "descriptor" };
	json_t *table = play("cancel op recv --backend polling --runs 3"), *latency;
	json_int_t before = 0;

	latency = json_object_get(cell_of(table, "flight", "polling"), "latency");
	for (size_t i = 0; i < sizeof(MOMENTS) / sizeof(*MOMENTS); i++) {
		json_t *moment = json_object_get(latency, MOMENTS[i]);
		json_int_t median = json_integer_value(json_object_get(moment, "median_ns"));

		ck_assert_msg(json_is_object(moment), "no %s", MOMENTS[i]);
		ck_assert_int_ge(json_integer_value(json_object_get(moment, "turns_median")), 1);
		ck_assert_int_ge(median, before);
		before = median;
	}
	json_decref(table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program cancel op");
	TCase *cases = tcase_create("cancel op");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_file, remove_file);
	tcase_add_test(cases, what_is_unknown_is_answered_with_all_that_there_is);
	tcase_add_test(cases, what_can_not_be_shown_is_said);
	tcase_add_test(cases, a_full_disk_is_said);
	tcase_add_test(cases, a_reader_that_leaves_costs_the_table_and_not_the_result);
	tcase_add_test(cases, a_closed_output_is_refused_before_the_first_run);
	tcase_add_loop_test(cases, what_was_measured_before_a_signal_is_kept, 0, 3);
	tcase_add_test(cases,
		       an_eager_reactor_is_there_for_those_who_ask_and_has_the_hazard_of_a_ring);
	tcase_add_test(cases, what_the_cancel_was_told_is_there_beside_what_became_of_it);
	tcase_add_test(cases, all_three_moments_are_there);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
