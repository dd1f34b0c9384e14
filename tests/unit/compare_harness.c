/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What all but the I/O costs: processor time that was really spent, by operations that were really
 * carried out. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <time.h>

#include "compare/harness.h"

static double cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static const struct cell CELLS[] = {
	{ .workload = &WORKLOAD_ECHO, .connections = 1, .size_bytes = 64, .depth = 1 },
	{ .workload = &WORKLOAD_ECHO, .connections = 64, .size_bytes = 64, .depth = 1 },
	{ .workload = &WORKLOAD_ECHO, .connections = 512, .size_bytes = 16384, .depth = 1 },
	{ .workload = &WORKLOAD_FILE, .block_bytes = 4096, .depth = 1 },
	{ .workload = &WORKLOAD_FILE, .block_bytes = 512, .depth = 32 },
	{ .workload = &WORKLOAD_FILE, .block_bytes = 1 << 20, .depth = 2 },
};
enum { CELLS_COUNT = sizeof(CELLS) / sizeof(*CELLS) };

static double cost_of(const struct cell *cell, double *operations)
{
	json_t *json = harness_json(cell);
	double cost;

	ck_assert_ptr_nonnull(json);
	cost = json_number_value(json_object_get(json, "cpu_per_operation_ns"));
	*operations = json_number_value(json_object_get(json, "operations"));
	json_decref(json);
	return cost;
}

/* Beside the measured stretch there are a warm-up of a twelfth of it and the set-up. Who is put aside
 * for most of the stretch is asked again. */
START_TEST(the_cost_is_the_time_that_was_spent)
{
	double best = 0;

	for (int i = 0; i < 20 && best < 0.6; i++) {
		double before = cpu_now_ns(), operations;
		double cost = cost_of(&CELLS[_i], &operations), spent = cpu_now_ns() - before;

		ck_assert_double_gt(operations, 0);
		ck_assert_double_le(cost * operations, spent);
		best = fmax(best, cost * operations / spent);
	}
	ck_assert_double_ge(best, 0.6);
}
END_TEST

/* The check of a block is in it: of one 2048 times as long it takes a good deal longer. */
START_TEST(a_longer_block_costs_more)
{
	double operations, longer = cost_of(&CELLS[5], &operations);

	ck_assert_double_gt(longer, 20 * cost_of(&CELLS[4], &operations));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare harness");
	TCase *cases = tcase_create("harness");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, the_cost_is_the_time_that_was_spent, 0, CELLS_COUNT);
	tcase_add_test(cases, a_longer_block_costs_more);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
