/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/completion.h>
#include <duet/polling.h>

#include "compare/laboratory/conversation.h"
#include "tests/support/harness.h"

/*
 * What each policy breaks, and where: exactly that, and nothing else. It is the finding, and it is also
 * what shows that the laboratory sees: one that goes blind fails here.
 */

enum {
	NOWHERE = 0,
	SAME_BATCH = 1 << DUET_LAB_SAME_BATCH,
	IN_FLIGHT = 1 << DUET_LAB_IN_FLIGHT,
	SATISFIED = 1 << DUET_LAB_SATISFIED,
	POSTED = 1 << DUET_LAB_POSTED,
	DISPATCHED = 1 << DUET_LAB_DISPATCHED,
	EVERYWHERE = (1 << DUET_LAB_PHASE_COUNT) - 1
};

enum { DEFERRED, PLAIN, REACTOR, EAGER, MECHANISMS };

static const struct mechanism {
	const char *name;
	const struct duet_backend *(*backend)(void);
	const char *tuning;
} mechanisms[MECHANISMS] = {
	[DEFERRED] = { "ring, deferred task work", duet_completion, "mode=deferred" },
	[PLAIN] = { "ring, plain", duet_completion, "mode=plain" },
	[REACTOR] = { "reactor", duet_polling, NULL },
	[EAGER] = { "eager reactor", duet_polling, "eager=yes" },
};

/* Phases in which a cancel of the scope breaks something. What goes on at the request is harmless on a
 * reactor until the call was made; on a ring as soon as the kernel has it. */
static const struct stated {
	const char *policy;
	unsigned breaks[MECHANISMS];
} stated[] = {
	{ "await", { NOWHERE, NOWHERE, NOWHERE, NOWHERE } },
	{ "copy-through", { NOWHERE, NOWHERE, NOWHERE, NOWHERE } },
	{ "discard-result", { POSTED | DISPATCHED, SATISFIED | POSTED | DISPATCHED, DISPATCHED,
			      POSTED | DISPATCHED } },
	{ "drop-and-forget", { POSTED | DISPATCHED, SATISFIED | POSTED | DISPATCHED, DISPATCHED,
			       POSTED | DISPATCHED } },
	{ "free-on-request", { EVERYWHERE, EVERYWHERE, DISPATCHED, POSTED | DISPATCHED } },
	{ "exact-on-stack", { EVERYWHERE & ~SAME_BATCH, EVERYWHERE & ~SAME_BATCH,
			      EVERYWHERE & ~SAME_BATCH, EVERYWHERE & ~SAME_BATCH } },
};

static unsigned broken(const struct duet_lab_sweep *sweep)
{
	unsigned phases = 0;

	for (uint32_t i = 0; i < sweep->outcome_count; i++) {
		const struct duet_lab_outcome *outcome = &sweep->outcomes[i];

		if (outcome->verdict == DUET_LAB_VIOLATION && outcome->kind == DUET_LAB_SCOPE)
			phases |= 1u << outcome->phase;
	}
	return phases;
}

START_TEST(each_policy_breaks_what_is_stated_and_nothing_else)
{
	const struct stated *row = &stated[_i / MECHANISMS];
	const struct mechanism *mechanism = &mechanisms[_i % MECHANISMS];
	const struct policy *policy = policy_find(row->policy);
	struct duet_lab_workload workload;
	struct duet_lab_sweep sweep = { .workload = &workload, .backend = mechanism->backend(),
					.tuning = mechanism->tuning };
	unsigned seen;

	ck_assert_ptr_nonnull(policy);
	conversation_workload(policy, &workload);
	ck_assert_int_eq(duet_lab_run(&sweep), 0);
	seen = broken(&sweep);
	ck_assert_msg(seen == row->breaks[_i % MECHANISMS],
		      "%s on a %s: phases %#x are broken, and %#x stated", row->policy,
		      mechanism->name, seen, row->breaks[_i % MECHANISMS]);
	ck_assert_uint_eq(sweep.points, 12);
	if (policy->safe)
		ck_assert_uint_eq(sweep.violations, 0);
	free(sweep.outcomes);
}
END_TEST

START_TEST(every_policy_is_stated)
{
	unsigned count = 0;

	for (const struct policy *policy = POLICIES; policy->name; policy++, count++)
		ck_assert_str_eq(stated[count].policy, policy->name);
	ck_assert_uint_eq(count, sizeof(stated) / sizeof(*stated));
	ck_assert_ptr_null(policy_find("hope"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare_laboratory");
	TCase *tcase = tcase_create("policies");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_policy_is_stated);
	tcase_add_loop_test(tcase, each_policy_breaks_what_is_stated_and_nothing_else, 0,
			    (int)(sizeof(stated) / sizeof(*stated)) * MECHANISMS);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
