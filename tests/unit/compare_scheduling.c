/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Messages at a constant rate: all come, by whatever order and budget, and what is said of a knob
 * follows from its figures. */
#include <check.h>
#include <duet/completion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/claim/claim.h"
#include "compare/claim/scheduling_ring.h"
#include "compare/claim/scheduling_scene.h"

enum { MESSAGES = 400 };

static struct scheduling_options options_of(uint32_t steps_max, uint32_t newest_max)
{
	struct mechanism found[MECHANISMS_MAX];

	ck_assert_uint_eq(mechanism_find(MECHANISM_CLAIM, "polling", found), 1);
	return (struct scheduling_options){ .mechanism = found[0], .crowd = true,
					    .steps_max = steps_max, .newest_max = newest_max,
					    .messages = MESSAGES };
}

static struct scheduling_result play(const struct scheduling_options *options)
{
	struct scheduling_result result;

	ck_assert_int_eq(scheduling_play(options, &result), 0);
	return result;
}

/* All come, in their order on each connection, and the loop counts what it did for them. */
START_TEST(all_come_by_any_order_and_budget)
{
	static const uint32_t steps[] = { 1, 16, 4096 }, newest[] = { 0, 1, 8 };

	for (int i = 0; i < 3; i++) {
		struct scheduling_options options = options_of(steps[i], newest[i]);
		struct scheduling_result result = play(&options);

		ck_assert(result.p50_ns > 0 && result.cpu_ns > 0 && result.sender_ns > 0);
		ck_assert(result.calls > 0 && result.turns > 0);
	}
}
END_TEST

/* A tail is stated only of messages enough. */
START_TEST(tails_need_messages)
{
	struct scheduling_options few = options_of(256, 8), more = few;
	struct scheduling_result result = play(&few);

	ck_assert(isnan(result.p99_ns) && isnan(result.p999_ns));
	more.messages = 1000;
	more.pinned = true;
	more.spin_ns = 10000;
	more.crowd = false;
	result = play(&more);
	ck_assert(result.p99_ns >= result.p50_ns && isnan(result.p999_ns));
}
END_TEST

START_TEST(what_is_out_of_range_is_refused)
{
	struct scheduling_options none = options_of(0, 0);
	struct claim_play play = { .arm = "sleep", .size = 5, .quick = true };
	double figures[CLAIM_FIGURES_MAX];
	struct scheduling_result result;

	ck_assert_int_eq(scheduling_play(&none, &result), -EINVAL);
	ck_assert_int_eq(CLAIM_SCHEDULING.play(&play, figures), -EINVAL);
	play.size = SCHEDULING_RATE;
	play.arm = "doze";
	ck_assert_int_eq(CLAIM_SCHEDULING.play(&play, figures), -EINVAL);
}
END_TEST

/* By hand they come as well, with a thread in the kernel and without. */
START_TEST(all_come_to_a_ring_by_hand)
{
	struct mechanism found[MECHANISMS_MAX];
	size_t count = mechanism_find(MECHANISM_CLAIM, "completion", found);

	json_decref(mechanism_probe(found, &count));
	for (size_t i = 0; i < 2 * count; i++) {
		const bool thread = i % 2;
		struct scheduling_options options = { .mechanism = found[i / 2],
						      .messages = MESSAGES };
		struct scheduling_result result = { 0 };

		if (thread && !scheduling_ring_has_thread())
			continue;
		options.spin_ns = thread ? 10000 : 0;
		ck_assert_int_eq(scheduling_ring_play(&options, thread, &result), 0);
		ck_assert(result.p50_ns > 0 && result.cpu_ns > 0 && result.sender_ns > 0);
		ck_assert(result.turns > 0 && isnan(result.p99_ns));
		ck_assert(result.calls <= result.turns * (1 + thread));
	}
}
END_TEST

/* That is why it is by hand. */
START_TEST(no_tuning_makes_a_polling_thread)
{
	struct duet_probe probe;

	ck_assert_int_eq(duet_backend_probe(duet_completion(), "sqpoll=yes", &probe), -EINVAL);
}
END_TEST

/* ---- Findings. ---- */

static json_t *ratio(double middle)
{
	return json_pack("{s:f, s:f, s:f, s:s}", "ratio", middle, "low", middle, "high", middle,
			 "verdict", middle < 0 ? "too few rounds" : middle == 0 ? "too noisy"
			 : middle < 1 ? "a lower" : middle > 1 ? "b lower" : "no difference shown");
}

static json_t *made_result(double latency, double cpu, int disturbed)
{
	return json_pack("{s:[], s:[{s:s, s:i, s:[[], [], []], s:[{s:s}, {s:s, s:s, s:o, s:o}]}]}",
			 "findings", "groups", "name", "polling, wait", "disturbed", disturbed,
			 "rounds", "arms", "name", "sleep", "name", "spin", "against", "sleep",
			 "latency", ratio(latency), "cpu", ratio(cpu));
}

/* The polling thread is said to be absent where no arm has one. */
START_TEST(what_is_absent_is_said)
{
	for (int there = 0; there < 2; there++) {
		json_t *result = made_result(1, 1, 0);
		json_t *group = json_array_get(json_object_get(result, "groups"), 0);
		const char *text;

		if (there)
			json_array_append_new(json_object_get(group, "arms"),
					      json_pack("{s:s}", "name", "thread"));
		CLAIM_SCHEDULING.conclude(result);
		text = json_string_value(json_object_get(
			json_array_get(json_object_get(result, "findings"), 2), "text"));
		ck_assert_msg((strstr(text, "polling thread") == NULL) == there, "%s", text);
		ck_assert_ptr_nonnull(strstr(text, "NAPI"));
		json_decref(result);
	}
}
END_TEST

static void expect(double latency, double cpu, const char *words)
{
	json_t *result = made_result(latency, cpu, 0);
	const char *text;

	CLAIM_SCHEDULING.conclude(result);
	text = json_string_value(json_object_get(
		json_array_get(json_object_get(result, "findings"), 0), "text"));
	ck_assert_msg(strstr(text, words) != NULL, "%s", text);
	json_decref(result);
}

START_TEST(a_verdict_weighs_both)
{
	expect(0.5, 4, "against sleep: spin: sooner, and dearer (p50 0.50 [");
	expect(0.5, 0.5, "spin: sooner, and cheaper (");
	expect(0.5, 1, "spin: sooner (");
	expect(2, 1, "spin: later (");
	expect(2, 2, "spin: later, and dearer (");
	expect(2, 0.5, "spin: later, and cheaper (");
	expect(1, 2, "spin: dearer, and not shown to be sooner (");
	expect(1, 0.5, "spin: cheaper (");
	expect(0, 1, "spin: too noisy to say (p50 too noisy, ");
	expect(-1, -1, "spin: too few rounds to say (p50 too few rounds, ");
	expect(1, 1, "spin: no effect shown (");
}
END_TEST

START_TEST(noise_is_flagged)
{
	for (int disturbed = 0; disturbed < 2; disturbed++) {
		json_t *result = made_result(1, 1, disturbed);
		const char *text;

		CLAIM_SCHEDULING.conclude(result);
		text = json_string_value(json_object_get(
			json_array_get(json_object_get(result, "findings"), 1), "text"));
		ck_assert_msg(!strncmp(text, disturbed ? "noisy: " : "quiet: ", 7), "%s", text);
		json_decref(result);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare scheduling");
	TCase *cases = tcase_create("scheduling");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, all_come_by_any_order_and_budget);
	tcase_add_test(cases, tails_need_messages);
	tcase_add_test(cases, what_is_out_of_range_is_refused);
	tcase_add_test(cases, all_come_to_a_ring_by_hand);
	tcase_add_test(cases, no_tuning_makes_a_polling_thread);
	tcase_add_test(cases, what_is_absent_is_said);
	tcase_add_test(cases, a_verdict_weighs_both);
	tcase_add_test(cases, noise_is_flagged);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
