/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What blocking does to others: what is drawn from lateness that is made up here, and what is told of
 * holds that there were. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/claim/blocking_crowd.h"
#include "compare/claim/claim.h"

/* ---- What it comes to. ---- */

static struct blocking_record record;

/* Everyone is 10 us late, but so many behind each hold by stall_ns. */
static void make_record(uint64_t hold_ns, uint64_t stall_ns, uint32_t many)
{
	record = (struct blocking_record){ .hold_ns = hold_ns, .holds = 4, .held = 4,
					   .held_cpu_ns = 4 * hold_ns };
	record.cpu_ns = 4 * hold_ns + (uint64_t)BLOCKING_OTHERS * blocking_ticks(&record) * 1500;
	for (uint32_t tick = 0; tick < 8; tick++) {
		for (uint32_t who = 0; who < BLOCKING_OTHERS; who++)
			record.late_ns[tick][who] = tick % 2 || who >= many ? 10000 : stall_ns;
	}
	for (uint32_t i = 0; i < 4; i++)
		record.taken_ns[i] = hold_ns;
}

START_TEST(lateness_is_judged_by_those_who_wait)
{
	struct blocking_result result;

	make_record(10000000, 10100000, 600);
	blocking_judge(&record, NULL, &result);
	ck_assert_double_eq_tol(result.cpu_ns, 1500, 1e-6);
	ck_assert_double_eq(result.stall_ns, 10100000);
	ck_assert_double_eq_tol(result.p50_ns, 10000, 100);
	ck_assert_double_eq_tol(result.p99_ns, 10100000, 101000);
	ck_assert_double_eq_tol(result.late_percent, 100.0 * 600 / (2 * BLOCKING_OTHERS), 1e-9);
	ck_assert(isnan(result.told) && isnan(result.wrong) && isnan(result.call_ns));
}
END_TEST

/* What disturbs one hold, or the period between two, is no stall. */
START_TEST(noise_is_no_stall)
{
	struct blocking_result result;

	make_record(0, 20000, 600);
	record.late_ns[2][5] = 8000000;
	record.late_ns[3][5] = 9000000;
	blocking_judge(&record, NULL, &result);
	ck_assert_double_eq(result.stall_ns, 20000);
}
END_TEST

START_TEST(what_is_told_is_held_against_what_was)
{
	struct blocking_tellings tellings = { .right = 3, .wrong = 1, .told_ns = 20000000,
					      .dog_right = 2, .dog_wrong = 1, .dog_ns = 1200000 };
	struct blocking_result result;

	make_record(10000000, 10100000, 600);
	blocking_judge(&record, &tellings, &result);
	ck_assert_double_eq(result.told, 0.75);
	ck_assert_double_eq(result.wrong, 0.5);
	ck_assert_double_eq(result.held, 0.5);
	ck_assert_double_eq(result.dog, 0.5);
	ck_assert_double_eq(result.dog_ns, 600000);
	make_record(0, 20000, 600);
	blocking_judge(&record, &tellings, &result);
	ck_assert(isnan(result.told) && isnan(result.dog));
	ck_assert_double_eq(result.wrong, 0.5);
}
END_TEST

/* ---- What is told of a real one. ---- */

static void play(enum blocking_way way, uint64_t hold_ns, struct blocking_result *result)
{
	struct blocking_options options = { .way = way, .hold_ns = hold_ns, .holds = 2, .calls = 8 };
	struct mechanism found[MECHANISMS_MAX];

	ck_assert_uint_eq(mechanism_find(MECHANISM_CLAIM, "polling", found), 1);
	options.mechanism = found[0];
	ck_assert_int_eq(blocking_play(&options, result), 0);
}

/* Each of the others waits out a hold that comes before its timer: that is no matter of speed. */
START_TEST(a_hold_is_a_stall_and_is_told_of)
{
	struct blocking_result result;

	play(BLOCKING_WATCHED, 5000000, &result);
	ck_assert_double_ge(result.stall_ns, 4900000);
	ck_assert_double_eq(result.told, 1);
	ck_assert_double_ge(result.held, 1);
	play(BLOCKING_FIBER, 5000000, &result);
	ck_assert_double_ge(result.stall_ns, 4900000);
	ck_assert(isnan(result.told));
	play(BLOCKING_OFFLOADED, 1000000, &result);
	ck_assert(result.call_ns > 0 && result.call_cpu_ns > 0);
}
END_TEST

START_TEST(what_is_out_of_range_is_refused)
{
	struct blocking_options options = { .way = BLOCKING_COROUTINE,
					    .holds = BLOCKING_HOLDS_MAX + 1 };
	struct blocking_result result;
	double figures[CLAIM_FIGURES_MAX];
	struct claim_play play = { .arm = "coroutine", .size = 12000, .quick = true };

	ck_assert_int_lt(blocking_play(&options, &result), 0);
	ck_assert_int_lt(CLAIM_BLOCKING.play(&play, figures), 0);
	play.arm = "knight";
	play.size = 1000;
	ck_assert_int_lt(CLAIM_BLOCKING.play(&play, figures), 0);
}
END_TEST

/* ---- Findings. ---- */

static json_t *arm(const char *name, double stall_ms, const char *verdict)
{
	json_t *ratio = json_pack("{s:f, s:f, s:f, s:s}", "ratio", stall_ms / 10, "low", 0.01, "high",
				  0.02, "verdict", verdict);
	json_t *made = json_pack("{s:s, s:{s:f, s:f, s:f, s:f, s:f, s:f}, s:o, s:O}", "name", name,
				 "figures", "latency_ns", stall_ms * 1e6, "told", 1.0, "dog", 0.5,
				 "held", 1.0, "call_ns", 9000.0, "call_cpu_ns", 4000.0, "latency",
				 ratio, "cpu", ratio);

	return made;
}

static json_t *made_result(double stall_ms, double fiber_ms, double offloaded_ms)
{
	return json_pack("{s:s, s:[], s:[{s:s, s:s, s:i, s:[o, o, o, o, o, o, o]}]}", "kind",
			 "compare blocking", "findings", "groups", "name", "polling, 10 ms",
			 "mechanism", "polling", "hold_us", 10000, "arms",
			 arm("coroutine", stall_ms, ""), arm("sleeps", stall_ms, ""),
			 arm("fiber", fiber_ms, ""), arm("callback", stall_ms, ""),
			 arm("watched", stall_ms, ""),
			 arm("offloaded", offloaded_ms, offloaded_ms < 5 ? "a lower" : "too noisy"),
			 arm("threads", 0.1, ""));
}

static void expect(const json_t *result, const char *about, const char *part)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(result, "findings"), i, one) {
		if (strcmp(json_string_value(json_object_get(one, "about")), about) != 0)
			continue;
		ck_assert_msg(strstr(json_string_value(json_object_get(one, "text")), part) != NULL,
			      "%s", json_string_value(json_object_get(one, "text")));
		return;
	}
	ck_abort_msg("nothing about %s", about);
}

START_TEST(findings_follow_from_the_figures)
{
	json_t *stalled = made_result(10.1, 10.2, 0.3), *quiet = made_result(0.2, 0.3, 9);

	CLAIM_BLOCKING.conclude(stalled);
	expect(stalled, "polling, 10 ms", "what computes stalls all others: ");
	expect(stalled, "polling, detected", "told of 100 with");
	expect(stalled, "polling, detected", "the watchdog of 50,");
	expect(stalled, "polling, offloaded", "the stall is gone: ");
	expect(stalled, "what is blocking", "4 of 4 such stall");
	CLAIM_BLOCKING.conclude(quiet);
	expect(quiet, "polling, 10 ms", "no stall is shown: ");
	expect(quiet, "polling, offloaded", "the stall isn't shown to be gone: ");
	expect(quiet, "what is blocking", "0 of 4 such stall");
	json_decref(stalled);
	json_decref(quiet);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare blocking");
	TCase *cases = tcase_create("blocking");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, lateness_is_judged_by_those_who_wait);
	tcase_add_test(cases, noise_is_no_stall);
	tcase_add_test(cases, what_is_told_is_held_against_what_was);
	tcase_add_test(cases, a_hold_is_a_stall_and_is_told_of);
	tcase_add_test(cases, what_is_out_of_range_is_refused);
	tcase_add_test(cases, findings_follow_from_the_figures);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
