/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/mutant.h"
#include "tests/support/harness.h"

/* Deliberate faults: one at a time where they are built in, none anywhere else. */

static unsigned faults_on(void)
{
	unsigned count = 0;

#define COUNT(name, text) count += MUTANT(name) ? 1 : 0;
	MUTANTS(COUNT)
#undef COUNT
	return count;
}

START_TEST(without_a_choice_there_is_no_fault)
{
	unsetenv("DUET_MUTANT");
	ck_assert_uint_eq(faults_on(), 0);
	setenv("DUET_MUTANT", "no_such_fault", 1);
	ck_assert_uint_eq(faults_on(), 0);
	setenv("DUET_MUTANT", "wake", 1); /* where a name begins is none */
	ck_assert_uint_eq(faults_on(), 0);
}
END_TEST

START_TEST(the_chosen_fault_is_on_alone_and_only_where_it_is_built_in)
{
	setenv("DUET_MUTANT", "wake_lost", 1);
#ifdef DUET_MUTANTS
	ck_assert_uint_eq(faults_on(), 1);
	ck_assert(MUTANT(wake_lost));
#else
	ck_assert_uint_eq(faults_on(), 0);
#endif
}
END_TEST

int main(void)
{
	return plain_run("mutant", CASES(without_a_choice_there_is_no_fault,
		the_chosen_fault_is_on_alone_and_only_where_it_is_built_in));
}
