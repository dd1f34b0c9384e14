/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The claims of duet compare: what is drawn from figures that are made up here, and that every arm plays
 * on every mechanism. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/claim/conduct.h"
#include "compare/claim/stateless_scene.h"
#include "compare/claim/parity_scene.h"
#include "compare/claim/receivers.h"
#include "compare/claim/sample.h"
#include "compare/claim/slab.h"
#include "tests/support/recorded.h"

enum { ROUNDS = 15 };

static const struct claim *const CLAIMS[] = { &CLAIM_TRY_FIRST, &CLAIM_STATELESS,
						    &CLAIM_PARITY, &CLAIM_MODELS, &CLAIM_BESIDE,
						    &CLAIM_BLOCKING, &CLAIM_HOT,
						    &CLAIM_SCHEDULING, &CLAIM_PATHS,
						    &CLAIM_IDLE, &CLAIM_REGIMES };
enum { CLAIMS_COUNT = sizeof(CLAIMS) / sizeof(*CLAIMS) };

/* ---- Ratios. ---- */

static struct claim_plays plays;

/* Three arms, the last against the second; each of `figures` in every round, a little apart. */
static json_t *made_group(const double *figures)
{
	static struct claim_group group;

	group = (struct claim_group){ .name = "made", .mechanism = "polling", .size = 50 };
	claim_add_arm(&group, "first", NULL, 0);
	claim_add_arm(&group, "second", NULL, 0);
	claim_add_arm(&group, "third", NULL, 1);
	plays.rounds = ROUNDS;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		for (unsigned int arm = 0; arm <= 3; arm++) {
			for (int k = 0; k < CLAIM_FIGURES_MAX; k++)
				plays.figures[i][arm][k] = figures[arm % 3] * (1 + i / 1000.0);
		}
	}
	return claim_group_json(&CLAIM_TRY_FIRST, &group, &plays);
}

static const json_t *ratio_of(const json_t *group, const char *arm)
{
	return json_object_get(claim_arm_of(group, arm), "cpu");
}

static double real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

START_TEST(an_arm_is_set_against_the_one_that_it_names)
{
	json_t *group = made_group((const double[]){ 100, 80, 120 });

	ck_assert_ptr_null(ratio_of(group, "first"));
	ck_assert_double_eq_tol(real(ratio_of(group, "second"), "ratio"), 0.8, 1e-9);
	ck_assert_double_eq_tol(real(ratio_of(group, "third"), "ratio"), 1.5, 1e-9);
	ck_assert_int_eq(claim_shown(ratio_of(group, "second")), -1);
	ck_assert_int_eq(claim_shown(ratio_of(group, "third")), 1);
	ck_assert_double_eq_tol(claim_figure(claim_arm_of(group, "third"), "wasted"),
				120 * 1.007, 1e-9);
	ck_assert_ptr_null(claim_arm_of(group, "fourth"));
	json_decref(group);
}
END_TEST

/* What the first arm differs from itself by is no effect of another's. */
START_TEST(no_difference_is_claimed_below_the_floor)
{
	json_t *group = made_group((const double[]){ 100, 95, 95 });
	char text[64];

	ck_assert_int_eq(claim_shown(ratio_of(group, "second")), -1);
	json_decref(group);
	json_decref(made_group((const double[]){ 100, 95, 95 }));
	for (unsigned int i = 0; i < ROUNDS; i++)
		plays.figures[i][3][0] *= 1.2;
	group = claim_group_json(&CLAIM_TRY_FIRST,
				    &(struct claim_group){ .name = "made", .count = 3,
							      .arms = { { .name = "first" },
									{ .name = "second" },
									{ .name = "third",
									  .against = 1 } } },
				    &plays);
	ck_assert_int_eq(claim_shown(ratio_of(group, "second")), 0);
	claim_format_ratio(ratio_of(group, "second"), text, sizeof(text));
	ck_assert_str_eq(text, "~");
	json_decref(group);
}
END_TEST

/* A column has seven places, and the next one begins with a digit. */
START_TEST(a_ratio_fits_its_column)
{
	static const struct {
		double ratio;
		const char *text;
	} cases[] = { { 1.714, "1.71" }, { 99.994, "99.99" }, { 99.996, "100" }, { 1711.46, "1711" } };
	char text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *json = json_pack("{s:f, s:s}", "ratio", cases[i].ratio, "verdict", "b lower");

		claim_format_ratio(json, text, sizeof(text));
		ck_assert_str_eq(text, cases[i].text);
		json_decref(json);
	}
}
END_TEST

START_TEST(what_has_no_figure_has_no_verdict)
{
	json_t *group = made_group((const double[]){ 100, NAN, 120 });
	char text[64];

	ck_assert(isnan(claim_figure(claim_arm_of(group, "second"), "cpu_ns")));
	claim_format_ratio(ratio_of(group, "second"), text, sizeof(text));
	ck_assert_str_eq(text, "-");
	claim_format_interval(ratio_of(group, "third"), text, sizeof(text));
	ck_assert_str_eq(text, "not measured");
	json_decref(group);
}
END_TEST

START_TEST(the_middle_of_many)
{
	double odd[] = { 5, 1, 3 }, even[] = { 4, 1, 3, 2 };

	ck_assert_double_eq(sample_median(odd, 3), 3);
	ck_assert_double_eq(sample_median(even, 4), 2.5);
	ck_assert(isnan(sample_median(odd, 0)));
}
END_TEST

/* ---- Findings. ---- */

static json_t *ratio(double middle)
{
	const char *verdict = middle < 0.99 ? "a lower" : middle > 1.01 ? "b lower"
		: "no difference shown";

	return json_pack("{s:f, s:f, s:f, s:s}", "ratio", middle, "low", middle - 0.01, "high",
			 middle + 0.01, "verdict", verdict);
}

static json_t *result_of(const char *kind, json_t *groups)
{
	return json_pack("{s:i, s:s, s:[{s:s, s:n}], s:[], s:o, s:[]}", "schema", 1, "kind", kind,
			 "mechanisms", "name", "polling", "refused", "legend", "groups", groups,
			 "findings");
}

/* So many ratios to what never tries, for 0, 25 ... of a hundred. */
static json_t *made_shares(const double *cpu, size_t count)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(groups, json_pack(
			"{s:s, s:s, s:i, s:[{s:s, s:{s:f}}, {s:s, s:s, s:{s:f}, s:o, s:o}]}", "name",
			"made", "mechanism", "polling", "percent", (int)(25 * i), "arms", "name",
			"never", "figures", "wasted", 0.0, "name", "always", "against", "never",
			"figures", "wasted", 1 - 0.25 * (double)i, "cpu", ratio(cpu[i]), "latency",
			ratio(1)));
	return result_of("compare try-first", groups);
}

static const char *finding_about(const json_t *result, const char *about, size_t skip)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(result, "findings"), i, one) {
		if (!strcmp(json_string_value(json_object_get(one, "about")), about) && !skip--)
			return json_string_value(json_object_get(one, "text"));
	}
	ck_abort_msg("no finding about %s", about);
	return "";
}

static void expect_share(const double *cpu, const char *begin)
{
	json_t *result = made_shares(cpu, 5);
	const char *text;

	CLAIM_TRY_FIRST.conclude(result);
	text = finding_about(result, "polling, always", 0);
	ck_assert_msg(!strncmp(text, begin, strlen(begin)), "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "latency isn't shown to gain"));
	ck_assert_msg(strstr(text, "1.00 attempts wasted") != NULL, "%s", text);
	json_decref(result);
}

START_TEST(from_which_share_on_it_gains)
{
	expect_share((const double[]){ 1.2, 1.1, 0.9, 0.8, 0.7 }, "CPU gains from 50 % on (0.70 [");
	expect_share((const double[]){ 0.9, 1.0, 0.9, 1.0, 0.7 }, "CPU gains at 100 % alone (0.70 [");
	expect_share((const double[]){ 0.9, 0.9, 0.9, 0.9, 1.1 }, "CPU isn't shown to gain (1.10 [");
	expect_share((const double[]){ 0.9, 0.9, 0.9, 0.9, 0.9 }, "CPU gains from 0 % on (0.90 [");
}
END_TEST

static json_t *made_waits(double lent, double registrations, double kept)
{
	return result_of("compare stateless", json_pack(
		"[{s:s, s:s, s:i, s:[{s:s, s:{s:f}},"
		"{s:s, s:s, s:{s:f, s:f, s:f, s:f, s:f, s:f}, s:o, s:o},"
		"{s:s, s:s, s:{s:f, s:f, s:f, s:f, s:f}, s:o, s:o}]}]",
		"name", "100 connections", "mechanism", "several", "connections", 100, "arms",
		"name", "polling/recv", "figures", "own", 4352.0,
		"name", "polling/stateless", "against", "polling/recv", "figures", "own", 48.0, "lent",
		lent, "loop", 96.0, "kernel", kept, "kept", kept, "registrations", registrations, "cpu",
		ratio(0.2), "latency", ratio(0.5),
		"name", "completion/deferred/pooled", "against", "polling/recv", "figures", "own",
		256.0, "lent", 0.0, "loop", 264.0, "kernel", 352.0, "kept", 10.0, "cpu", ratio(20),
		"latency", ratio(5)));
}

static void expect_claims(const json_t *waits, const char *memory, const char *registration,
			  const char *keeper)
{
	json_t *result = json_deep_copy(waits);

	CLAIM_STATELESS.conclude(result);
	ck_assert_msg(!strncmp(finding_about(result, "no operation memory", 0), memory,
			       strlen(memory)), "%s", finding_about(result, "no operation memory", 0));
	ck_assert_msg(!strncmp(finding_about(result, "no registration", 0), registration,
			       strlen(registration)), "%s", finding_about(result, "no registration", 0));
	ck_assert_ptr_nonnull(strstr(finding_about(result, "against a ring", 0), keeper));
	ck_assert_ptr_nonnull(strstr(finding_about(result, "cost of a cancel", 0), "0.20 [0.19, 0.21]"));
	ck_assert_ptr_nonnull(strstr(finding_about(result, "cost of a cancel", 1), "20.00 ["));
	json_decref(result);
}

START_TEST(a_claim_is_shown_or_shown_false_by_its_figures)
{
	json_t *as_it_is = made_waits(0, 1, 200), *as_claimed = made_waits(0, 0, 0),
		*lending = made_waits(64, 1, 200);

	expect_claims(as_it_is, "shown: a stateless wait is 48 bytes", "shown false: ",
		      "it is the ring that keeps less");
	expect_claims(as_claimed, "shown: ", "shown: ", "it is the reactor that keeps less");
	expect_claims(lending, "shown false: ", "shown false: ", "it is the ring");
	json_decref(as_it_is);
	json_decref(as_claimed);
	json_decref(lending);
}
END_TEST

static void expect_price(double native, const char *begin, bool priced)
{
	json_t *result = result_of("compare parity", json_pack(
		"[{s:s, s:s, s:i, s:[{s:s, s:{}}, {s:s, s:s, s:{}, s:o, s:o}]}]", "name",
		"polling, echo", "mechanism", "polling", "depth", 32, "arms", "name", "echo/common",
		"figures", "name", "echo/native", "against", "echo/common", "figures", "cpu",
		ratio(native), "latency", ratio(1)));
	const json_t *group = json_array_get(json_object_get(result, "groups"), 0);
	const char *text;

	CLAIM_PARITY.conclude(result);
	text = finding_about(result, "polling, echo", 0);
	ck_assert_msg(!strncmp(text, begin, strlen(begin)), "%s", text);
	ck_assert_int_eq(json_is_real(json_object_get(group, "price")), priced);
	if (priced)
		ck_assert_double_eq_tol(real(group, "price"), 1 / native, 1e-9);
	json_decref(result);
}

START_TEST(parity_has_a_price_only_where_one_is_shown)
{
	expect_price(0.8, "parity has a price; native / common is 0.80 [", true);
	expect_price(1.0, "no price of parity is shown; ", false);
	expect_price(1.2, "the common API is the cheaper one; ", false);
}
END_TEST

/* ---- The kernel's objects. ---- */

static void write_table(char *path, const char *rows)
{
	int fd;

	snprintf(path, 256, "%s/duet-slab-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, rows, strlen(rows)), (ssize_t)strlen(rows));
	close(fd);
}

START_TEST(objects_are_counted_where_the_table_can_be_read)
{
	struct slab slab;
	char path[256];

	write_table(path, "slabinfo - version: 2.1\n"
			  "io_kiocb             128    208    240   16    1 : tunables 0 0 0\n"
			  "eventpoll_epitaph    999    999    999   32    1 : tunables 0 0 0\n"
			  "eventpoll_epi        206    352    136   32    1 : tunables 0 0 0\n");
	slab_read(path, &slab);
	ck_assert(slab.readable);
	ck_assert_uint_eq(slab.requests, 128);
	ck_assert_uint_eq(slab.registrations, 206);
	ck_assert_double_eq(slab.request_bytes, 240 + 96);
	ck_assert_double_eq(slab.registration_bytes, 136 + 72);
	unlink(path);
	slab_read(path, &slab);
	ck_assert(!slab.readable);
	ck_assert_double_eq(slab.request_bytes, 256 + 96);
	ck_assert_double_eq(slab.registration_bytes, 128 + 72);
}
END_TEST

/* ---- Plays. ---- */

static bool is_here(const struct mechanism *mechanism)
{
	struct mechanism one = *mechanism;
	size_t count = 1;

	json_decref(mechanism_probe(&one, &count));
	return count == 1;
}

static void play_arm(const struct claim *claim, const struct claim_group *group,
		     const struct claim_arm *arm)
{
	const char *name = arm->mechanism ? arm->mechanism : group->mechanism;
	double figures[CLAIM_FIGURES_MAX];
	struct mechanism found[MECHANISMS_MAX];
	struct claim_play play = { .arm = arm->name, .size = group->size, .seed = 7,
				      .quick = true };
	int error;

	ck_assert_uint_eq(mechanism_find(MECHANISM_CLAIM, name, found), 1);
	play.mechanism = found[0];
	for (int i = 0; i < CLAIM_FIGURES_MAX; i++)
		figures[i] = NAN;
	error = claim->play(&play, figures);
	ck_assert_msg(!error, "%s, %s: %s", group->name, arm->name, strerror(-error));
	ck_assert_msg(figures[0] > 0 && figures[1] > 0, "%s, %s took no time", group->name, arm->name);
}

START_TEST(every_arm_plays_on_every_mechanism)
{
	struct claim_plan *plan = calloc(1, sizeof(*plan));
	struct mechanism mechanisms[MECHANISMS_MAX];
	const struct claim *claim = CLAIMS[_i];
	size_t count = 0;

	for (size_t i = 0; mechanism_at(MECHANISM_CLAIM, i, &mechanisms[count]); i++)
		count += is_here(&mechanisms[count]);
	plan->quick = true;
	for (size_t i = 0; i < count; i++) {
		plan->count = 0;
		claim->plan(plan, &mechanisms[i], 1);
		/* Optional paths are a ring's. */
		if (claim == &CLAIM_PATHS && !strcmp(mechanisms[i].name, "polling"))
			ck_assert_uint_eq(plan->count, 0);
		else
			ck_assert_uint_ge(plan->count, 2);
		for (unsigned int g = 0; g < plan->count; g++) {
			for (unsigned int a = 0; a < plan->groups[g].count; a++)
				play_arm(claim, &plan->groups[g], &plan->groups[g].arms[a]);
		}
	}
	free(plan);
}
END_TEST

START_TEST(all_mechanisms_together_have_room)
{
	struct claim_plan *plan = calloc(1, sizeof(*plan));
	struct mechanism mechanisms[MECHANISMS_MAX];
	size_t count = 0;

	while (mechanism_at(MECHANISM_CLAIM, count, &mechanisms[count]))
		count++;
	CLAIMS[_i]->plan(plan, mechanisms, count);
	ck_assert_uint_le(plan->count, CLAIM_GROUPS_MAX);
	for (unsigned int i = 0; i < plan->count; i++)
		ck_assert_uint_le(plan->groups[i].count, CLAIM_ARMS_MAX);
	free(plan);
}
END_TEST

static struct mechanism polling(void)
{
	struct mechanism found[MECHANISMS_MAX];

	ck_assert_uint_eq(mechanism_find(MECHANISM_CLAIM, "polling", found), 1);
	return found[0];
}

/* What never tries wastes nothing, what always tries wastes one for each that is late, and only who goes on
 * inline doesn't suspend for the others. */
START_TEST(attempts_and_suspensions_are_counted)
{
	struct receivers_options options = { .mechanism = polling(), .attempt = DUET_TRY_NEVER,
					     .batches = 4, .times = 8, .seed = 3 };
	struct receivers_result result;

	ck_assert_int_eq(receivers_play(&options, &result), 0);
	ck_assert_double_eq(result.wasted, 0);
	ck_assert_double_eq(result.suspensions, 1);
	ck_assert(isnan(result.early_ns) && result.late_ns > 0);
	options.attempt = DUET_TRY_ALWAYS;
	ck_assert_int_eq(receivers_play(&options, &result), 0);
	ck_assert_double_eq(result.wasted, 1);
	ck_assert_double_eq(result.suspensions, 1);
	options.early = 100;
	options.inline_max = 100;
	ck_assert_int_eq(receivers_play(&options, &result), 0);
	ck_assert_double_eq(result.wasted, 0);
	ck_assert_double_eq(result.suspensions, 0);
	ck_assert(isnan(result.late_ns) && result.early_ns > 0);
}
END_TEST

START_TEST(what_waits_is_accounted_for)
{
	struct stateless_options options = { .mechanism = polling(), .connections = 20, .cycles = 2,
					.singles = 2, .way = STATELESS_RECV };
	struct stateless_result result;

	ck_assert_int_eq(stateless_play(&options, &result), 0);
	ck_assert_double_eq(result.lent, STATELESS_BUFFER);
	ck_assert_double_eq(result.own, STATELESS_BUFFER + 256);
	options.way = STATELESS_FORGOTTEN;
	ck_assert_int_eq(stateless_play(&options, &result), 0);
	ck_assert_double_eq(result.lent, 0);
	ck_assert_double_eq(result.registrations, 1);
	ck_assert_double_eq(result.kept, result.kernel);
	ck_assert_double_gt(result.kept, 0);
}
END_TEST

/* A batch that nobody played is found out. */
START_TEST(a_scene_notices_what_was_not_done)
{
	for (int workload = 0; workload < PARITY_WORKLOADS; workload++) {
		struct parity_scene scene;

		ck_assert_int_eq(parity_scene_begin(&scene, (enum parity_workload)workload, 4, 1), 0);
		ck_assert(parity_scene_prepare(&scene));
		ck_assert_msg(!parity_scene_check(&scene), "%s",
			      parity_workload_name((enum parity_workload)workload));
		parity_scene_end(&scene);
	}
}
END_TEST

/* ---- Stored ones. ---- */

START_TEST(what_is_no_result_is_named)
{
	json_t *other = json_pack("{s:s}", "kind", "cancel op");
	json_t *empty = json_pack("{s:s, s:i, s:[]}", "kind", "compare parity", "schema", 1, "groups");
	json_t *group = json_pack("{s:s, s:i, s:[{s:[{s:s}]}]}", "kind", "compare parity", "schema", 1,
				  "groups", "arms", "name", "x");

	ck_assert_ptr_null(claim_of(other));
	ck_assert_ptr_nonnull(claim_problem(empty));
	ck_assert_ptr_nonnull(claim_problem(group));
	json_decref(other);
	json_decref(empty);
	json_decref(group);
}
END_TEST

START_TEST(the_page_has_the_recorded_results_as_they_are_printed)
{
	char path[128];

	snprintf(path, sizeof(path), "docs/claim/%s-6.18.json", CLAIMS[_i]->name);
	recorded_check_page(path, "docs/claims.md", CLAIMS[_i]->print);
	recorded_check_width(path, "80", CLAIMS[_i]->print);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare claim");
	TCase *cases = tcase_create("claim");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, an_arm_is_set_against_the_one_that_it_names);
	tcase_add_test(cases, no_difference_is_claimed_below_the_floor);
	tcase_add_test(cases, a_ratio_fits_its_column);
	tcase_add_test(cases, what_has_no_figure_has_no_verdict);
	tcase_add_test(cases, the_middle_of_many);
	tcase_add_test(cases, from_which_share_on_it_gains);
	tcase_add_test(cases, a_claim_is_shown_or_shown_false_by_its_figures);
	tcase_add_test(cases, parity_has_a_price_only_where_one_is_shown);
	tcase_add_test(cases, objects_are_counted_where_the_table_can_be_read);
	tcase_add_loop_test(cases, every_arm_plays_on_every_mechanism, 0, CLAIMS_COUNT);
	tcase_add_loop_test(cases, all_mechanisms_together_have_room, 0, CLAIMS_COUNT);
	tcase_add_test(cases, attempts_and_suspensions_are_counted);
	tcase_add_test(cases, what_waits_is_accounted_for);
	tcase_add_test(cases, a_scene_notices_what_was_not_done);
	tcase_add_test(cases, what_is_no_result_is_named);
	tcase_add_loop_test(cases, the_page_has_the_recorded_results_as_they_are_printed, 0,
			    CLAIMS_COUNT);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
