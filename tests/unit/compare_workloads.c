/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/native.h"
#include "compare/laboratory/sweep.h"
#include "compare/laboratory/tally.h"
#include "compare/report/field.h"
#include "tests/support/harness.h"
#include "tests/support/swept.h"

/*
 * Each workload with a mistake in it, which the sweep has to find: what a workload can't show it doesn't
 * test. The mistakes are policies that no command can select.
 */

enum {
	NONE = 0,
	DESCRIPTORS = 1 << DUET_LAB_DESCRIPTORS,
	LOANS = 1 << DUET_LAB_LOANS,
	POOL = 1 << DUET_LAB_POOL,
	PERMITS = 1 << DUET_LAB_PERMITS,
	CLEANUP = 1 << DUET_LAB_CLEANUP,
	MIXED = 1 << DUET_LAB_MIXED,
	CHECK = 1 << DUET_LAB_CHECK,
	HANG = 1 << DUET_LAB_HANG
};

static const struct policy discards = { .name = "discards", .discards = true };
static const struct policy forgets = { .name = "forgets", .forgets = true };

/* What is violated, among others where bytes are lost and somebody waits for them; NONE: nothing is. */
static const struct mistake {
	const char *workload;
	const struct policy *policy;
	uint32_t points; /* of the workload that are enough */
	unsigned int on_ring, on_reactor;
} MISTAKES[] = {
	{ "race-combinator", &discards, 1, MIXED, MIXED },
	{ "join", &discards, 1, MIXED, MIXED },
	{ "join-combinator", &discards, 1, MIXED, MIXED },
	/* One that is on its way and was not yet awaited is left behind: of the cold there is none. */
	{ "hot", &forgets, 0, LOANS, LOANS },
	{ "cold", &forgets, 0, NONE, NONE },
	{ "hot", &discards, 1, MIXED, MIXED },
	{ "cold", &discards, 1, MIXED, MIXED },
	/* Who is handed a permit and asked to end in the same moment keeps it. */
	{ "pool", &forgets, 0, PERMITS, PERMITS },
	{ "accept", &discards, 1, DESCRIPTORS, HANG },
	{ "pipeline", &forgets, 0, POOL, POOL },
	/* A header that was written and is not believed: its record is there twice. */
	{ "file", &discards, 0, CHECK, CHECK },
	/* A cleanup that is registered a step after what it is for. */
	{ "upload", &forgets, 0, CHECK, CHECK },
	/* An exception that passes by what has to be awaited on the way out. */
	{ "c++20", &forgets, 0, CLEANUP, CLEANUP },
	/* Whose wait for a permit was stopped goes on as if it had one, and gives it back. */
	{ "c++20-children", &forgets, 0, PERMITS, PERMITS },
};

enum { MISTAKE_COUNT = sizeof(MISTAKES) / sizeof(*MISTAKES) };

static unsigned int violated(const struct duet_lab_sweep *sweep)
{
	unsigned int invariants = 0;

	for (uint32_t i = 0; i < sweep->outcome_count; i++) {
		if (sweep->outcomes[i].verdict == DUET_LAB_VIOLATION)
			invariants |= 1u << sweep->outcomes[i].invariant;
	}
	return invariants;
}

static unsigned int sweep_through(const struct duet_lab_workload *workload, const char *mechanism,
				  uint32_t points, uint32_t turns)
{
	struct mechanism found[MECHANISMS_MAX];
	struct duet_lab_sweep sweep = { .workload = workload, .points_max = points,
					.turns_max = turns };
	unsigned int invariants;

	ck_assert_uint_eq(mechanism_find(MECHANISM_SWEEP, mechanism, found), 1);
	sweep.backend = found->backend;
	sweep.tuning = found->tuning;
	ck_assert_int_eq(duet_lab_run(&sweep), 0);
	invariants = violated(&sweep);
	free(sweep.outcomes);
	return invariants;
}

static void plant(const struct mistake *mistake, const char *mechanism, unsigned int stated)
{
	const struct swept *workload = swept_find(mistake->workload);
	struct duet_lab_workload made;
	unsigned int found;

	if (!workload)
		return; /* C++20 isn't in every build */
	workload->make(mistake->policy, &made);
	found = sweep_through(&made, mechanism, mistake->points, workload->turns_max);
	ck_assert_msg((found & stated) == stated && !found == !stated,
		      "%s that %s, on %s: %#x is violated, and %#x stated", mistake->workload,
		      mistake->policy->name, mechanism, found, stated);
}

START_TEST(a_planted_mistake_is_found_on_a_ring)
{
	plant(&MISTAKES[_i], "completion/plain", MISTAKES[_i].on_ring);
}
END_TEST

START_TEST(a_planted_mistake_is_found_on_a_reactor)
{
	plant(&MISTAKES[_i], "polling", MISTAKES[_i].on_reactor);
}
END_TEST

START_TEST(who_reads_before_dropping_a_wait_is_found)
{
	struct duet_lab_workload made;

	native_conversation_workload(&discards, &made);
	ck_assert_uint_ne(sweep_through(&made, "polling/native", 1, 0) & MIXED, 0);
	native_race_workload(&discards, &made);
	ck_assert_uint_ne(sweep_through(&made, "polling/native", 1, 0), 0);
}
END_TEST

/* ---- What is said of it. ---- */

static json_t *tally_pipeline(const struct policy *policy, const struct spot *spot)
{
	struct mechanism mechanism;
	struct tally_plan plan = { .workload = swept_find("pipeline"), .policy = policy,
				   .mechanism = &mechanism, .spot = spot };

	ck_assert_uint_eq(mechanism_find(MECHANISM_SWEEP, "polling", &mechanism), 1);
	return tally(&plan);
}

static char *print(json_t *sweep)
{
	json_t *result = json_pack("{s:[], s:[], s:[], s:[O]}", "workloads", "policies", "left_out",
				   "sweeps", sweep);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	sweep_print(result, out);
	fclose(out);
	json_decref(result);
	return text;
}

START_TEST(a_violation_comes_with_the_line_that_shows_it_again)
{
	json_t *sweep = tally_pipeline(&forgets, NULL), *again;
	const char *at = field_string(json_object_get(sweep, "first"), "at");
	char *text = print(sweep), line[256];
	struct spot spot;

	sweep_again(sweep, line, sizeof(line));
	ck_assert_ptr_nonnull(strstr(line, "cancel sweep pipeline --policy forgets --backend polling "
					   "--at 1,dispatched,"));
	ck_assert_ptr_nonnull(strstr(text, "VIOLATION pool\n"));
	ck_assert_ptr_nonnull(strstr(text, line));
	ck_assert_ptr_nonnull(strstr(text, " VIOLATIONS, in 1 of 1 sweeps"));
	ck_assert_int_eq(spot_read(at, &spot), 0);
	again = tally_pipeline(&forgets, &spot);
	ck_assert_int_eq(field_integer(again, "violations"), 1);
	ck_assert_str_eq(field_string(json_object_get(again, "first"), "at"), at);
	json_decref(again);
	json_decref(sweep);
	free(text);
}
END_TEST

START_TEST(a_spot_is_read_as_it_is_written)
{
	struct duet_lab_outcome outcome = { .point = 7, .phase = DUET_LAB_SAME_BATCH,
					    .kind = DUET_LAB_SECOND, .order = "120" };
	struct spot spot;
	char text[80];

	spot_write(&outcome, text, sizeof(text));
	ck_assert_str_eq(text, "7,same-batch,second,120");
	ck_assert_int_eq(spot_read(text, &spot), 0);
	ck_assert_uint_eq(spot.point, 7);
	ck_assert_int_eq(spot.phase, DUET_LAB_SAME_BATCH);
	ck_assert_int_eq(spot.kind, DUET_LAB_SECOND);
	ck_assert_str_eq(spot.order, "120");
	ck_assert_int_ne(spot_read("7", &spot), 0);
	ck_assert_int_ne(spot_read("7,same-batch", &spot), 0);
	ck_assert_int_ne(spot_read("7,same,scope", &spot), 0);
	ck_assert_int_ne(spot_read(",posted,scope", &spot), 0);
}
END_TEST

START_TEST(a_workload_is_left_out_for_a_reason_and_by_a_policy_that_there_is)
{
	for (const struct swept *workload = SWEPT; workload->name; workload++) {
		ck_assert_ptr_null(swept_why_not(workload, "await"));
		for (size_t i = 0; workload->without[i].policy; i++) {
			ck_assert_ptr_nonnull(policy_find(workload->without[i].policy));
			ck_assert_uint_gt(strlen(workload->without[i].why), 0);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare_workloads");
	TCase *tcase = tcase_create("workloads");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_workload_is_left_out_for_a_reason_and_by_a_policy_that_there_is);
	tcase_add_loop_test(tcase, a_planted_mistake_is_found_on_a_ring, 0, MISTAKE_COUNT);
	tcase_add_loop_test(tcase, a_planted_mistake_is_found_on_a_reactor, 0, MISTAKE_COUNT);
	tcase_add_test(tcase, a_violation_comes_with_the_line_that_shows_it_again);
	tcase_add_test(tcase, a_spot_is_read_as_it_is_written);
	tcase_add_test(tcase, who_reads_before_dropping_a_wait_is_found);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
