/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/specimens/page.h"
#include "compare/laboratory/specimens/raw_table.h"
#include "compare/laboratory/specimens/specimen.h"
#include "tests/support/harness.h"
#include "tests/support/swept.h"

/* A specimen that shows more or less than is stated, or a safe policy that breaks something: either the
 * laboratory went blind, or a mechanism has changed. */

START_TEST(each_specimen_breaks_what_is_stated_and_nothing_else)
{
	const struct specimen *specimen = &SPECIMENS[_i];
	uint32_t violated = 0;

	for (int place = 0; place < SPECIMEN_MECHANISMS; place++) {
		struct duet_lab_sweep sweep;
		struct specimen_seen seen;

		ck_assert_int_eq(specimen_sweep(specimen->workload, &specimen->policy,
						&SPECIMEN_ON[place], &seen, &sweep), 0);
		ck_assert_msg(seen.breaks == specimen->breaks[place],
			      "%s, %s on %s: phases %#x are broken, and %#x stated",
			      specimen->workload, specimen->policy.name, SPECIMEN_ON[place].name,
			      seen.breaks, specimen->breaks[place]);
		ck_assert_uint_ge(sweep.points, 4);
		violated |= seen.violates;
		free(sweep.outcomes);
	}
	ck_assert_msg(violated == specimen->violates,
		      "%s, %s: invariants %#x are violated, and %#x stated", specimen->workload,
		      specimen->policy.name, violated, specimen->violates);
}
END_TEST

/* Whatever is cancelled when, and how. */
static void sweep_is_clean(const char *workload, const struct policy *policy,
			   const struct specimen_mechanism *on)
{
	struct duet_lab_sweep sweep;
	struct specimen_seen seen;

	ck_assert_int_eq(specimen_sweep(workload, policy, on, &seen, &sweep), 0);
	for (uint32_t i = 0; i < sweep.outcome_count; i++) {
		const struct duet_lab_outcome *outcome = &sweep.outcomes[i];

		ck_assert_msg(outcome->verdict != DUET_LAB_VIOLATION, "%s, %s on %s, point %u, %s, %s: %s",
			      workload, policy->name, on->name, outcome->point,
			      duet_lab_phase_name((enum duet_lab_phase)outcome->phase),
			      duet_lab_kind_name((enum duet_lab_kind)outcome->kind), outcome->text);
	}
	ck_assert_uint_ge(sweep.points, 4);
	free(sweep.outcomes);
}

START_TEST(each_safe_policy_breaks_nothing_anywhere)
{
	for (const struct policy *policy = POLICIES; policy->name; policy++) {
		sweep_is_clean("conversation", policy, &SPECIMEN_ON[_i]);
		sweep_is_clean("race", policy, &SPECIMEN_ON[_i]);
	}
}
END_TEST

/* The order in which things come is a twin's own, and each is one that the contract allows. */
START_TEST(the_reference_breaks_in_some_order_what_any_twin_breaks)
{
	for (const struct specimen *specimen = SPECIMENS; specimen->workload; specimen++) {
		unsigned twins = 0;

		for (int place = 0; place < SPECIMEN_MECHANISMS - 1; place++)
			twins |= specimen->breaks[place];
		ck_assert_str_eq(SPECIMEN_ON[SPECIMEN_MECHANISMS - 1].name, "reference/orders");
		ck_assert_uint_eq(twins & ~specimen->breaks[SPECIMEN_MECHANISMS - 1], 0);
	}
}
END_TEST

START_TEST(a_pool_that_looks_at_what_comes_back_is_clean)
{
	sweep_is_clean("requests", &POLICIES[0], &SPECIMEN_ON[_i]);
}
END_TEST

/* And where it is not made nothing breaks: it is the mistake that was seen. */
START_TEST(each_mistake_inside_a_runtime_breaks_what_is_stated_and_nothing_else)
{
	const struct raw_specimen *specimen = &RAW_SPECIMENS[_i];
	unsigned violated = 0;

	for (int on = 0; on < RAW_MECHANISMS; on++) {
		struct raw_seen seen;

		ck_assert_int_eq(raw_sweep(specimen, specimen->mistake, on, &seen), 0);
		ck_assert_msg(seen.breaks == specimen->breaks[on],
			      "%s on %s: phases %#x are broken, and %#x stated", specimen->name,
			      RAW_ON[on].name, seen.breaks, specimen->breaks[on]);
		violated |= seen.violates;
		ck_assert_int_eq(raw_sweep(specimen, RAW_NONE, on, &seen), 0);
		ck_assert_msg(!seen.breaks, "without %s on %s: %#x is violated", specimen->name,
			      RAW_ON[on].name, seen.violates);
	}
	ck_assert_msg(violated == specimen->violates, "%s: %#x is violated, and %#x stated",
		      specimen->name, violated, specimen->violates);
}
END_TEST

START_TEST(no_specimen_can_be_selected)
{
	ck_assert_ptr_nonnull(policy_find("await"));
	ck_assert_ptr_null(policy_find("hope"));
	for (const struct specimen *specimen = SPECIMENS; specimen->workload; specimen++)
		ck_assert_ptr_null(policy_find(specimen->policy.name));
	for (const struct raw_specimen *specimen = RAW_SPECIMENS; specimen->name; specimen++)
		ck_assert_ptr_null(policy_find(specimen->name));
}
END_TEST

static bool page_has(void (*print)(FILE *out))
{
	char *text = NULL, *page = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes), *file = fopen("docs/cancellation.md", "r");
	bool has;

	print(out);
	fclose(out);
	ck_assert_ptr_nonnull(file);
	/* No page has such a byte. */
	ck_assert_int_gt(getdelim(&page, &bytes, 0, file), 0);
	fclose(file);
	has = strstr(page, text) != NULL;
	free(text);
	free(page);
	return has;
}

START_TEST(the_page_says_what_is_stated)
{
	ck_assert_msg(page_has(page_policies), "docs/cancellation.md: run scripts/cancel-page");
	ck_assert_msg(page_has(page_mistakes), "docs/cancellation.md: run scripts/cancel-page");
}
END_TEST

static int raw_count(void)
{
	int count = 0;

	while (RAW_SPECIMENS[count].name)
		count++;
	return count;
}

static int specimen_count(void)
{
	int count = 0;

	while (SPECIMENS[count].workload)
		count++;
	return count;
}

int main(void)
{
	Suite *suite = suite_create("compare_laboratory");
	TCase *tcase = tcase_create("policies");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, no_specimen_can_be_selected);
	tcase_add_test(tcase, the_page_says_what_is_stated);
	tcase_add_test(tcase, the_reference_breaks_in_some_order_what_any_twin_breaks);
	tcase_add_loop_test(tcase, each_safe_policy_breaks_nothing_anywhere, 0, SPECIMEN_MECHANISMS);
	tcase_add_loop_test(tcase, each_specimen_breaks_what_is_stated_and_nothing_else, 0,
			    specimen_count());
	tcase_add_loop_test(tcase, a_pool_that_looks_at_what_comes_back_is_clean, 0,
			    SPECIMEN_MECHANISMS);
	tcase_add_loop_test(tcase,
			    each_mistake_inside_a_runtime_breaks_what_is_stated_and_nothing_else, 0,
			    raw_count());
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
