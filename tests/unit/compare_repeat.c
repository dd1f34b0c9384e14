/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The line that plays the same again: a shell must read from it the words that were given. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "compare/report/repeat.h"

static void expect(const char *line, const char *program, int argc, char *const argv[])
{
	char *text = repeat_line(program, argc, argv, 7);

	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, line);
	free(text);
}

START_TEST(plain_words_stay_as_they_are)
{
	char *argv[] = { "compare", "echo", "--a", "completion:mode=plain", "--size=16K" };

	expect("./duet compare --seed 7 echo --a completion:mode=plain --size=16K", "./duet", 5,
	       argv);
}
END_TEST

START_TEST(what_a_shell_would_read_otherwise_is_quoted)
{
	char *argv[] = { "compare", "--file", "it's here", "", "~", "$HOME", "a\nb", "[x]", "#" };

	expect("'my duet' compare --seed 7 --file 'it'\\''s here' '' '~' '$HOME' 'a\nb' '[x]' '#'",
	       "my duet", 9, argv);
}
END_TEST

START_TEST(a_seed_is_given_once_however_it_was_written)
{
	char *argv[] = { "compare", "--seed", "1", "--seed=2", "--see", "3", "--see=4", "--set",
			 "quick", "--seed" };

	expect("duet compare --seed 7 --set quick", "duet", 10, argv);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare repeat");
	TCase *cases = tcase_create("repeat");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, plain_words_stay_as_they_are);
	tcase_add_test(cases, what_a_shell_would_read_otherwise_is_quoted);
	tcase_add_test(cases, a_seed_is_given_once_however_it_was_written);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
