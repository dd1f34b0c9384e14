/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Rounds that something else disturbs, by a process on every processor that never sleeps: they are
 * played again, whole, as often as was permitted and never more than twice in a row. */
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "tests/fault/program.h"

#define SHORT "--warmup 0.01 --duration 0.1 --depth 8 --no-kernel-view --json -"

static pid_t busy[CPU_SETSIZE];

/* A quarter of the processor disturbs enough, and leaves the rest to the tests beside this one. */
enum { NICENESS = 5 };

static pid_t keep_busy(size_t cpu)
{
	pid_t parent = getpid(), child = fork();
	cpu_set_t only;

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (sched_setaffinity(0, sizeof(only), &only) || nice(NICENESS) < 0 || getppid() != parent)
		_exit(1);
	for (volatile unsigned int turns = 0;; turns++)
		continue;
}

static void disturb(void)
{
	cpu_set_t allowed;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		busy[cpu] = CPU_ISSET(cpu, &allowed) ? keep_busy(cpu) : 0;
}

static void leave_in_peace(void)
{
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (busy[cpu] <= 0)
			continue;
		kill(busy[cpu], SIGKILL);
		waitpid(busy[cpu], NULL, 0);
		busy[cpu] = 0;
	}
}

static json_t *play(const char *words)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result;

	program_begin(program, NULL, "compare file %s " SHORT, words);
	program_end(program);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	result = json_loads(program->said, 0, NULL);
	ck_assert_ptr_nonnull(result);
	free(program);
	return result;
}

static const struct {
	const char *words;
	struct {
		int round;
		bool kept;
	} rounds[6];
	size_t count;
} PLAYS[] = {
	/* Twice in a row, then it is kept; the last repeat goes to the next one. */
	{ "--rounds 2 --repeats 3",
	  { { 0, false }, { 0, false }, { 0, true }, { 1, false }, { 1, true } }, 5 },
	{ "--rounds 2 --repeats 1", { { 0, false }, { 0, true }, { 1, true } }, 3 },
	{ "--rounds 2 --repeats 0", { { 0, true }, { 1, true } }, 2 },
};

START_TEST(a_disturbed_round_is_played_again_whole_and_in_bounds)
{
	json_t *result = play(PLAYS[_i].words);
	const json_t *cell = json_array_get(json_object_get(result, "cells"), 0);
	const json_t *rounds = json_object_get(cell, "rounds");
	const json_t *noise = json_object_get(cell, "noise");
	int repeated = 0;

	ck_assert_uint_eq(json_array_size(rounds), PLAYS[_i].count);
	for (size_t i = 0; i < PLAYS[_i].count; i++) {
		const json_t *round = json_array_get(rounds, i);

		ck_assert_int_eq(json_integer_value(json_object_get(round, "round")),
				 PLAYS[_i].rounds[i].round);
		ck_assert_int_eq(json_is_true(json_object_get(round, "kept")),
				 PLAYS[_i].rounds[i].kept);
		ck_assert(json_is_string(json_object_get(round, "disturbed_by")));
		ck_assert_uint_eq(json_array_size(json_object_get(round, "slots")), 3);
		repeated += !PLAYS[_i].rounds[i].kept;
	}
	ck_assert_int_eq(json_integer_value(json_object_get(noise, "rounds_kept")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(noise, "rounds_disturbed")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(noise, "rounds_repeated")), repeated);
	json_decref(result);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program disturbed");
	TCase *cases = tcase_create("disturbed");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, disturb, leave_in_peace);
	tcase_set_timeout(cases, 30);
	tcase_add_loop_test(cases, a_disturbed_round_is_played_again_whole_and_in_bounds, 0,
			    sizeof(PLAYS) / sizeof(*PLAYS));
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
