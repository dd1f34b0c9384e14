/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* duet cancel: what it says of a run, of bad input, and of a table of other times. */
#include <errno.h>
#include <jansson.h>

#include "compare/laboratory/specimens/raw_table.h"
#include "compare/laboratory/specimens/specimen.h"
#include "tests/fault/program.h"
#include "tests/support/refuse.h"
#include "tests/support/swept.h"

static char paths[2][256];

static void name_files(void)
{
	const char *folder = getenv("TMPDIR");

	for (int i = 0; i < 2; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/duet-cancel-test-%d.%d.json",
			 folder ? folder : "/tmp", (int)getpid(), i);
}

static void remove_files(void)
{
	for (int i = 0; i < 2; i++)
		unlink(paths[i]);
}

static void refuse(const char *words, const char *part)
{
	struct program *program = program_run(words, 2);

	program_expect(program, 2, part);
	free(program);
}

START_TEST(a_kind_is_played_in_all_phases)
{
	struct program *program = program_run("cancel op recv --backend polling --runs 3", 0);

	ck_assert_str_eq(program->complained, "");
	ck_assert_ptr_nonnull(strstr(program->said, "recv: from a unix stream; stops: partial"));
	ck_assert_ptr_nonnull(strstr(program->said, "\n  before      untouched 1t"));
	ck_assert_ptr_nonnull(strstr(program->said, "\n  dispatched  completed 0t"));
	ck_assert_ptr_nonnull(strstr(program->said, "cancel op --seed 1 --backend polling"));
	free(program);
}
END_TEST

START_TEST(what_is_unknown_is_answered_with_what_there_is)
{
	refuse("cancel op recv frobnicate", "no such kind as 'frobnicate'; there are nop, timeout");
	refuse("cancel op --backend kqueue", "there are completion, completion/deferred");
	refuse("cancel op --runs 0", "from 1 to 100000");
	refuse("cancel frobnicate", "duet cancel --help lists them");
	refuse("cancel op --against /nonexistent.json", "/nonexistent.json");
	refuse("cancel op nop --json /nonexistent/x.json", "/nonexistent/x.json");
	refuse("cancel show", "give one file");
}
END_TEST

START_TEST(a_file_that_is_no_table_is_refused)
{
	static const char *const TEXTS[] = {
		"{\"schema\": 1}", "{", "[]", "{\"schema\": 1, \"kind\": \"cancel op\"}",
		"{\"schema\": 1, \"kind\": \"cancel op\", \"cells\": [{\"kind\": \"recv\"}]}",
		"{\"schema\": 2, \"kind\": \"cancel op\", \"cells\": []}",
	};
	char words[512];

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++) {
		FILE *file = fopen(paths[0], "w");

		fputs(TEXTS[i], file);
		fclose(file);
		snprintf(words, sizeof(words), "cancel op nop --against %s", paths[0]);
		refuse(words, paths[0]);
	}
}
END_TEST

static json_t *first_cell(json_t *table)
{
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(table, "cells"), i, cell) {
		if (json_array_size(json_object_get(cell, "outcomes")))
			return cell;
	}
	return NULL;
}

/* The same table as one in which another outcome was recorded. */
static void falsify(const char *path)
{
	json_t *table = json_load_file(path, 0, NULL);
	json_t *outcome = json_array_get(json_object_get(first_cell(table), "outcomes"), 0);

	json_object_set_new(outcome, "disposition", json_string("partial"));
	ck_assert_int_eq(json_dump_file(table, path, 0), 0);
	json_decref(table);
}

static size_t differences(const char *path)
{
	json_t *table = json_load_file(path, 0, NULL);
	json_t *against = json_object_get(table, "against");
	size_t count = json_array_size(json_object_get(against, "differences"));

	ck_assert_int_eq(json_integer_value(json_object_get(against, "compared")), 7);
	json_decref(table);
	return count;
}

START_TEST(a_difference_from_a_recorded_table_is_marked_and_no_failure)
{
	struct program *program;
	char words[700];

	snprintf(words, sizeof(words), "cancel op recv --backend polling --runs 3 --quiet --json %s",
		 paths[0]);
	program = program_run(words, 0);
	ck_assert_str_eq(program->said, "");
	free(program);
	snprintf(words, sizeof(words), "cancel op recv --backend polling --runs 3 --against %s --json %s",
		 paths[0], paths[1]);
	free(program_run(words, 0));
	ck_assert_uint_eq(differences(paths[1]), 0);
	falsify(paths[0]);
	program = program_run(words, 0);
	ck_assert_uint_eq(differences(paths[1]), 1);
	ck_assert_ptr_nonnull(strstr(program->said, "before     *untouched"));
	free(program);
}
END_TEST

START_TEST(a_stored_table_is_printed_again)
{
	struct program *program, *shown;
	char words[512];

	snprintf(words, sizeof(words), "cancel op timeout --backend polling --runs 2 --times --json %s",
		 paths[0]);
	program = program_run(words, 0);
	snprintf(words, sizeof(words), "cancel show --times %s", paths[0]);
	shown = program_run(words, 0);
	ck_assert_str_eq(program->said, shown->said);
	ck_assert_ptr_nonnull(strstr(shown->said, "cancels handed over:"));
	free(program);
	free(shown);
}
END_TEST

START_TEST(json_on_stdout_stands_alone)
{
	struct program *program = program_run(
		"cancel op nop poll --backend polling --runs 1 --json -", 0);
	json_t *table = json_loads(program->said, 0, NULL);

	ck_assert_ptr_nonnull(table);
	ck_assert(json_is_true(json_object_get(table, "complete")));
	ck_assert(json_is_true(json_object_get(table, "correct")));
	ck_assert_uint_eq(json_array_size(json_object_get(table, "kinds")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(table, "cells")), 14);
	json_decref(table);
	free(program);
}
END_TEST

static unsigned named_in(const char *path, json_t *table, const char *list)
{
	char *text = calloc(1, 1 << 16);
	FILE *file = fopen(path, "re");
	json_t *kind;
	unsigned count = 0;
	size_t i;

	ck_assert_msg(file != NULL, "no %s: run it from the root of the tree", path);
	ck_assert_uint_gt(fread(text, 1, (1 << 16) - 1, file), 0);
	fclose(file);
	json_array_foreach(json_object_get(table, list), i, kind) {
		const char *name = json_string_value(json_object_get(kind, "name"));

		ck_assert_msg(strstr(text, name) != NULL, "%s doesn't name %s", path, name);
		count++;
	}
	free(text);
	return count;
}

START_TEST(all_kinds_on_all_mechanisms_conserve_everything)
{
	struct program *program;
	json_t *table;
	char words[512];

	snprintf(words, sizeof(words), "cancel op --runs 2 --json %s", paths[0]);
	program = program_run(words, 0);
	table = json_load_file(paths[0], 0, NULL);

	ck_assert_ptr_nonnull(table);
	ck_assert(json_is_true(json_object_get(table, "correct")));
	ck_assert_uint_gt(named_in("docs/man/duet-cancel.1", table, "kinds"), 20);
	json_decref(table);
	free(program);
}
END_TEST

/* ---- Sweeps. ---- */

static json_t *sweep(const char *words)
{
	char line[600];
	struct program *program;
	json_t *result;

	snprintf(line, sizeof(line), "cancel sweep --quiet --json %s %s", paths[0], words);
	program = program_run(line, 0);
	ck_assert_str_eq(program->said, "");
	free(program);
	result = json_load_file(paths[0], 0, NULL);
	ck_assert(json_is_true(json_object_get(result, "complete")));
	return result;
}

static json_int_t number_in(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void check_clean(const json_t *result, size_t wanted)
{
	json_t *sweeps = json_object_get(result, "sweeps"), *one;
	size_t i;

	ck_assert_msg(json_array_size(sweeps) == wanted, "%zu sweeps", json_array_size(sweeps));
	json_array_foreach(sweeps, i, one) {
		ck_assert(json_is_null(json_object_get(one, "refused")));
		ck_assert_int_eq(number_in(one, "violations"), 0);
		ck_assert(json_is_null(json_object_get(one, "first")));
		ck_assert_int_ge(number_in(one, "points"), 5);
		ck_assert_uint_ge(json_array_size(json_object_get(one, "outcomes")), 2 + 36 * 5);
	}
}

static const json_t *sweep_of(const json_t *result, const json_t *like, const char *mechanism)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(result, "sweeps"), i, one) {
		if (json_equal(json_object_get(one, "workload"), json_object_get(like, "workload")) &&
		    json_equal(json_object_get(one, "policy"), json_object_get(like, "policy")) &&
		    !strcmp(json_string_value(json_object_get(one, "mechanism")), mechanism))
			return one;
	}
	return NULL;
}

static void check_same_verdicts(const json_t *one, const json_t *other)
{
	const char *workload = json_string_value(json_object_get(one, "workload"));
	const json_t *outcomes = json_object_get(one, "outcomes");
	const json_t *others = json_object_get(other, "outcomes");

	ck_assert_uint_eq(json_array_size(outcomes), json_array_size(others));
	for (size_t i = 0; i < json_array_size(outcomes); i++)
		ck_assert_msg(json_equal(json_object_get(json_array_get(outcomes, i), "verdict"),
					 json_object_get(json_array_get(others, i), "verdict")),
			      "%s: outcome %zu differs between the modes of the ring", workload, i);
}

/* But of a file, which a worker of the kernel's may have done by then. */
static void check_ring_modes(const json_t *result)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(result, "sweeps"), i, one) {
		if (!strcmp(json_string_value(json_object_get(one, "mechanism")),
			    "completion/deferred") &&
		    strcmp(json_string_value(json_object_get(one, "workload")), "file") != 0)
			check_same_verdicts(one, sweep_of(result, one, "completion/plain"));
	}
}

/* Those that a policy can change; and those in which tasks await: one policy, on each mechanism. */
enum { WORKLOADS = 12, WORKLOAD_SWEEPS = 133, TASKS = 4, CXX_TASKS = 2, MECHANISMS = 4 };

/* Every workload under every policy that fits it, also where the kernel doesn't say what comes next. */
START_TEST(a_sweep_of_all_there_is_is_clean_on_every_mechanism)
{
	const size_t tasks = TASKS + (swept_find("c++20") ? CXX_TASKS : 0);
	json_t *result = sweep("--orders 1");

	check_clean(result, WORKLOAD_SWEEPS + tasks * MECHANISMS);
	check_ring_modes(result);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "workloads")), WORKLOADS + tasks);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "policies")), 6);
	ck_assert_uint_gt(named_in("docs/man/duet-cancel.1", result, "workloads"), 0);
	ck_assert_uint_gt(named_in("docs/man/duet-cancel.1", result, "policies"), 0);
	json_decref(result);
	result = sweep("--backend polling/eager --policy await");
	check_clean(result, WORKLOADS + tasks);
	json_decref(result);
}
END_TEST

static json_t *only(json_t *result)
{
	json_t *sweeps = json_object_get(result, "sweeps");

	ck_assert_uint_eq(json_array_size(sweeps), 1);
	return json_array_get(sweeps, 0);
}

/* Dropped is dropped: with the call nothing is lent. A ring has it for a turn or more. */
START_TEST(a_native_wait_is_over_with_the_call)
{
	json_t *result = sweep("conversation --policy drop");

	ck_assert_str_eq(json_string_value(json_object_get(only(result), "mechanism")),
			 "polling/native");
	ck_assert_int_eq(number_in(only(result), "lent_turns_worst"), 0);
	ck_assert_int_eq(number_in(only(result), "violations"), 0);
	json_decref(result);
	result = sweep("conversation --policy await --backend completion/plain");
	ck_assert_int_gt(number_in(only(result), "lent_turns_worst"), 0);
	json_decref(result);
}
END_TEST

/* And what became of the operation. */
static char *verdicts(const json_t *result)
{
	json_t *one, *outcome, *all = json_array();
	size_t i, k;
	char *text;

	json_array_foreach(json_object_get(result, "sweeps"), i, one) {
		json_array_foreach(json_object_get(one, "outcomes"), k, outcome) {
			json_array_append(all, json_object_get(outcome, "verdict"));
			json_array_append(all, json_object_get(outcome, "disposition"));
		}
	}
	text = json_dumps(all, 0);
	json_decref(all);
	return text;
}

START_TEST(ten_sweeps_say_the_same)
{
	char *first = NULL;

	for (int i = 0; i < 10; i++) {
		json_t *result = sweep("conversation hot --orders 1 --policy await");
		char *text = verdicts(result);

		if (first)
			ck_assert_str_eq(first, text);
		else
			first = strdup(text);
		free(text);
		json_decref(result);
	}
	free(first);
}
END_TEST

START_TEST(a_sweep_is_a_table_and_one_run_can_be_had_alone)
{
	struct program *program = program_run("cancel sweep race --backend polling", 0);

	ck_assert_ptr_nonnull(strstr(program->said, "race: two connections, of which one"));
	ck_assert_ptr_nonnull(strstr(program->said, "\n  await         polling "));
	ck_assert_ptr_nonnull(strstr(program->said, "\nNo violation in 5 sweeps, "));
	ck_assert_ptr_null(strstr(program->said, "completion"));
	free(program);
	program = program_run(
		"cancel sweep conversation --policy await --backend polling --at 3,in-flight,scope", 0);
	ck_assert_ptr_nonnull(strstr(program->said, "No violation in 1 sweep, 1 run"));
	free(program);
	program = program_run(
		"cancel sweep conversation --policy await --backend polling --at 3,before,scope", 0);
	ck_assert_ptr_nonnull(strstr(program->said, "not reached: there is no such moment"));
	free(program);
	program = program_run("cancel sweep hot --backend polling", 0);
	ck_assert_ptr_nonnull(strstr(program->said, "not with copy-through, move-and-reap"));
	free(program);
}
END_TEST

START_TEST(a_stored_sweep_is_printed_again)
{
	struct program *program, *shown;
	char words[512];

	snprintf(words, sizeof(words), "cancel sweep hot --orders 0 --json %s", paths[0]);
	program = program_run(words, 0);
	snprintf(words, sizeof(words), "cancel show %s", paths[0]);
	shown = program_run(words, 0);
	ck_assert_str_eq(program->said, shown->said);
	ck_assert_ptr_nonnull(strstr(shown->said, "\nagain: "));
	free(program);
	free(shown);
}
END_TEST

START_TEST(what_is_no_stored_table_is_not_shown)
{
	static const char *const TEXTS[] = {
		"{\"schema\": 1}", "{\"schema\": 1, \"kind\": \"diff\"}",
		"{\"schema\": 1, \"kind\": \"cancel sweep\"}",
		"{\"schema\": 1, \"kind\": \"cancel sweep\", \"sweeps\": [{\"workload\": \"race\"}]}",
		"{\"schema\": 1, \"kind\": \"cancel sweep\", \"sweeps\": [{\"workload\": \"race\", "
		"\"policy\": \"await\", \"mechanism\": \"polling\", \"refused\": null, \"runs\": 1, "
		"\"violations\": 1}]}",
		"{\"schema\": 2, \"kind\": \"cancel sweep\", \"sweeps\": []}",
	};
	char words[512];

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++) {
		FILE *file = fopen(paths[0], "w");

		fputs(TEXTS[i], file);
		fclose(file);
		snprintf(words, sizeof(words), "cancel show %s", paths[0]);
		refuse(words, paths[0]);
	}
	refuse("cancel show", "op, sweep, stress or price");
	refuse("cancel show /", "this is a folder");
}
END_TEST

/* A line of its own for a word in its middle: it was wrapped twice. */
START_TEST(a_part_s_help_is_wrapped_once)
{
	static const char *const PARTS[] = { "op", "sweep", "stress", "price", "show" };

	for (size_t i = 0; i < sizeof(PARTS) / sizeof(*PARTS); i++) {
		struct program *program;
		char words[64], *line, *rest;

		snprintf(words, sizeof(words), "cancel %s --help", PARTS[i]);
		program = program_run(words, 0);
		*strstr(program->said, "\n\n") = '\0';
		strtok_r(program->said, "\n", &rest);
		for (line = strtok_r(NULL, "\n", &rest); line && *rest;
		     line = strtok_r(NULL, "\n", &rest))
			ck_assert_msg(strlen(line) > 60, "%s: '%s'", words, line);
		free(program);
	}
}
END_TEST

START_TEST(what_a_sweep_does_not_know_is_answered_with_what_there_is)
{
	refuse("cancel sweep chess", "there are conversation, race, race-combinator, join");
	refuse("cancel sweep --policy hope", "there are await, copy-through, move-and-reap");
	refuse("cancel sweep --backend kqueue", "polling/native, polling/eager, reference");
	refuse("cancel sweep --at 3,posted", "give POINT,PHASE,KIND");
	refuse("cancel sweep --at 3,posted,hope", "shutdown, abandon, second");
	refuse("cancel sweep --at -1,posted,scope", "a number from 1");
	refuse("cancel sweep conversation --at 999,posted,scope", "none of these has so many points");
	refuse("cancel sweep --at 3,posted,scope,??", "the order that was printed");
	refuse("cancel sweep --at 3,posted,scope,0000000000001", "the order that was printed");
	refuse("cancel sweep --orders 13", "from 0 to 12");
	refuse("cancel sweep hot --policy scope", "a task awaits its futures");
	refuse("cancel sweep pool --backend polling/native", "nothing to sweep");
	refuse("cancel sweep --json /nonexistent/x.json", "/nonexistent/x.json");
}
END_TEST

START_TEST(what_is_refused_here_is_said_once_and_the_others_are_swept)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, forbid_ring, "cancel sweep race --policy await --orders 0");
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	ck_assert_ptr_nonnull(strstr(program->said, "completion/deferred not here: io_uring is not"));
	ck_assert_ptr_nonnull(strstr(program->said, "completion/plain    not here\n"));
	ck_assert_ptr_nonnull(strstr(program->said, "No violation in 2 sweeps, "));
	program_begin(program, forbid_ring, "cancel sweep race --backend completion");
	program_end(program);
	program_expect(program, 3, "no mechanism is to be had here");
	free(program);
}
END_TEST

START_TEST(an_interrupted_sweep_keeps_what_was_measured)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result;

	program_begin(program, NULL, "cancel sweep --json %s", paths[0]);
	program_await_children(program, 1);
	kill(program->pid, SIGINT);
	program_end(program);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	ck_assert_ptr_nonnull(strstr(program->complained, "interrupted: "));
	ck_assert_ptr_nonnull(strstr(program->said, "conversation: "));
	result = json_load_file(paths[0], 0, NULL);
	ck_assert(json_is_false(json_object_get(result, "complete")));
	ck_assert_uint_gt(json_array_size(json_object_get(result, "sweeps")), 0);
	json_decref(result);
	free(program);
}
END_TEST

/* They are built for make specimens, and are no choice of the program's. */
START_TEST(no_specimen_is_to_be_had)
{
	char words[128];

	for (const struct specimen *specimen = SPECIMENS; specimen->workload; specimen++) {
		snprintf(words, sizeof(words), "cancel sweep --policy %s", specimen->policy.name);
		refuse(words, "there are await, copy-through");
	}
	for (const struct raw_specimen *specimen = RAW_SPECIMENS; specimen->name; specimen++) {
		snprintf(words, sizeof(words), "cancel sweep --policy %s", specimen->name);
		refuse(words, "there are await, copy-through");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program cancel");
	TCase *cases = tcase_create("cancel");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 300);
	tcase_add_checked_fixture(cases, name_files, remove_files);
	tcase_add_test(cases, a_kind_is_played_in_all_phases);
	tcase_add_test(cases, what_is_unknown_is_answered_with_what_there_is);
	tcase_add_test(cases, a_file_that_is_no_table_is_refused);
	tcase_add_test(cases, a_difference_from_a_recorded_table_is_marked_and_no_failure);
	tcase_add_test(cases, a_stored_table_is_printed_again);
	tcase_add_test(cases, json_on_stdout_stands_alone);
	tcase_add_test(cases, all_kinds_on_all_mechanisms_conserve_everything);
	tcase_add_test(cases, a_sweep_of_all_there_is_is_clean_on_every_mechanism);
	tcase_add_test(cases, a_native_wait_is_over_with_the_call);
	tcase_add_test(cases, ten_sweeps_say_the_same);
	tcase_add_test(cases, a_sweep_is_a_table_and_one_run_can_be_had_alone);
	tcase_add_test(cases, a_stored_sweep_is_printed_again);
	tcase_add_test(cases, what_is_no_stored_table_is_not_shown);
	tcase_add_test(cases, a_part_s_help_is_wrapped_once);
	tcase_add_test(cases, what_a_sweep_does_not_know_is_answered_with_what_there_is);
	tcase_add_test(cases, what_is_refused_here_is_said_once_and_the_others_are_swept);
	tcase_add_test(cases, an_interrupted_sweep_keeps_what_was_measured);
	tcase_add_test(cases, no_specimen_is_to_be_had);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
