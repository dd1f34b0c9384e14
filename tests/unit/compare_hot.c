/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Hot or cold: what a cancel before the start does is counted, and what is said follows from it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/hot_awaiters.h"

static struct hot_result play(enum hot_way way, uint32_t early)
{
	struct hot_options options = { .way = way, .early = early, .batches = 4, .times = 4 };
	struct mechanism found[MECHANISMS_MAX];
	struct hot_result result = { 0 };

	ck_assert_uint_eq(mechanism_find(MECHANISM_CLAIM, "polling", found), 1);
	options.mechanism = found[0];
	ck_assert_int_eq(hot_play(&options, &result), 0);
	return result;
}

static bool is_hot(enum hot_way way)
{
	return way == HOT_EAGER || way == HOT_EAGER_POOLED || way == HOT_DEFERRED ||
	       way == HOT_CXX_EAGER;
}

START_TEST(what_is_cold_has_not_begun)
{
	for (enum hot_way way = 0; way < HOT_WAYS; way++) {
		struct hot_result result;

		if (is_hot(way) || !hot_has(way))
			continue;
		result = play(way, _i ? 100 : 0);
		ck_assert_double_eq(result.started, 0);
		ck_assert_double_eq(result.cancel_calls, 0);
		ck_assert_double_eq(result.taken, 0);
	}
}
END_TEST

/* A message that was there is taken, and what is not there can't be. */
START_TEST(what_is_hot_is_under_way)
{
	for (enum hot_way way = 0; way < HOT_WAYS; way++) {
		struct hot_result result;

		if (!is_hot(way) || !hot_has(way))
			continue;
		result = play(way, _i ? 100 : 0);
		ck_assert_double_eq(result.started, 1);
		ck_assert_double_gt(result.cancel_calls, 0);
		ck_assert_double_eq(result.taken, _i ? 1 : 0);
	}
}
END_TEST

START_TEST(memory_is_in_place_or_of_the_pool)
{
	struct hot_result direct = play(HOT_DIRECT, 100), lazy = play(HOT_LAZY, 100),
			  pooled = play(HOT_LAZY_POOLED, 100), eager = play(HOT_EAGER, 100),
			  shared = play(HOT_EAGER_POOLED, 100);

	ck_assert_double_eq(direct.place, 256);
	ck_assert_double_eq(direct.takes + lazy.takes + eager.takes, 0);
	ck_assert_double_eq(pooled.takes, 1);
	ck_assert_double_eq(pooled.place, 0);
	ck_assert_double_eq(pooled.pool, lazy.place);
	ck_assert_double_eq(shared.pool + shared.place, eager.place);
	ck_assert_double_eq(direct.steps, lazy.steps);
	/* Its own first step, that of its receive, and its maker's behind the join. */
	ck_assert_double_ge(eager.steps, direct.steps + 2);
}
END_TEST

/* The operation is the task's, whoever of its coroutines awaits it: none is in a frame. */
START_TEST(memory_in_cxx_is_in_frames_and_jobs)
{
	struct hot_result direct, lazy, eager;

	if (!hot_has(HOT_CXX_DIRECT))
		return;
	direct = play(HOT_CXX_DIRECT, 100);
	lazy = play(HOT_CXX_LAZY, 100);
	eager = play(HOT_CXX_EAGER, 100);
	ck_assert_double_eq(direct.takes, 0);
	ck_assert_double_eq(lazy.takes, 1);
	ck_assert_double_eq(eager.takes, 1);
	ck_assert_double_eq(lazy.place, direct.place);
	ck_assert_double_gt(eager.place, direct.place);
	ck_assert(lazy.pool > 64 && lazy.pool < 1024);
	ck_assert_double_eq(lazy.pool, eager.pool);
	ck_assert_double_eq(lazy.steps, direct.steps);
}
END_TEST

START_TEST(what_is_out_of_range_is_refused)
{
	struct claim_play play = { .arm = "direct", .size = 50, .quick = true };
	double figures[CLAIM_FIGURES_MAX];

	ck_assert_int_lt(CLAIM_HOT.play(&play, figures), 0);
	play.size = 100;
	play.arm = "lukewarm";
	ck_assert_int_lt(CLAIM_HOT.play(&play, figures), 0);
}
END_TEST

/* ---- Findings. ---- */

static json_t *arm(const char *name, double started, double middle)
{
	json_t *ratio = json_pack("{s:f, s:f, s:f, s:s}", "ratio", middle, "low", middle, "high",
				  middle, "verdict", middle > 1 ? "b lower" : "a lower");

	return json_pack("{s:s, s:{s:f, s:f, s:f, s:f, s:f}, s:o}", "name", name, "figures",
			 "started", started, "cancel_calls", started, "taken", started, "cancel_ns",
			 70.0, "steps", 1 + started, "cpu", ratio);
}

static json_t *made_result(double cold)
{
	return json_pack("{s:[], s:[{s:s, s:i, s:[o, o, o, o, o, o, o, o, o, o, o]}]}", "findings", "groups",
			 "name", "polling, 100 %", "percent", 100, "arms", arm("direct", 0, 1),
			 arm("lazy", cold, 1.1), arm("lazy, pooled", 0, 1.02),
			 arm("future", 0, 1.2), arm("future, pooled", 0, 1.03),
			 arm("eager", 1, 1.5), arm("eager, shared", 1, 1.04),
			 arm("deferred", 1, 1.3), arm("C++ direct", 0, 1.1),
			 arm("C++ lazy", 0, 1.05), arm("C++ eager", 1, 1.2));
}

static const char *text_of(const json_t *result, size_t which)
{
	return json_string_value(json_object_get(
		json_array_get(json_object_get(result, "findings"), which), "text"));
}

START_TEST(findings_follow_from_the_figures)
{
	json_t *cold = made_result(0), *begun = made_result(1);

	CLAIM_HOT.conclude(cold);
	ck_assert_ptr_nonnull(strstr(text_of(cold, 0), "a coroutine 1.10 ["));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 0), "a future 1.20 ["));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 0), "hot 1.50 ["));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 0), "with 1.0 more steps"));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 0), "who waits for it: 1.30 ["));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 1), "cold: nothing has happened"));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 1), "hot: 1.00 operations"));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 2), "1.10 [1.10, 1.10] of what that is in C"));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 2), "cold 1.05 ["));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 2), "hot 1.20 ["));
	ck_assert_ptr_nonnull(strstr(text_of(cold, 2), "hot: 1.00 and 1.00."));
	CLAIM_HOT.conclude(begun);
	ck_assert_ptr_nonnull(strstr(text_of(begun, 1), "something has happened already"));
	json_decref(cold);
	json_decref(begun);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare hot");
	TCase *cases = tcase_create("hot");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 30);
	tcase_add_loop_test(cases, what_is_cold_has_not_begun, 0, 2);
	tcase_add_loop_test(cases, what_is_hot_is_under_way, 0, 2);
	tcase_add_test(cases, memory_is_in_place_or_of_the_pool);
	tcase_add_test(cases, memory_in_cxx_is_in_frames_and_jobs);
	tcase_add_test(cases, what_is_out_of_range_is_refused);
	tcase_add_test(cases, findings_follow_from_the_figures);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
