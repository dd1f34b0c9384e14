/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A terminal of few columns, one that doesn't say how many, and none at all. */
#include <pty.h>
#include <sys/ioctl.h>

#include "tests/fault/program.h"
#include "tests/support/result.h"

enum { TEXT_MAX = 1 << 16 };

static char path[256];
static const char *kind = "xterm"; /* of the terminal */

static void write_result_file(void)
{
	struct result_shape shape;
	json_t *result;

	snprintf(path, sizeof(path), "duet-terminal-%d.json", (int)getpid());
	result_shape_init(&shape);
	result = result_make(&shape);
	result_write(result, path);
	json_decref(result);
}

static void remove_result_file(void)
{
	unlink(path);
}

/* What the program writes to a terminal of so many columns, stdout and stderr together; 0 columns: it
 * doesn't know. */
static char *run_on_terminal(unsigned short columns, char *const words[])
{
	struct winsize size = { .ws_row = 24, .ws_col = columns };
	char *text = calloc(1, TEXT_MAX);
	size_t length = 0;
	int master, status;
	pid_t pid = forkpty(&master, NULL, NULL, &size);
	ssize_t got;

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		unsetenv("COLUMNS");
		unsetenv("NO_COLOR");
		setenv("TERM", kind, 1);
		execv(program_path(), words);
		_exit(126);
	}
	while (length < TEXT_MAX - 1 &&
	       (got = read(master, text + length, TEXT_MAX - 1 - length)) > 0)
		length += (size_t)got;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%s", text);
	close(master);
	return text;
}

/* The columns that a line takes: sequences that choose a colour, and the redrawn progress before a
 * carriage return, take none. */
static size_t visible_length(const char *line)
{
	size_t length = 0, longest = 0;

	for (; *line; line++) {
		if (*line == '\033')
			line += strcspn(line, "mK");
		else if (*line == '\r')
			length = 0;
		else
			length++;
		longest = length > longest ? length : longest;
	}
	return longest;
}

static void expect_width(char *text, size_t width)
{
	char *line;

	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(visible_length(line) <= width, "too long: %s", line);
}

static const struct {
	unsigned short columns;
	size_t width;
} TERMINALS[] = { { 40, 40 }, { 57, 57 }, { 80, 80 }, { 200, 80 }, { 0, 80 } };

START_TEST(a_stored_result_fits_the_terminal)
{
	char *words[] = { (char *)(size_t)program_path(), (char *)(size_t)"show", path, NULL };
	char *text = run_on_terminal(TERMINALS[_i].columns, words);

	ck_assert_ptr_nonnull(strstr(text, "\033[1ma lower\033[0m"));
	expect_width(text, TERMINALS[_i].width);
	free(text);
}
END_TEST

START_TEST(a_diff_fits_the_terminal)
{
	char *words[] = { (char *)(size_t)program_path(), (char *)(size_t)"diff", path, path, NULL };
	char *text = run_on_terminal(TERMINALS[_i].columns, words);

	ck_assert_ptr_nonnull(strstr(text, "no difference shown"));
	expect_width(text, TERMINALS[_i].width);
	free(text);
}
END_TEST

static const char *const HELPERS[] = { "--help", "doctor", "compare --help", "show --help",
				       "diff --help", "doctor --help", "serve --help",
				       "load --help" };

START_TEST(what_helps_fits_the_terminal)
{
	char words[32], *list[4] = { (char *)(size_t)program_path() }, *text;

	snprintf(words, sizeof(words), "%s", HELPERS[_i]);
	list[1] = strtok(words, " ");
	list[2] = strtok(NULL, " ");
	for (size_t i = 0; i < sizeof(TERMINALS) / sizeof(*TERMINALS); i++) {
		text = run_on_terminal(TERMINALS[i].columns, list);
		expect_width(text, TERMINALS[i].width);
		free(text);
	}
}
END_TEST

START_TEST(a_dumb_terminal_gets_no_sequences)
{
	char *words[] = { (char *)(size_t)program_path(), (char *)(size_t)"compare",
			  (char *)(size_t)"file", (char *)(size_t)"--rounds",
			  (char *)(size_t)"1", (char *)(size_t)"--duration",
			  (char *)(size_t)"0.02", (char *)(size_t)"--no-kernel-view", NULL };
	char *said;

	kind = "dumb";
	said = run_on_terminal(80, words);
	ck_assert_ptr_nonnull(strstr(said, "CPU per operation"));
	ck_assert_ptr_null(strchr(said, '\033'));
	free(said);
}
END_TEST

START_TEST(progress_is_redrawn_within_the_terminal)
{
	char text[] = "compare file --depth 1 --rounds 1 --warmup 0 --duration 0.02 --repeats 0";
	char *words[16] = { (char *)(size_t)program_path() }, *said;
	size_t count = 1;

	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		words[count++] = word;
	said = run_on_terminal(40, words);
	ck_assert_ptr_nonnull(strstr(said, "round 1 of 1"));
	*strstr(said, "Again:") = 0; /* the program's name in it may be a long path */
	expect_width(said, 40);
	free(said);
}
END_TEST

START_TEST(without_a_terminal_there_are_80_columns_and_no_colours)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "show %s", path);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	ck_assert_ptr_null(strchr(program->said, '\033'));
	ck_assert_ptr_nonnull(strstr(program->said, "0.500  [0.500, 0.500]"));
	expect_width(program->said, 80);
	free(program);
}
END_TEST

/* Names of files that fit a line of 40 columns, wherever the folder is. */
static void go_where_names_are_short(void)
{
	const char *folder = getenv("TMPDIR");
	char *program = realpath(program_path(), NULL);

	if (program)
		setenv("DUET_PROGRAM", program, 1);
	if (chdir(folder ? folder : "/tmp"))
		abort();
	free(program);
}

int main(void)
{
	Suite *suite = suite_create("program terminal");
	TCase *cases = tcase_create("terminal");
	SRunner *runner = srunner_create(suite);
	const int terminals = sizeof(TERMINALS) / sizeof(*TERMINALS);
	int failed;

	tcase_set_timeout(cases, 60);
	unsetenv("COLUMNS");
	go_where_names_are_short();
	tcase_add_checked_fixture(cases, write_result_file, remove_result_file);
	tcase_add_loop_test(cases, a_stored_result_fits_the_terminal, 0, terminals);
	tcase_add_loop_test(cases, a_diff_fits_the_terminal, 0, terminals);
	tcase_add_loop_test(cases, what_helps_fits_the_terminal, 0,
			    sizeof(HELPERS) / sizeof(*HELPERS));
	tcase_add_test(cases, a_dumb_terminal_gets_no_sequences);
	tcase_add_test(cases, progress_is_redrawn_within_the_terminal);
	tcase_add_test(cases, without_a_terminal_there_are_80_columns_and_no_colours);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
