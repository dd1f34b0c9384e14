/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The kernel's view of a comparison: beside the loop's own account where it can be had, and one
 * sentence where it can't. */
#include <errno.h>
#include <jansson.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "tests/fault/program.h"

#define SHORT "--rounds 1 --warmup 0.01 --duration 0.05 --repeats 0"

/* Of processes, threads and the window's ends, in calls. */
enum { SLACK_CALLS = 64 };

static json_t *play(program_before_fn *before, const char *words)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *json;

	program_begin(program, before, "compare %s " SHORT " --json -", words);
	program_end(program);
	ck_assert_msg(program->code == 0, "exit code %d: %s", program->code, program->complained);
	ck_assert_str_eq(program->complained, "");
	json = json_loads(program->said, 0, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert(json_is_true(json_object_get(json, "complete")));
	free(program);
	return json;
}

static const json_t *views_of(const json_t *result)
{
	const json_t *cell = json_array_get(json_object_get(result, "cells"), 0);
	const json_t *views = json_object_get(cell, "kernel_view");

	ck_assert_uint_eq(json_array_size(json_object_get(cell, "rounds")), 1);
	ck_assert_uint_eq(json_array_size(views), json_array_size(json_object_get(cell, "arms")));
	return views;
}

static double per_operation(const json_t *view, const char *key)
{
	return json_number_value(json_object_get(json_object_get(view, "per_operation"), key));
}

/* The two accounts of one slot: equal but for the first and the last calls of the loop's life. */
static void expect_account(const json_t *view)
{
	double operations = json_number_value(json_object_get(view, "operations_total"));
	double loop = json_number_value(
		json_object_get(json_object_get(view, "counters"), "system_calls"));
	double ended = json_number_value(
		json_object_get(json_object_get(view, "counters"), "ended"));
	double kernel = per_operation(view, "system_calls") * operations, all = 0, asked = 0;
	json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(view, "by_call"), i, pair) {
		double calls = json_number_value(json_array_get(pair, 1)) * operations;

		all += calls;
		if (!strcmp(json_string_value(json_array_get(pair, 0)), "getpid"))
			asked = calls; /* a debug build asks whose the loop is */
	}
	ck_assert_double_eq_tol(all, kernel, 0.5);
	kernel -= asked;
	ck_assert_double_gt(operations, 0);
	ck_assert_msg(kernel > loop - SLACK_CALLS && kernel < loop + SLACK_CALLS,
		      "the loop counts %.0f calls, the kernel %.0f", loop, kernel);
	/* What they are divided by: the warm-up is in it. A native dialect ends no operations. */
	if (ended > operations / 2)
		ck_assert_msg(ended >= operations && ended < operations + SLACK_CALLS,
			      "the loop ended %.0f operations, the workload %.0f", ended,
			      operations);
	ck_assert_ptr_nonnull(json_object_get(view, "missed"));
}

static const char *const CELLS[] = {
	"echo --connections 4", "cells --connections 2", "file --depth 4",
};

START_TEST(every_arm_is_seen_once_by_the_kernel)
{
	json_t *result = play(NULL, CELLS[_i]), *view;
	size_t i;

	json_array_foreach(views_of(result), i, view) {
		if (json_is_true(json_object_get(view, "on")))
			expect_account(view);
		else
			printf("kernel view: off: %s\n",
			       json_string_value(json_object_get(view, "why")));
	}
	json_decref(result);
}
END_TEST

/* What a worker does is seen by the kernel, and by the loop as work that was handed over. */
START_TEST(worker_threads_are_seen_with_their_process)
{
	json_t *result = play(NULL, "file --direct --depth 4 --a polling --b polling");
	const json_t *view = json_array_get(views_of(result), 0);
	const json_t *counters = json_object_get(view, "counters");

	if (json_is_true(json_object_get(view, "on")) &&
	    json_integer_value(json_object_get(counters, "worker")) > 0) {
		ck_assert_double_ge(per_operation(view, "system_calls"), 1);
		/* They wait for the disk and for work, and are not put aside as often. */
		ck_assert_double_gt(per_operation(view, "voluntary_switches"),
				    per_operation(view, "involuntary_switches"));
	}
	json_decref(result);
}
END_TEST

/* ---- Without it. ---- */

static void lose_rights(void)
{
	static const int all[] = { CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON };

	for (int i = 0; i < 3; i++)
		prctl(PR_CAPBSET_DROP, all[i], 0, 0, 0);
}

static void lose_types(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL))
		lose_rights(); /* no rights to take the types away: none for the view, either */
}

static const struct {
	program_before_fn *before;
	const char *words, *why;
} REFUSALS[] = {
	{ lose_rights, "echo --connections 1", "needs root or CAP_BPF and CAP_PERFMON" },
	{ lose_types, "file --depth 1", "no type information" },
	{ NULL, "echo --connections 1 --no-kernel-view", "switched off (--no-kernel-view)" },
};

/* Not built, or no rights to begin with: these come before the reason that was made here. */
static bool is_reason(const char *said, const char *why)
{
	return strstr(said, why) || strstr(said, "not built") || strstr(said, "needs root");
}

START_TEST(without_the_view_all_else_is_measured_and_why_is_stored)
{
	json_t *result = play(REFUSALS[_i].before, REFUSALS[_i].words), *view;
	size_t i;

	json_array_foreach(views_of(result), i, view) {
		const char *why = json_string_value(json_object_get(view, "why"));

		ck_assert(json_is_false(json_object_get(view, "on")));
		ck_assert_msg(is_reason(why, REFUSALS[_i].why), "said: %s", why);
	}
	json_decref(result);
}
END_TEST

static unsigned int count_words(const char *text, const char *word)
{
	unsigned int count = 0;

	while ((text = strstr(text, word)) != NULL) {
		count++;
		text += strlen(word);
	}
	return count;
}

START_TEST(one_sentence_below_all_cells_says_so)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, lose_rights, "compare echo file " SHORT);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_uint_eq(count_words(program->said, "kernel view: off: "), 1);
	ck_assert_uint_eq(count_words(program->said, "the kernel counts"), 0);
	program_begin(program, lose_rights, "doctor");
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_uint_eq(count_words(program->said, "kernel view off: "), 1);
	program_begin(program, NULL, "doctor");
	program_end(program);
	ck_assert_uint_eq(count_words(program->said, "kernel view o"), 1);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program kernel view");
	TCase *cases = tcase_create("kernel view");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, every_arm_is_seen_once_by_the_kernel, 0,
			    sizeof(CELLS) / sizeof(*CELLS));
	tcase_add_test(cases, worker_threads_are_seen_with_their_process);
	tcase_add_loop_test(cases, without_the_view_all_else_is_measured_and_why_is_stored, 0,
			    sizeof(REFUSALS) / sizeof(*REFUSALS));
	tcase_add_test(cases, one_sentence_below_all_cells_says_so);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
