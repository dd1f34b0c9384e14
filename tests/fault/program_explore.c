/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The explorer and what can't be explored: it says what is wrong, which value, and what there is. */
#include "tests/fault/program.h"

static void name_explorer(void)
{
	const char *build = getenv("DUET_BUILD");
	char path[512];

	snprintf(path, sizeof(path), "%s/explore", build ? build : "build");
	setenv("DUET_PROGRAM", path, 1);
}

struct demand {
	const char *words;
	int code;
	const char *text; /* in what is said, or complained of */
};

static const struct demand DEMANDS[] = {
	{ "--help", 0, "usage: explore" },
	{ "--depth 2 --cast race", 0, "race " },
	{ "--cast race --replay start.a", 0, "1 moves, and nothing is wrong" },
	{ "--cast nobody", 2, "no cast is called \"nobody\"" },
	{ "--cast nobody", 2, "casts: members answers" },
	{ "--cast", 2, "no cast is called \"\"" },
	{ "--depth 0", 2, "1 to 64 must follow --depth, not \"0\"" },
	{ "--depth 65", 2, "not \"65\"" },
	{ "--depth 8x", 2, "not \"8x\"" },
	{ "--depth -1", 2, "not \"-1\"" },
	{ "--speed 3", 2, "no such option: \"--speed\"" },
	{ "--replay turn", 2, "wants a --cast" },
	{ "--cast race --replay leave.t", 2, "no move is possible here that reads \"leave.t\"" },
	{ "--cast race --replay start.a:?", 2, "reads \"start.a:?\"" },
	{ "--suite /nowhere/at-all", 2, "/nowhere/at-all: No such file" },
	{ "--suite /dev/null", 0, "what the test programs saw" },
	{ "--suite Makefile", 2, "Makefile: not what test programs note" },
};

START_TEST(the_answer_says_what_is_wrong)
{
	const struct demand *demand = &DEMANDS[_i];
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "%s", demand->words);
	program_end(program);
	ck_assert_msg(program->code == demand->code, "%s: exit code %d", demand->words,
		      program->code);
	ck_assert_msg(strstr(demand->code ? program->complained : program->said, demand->text),
		      "%s: said %s, complained %s", demand->words, program->said,
		      program->complained);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program explore");
	TCase *cases = tcase_create("explore");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, name_explorer, NULL);
	tcase_add_loop_test(cases, the_answer_says_what_is_wrong, 0,
			    sizeof(DEMANDS) / sizeof(*DEMANDS));
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
