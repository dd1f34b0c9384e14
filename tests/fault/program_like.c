/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A stored run that is played again, and gates on a run: the whole program. */
#include <jansson.h>

#include "tests/fault/program.h"
#include "tests/support/result.h"

#define SHORT "--warmup 0 --duration 0.02 --repeats 0"

static char paths[2][256]; /* old and new */

static void name_files(void)
{
	const char *folder = getenv("TMPDIR");

	for (int i = 0; i < 2; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/duet-like-%d.%d.json",
			 folder ? folder : "/tmp", (int)getpid(), i);
}

static void remove_files(void)
{
	unlink(paths[0]);
	unlink(paths[1]);
}

static json_t *load(int file)
{
	json_error_t error;
	json_t *json = json_load_file(paths[file], 0, &error);

	ck_assert_msg(json != NULL, "%s: %s", paths[file], error.text);
	return json;
}

/* A result that could be played again in no time, but for what a test does to its cell. */
static json_t *make_old(json_t **cell)
{
	struct result_shape shape;
	json_t *result;

	result_shape_init(&shape);
	shape.connections = 1;
	result = result_make(&shape);
	*cell = json_array_get(json_object_get(result, "cells"), 0);
	json_object_set_new(*cell, "duration_ns", json_integer(10000000));
	json_object_set_new(*cell, "rounds_planned", json_integer(1));
	json_object_set_new(*cell, "repeats_max", json_integer(0));
	return result;
}

static void expect_equal(const json_t *one, const json_t *other, const char *key)
{
	ck_assert_msg(json_equal(json_object_get(one, key), json_object_get(other, key)),
		      "another %s", key);
}

static const char *const RUNS[] = {
	"echo --connections 2 --size 100 --depth 3 --a polling/future --b completion:mode=plain",
	"file --direct --block 8K --depth 2", "--connections 1 --block 1K",
	"cells --connections 1",
};

START_TEST(a_stored_run_is_played_again_from_its_json_alone)
{
	static const char *const KEYS[] = { "workload", "parameters", "arms", "duration_ns",
					    "warmup_ns", "rounds_planned", "repeats_max" };
	struct program *program = calloc(1, sizeof(*program));
	json_t *old, *new, *cell, *other;
	size_t i;

	program_begin(program, NULL, "compare %s --rounds 2 " SHORT " --quiet --json %s", RUNS[_i],
		      paths[0]);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	old = load(0);
	json_object_set_new(json_object_get(old, "run"), "argv", json_array());
	json_object_set_new(json_object_get(old, "run"), "repeat", json_string("?"));
	result_write(old, paths[0]);
	program_begin(program, NULL, "compare --like %s --json %s", paths[0], paths[1]);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_str_eq(program->complained, "");
	ck_assert_ptr_nonnull(strstr(program->said, "The old result is in "));
	ck_assert_ptr_nonnull(strstr(program->said, "duet diff "));
	new = load(1);
	expect_equal(json_object_get(old, "run"), json_object_get(new, "run"), "seed");
	ck_assert_uint_eq(json_array_size(json_object_get(old, "cells")),
			  json_array_size(json_object_get(new, "cells")));
	json_array_foreach(json_object_get(old, "cells"), i, cell) {
		other = json_array_get(json_object_get(new, "cells"), i);
		for (size_t k = 0; k < sizeof(KEYS) / sizeof(*KEYS); k++)
			expect_equal(cell, other, KEYS[k]);
	}
	json_decref(old);
	json_decref(new);
	free(program);
}
END_TEST

START_TEST(rounds_times_and_seed_may_be_given_anew)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *cell, *old = make_old(&cell), *new;

	result_write(old, paths[0]);
	program_begin(program, NULL, "compare --like %s --rounds 2 --duration 0.011 --warmup 0.001 "
		      "--seed 9 --quiet --json %s", paths[0], paths[1]);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_str_eq(program->said, "");
	new = load(1);
	cell = json_array_get(json_object_get(new, "cells"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(cell, "rounds")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(cell, "duration_ns")), 11000000);
	ck_assert_int_eq(json_integer_value(json_object_get(cell, "warmup_ns")), 1000000);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(new, "run"), "seed")), 9);
	json_decref(old);
	json_decref(new);
	free(program);
}
END_TEST

START_TEST(another_machine_is_noted)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *cell, *old = make_old(&cell);

	result_write(old, paths[0]);
	program_begin(program, NULL, "compare --like %s", paths[0]);
	program_end(program);
	program_expect(program, 0, "measured elsewhere: cpu_model a processor, here ");
	ck_assert_ptr_nonnull(strstr(program->complained, "; kernel_release 6.1.0, here "));
	ck_assert_ptr_nonnull(strstr(program->said, "stored with --json"));
	json_decref(old);
	free(program);
}
END_TEST

static const char *const BESIDE[] = {
	"echo", "--set quick", "--cells", "--a polling", "--b polling", "--connections 2",
	"--size 2", "--depth 2", "--file /etc/passwd", "--block 4K", "--direct", "--repeats 2",
};

START_TEST(nothing_else_may_stand_beside_it)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare --like /nonexistent/file %s", BESIDE[_i]);
	program_end(program);
	program_expect(program, 2, "leave out ");
	free(program);
}
END_TEST

START_TEST(the_old_result_is_not_written_over)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *cell, *old = make_old(&cell);

	result_write(old, paths[0]);
	program_begin(program, NULL, "compare --like %s --json %s", paths[0], paths[0]);
	program_end(program);
	program_expect(program, 2, "that is the result to repeat");
	json_decref(old);
	free(program);
}
END_TEST

struct spoiled {
	const char *key, *value, *part; /* a key of the cell, as JSON; and what must be said */
};

static const struct spoiled SPOILED[] = {
	{ "workload", "\"walk\"", "no workload that this duet knows" },
	{ "parameters", "{\"connections\": 0}", "cell 1: a parameter" },
	{ "parameters", "{\"connections\": 20001, \"size_bytes\": 1, \"depth\": 1}",
	  "connections isn't a number from 1 to 20000" },
	{ "parameters", "{\"transport\": \"pigeon\", \"load\": \"closed loop\", \"connections\": 1, "
	  "\"size_bytes\": 64, \"depth\": 1}", "parameter.transport isn't one" },
	{ "parameters", "{\"transport\": \"TCP on loopback\", \"load\": \"closed loop\", "
	  "\"connections\": 1, \"size_bytes\": 64, \"depth\": 1, \"tempo\": \"allegro\"}",
	  "parameter.tempo isn't one" },
	{ "duration_ns", "\"long\"", "duration_ns isn't a number" },
	{ "warmup_ns", "-1", "warmup_ns isn't a number" },
	{ "rounds_planned", "0", "the number of rounds isn't" },
	{ "repeats_max", "true", "repeats_max isn't" },
	{ "arms", "[{\"name\": \"polling\"}, {}]", "names no backend" },
	{ "arms", "[{\"name\": \"polling\"}, {\"name\": \"tin\"}]", "no backend 'tin'" },
};

START_TEST(what_cannot_be_played_again_is_named)
{
	struct program *program = calloc(1, sizeof(*program));
	const struct spoiled *spoiled = &SPOILED[_i];
	json_t *cell, *old = make_old(&cell);

	json_object_set_new(cell, spoiled->key, json_loads(spoiled->value, JSON_DECODE_ANY, NULL));
	result_write(old, paths[0]);
	program_begin(program, NULL, "compare --like %s", paths[0]);
	program_end(program);
	program_expect(program, 2, spoiled->part);
	ck_assert_str_eq(program->said, "");
	json_decref(old);
	free(program);
}
END_TEST

/* With this much of a limit every run fails, or holds. */
START_TEST(a_gate_decides_the_exit_code_and_is_stored)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result, *gate;

	program_begin(program, NULL, "compare file --depth 1 --rounds 2 " SHORT " --fail-if "
		      "cpu>0.001 --json %s", paths[0]);
	program_end(program);
	program_expect(program, 3, "no cell could be judged"); /* two rounds carry no interval */
	ck_assert_ptr_nonnull(strstr(program->said, "--fail-if cpu>0.001: not judged"));
	result = load(0);
	gate = json_array_get(json_object_get(result, "gates"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(gate, "verdict")), "not judged");
	ck_assert_str_eq(json_string_value(json_object_get(gate, "metric")), "cpu_per_operation_ns");
	json_decref(result);
	program_begin(program, NULL, "compare echo --fail-if cpu>x");
	program_end(program);
	program_expect(program, 2, "cpu_per_operation_ns (cpu)");
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

/* What was measured holds the gate, but nobody knows of the rest. */
START_TEST(a_run_that_is_ended_early_passes_no_gate)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result;

	program_begin(program, NULL, "compare file --depth 1 --rounds 500 " SHORT " --quiet "
		      "--fail-if cpu>1000 --json %s", paths[0]);
	program_await_children(program, 40); /* more than six rounds of three */
	kill(program->pid, SIGINT);
	program_end(program);
	ck_assert_int_eq(program->code, 3);
	ck_assert_ptr_nonnull(strstr(program->complained, "ended early: the rounds"));
	ck_assert_ptr_nonnull(strstr(program->complained, "--fail-if cpu>1000: "));
	result = load(0); /* it is kept all the same */
	ck_assert_ptr_nonnull(json_object_get(result, "gates"));
	json_decref(result);
	free(program);
}
END_TEST

/* What went wrong goes before what a gate says. */
START_TEST(a_run_that_could_not_be_measured_keeps_its_own_exit_code)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare file --rounds 1 " SHORT " --quiet --json /dev/full "
		      "--fail-if cpu>0.001");
	program_end(program);
	ck_assert_int_eq(program->code, 3);
	ck_assert_ptr_nonnull(strstr(program->complained, "No space left on device"));
	ck_assert_ptr_null(strstr(program->complained, "--fail-if"));
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program like");
	TCase *cases = tcase_create("like");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_files, remove_files);
	tcase_add_loop_test(cases, a_stored_run_is_played_again_from_its_json_alone, 0,
			    sizeof(RUNS) / sizeof(*RUNS));
	tcase_add_test(cases, rounds_times_and_seed_may_be_given_anew);
	tcase_add_test(cases, another_machine_is_noted);
	tcase_add_loop_test(cases, nothing_else_may_stand_beside_it, 0,
			    sizeof(BESIDE) / sizeof(*BESIDE));
	tcase_add_test(cases, the_old_result_is_not_written_over);
	tcase_add_loop_test(cases, what_cannot_be_played_again_is_named, 0,
			    sizeof(SPOILED) / sizeof(*SPOILED));
	tcase_add_test(cases, a_gate_decides_the_exit_code_and_is_stored);
	tcase_add_test(cases, a_run_that_is_ended_early_passes_no_gate);
	tcase_add_test(cases, a_run_that_could_not_be_measured_keeps_its_own_exit_code);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
