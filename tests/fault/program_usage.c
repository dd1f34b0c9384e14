/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A wrong word on the command line: exit code 2, one line, nothing on stdout, nothing begun. */
#include "tests/fault/program.h"

struct wrong {
	const char *words, *part; /* what it must say: which word, or what to do */
};

static const struct wrong WRONG[] = {
	{ "dance", "'dance'" },
	{ "compare --set slow", "quick and full" },
	{ "compare --set quick --size 64", "leave out" },
	{ "compare walk", "'walk'" },
	{ "compare echo echo", "'echo' is named twice" },
	{ "compare file echo --depth 2 file", "'file' is named twice" },
	{ "compare --no-such", "--no-such" },
	{ "compare --rounds", "--rounds needs a value" },
	{ "compare --rounds 0", "from 1 to" },
	{ "compare --rounds many", "--rounds many" },
	{ "compare --duration -1", "--duration -1" },
	{ "compare --duration 0", "give seconds" },
	{ "compare --duration 0x1", "--duration 0x1: give seconds from 0.01 to 3600" },
	{ "compare echo --delay 0", "--delay 0: give seconds from 0.000001 to 1" },
	{ "compare --size 99M", "--size 99M" },
	{ "compare --connections 0", "--connections 0" },
	{ "compare --rounds 0x10", "--rounds 0x10" },
	{ "compare --json=", "--json needs a value" },
	{ "compare echo --block 4K", "--block is an option of the workload file" },
	{ "compare echo --file /etc/passwd", "--file is an option" },
	{ "compare file --connections 2", "--connections is an option of the workload echo" },
	{ "compare file --size 2", "--size is an option" },
	{ "serve echo --host=", "--host needs a value" },
	{ "doctor --proc-root /nonexistent/proc", "/nonexistent/proc: No such file" },
	{ "doctor --proc-root /dev/null", "no folder" },
	{ "compare file --block 1000", "multiple of 512" },
	{ "compare echo --size 17592186044417M", "--size 17592186044417M" }, /* 2^64 + 1M */
	{ "compare echo --duration 0x1p3", "--duration 0x1p3" },
	{ "compare --cells", "write duet compare cells" },
	{ "compare file --cells", "write duet compare cells" },
	{ "compare echo cancel --cells", "for cancel only" },
	{ "compare cancel --cells --a polling", "leave out" },
	{ "compare cancel --cells --deadlines", "leave out" },
	{ "compare echo --parity", "write duet compare parity" },
	{ "compare --set quick --quick", "leave out" },
	{ "compare file --delay 0.001", "--delay is an option of the workload echo" },
	{ "compare echo --a tin", "no backend 'tin'" },
	{ "compare echo --a polling/opera", "no model 'opera'" },
	{ "compare echo --a completion/native", "native" },
	{ "compare echo --a null", "with a file of zeros" },
	{ "compare file --b null:work=5", "with a file of zeros" },
	{ "compare file --a polling/native", "has no model 'native'" },
	{ "compare echo --a polling:pitch=high", "pitch=high" },
	{ "compare echo --a polling:events=0", "events=1 to events=4096" },
	{ "compare file --b completion:entries=4", "entries=8 to entries=32768" },
	{ "compare echo --a :x", "names no backend" },
	{ "compare echo --a polling/", "no model stands behind the slash" },
	{ "compare echo --a polling:", "no KEY=VALUE stands behind the colon" },
	{ "compare file --file /nonexistent/file", "No such file" },
	{ "compare file --file /dev", "regular file" },
	{ "show", "give one file" },
	{ "show /nonexistent/file", "No such file" },
	{ "show /", "a folder" },
	{ "diff", "give two files" },
	{ "diff /nonexistent/file", "give two files" },
	{ "diff /nonexistent/file /nonexistent/other", "/nonexistent/file: No such file" },
	{ "diff / /", "a folder" },
	{ "diff a b --fail-if cpu", "METRIC>NUMBER" },
	{ "diff a b --json /nonexistent/x.json", "/nonexistent/x.json" },
	{ "compare --fail-if cpu>1,5", "--fail-if cpu>1,5" },
	{ "compare --fail-if=", "--fail-if needs a value" },
	{ "compare --like /nonexistent/file", "No such file" },
	{ "compare --like /", "a folder" },
	{ "serve", "serve echo" },
	{ "serve walk", "serve echo" },
	{ "serve echo --backend tin", "completion, polling, auto, floor-epoll" },
	{ "serve echo --backend polling/future", "the model with --model" },
	{ "serve echo --backend mine=polling", "give BACKEND[:KEY=VALUE]" },
	{ "serve echo --backend null", "nothing to connect to" },
	{ "serve echo --backend floor-kqueue", "there is floor-epoll and floor-uring" },
	{ "serve echo --backend floor-epoll --model future", "has no models" },
	{ "serve echo --model opera", "callback, coroutine, future" },
	{ "serve echo --backend completion --model native", "polling only" },
	{ "serve echo --backend polling:pitch=high", "pitch=high" },
	{ "serve echo --backend auto:entries=4", "entries=8 to entries=32768" },
	{ "serve echo --port 65536", "--port 65536" },
	{ "serve echo --backend polling --host example", "IPv6, not a name" },
	{ "load", "HOST:PORT" },
	{ "load echo", "HOST:PORT" },
	{ "load echo :", "':' is no HOST:PORT" },
	{ "load echo localhost", "'localhost' is no HOST:PORT" },
	{ "load echo 127.0.0.1:73337", "'127.0.0.1:73337' is no HOST:PORT" },
	{ "load echo 127.0.0.1:1 --depth 0", "--depth 0" },
	{ "load echo 127.0.0.1:1 --subject 2147483647", "--subject 2147483647: there is no such" },
	{ "load echo 127.0.0.1:1 --carrier 2147483647", "--carrier 2147483647: there is no such" },
	{ "load echo 127.0.0.1:1 --depth 2 --rate 5", "--depth is for a closed loop" },
	{ "load echo 127.0.0.1:1 --rate 10000001", "from 0 to 10000000" },
	{ "load echo 127.0.0.1:1 --rate fast", "--rate fast" },
	{ "compare echo --rate 100 --depth 1", "--depth is for a closed loop" },
	{ "compare file --rate 100", "--rate is an option of the workload echo" },
	{ "compare --set quick --rate 100", "leave out" },
	{ "compare walk", "echo, churn, slow, http, kv, proxy, udp, copy, file, rockets and" },
	{ "compare cancel --method any", "user-data, descriptor, scope and deadline" },
	{ "compare cancel --method never", "user-data, descriptor, scope and deadline" },
	{ "compare cancel --method link-timeout", "--b floor-link" },
	{ "compare cancel --method ,", "--method ,: one in it is empty" },
	{ "compare cancel --operations 1,,2", "--operations 1,,2: one in it is empty" },
	{ "compare cancel --method scope,", "--method scope,: one in it is empty" },
	{ "compare cancel --operations 0", "--operations 0: give numbers from 1 to 10000" },
	{ "compare cancel --operations 1,x", "--operations x" },
	{ "compare cancel --operations 10001", "from 1 to 10000" },
	{ "compare cancel --storm --operations 99", "from 100 to 10000" },
	{ "compare cancel --storm --method scope", "leave out --method" },
	{ "compare cancel --storm --pending 200", "say how many with --operations" },
	{ "compare cancel --operations 100 --pending 99", "at least as many" },
	{ "compare cancel --deadlines --storm", "leave out" },
	{ "compare cancel --deadlines --b polling", "leave out" },
	{ "compare cancel cancel", "'cancel' is named twice" },
	{ "compare echo --deadlines", "--deadlines is an option of the workload cancel" },
	{ "compare echo cancel --deadlines", "write duet compare cancel --deadlines" },
	{ "compare echo --operations 5", "--operations is an option of the workload cancel" },
	{ "compare --storm", "--storm is an option of the workload cancel" },
	{ "compare cancel --size 5", "--size is an option of the workload echo" },
	{ "compare cancel --depth 5",
	  "--depth is an option of the workload echo, slow, http, kv, proxy or file" },
	{ "compare cancel --a polling/future", "callbacks only" },
	{ "compare cancel --a polling/timed", "--deadlines" },
	{ "compare cancel --a floor-kqueue", "floor-epoll, floor-uring and floor-link" },
	{ "compare cancel --a floor-link", "--method deadline" },
	{ "compare cancel --a exec:x{port}", "the floors only" },
	{ "compare --set full --method scope", "leave out" },
	{ "play-cancel --method any", "which method" },
	{ "play-cancel --operations 3 --pending 4", "how many" },
	{ "play-cancel --backend tin", "no backend 'tin'" },
	{ "doctor please", "'please'" },
};

START_TEST(a_wrong_word_is_named_in_one_line)
{
	const struct wrong *wrong = &WRONG[_i];
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "%s", wrong->words);
	program_end(program);
	ck_assert_msg(program->code == 2, "%s: exit code %d", wrong->words, program->code);
	program_expect(program, 2, wrong->part);
	free(program);
}
END_TEST

START_TEST(nothing_but_the_line_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "load echo --depth x");
	program_end(program);
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

START_TEST(help_is_no_failure)
{
	static const char *const COMMANDS[] = { "--help", "--version", "compare --help",
						"show --help", "diff --help", "doctor --help",
						"serve --help", "serve echo --help",
						"serve http --help", "serve kv --help",
						"load --help", "doctor" };
	struct program *program = calloc(1, sizeof(*program));
	char *line;

	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(*COMMANDS); i++) {
		program_begin(program, NULL, "%s", COMMANDS[i]);
		program_end(program);
		ck_assert_int_eq(program->code, 0);
		ck_assert_str_eq(program->complained, "");
		ck_assert_uint_gt(strlen(program->said), 0);
		for (line = strtok(program->said, "\n"); line; line = strtok(NULL, "\n"))
			ck_assert_msg(strlen(line) <= 80 && line[strlen(line) - 1] != ' ',
				      "too long, or ends with a blank: %s", line);
	}
	free(program);
}
END_TEST

START_TEST(help_names_bounds_and_what_a_set_has_of_its_own)
{
	static const struct wrong HELP[] = {
		{ "compare --help", "(15); 1 to 1000" },
		{ "compare --help", "(0.5; --set quick 0.2, full" },
		{ "compare --help", "at once (64; churn, slow, copy, rockets 16);" },
		{ "compare --help", "a multiple of 512 (4K); 512 to 1M" },
		{ "serve echo --help", "of each (16K); 64 to 1M" },
		{ "serve echo --help", "to receive into (1024); 1 to 32768" },
		{ "load --help", "unanswered messages each (1, slow 512); 1 to 1024" },
	};
	struct program *program = calloc(1, sizeof(*program));

	for (size_t i = 0; i < sizeof(HELP) / sizeof(*HELP); i++) {
		program_begin(program, NULL, "%s", HELP[i].words);
		program_end(program);
		ck_assert_msg(strstr(program->said, HELP[i].part) != NULL, "%s: no '%s' in:\n%s",
			      HELP[i].words, HELP[i].part, program->said);
	}
	free(program);
}
END_TEST

START_TEST(nothing_at_all_shows_what_there_is)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, " ");
	program_end(program);
	ck_assert_int_eq(program->code, 2);
	ck_assert_str_eq(program->said, "");
	ck_assert_ptr_nonnull(strstr(program->complained, "compare"));
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program usage");
	TCase *cases = tcase_create("usage");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, a_wrong_word_is_named_in_one_line, 0,
			    sizeof(WRONG) / sizeof(*WRONG));
	tcase_add_test(cases, nothing_but_the_line_is_said);
	tcase_add_test(cases, help_is_no_failure);
	tcase_add_test(cases, help_names_bounds_and_what_a_set_has_of_its_own);
	tcase_add_test(cases, nothing_at_all_shows_what_there_is);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
