/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Who gets colour: a terminal that can show it, unless somebody refused. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "compare/say.h"

static FILE *open_terminal(void)
{
	int controller = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];

	ck_assert_int_ge(controller, 0);
	ck_assert_int_eq(grantpt(controller), 0);
	ck_assert_int_eq(unlockpt(controller), 0);
	ck_assert_int_eq(ptsname_r(controller, name, sizeof(name)), 0);
	return fdopen(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC), "w");
}

START_TEST(no_color_refuses_unless_it_is_empty)
{
	FILE *terminal = open_terminal(), *file = fopen("/dev/null", "w");

	ck_assert_ptr_nonnull(terminal);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	ck_assert(say_colour(terminal));
	ck_assert(!say_colour(file));
	setenv("NO_COLOR", "", 1);
	ck_assert(say_colour(terminal));
	setenv("NO_COLOR", "0", 1);
	ck_assert(!say_colour(terminal));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	ck_assert(!say_colour(terminal));
	fclose(terminal);
	fclose(file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare say");
	TCase *cases = tcase_create("say");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, no_color_refuses_unless_it_is_empty);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
