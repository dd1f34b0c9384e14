/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The twins' player where its output can't be written: a script or trace that got lost is said. */
#include "tests/fault/program.h"

static void name_player(void)
{
	const char *build = getenv("DUET_BUILD");
	char path[512];

	snprintf(path, sizeof(path), "%s/twins", build ? build : "build");
	setenv("DUET_PROGRAM", path, 1);
}

static void fill_output(void)
{
	dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
}

static void close_output(void)
{
	close(STDOUT_FILENO);
}

struct loss {
	program_before_fn *before;
	const char *cause;
};

static const struct loss LOSSES[] = {
	{ fill_output, "twins: can't write to the standard output: No space left on device\n" },
	{ close_output, "twins: can't write to the standard output: Bad file descriptor\n" },
};

static const char *const WORDS[] = {
	"generate 42", "play --backend reference %s", "play --backend polling %s",
	"--scripts 1 --seed 2 --jobs 1", "--help",
};

static char script[256];

static void write_script(void)
{
	const char *folder = getenv("TMPDIR");
	struct program *program = calloc(1, sizeof(*program));
	FILE *file;

	snprintf(script, sizeof(script), "%s/duet-twins-%d.script", folder ? folder : "/tmp",
		 (int)getpid());
	program_begin(program, NULL, "generate 42");
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	file = fopen(script, "w");
	ck_assert_ptr_nonnull(file);
	fputs(program->said, file);
	fclose(file);
	free(program);
}

static void prepare(void)
{
	name_player();
	write_script();
}

static void tidy(void)
{
	unlink(script);
}

START_TEST(output_that_is_lost_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++) {
		char words[512];

		snprintf(words, sizeof(words), WORDS[i], script);
		program_begin(program, LOSSES[_i].before, "%s", words);
		program_end(program);
		ck_assert_msg(program->code == 3, "%s: exit code %d", words, program->code);
		ck_assert_msg(!strcmp(program->complained, LOSSES[_i].cause), "%s: said: %s", words,
			      program->complained);
	}
	free(program);
}
END_TEST

/* ---- What is found is told so that it can be played again. ---- */

static void go_elsewhere(void)
{
	if (chdir(getenv("TWINS_TEST_FOLDER")))
		_exit(99);
}

/* The rest of the line that begins so. */
static void line_of(const char *said, const char *begin, char *line, size_t size)
{
	const char *at = strstr(said, begin);

	ck_assert_msg(at, "no line \"%s\" in: %s", begin, said);
	at += strlen(begin);
	snprintf(line, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static void find_violation(struct program *program, const char *words)
{
	program_begin(program, go_elsewhere, "%s", words);
	program_end(program);
	ck_assert_msg(program->code == 1, "%s: exit code %d: %s", words, program->code,
		      program->complained);
}

START_TEST(the_replay_line_finds_the_same_violation)
{
	struct program *program = calloc(1, sizeof(*program));
	char folder[] = "/tmp/duet-twins-XXXXXX", path[512], violation[600], replay[600],
		steps[40];
	const char *words;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	setenv("TWINS_TEST_FOLDER", folder, 1);
	setenv("DUET_TEST_BACKENDS", "reference", 1);
	ck_assert_ptr_nonnull(realpath(getenv("DUET_PROGRAM"), path));
	setenv("DUET_PROGRAM", path, 1);
	find_violation(program, "--tuning fault-send=1:EIO --seed 1 --scripts 200 --jobs 1");
	line_of(program->said, "violation: ", violation, sizeof(violation));
	line_of(program->said, "replay: ", replay, sizeof(replay));
	line_of(program->said, "the shortest script found, of ", steps, sizeof(steps));
	ck_assert_int_ge(atoi(steps), 1);
	ck_assert_int_le(atoi(steps), 2);
	words = strstr(replay, " --tuning");
	ck_assert_ptr_nonnull(words);
	find_violation(program, words + 1);
	ck_assert_ptr_eq(strstr(program->said, violation), program->said);
	snprintf(path, sizeof(path), "%s/%s", folder, strstr(words, "examine ") + 8);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program twins");
	TCase *cases = tcase_create("twins");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_checked_fixture(cases, prepare, tidy);
	tcase_add_loop_test(cases, output_that_is_lost_is_said, 0,
			    sizeof(LOSSES) / sizeof(*LOSSES));
	tcase_add_test(cases, the_replay_line_finds_the_same_violation);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
