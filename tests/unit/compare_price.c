/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The rungs of the price ladder, and the page that shows what they cost. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "compare/laboratory/policy.h"
#include "compare/laboratory/price.h"
#include "compare/laboratory/rung.h"
#include "tests/support/recorded.h"

static const char RECORDED[] = "docs/price/6.18.json";

static bool is_rung(const char *name)
{
	for (const struct rung *rung = RUNGS; rung->name; rung++) {
		if (!strcmp(rung->name, name))
			return true;
	}
	return false;
}

START_TEST(every_safe_policy_has_a_price)
{
	for (const struct policy *policy = POLICIES; policy->name; policy++) {
		if (policy->safe)
			ck_assert_msg(is_rung(policy->name), "no rung for %s", policy->name);
	}
}
END_TEST

START_TEST(the_page_has_the_recorded_ladder_as_it_is_printed)
{
	recorded_check_page(RECORDED, "docs/cancellation.md", price_print);
}
END_TEST

START_TEST(the_ladder_fits_its_columns)
{
	recorded_check_width(RECORDED, "80", price_print);
}
END_TEST

START_TEST(what_is_no_ladder_is_named)
{
	json_t *other = json_pack("{s:s}", "kind", "cancel op");

	ck_assert_ptr_nonnull(price_problem(other));
	json_decref(other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare price");
	TCase *cases = tcase_create("price");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, every_safe_policy_has_a_price);
	tcase_add_test(cases, the_page_has_the_recorded_ladder_as_it_is_printed);
	tcase_add_test(cases, the_ladder_fits_its_columns);
	tcase_add_test(cases, what_is_no_ladder_is_named);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
