/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* duet compare models and beside: what is drawn from figures that are made up here, and what the players
 * count. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/claim/beside_stage.h"
#include "compare/claim/claim.h"
#include "compare/claim/models_stage.h"

/* ---- Made up. ---- */

static json_t *ratio(double middle)
{
	const char *verdict = middle < 0.99 ? "a lower" : middle > 1.01 ? "b lower"
		: "no difference shown";

	return json_pack("{s:f, s:f, s:f, s:s}", "ratio", middle, "low", middle - 0.01, "high",
			 middle + 0.01, "verdict", verdict);
}

/* The first of a group has none to be set against. */
static json_t *made_arm(const char *name, double cpu, double latency, json_t *figures)
{
	json_t *arm = json_pack("{s:s, s:o}", "name", name, "figures", figures);

	if (cpu > 0) {
		json_object_set_new(arm, "cpu", ratio(cpu));
		json_object_set_new(arm, "latency", ratio(latency));
	}
	return arm;
}

static json_t *made_group(const char *name, const char *varies, int size, json_t *arms)
{
	return json_pack("{s:s, s:s, s:i, s:o}", "name", name, "mechanism", "polling", varies, size,
			 "arms", arms);
}

static json_t *made_result(const char *kind, json_t *groups)
{
	return json_pack("{s:i, s:s, s:[{s:s, s:n}], s:[], s:o, s:[]}", "schema", 1, "kind", kind,
			 "mechanisms", "name", "polling", "refused", "legend", "groups", groups,
			 "findings");
}

static const char *finding_about(const json_t *result, const char *about)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(result, "findings"), i, one) {
		if (!strcmp(json_string_value(json_object_get(one, "about")), about))
			return json_string_value(json_object_get(one, "text"));
	}
	return "";
}

static void expect(const json_t *result, const char *about, const char *part)
{
	const char *text = finding_about(result, about);

	ck_assert_msg(strstr(text, part) != NULL, "%s: %s", about, text);
}

/* ---- Models. ---- */

static json_t *bytes(double own, double stack, double heap)
{
	return json_pack("{s:f, s:f, s:f}", "own", own, "stack", stack, "heap", heap);
}

static json_t *made_models(double threads)
{
	json_t *groups = json_pack(
		"[o, o, o]",
		made_group("polling, create", "tasks", 100, json_pack("[o, o]",
			made_arm("create/coroutines", 0, 0, json_object()),
			made_arm("create/fibers", 2, 2, json_object()))),
		made_group("polling, wait of 1", "tasks", 1, json_pack("[o, o]",
			made_arm("wait/callbacks", 0, 0, bytes(1, 1, 1)),
			made_arm("wait/threads", 9, 9, bytes(1, 1, 1)))),
		made_group("polling, wait of 10000", "tasks", 10000, json_pack("[o, o]",
			made_arm("wait/callbacks", 0, 0, bytes(280, 0, 0)),
			made_arm("wait/threads", threads, 3, bytes(56, 8192, 304)))));

	return made_result("compare models", groups);
}

static void expect_loop(double threads, const char *words)
{
	json_t *result = made_models(threads);

	CLAIM_MODELS.conclude(result);
	expect(result, "polling, a loop at all", words);
	expect(result, "polling, a loop at all", "with 10000 tasks");
	json_decref(result);
}

START_TEST(a_loop_pays_only_where_threads_are_shown_to_cost_more)
{
	expect_loop(4, "it pays in CPU: ");
	expect_loop(1, "no difference in CPU is shown: ");
	expect_loop(0.5, "it costs more than threads do: ");
}
END_TEST

START_TEST(models_are_set_against_the_first_that_has_such_a_thing)
{
	json_t *result = made_models(4);

	CLAIM_MODELS.conclude(result);
	expect(result, "polling, create", "times coroutines' CPU: fibers 2.00 [1.99, 2.01].");
	expect(result, "polling, wait of the most", "times callbacks' CPU: threads 4.00 [");
	ck_assert_str_eq(finding_about(result, "polling, switch"), "");
	json_decref(result);
}
END_TEST

static struct mechanism polling(void)
{
	struct mechanism found[MECHANISMS_MAX];

	ck_assert_uint_eq(mechanism_find(MECHANISM_CLAIM, "polling", found), 1);
	return found[0];
}

/* The allocators of sanitizers count nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HEAP_IS_COUNTED = 0 };
#else
enum { HEAP_IS_COUNTED = 1 };
#endif

/* What the model allocates: a thread at its pleasure, C++20 a frame with what is in it. */
static void expect_heap(const struct models_player *player, double heap)
{
	if (player == &MODELS_CXX && HEAP_IS_COUNTED)
		ck_assert_msg(heap > MODELS_MEMORY && heap < 1024, "%s: %f", player->name, heap);
	else if (!player->loopless)
		ck_assert_msg(heap == 0, "%s: %f", player->name, heap);
}

/* Only who has a stack touches one. */
START_TEST(what_a_waiting_task_takes_is_counted)
{
	struct models_options options = { .mechanism = polling(), .job = MODELS_WAIT, .count = 3,
					  .quick = true };
	struct models_result result;

	for (size_t i = 0; MODELS_PLAYERS[i]; i++) {
		const bool stacks = MODELS_PLAYERS[i] == &MODELS_FIBERS ||
			MODELS_PLAYERS[i] == &MODELS_THREADS;

		if (!MODELS_PLAYERS[i]->spawn)
			continue;
		options.player = MODELS_PLAYERS[i];
		ck_assert_int_eq(models_play(&options, &result), 0);
		ck_assert_double_eq(result.own, (double)MODELS_PLAYERS[i]->task_bytes);
		ck_assert_msg((result.stack >= 4096) == stacks, "%s: %f", options.player->name,
			      result.stack);
		expect_heap(options.player, result.heap);
		ck_assert(result.p99_ns >= result.latency_ns && result.elapsed_ns > 0);
	}
}
END_TEST

static int play_models(const char *arm, uint32_t size)
{
	struct claim_play play = { .arm = arm, .mechanism = polling(), .size = size, .quick = true };
	double figures[CLAIM_FIGURES_MAX];

	return CLAIM_MODELS.play(&play, figures);
}

/* What was measured decides what there is a row of. */
START_TEST(a_recording_without_a_model_says_so_in_its_row)
{
	json_t *result = made_models(4);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CLAIM_MODELS.print(result, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "\n  C++20       not measured: "));
	ck_assert_ptr_null(strstr(text, "\n  threads     not measured"));
	CLAIM_MODELS.conclude(result);
	expect(result, "polling, bytes of a waiting task", "callbacks 280, threads 8552; ");
	free(text);
	json_decref(result);
}
END_TEST

START_TEST(what_a_model_does_not_have_is_refused)
{
	ck_assert_int_eq(play_models("create/callbacks", 2), -EINVAL);
	ck_assert_int_eq(play_models("switch/callbacks", 2), -EINVAL);
	ck_assert_int_eq(play_models("wait/promises", 2), -EINVAL);
	ck_assert_int_eq(play_models("wait", 2), -EINVAL);
	ck_assert_int_eq(play_models("wait/fibers", 0), -EINVAL);
	ck_assert_int_eq(play_models("sleep/fibers", 2), -EINVAL);
}
END_TEST

/* ---- Beside. ---- */

static json_t *stall(double held, double other)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "latency_ns", 5e3, "turns", 2.0, "own", 384.0,
			 "stack", 16.0, "lines", 74.0, "held_sibling", held, "held_other", other,
			 "sliced_sibling", 2.0, "sliced_other", 1.0);
}

static json_t *made_family(const char *what, double cpu, double latency, double other)
{
	char name[64], arms[4][32];

	snprintf(name, sizeof(name), "polling, %s of 10", what);
	snprintf(arms[0], sizeof(arms[0]), "%s/inside", what);
	snprintf(arms[1], sizeof(arms[1]), "%s/futures", what);
	snprintf(arms[2], sizeof(arms[2]), "%s/coroutines", what);
	snprintf(arms[3], sizeof(arms[3]), "%s/fibers", what);
	return made_group(name, "children", 10, json_pack("[o, o, o, o]",
		made_arm(arms[0], 0, 0, stall(100, 100)), made_arm(arms[1], cpu, latency, stall(100, other)),
		made_arm(arms[2], 1, 1, stall(100, other)), made_arm(arms[3], 1.5, 1.5, stall(100, other))));
}

static void expect_beside(double cpu, double latency, double other, const char *price,
			  const char *spread, const char *saved)
{
	json_t *result = made_result("compare beside", json_pack("[o, o]",
		made_family("join", cpu, latency, other), made_family("select", 1, latency, other)));

	CLAIM_BESIDE.conclude(result);
	expect(result, "polling, join of 10", price);
	expect(result, "polling, select of 10", "no price of spawning is shown; ");
	expect(result, "polling, join of 10, to the end of all", "5 us inside, in 2 turns of");
	expect(result, "how far a stall spreads", spread);
	expect(result, "a child", "inside 400 bytes, 74 lines; ");
	expect(result, "the claim", saved);
	json_decref(result);
}

START_TEST(what_is_saved_inside_is_what_was_shown)
{
	expect_beside(1.2, 1.5, 100, "to spawn has a price; ", "as far inside as beside: ",
		      "on polling it saves CPU of a join, time of a join, time of a select.");
	expect_beside(1.2, 1, 100, "to spawn has a price; ", "as far inside as beside: ",
		      "on polling it saves CPU of a join.");
	expect_beside(1, 1.5, 100, "no price of spawning is shown; ", "as far inside as beside: ",
		      "on polling it saves time of a join, time of a select.");
	expect_beside(0.8, 0.8, 0, "to spawn is the cheaper way; ", "not as far: ",
		      "on polling it saves nothing that is shown, and costs CPU of a join, time of "
		      "a join, time of a select.");
}
END_TEST

/* Who computes in one step holds all, and who gives up its turn nobody for long: on one loop wherever it
 * is. */
START_TEST(a_stall_is_counted_in_slices)
{
	struct beside_options options = { .mechanism = polling(), .count = 10, .quick = true };
	struct beside_result result;

	for (size_t i = 0; BESIDE_PLAYERS[i]; i++) {
		options.player = BESIDE_PLAYERS[i];
		ck_assert_int_eq(beside_play(&options, &result), 0);
		ck_assert_double_eq(result.held_sibling, BESIDE_SLICES);
		ck_assert_double_eq(result.held_other, BESIDE_SLICES);
		ck_assert_double_lt(result.sliced_sibling, 10);
		ck_assert_double_lt(result.sliced_other, 10);
		ck_assert_msg((result.stack >= 4096) == BESIDE_PLAYERS[i]->has_stacks, "%s: %f",
			      BESIDE_PLAYERS[i]->name, result.stack);
		ck_assert_int_gt(BESIDE_PLAYERS[i]->lines, 10);
		options.selects = !options.selects;
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare claim tasks");
	TCase *cases = tcase_create("claim");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_loop_pays_only_where_threads_are_shown_to_cost_more);
	tcase_add_test(cases, models_are_set_against_the_first_that_has_such_a_thing);
	tcase_add_test(cases, a_recording_without_a_model_says_so_in_its_row);
	tcase_add_test(cases, what_a_waiting_task_takes_is_counted);
	tcase_add_test(cases, what_a_model_does_not_have_is_refused);
	tcase_add_test(cases, what_is_saved_inside_is_what_was_shown);
	tcase_add_test(cases, a_stall_is_counted_in_slices);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
