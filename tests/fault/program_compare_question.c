/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The questions cells and informed, short: what their slots and answers hold, and what can't be asked. */
#include <jansson.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "tests/fault/program.h"
#include "tests/support/refuse.h"

/* Of every run here: as short as can be, and nothing repeated. */
#define SHORT "--warmup 0.005 --duration 0.02 --repeats 0 --no-kernel-view"

static char paths[2][256];

static void name_files(void)
{
	const char *folder = getenv("TMPDIR");

	for (int i = 0; i < 2; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/duet-question-%d-%d.json",
			 folder ? folder : "/tmp", (int)getpid(), i);
}

static void remove_files(void)
{
	for (int i = 0; i < 2; i++)
		unlink(paths[i]);
}

static json_t *load(int which)
{
	json_error_t error;
	json_t *json = json_load_file(paths[which], 0, &error);

	ck_assert_msg(json != NULL, "%s: %s", paths[which], error.text);
	return json;
}

static json_t *cell_at(const json_t *result, size_t index)
{
	return json_array_get(json_object_get(result, "cells"), index);
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void expect_clean(struct program *program)
{
	ck_assert_msg(program->code == 0, "exit code %d: %s", program->code, program->complained);
	ck_assert_str_eq(program->complained, "");
	for (char *line = strtok(program->said, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) <= 80, "too long: %s", line);
}

/* ---- Answers. ---- */

static bool is_verdict(const char *word)
{
	static const char *const WORDS[] = { "within", "beyond", "not shown", "too noisy",
					     "too few rounds", "not measured" };

	for (size_t i = 0; word && i < sizeof(WORDS) / sizeof(*WORDS); i++) {
		if (!strcmp(word, WORDS[i]))
			return true;
	}
	return false;
}

static void expect_verdicts(const json_t *rows, size_t count)
{
	json_t *row;
	size_t i;

	ck_assert_uint_eq(json_array_size(rows), count);
	json_array_foreach(rows, i, row)
		ck_assert(is_verdict(json_string_value(json_object_get(row, "verdict"))));
}

static bool is_rockets(const json_t *cell)
{
	return !strcmp(json_string_value(json_object_get(cell, "workload")), "rockets");
}

static const struct {
	const char *words;
	size_t cells, arms, metrics, lists[2];
	const char *names[2];
} QUESTIONS[] = {
	{ "cells --connections 2 --items 3", 3, 6, 3, { 12, 0 }, { "effects", NULL } },
	{ "cells rockets --connections 2 --items 3 --latency 0.0001", 1, 6, 3, { 12, 0 },
	  { "effects", NULL } },
	{ "cells echo file --connections 2 --depth 2", 2, 6, 3, { 12, 0 }, { "effects", NULL } },
	{ "cells file --quick --depth 2", 1, 6, 3, { 12, 0 }, { "effects", NULL } },
	{ "informed --children 1,20", 1, 12, 2, { 6, 4 }, { "growth", "naive" } },
};

START_TEST(every_arm_is_in_every_round_and_the_answer_is_in_the_closed_set)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result, *cell, *metric;
	size_t i, k;

	program_begin(program, NULL, "compare %s --rounds 2 " SHORT " --json %s",
		      QUESTIONS[_i].words, paths[0]);
	program_end(program);
	ck_assert_ptr_nonnull(strstr(program->said, "against itself"));
	expect_clean(program);
	result = load(0);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "cells")), QUESTIONS[_i].cells);
	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		const json_t *round = json_array_get(json_object_get(cell, "rounds"), 1);
		const json_t *metrics = json_object_get(json_object_get(cell, "answer"), "metrics");

		ck_assert_uint_eq(json_array_size(json_object_get(cell, "arms")), QUESTIONS[_i].arms);
		ck_assert_uint_eq(json_array_size(json_object_get(round, "slots")),
				  QUESTIONS[_i].arms + 1);
		/* Of rockets there is the whole fetch, too. */
		ck_assert_uint_eq(json_array_size(metrics), QUESTIONS[_i].metrics + is_rockets(cell));
		json_array_foreach(metrics, k, metric) {
			for (int list = 0; list < 2 && QUESTIONS[_i].names[list]; list++)
				expect_verdicts(json_object_get(metric, QUESTIONS[_i].names[list]),
						QUESTIONS[_i].lists[list]);
		}
	}
	json_decref(result);
	free(program);
}
END_TEST

START_TEST(a_stored_question_is_shown_and_asked_again)
{
	struct program *program = calloc(1, sizeof(*program));
	static const char *const KEYS[] = { "workload", "parameters", "arms", "question" };
	json_t *old, *new;

	program_begin(program, NULL, "compare %s --within 7 --rounds 1 " SHORT " --quiet --json %s",
		      QUESTIONS[_i].words, paths[0]);
	program_end(program);
	expect_clean(program);
	program_begin(program, NULL, "show %s", paths[0]);
	program_end(program);
	ck_assert_ptr_nonnull(strstr(program->said, "within 7 %"));
	expect_clean(program);
	program_begin(program, NULL, "compare --like %s --quiet --json %s", paths[0], paths[1]);
	program_end(program);
	expect_clean(program);
	old = load(0);
	new = load(1);
	for (size_t i = 0; i < QUESTIONS[_i].cells; i++) {
		for (size_t k = 0; k < sizeof(KEYS) / sizeof(*KEYS); k++)
			ck_assert_msg(json_equal(json_object_get(cell_at(old, i), KEYS[k]),
						 json_object_get(cell_at(new, i), KEYS[k])),
				      "another %s", KEYS[k]);
	}
	json_decref(old);
	json_decref(new);
	free(program);
}
END_TEST

/* ---- Slots. ---- */

static const char *const BACKENDS[] = { "completion", "completion:mode=plain", "polling",
					"polling:try=never" };

enum { IDLE = 50 };

/* One slot, by the process that compare would start for it. */
static json_t *play(struct program *program, const char *backend, const char *style)
{
	json_t *slot;

	program_begin(program, NULL, "play-informed --warmup 0 --duration 0.03 --rate 2000 "
		      "--style %s --backend %s%sidle=%d", style, backend,
		      strchr(backend, ':') ? "," : ":", IDLE);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s %s: exit code %d: %s", backend, style, program->code,
		      program->complained);
	slot = json_loads(program->said, 0, NULL);
	ck_assert_msg(slot != NULL, "%s", program->said);
	return slot;
}

/* The one that was woken is asked, and once more when its next receive is to begin; or all are. */
static void expect_polls(const json_t *slot, const char *style)
{
	json_int_t events = number(slot, "operations_total");
	json_int_t polls = number(json_object_get(slot, "counters"), "polls");
	json_int_t wakes = number(json_object_get(slot, "counters"), "task_wakes");

	ck_assert_int_gt(events, 0);
	if (!strcmp(style, "precise")) {
		ck_assert_int_le(polls, 2 * events);
		ck_assert_int_ge(polls, events);
		return;
	}
	/* An event may have come into the same round of polls as the one before. */
	ck_assert_int_ge(polls, IDLE);
	if (!strcmp(style, "poll-all"))
		ck_assert_int_eq(polls, wakes * (IDLE + 1) + events);
	else
		ck_assert_int_eq(wakes, 0);
}

START_TEST(each_style_asks_as_it_says)
{
	static const char *const STYLES[] = { "precise", "poll-all", "spin" };
	struct program *program = calloc(1, sizeof(*program));
	json_t *slot = play(program, BACKENDS[_i / 3], STYLES[_i % 3]);

	expect_polls(slot, STYLES[_i % 3]);
	ck_assert_int_eq(number(slot, "operations"), number(json_object_get(slot, "latency"), "count"));
	ck_assert_int_gt(number(slot, "cpu_ns"), 0);
	ck_assert_int_gt(number(slot, "due"), 0);
	json_decref(slot);
	free(program);
}
END_TEST

/* ---- What can't be asked. ---- */

static const struct {
	const char *words, *said;
} REFUSED[] = {
	{ "compare cells cancel", "not of 'cancel'" },
	{ "compare cells walk", "not of 'walk'" },
	{ "compare cells echo echo", "named twice" },
	{ "compare cells --a polling", "names its own arms; leave out --a" },
	{ "compare cells --cells", "leave out --cells" },
	{ "compare cells --children 1,2", "--children is an option of the question informed" },
	{ "compare cells --within 0", "--within 0: give a number from 1 to 100" },
	{ "compare cells echo rockets --block 1K", "an option of the workload file" },
	{ "compare cells --storm", "an option of the workload cancel" },
	{ "compare informed echo", "has a workload of its own; leave out 'echo'" },
	{ "compare informed --deadlines", "leave out --deadlines" },
	{ "compare informed --connections 3", "--connections is no option of the question informed" },
	{ "compare informed --pending 3", "an option of the workload cancel" },
	{ "compare informed --children 5", "give 2 to 5 numbers" },
	{ "compare informed --children 1,2,3,4,5,6", "give 2 to 5 numbers" },
	{ "compare informed --children 5,5", "each larger than the one before" },
	{ "compare informed --children 1,10001", "from 1 to 10000" },
	{ "compare informed --children 1,", "--children 1,: give" },
	{ "compare informed --children 1,2x", "--children 1,2x: give" },
	{ "compare echo informed", "write duet compare informed first" },
	{ "compare echo --within 3", "--within is an option of the questions" },
	{ "compare --set quick --children 1,2", "the questions" },
	{ "compare echo --a polling:idle=3", "idle=N is a key of the question informed" },
	{ "compare echo --a polling:idle=0", "give a number from 1 to 10000" },
	{ "play-informed --backend polling", "how many idle?" },
	{ "play-informed --backend polling:idle=3 --style clever", "which style?" },
};

START_TEST(what_makes_no_sense_is_refused)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "%s", REFUSED[_i].words);
	program_end(program);
	program_expect(program, 2, REFUSED[_i].said);
	free(program);
}
END_TEST

static void allow_few_files(void)
{
	struct rlimit limit = { 100, 100 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(what_this_machine_refuses_is_said_before_the_first_round)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, allow_few_files, "compare informed --children 1,90");
	program_end(program);
	program_expect(program, 3, "90 idle children take 122 descriptors, and the limit is 100");
	program_begin(program, forbid_ring, "compare cells");
	program_end(program);
	program_expect(program, 3, "arm completion/coroutine can't be played here");
	program_begin(program, forbid_ring, "compare informed");
	program_end(program);
	program_expect(program, 3, "arm completion/precise:idle=1 can't be played here");
	free(program);
}
END_TEST

static const char *const LONG[] = { "cells --connections 1", "informed --children 1,2" };

START_TEST(ctrl_c_before_the_first_round_is_over_measures_nothing)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare %s --duration 30 --json %s", LONG[_i], paths[0]);
	program_await_children(program, 1);
	kill(program->pid, SIGINT);
	program_end(program);
	program_expect(program, 3, "nothing was measured");
	ck_assert_int_ne(access(paths[0], F_OK), 0);
	free(program);
}
END_TEST

START_TEST(ctrl_c_later_keeps_what_was_played)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *result, *answer;

	program_begin(program, NULL, "compare cells --connections 1 --rounds 1000 " SHORT " --json %s",
		      paths[0]);
	/* Two a slot, seven slots a round: in the third. */
	program_await_children(program, 30);
	kill(program->pid, SIGINT);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->complained, "ended early"));
	result = load(0);
	ck_assert(json_is_false(json_object_get(result, "complete")));
	answer = json_object_get(cell_at(result, 0), "answer");
	ck_assert_uint_eq(json_array_size(json_object_get(answer, "metrics")), 3);
	json_decref(result);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program compare question");
	TCase *cases = tcase_create("question");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_files, remove_files);
	tcase_add_loop_test(cases, every_arm_is_in_every_round_and_the_answer_is_in_the_closed_set,
			    0, sizeof(QUESTIONS) / sizeof(*QUESTIONS));
	tcase_add_loop_test(cases, a_stored_question_is_shown_and_asked_again, 0,
			    sizeof(QUESTIONS) / sizeof(*QUESTIONS));
	tcase_add_loop_test(cases, each_style_asks_as_it_says, 0,
			    3 * sizeof(BACKENDS) / sizeof(*BACKENDS));
	tcase_add_loop_test(cases, what_makes_no_sense_is_refused, 0,
			    sizeof(REFUSED) / sizeof(*REFUSED));
	tcase_add_test(cases, what_this_machine_refuses_is_said_before_the_first_round);
	tcase_add_loop_test(cases, ctrl_c_before_the_first_round_is_over_measures_nothing, 0,
			    sizeof(LONG) / sizeof(*LONG));
	tcase_add_test(cases, ctrl_c_later_keeps_what_was_played);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
