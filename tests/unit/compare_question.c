/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the questions make of rounds: known figures, known effects. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/measure/effect.h"
#include "compare/measure/rounds.h"
#include "compare/models/informed.h"
#include "compare/questions/cells.h"
#include "compare/questions/informed.h"
#include "compare/questions/question.h"
#include "compare/report/conclude.h"
#include "compare/report/text.h"

enum { ROUNDS = 15 };

/* ---- The verdict. ---- */

/* Logarithms of 15 ratios, evenly around the one, four steps wide on each side of the interval. */
struct evidence {
	double logs[ROUNDS], floors[ROUNDS];
	struct effect_evidence evidence;
};

static void make(struct evidence *made, double ratio, double spread, double floor)
{
	for (int i = 0; i < ROUNDS; i++) {
		made->logs[i] = log(ratio) + log1p(spread) * (i - 7) / 4;
		made->floors[i] = log1p(floor) * (i - 7) / 4;
	}
	made->evidence = (struct effect_evidence){
		.logs = made->logs, .floors = made->floors, .rounds = ROUNDS, .floor_times = 1,
		.within = 0.05, .measured = true,
	};
}

static enum effect_verdict judge(struct evidence *made)
{
	struct effect effect;

	effect_decide(&made->evidence, &effect);
	return effect.verdict;
}

static const struct {
	double ratio, spread, floor;
	enum effect_verdict verdict;
} JUDGED[] = {
	{ 1, 0.04, 0.01, EFFECT_WITHIN },
	{ 1, 0.06, 0.01, EFFECT_NOT_SHOWN },
	{ 1.03, 0.01, 0.01, EFFECT_WITHIN }, /* a difference, and a small one */
	{ 1.03, 0.03, 0.01, EFFECT_NOT_SHOWN },
	{ 1.2, 0.03, 0.01, EFFECT_BEYOND },
	{ 1 / 1.2, 0.03, 0.01, EFFECT_BEYOND },
	{ 1.08, 0.03, 0.01, EFFECT_NOT_SHOWN }, /* it may be as small as that */
	{ 1, 0.01, 0.06, EFFECT_TOO_NOISY },	/* who is not equal to himself equals nobody */
	{ 1.05, 0.001, 0.06, EFFECT_TOO_NOISY },
	{ 1.3, 0.01, 0.06, EFFECT_BEYOND }, /* but what is large is seen nevertheless */
	{ 3, 0.01, 0.3, EFFECT_TOO_NOISY },
};

START_TEST(a_bound_makes_the_verdict)
{
	struct evidence made;

	make(&made, JUDGED[_i].ratio, JUDGED[_i].spread, JUDGED[_i].floor);
	ck_assert_str_eq(effect_word(judge(&made)), effect_word(JUDGED[_i].verdict));
}
END_TEST

START_TEST(what_is_missing_is_said)
{
	struct evidence made;

	make(&made, 1, 0.01, 0.01);
	made.evidence.rounds = 5;
	ck_assert_int_eq(judge(&made), EFFECT_TOO_FEW_ROUNDS);
	make(&made, 1, 0.01, 0.01);
	made.evidence.measured = false;
	ck_assert_int_eq(judge(&made), EFFECT_NOT_MEASURED);
	make(&made, 1, 0.01, 0.01);
	made.evidence.disturbed = true;
	ck_assert_int_eq(judge(&made), EFFECT_TOO_NOISY);
}
END_TEST

START_TEST(an_interval_is_of_ranks_and_a_ratio_of_ratios_has_twice_the_floor)
{
	struct evidence made;
	struct effect effect;

	make(&made, 1.1, 0.02, 0.01);
	effect_decide(&made.evidence, &effect);
	/* The 4th and the 12th of 15: four steps of a quarter from the middle. */
	ck_assert_double_eq_tol(effect.low, 1.1 / 1.02, 1e-9);
	ck_assert_double_eq_tol(effect.high, 1.1 * 1.02, 1e-9);
	ck_assert_double_eq_tol(effect.ratio, 1.1, 1e-9);
	ck_assert_double_eq_tol(effect.floor, 0.01, 1e-9);
	made.evidence.floor_times = 2;
	effect_decide(&made.evidence, &effect);
	ck_assert_double_eq_tol(effect.floor, 1.01 * 1.01 - 1, 1e-9);
}
END_TEST

/* ---- The four cells. ---- */

/* Known effects: what polling makes of a figure, what a future makes of it, and what the two make
 * together that neither makes alone. */
enum { CPU_NS = 5000, LATENCY_NS = 40000 };
static const double POLLING = 0.8, FUTURE = 1.1, TOGETHER = 1.25, CALLBACK = 0.9;

static double factor(enum cells_arm arm)
{
	const double factors[CELLS_ARMS] = {
		[CELLS_COMPLETION_CONTINUATION] = 1,
		[CELLS_COMPLETION_FUTURE] = FUTURE,
		[CELLS_POLLING_CONTINUATION] = POLLING,
		[CELLS_POLLING_FUTURE] = POLLING * FUTURE * TOGETHER,
		[CELLS_COMPLETION_CALLBACK] = CALLBACK,
		[CELLS_POLLING_CALLBACK] = POLLING * CALLBACK,
	};

	return factors[arm];
}

static json_t *make_slot(unsigned int arm, double scale)
{
	return json_pack("{s:i, s:i, s:i, s:f, s:f, s:f, s:{s:f, s:f, s:f}, s:{s:f, s:f, s:f}, "
			 "s:{s:i, s:i, s:i, s:i, s:i}}",
			 "arm", (int)arm, "operations", 1000, "operations_total", 1000, "elapsed_ns",
			 1e9 * scale, "cpu_ns", 1000.0 * CPU_NS * scale, "load_cpu_ns", 0.0,
			 "latency", "p50_ns", LATENCY_NS * scale, "p99_ns", 1.0, "p999_ns", 1.0,
			 "counters", "steps", 2000 * scale, "task_wakes", 1000 * scale, "polls",
			 3000 * scale, "noise", "wait_ns", 0, "steal_ns", 0, "others_cpu_ns", 0,
			 "voluntary_switches", 1, "involuntary_switches", 1);
}

/* Each round has a speed of its own, which must not be seen in any ratio; shares are what each of the
 * arms makes of it. */
static json_t *make_cell(const char *question, const json_t *arms, const double *shares)
{
	unsigned int count = (unsigned int)json_array_size(arms);
	json_t *rounds = json_array();

	for (int i = 0; i < ROUNDS; i++) {
		json_t *slots = json_array();
		double speed = 1 + 0.3 * (i % 4);

		for (unsigned int arm = 0; arm < count; arm++)
			json_array_append_new(slots, make_slot(arm, speed * shares[arm]));
		json_array_insert_new(slots, (size_t)i % 3, make_slot(0, speed * shares[0]));
		json_array_append_new(rounds, json_pack("{s:i, s:b, s:n, s:o}", "round", i, "kept", 1,
							"disturbed_by", "slots", slots));
	}
	return json_pack("{s:s, s:{s:s, s:s, s:s, s:i}, s:i, s:O, s:o, s:b, s:{s:s, s:i}}", "workload",
			 strcmp(question, "cells") ? question : "file", "parameters", "file", "made",
			 "load", "closed loop", "idle_children", "1,10,100", "rate_per_s", 2000,
			 "duration_ns", 100000000, "arms", arms, "rounds", rounds, "correct", 1,
			 "question", "name", question, "within_percent", 5);
}

static void conclude(json_t *cell)
{
	conclude_cell(cell);
	question_conclude(cell);
}

static json_t *make_cells(void)
{
	double shares[CELLS_ARMS];
	json_t *arms = json_array(), *cell;

	for (unsigned int arm = 0; arm < CELLS_ARMS; arm++) {
		shares[arm] = factor((enum cells_arm)arm);
		json_array_append_new(arms, json_pack("{s:s}", "name", CELLS_ARM_NAMES[arm]));
	}
	cell = make_cell("cells", arms, shares);
	json_decref(arms);
	conclude(cell);
	return cell;
}

/* Of rockets there is a whole fetch beside the requests: here of 49 times as long. */
static json_t *make_rockets(void)
{
	json_t *cell = make_cells(), *round, *slot;
	size_t i, k;

	json_array_foreach(json_object_get(cell, "rounds"), i, round) {
		json_array_foreach(json_object_get(round, "slots"), k, slot) {
			json_t *latency = json_object_get(json_object_get(slot, "latency"), "p50_ns");

			json_object_set_new(slot, "fetch", json_pack("{s:f}", "p50_ns",
								     49 * json_number_value(latency)));
		}
	}
	json_object_set_new(cell, "workload", json_string("rockets"));
	json_object_set_new(cell, "parameters",
			    json_pack("{s:s, s:s, s:i, s:i, s:i}", "transport",
				      "HTTP over TCP on loopback", "load", "closed loop", "connections",
				      16, "items", 48, "latency_ns", 1000000));
	conclude(cell);
	return cell;
}

static const json_t *metric_at(const json_t *cell, size_t metric)
{
	return json_array_get(json_object_get(json_object_get(cell, "answer"), "metrics"), metric);
}

static void expect_effect(const json_t *cell, size_t metric, const char *key, double ratio)
{
	const json_t *effect = question_row(json_object_get(metric_at(cell, metric), "effects"), key);

	ck_assert_msg(effect != NULL, "no %s", key);
	ck_assert_msg(fabs(json_number_value(json_object_get(effect, "ratio")) - ratio) < 1e-9,
		      "%s: %f and not %f", key, json_number_value(json_object_get(effect, "ratio")),
		      ratio);
	ck_assert_int_eq(json_integer_value(json_object_get(effect, "rounds")), ROUNDS);
}

START_TEST(main_effects_and_interaction_are_those_that_were_put_in)
{
	json_t *cell = make_cells();

	for (size_t metric = 0; metric < 2; metric++) {
		expect_effect(cell, metric, "future_on_completion", FUTURE);
		expect_effect(cell, metric, "future_on_polling", FUTURE * TOGETHER);
		expect_effect(cell, metric, "future", FUTURE * sqrt(TOGETHER));
		expect_effect(cell, metric, "polling_by_continuations", POLLING);
		expect_effect(cell, metric, "polling_by_futures", POLLING * TOGETHER);
		expect_effect(cell, metric, "polling", POLLING * sqrt(TOGETHER));
		expect_effect(cell, metric, "interaction", TOGETHER);
		expect_effect(cell, metric, "both", POLLING * FUTURE * TOGETHER);
		expect_effect(cell, metric, "coroutine_over_callback_on_completion", 1 / CALLBACK);
		expect_effect(cell, metric, "future_over_callback_on_polling",
			      FUTURE * TOGETHER / CALLBACK);
		ck_assert_str_eq(json_string_value(json_object_get(metric_at(cell, metric),
								   "identical")), "no");
	}
	/* More operations in the same time: the other way round. */
	expect_effect(cell, 2, "future_on_completion", 1 / FUTURE);
	json_decref(cell);
}
END_TEST

START_TEST(a_whole_fetch_is_concluded_of_rockets_and_of_nothing_else)
{
	json_t *cell = make_rockets(), *other = make_cells();
	const json_t *metrics = json_object_get(json_object_get(cell, "answer"), "metrics");

	ck_assert_uint_eq(json_array_size(metrics), 4);
	ck_assert_ptr_eq(question_row(metrics, "fetch_p50_ns"), metric_at(cell, 3));
	expect_effect(cell, 3, "future_on_completion", FUTURE);
	expect_effect(cell, 3, "future_on_polling", FUTURE * TOGETHER);
	expect_effect(cell, 3, "interaction", TOGETHER);
	ck_assert_ptr_nonnull(question_row(json_object_get(cell, "metrics"), "fetch_p50_ns"));
	ck_assert_ptr_null(question_row(json_object_get(other, "metrics"), "fetch_p50_ns"));
	ck_assert_ptr_null(metric_at(other, 3));
	json_decref(other);
	json_decref(cell);
}
END_TEST

START_TEST(a_round_without_a_figure_is_left_out_whole)
{
	json_t *cell = make_cells();
	json_t *round = json_array_get(json_object_get(cell, "rounds"), 3), *slot;
	const json_t *effects;
	size_t i;

	json_array_foreach(json_object_get(round, "slots"), i, slot) {
		if (json_integer_value(json_object_get(slot, "arm")) == CELLS_POLLING_FUTURE)
			json_object_set_new(slot, "cpu_ns", json_null());
	}
	conclude(cell);
	effects = json_object_get(metric_at(cell, 0), "effects");
	ck_assert_int_eq(json_integer_value(json_object_get(question_row(effects, "interaction"),
							    "rounds")), ROUNDS - 1);
	ck_assert_int_eq(json_integer_value(json_object_get(question_row(effects, "interaction"),
							    "rounds_left_out")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(
			question_row(effects, "future_on_completion"), "rounds")), ROUNDS);
	json_decref(cell);
}
END_TEST

START_TEST(a_round_that_was_played_again_says_nothing)
{
	json_t *cell = make_cells(), *rounds = json_object_get(cell, "rounds");
	json_t *repeated = json_deep_copy(json_array_get(rounds, 0)), *slot;
	size_t i;

	json_array_foreach(json_object_get(repeated, "slots"), i, slot)
		json_object_set_new(slot, "cpu_ns", json_real(1e6 * (double)(i + 1)));
	json_object_set_new(repeated, "kept", json_false());
	for (int k = 0; k < ROUNDS; k++)
		json_array_insert(rounds, 0, repeated);
	json_decref(repeated);
	conclude(cell);
	expect_effect(cell, 0, "interaction", TOGETHER);
	expect_effect(cell, 0, "future_on_polling", FUTURE * TOGETHER);
	json_decref(cell);
}
END_TEST

/* ---- Informed or not. ---- */

static const double IDLE[] = { 1, 10, 100 };

enum { SIZES = sizeof(IDLE) / sizeof(*IDLE) };

/* Precise is flat; to poll all costs a hundredth of an event for each child; to spin is ten times as
 * much, whoever is idle. */
static double cost(int style, double idle)
{
	return style == 0 ? 1 : style == 1 ? 1 + 0.01 * idle : 10;
}

static json_t *make_informed(void)
{
	double shares[INFORMED_BACKENDS * INFORMED_STYLES * SIZES];
	json_t *arms = json_array(), *cell;
	unsigned int arm = 0;

	for (int backend = 0; backend < INFORMED_BACKENDS; backend++) {
		for (int style = 0; style < INFORMED_STYLES; style++) {
			for (unsigned int size = 0; size < SIZES; size++) {
				ck_assert_uint_eq(informed_arm(SIZES, (unsigned int)backend,
							       (unsigned int)style, size), arm);
				shares[arm++] = cost(style, IDLE[size]);
				json_array_append_new(arms, json_pack(
					"{s:s, s:o}", "name", "an arm", "tuning",
					json_sprintf("idle=%.0f", IDLE[size])));
			}
		}
	}
	cell = make_cell("informed", arms, shares);
	json_decref(arms);
	conclude(cell);
	return cell;
}

static void expect_growth(const json_t *cell, size_t row, const char *slope, double ratio)
{
	const json_t *growth = json_array_get(json_object_get(metric_at(cell, 0), "growth"), row);

	ck_assert_str_eq(json_string_value(json_object_get(growth, "slope")), slope);
	ck_assert_double_eq_tol(json_number_value(json_object_get(growth, "ratio")), ratio, 1e-9);
}

START_TEST(slopes_are_those_that_were_put_in)
{
	json_t *cell = make_informed();
	const json_t *growth;

	ck_assert_uint_eq(informed_sizes(cell), SIZES);
	for (size_t backend = 0; backend < INFORMED_BACKENDS; backend++) {
		expect_growth(cell, backend * INFORMED_STYLES, "flat", 1);
		expect_growth(cell, backend * INFORMED_STYLES + 1, "linear", 2 / 1.01);
		expect_growth(cell, backend * INFORMED_STYLES + 2, "flat", 1);
	}
	growth = json_array_get(json_object_get(metric_at(cell, 0), "growth"), 1);
	/* The median round has a speed of its own: the 8th smallest of 15. */
	ck_assert_double_eq_tol(json_number_value(json_object_get(growth, "each_child_ns")),
				0.01 * CPU_NS * 1.3, 1e-6);
	json_decref(cell);
}
END_TEST

START_TEST(a_slope_has_a_word)
{
	const double idle[] = { 1, 10, 100, 1000 };
	const double line[] = { 101, 110, 200, 1100 }, bent[] = { 100, 100, 100, 900 };
	const double jump[] = { 100, 500, 510, 520 };
	double each;

	ck_assert_int_eq(informed_slope_of("beyond", 11, idle, line, 4, &each), INFORMED_LINEAR);
	ck_assert_double_eq_tol(each, 1, 1e-9);
	ck_assert_int_eq(informed_slope_of("beyond", 9, idle, bent, 4, &each), INFORMED_GROWS);
	ck_assert_int_eq(informed_slope_of("beyond", 5, idle, jump, 4, &each), INFORMED_GROWS);
	ck_assert_int_eq(informed_slope_of("beyond", 0.5, idle, line, 4, &each), INFORMED_FALLS);
	ck_assert_int_eq(informed_slope_of("within", 1.04, idle, line, 4, &each), INFORMED_FLAT);
	ck_assert_int_eq(informed_slope_of("too noisy", 3, idle, line, 4, &each),
			 INFORMED_NOT_SHOWN);
	ck_assert_int_eq(informed_slope_of("beyond", 11, idle, line, 2, &each), INFORMED_GROWS);
}
END_TEST

/* ---- The tables. ---- */

static const char *const WIDTHS[] = { "40", "57", "79", "80", "100" };

static void expect_fit(json_t *cell, long columns)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	text_cell(cell, out);
	fclose(out);
	ck_assert_uint_gt(strlen(text), 500);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_msg((long)strlen(line) <= columns, "%zu columns: %s", strlen(line), line);
		ck_assert_msg(line[strlen(line) - 1] != ' ', "a blank at the end: %s|", line);
	}
	free(text);
	json_decref(cell);
}

START_TEST(the_tables_fit_their_columns)
{
	setenv("COLUMNS", WIDTHS[_i], 1);
	expect_fit(make_cells(), strtol(WIDTHS[_i], NULL, 10));
	expect_fit(make_rockets(), strtol(WIDTHS[_i], NULL, 10));
	expect_fit(make_informed(), strtol(WIDTHS[_i], NULL, 10));
}
END_TEST

/* A file may say anything: what isn't there is shown as such. */
START_TEST(a_question_without_its_answer_can_be_printed)
{
	json_t *cells[] = { make_cells(), make_rockets(), make_informed() };
	FILE *out = fopen("/dev/null", "we");

	for (size_t i = 0; i < 3; i++) {
		json_object_set_new(cells[i], "answer", json_pack("{s:[n]}", "metrics"));
		text_cell(cells[i], out);
		json_object_del(cells[i], "answer");
		json_object_del(cells[i], "metrics");
		json_object_del(cells[i], "counters");
		text_cell(cells[i], out);
		json_object_set_new(cells[i], "arms", json_pack("[{}, {}]"));
		conclude(cells[i]);
		text_cell(cells[i], out);
		json_decref(cells[i]);
	}
	fclose(out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare question");
	TCase *cases = tcase_create("question");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, a_bound_makes_the_verdict, 0, sizeof(JUDGED) / sizeof(*JUDGED));
	tcase_add_test(cases, what_is_missing_is_said);
	tcase_add_test(cases, an_interval_is_of_ranks_and_a_ratio_of_ratios_has_twice_the_floor);
	tcase_add_test(cases, main_effects_and_interaction_are_those_that_were_put_in);
	tcase_add_test(cases, a_whole_fetch_is_concluded_of_rockets_and_of_nothing_else);
	tcase_add_test(cases, a_round_without_a_figure_is_left_out_whole);
	tcase_add_test(cases, a_round_that_was_played_again_says_nothing);
	tcase_add_test(cases, slopes_are_those_that_were_put_in);
	tcase_add_test(cases, a_slope_has_a_word);
	tcase_add_loop_test(cases, the_tables_fit_their_columns, 0,
			    sizeof(WIDTHS) / sizeof(*WIDTHS));
	tcase_add_test(cases, a_question_without_its_answer_can_be_printed);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
