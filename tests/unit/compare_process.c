/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Processes that are started to be measured: what they say, how they end, and that none is left. */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare/measure/process.h"
#include "compare/measure/window.h"
#include "compare/report/machine.h"

static int start_shell(struct process *process, const char *script, int cpu)
{
	char shell[] = "/bin/sh", option[] = "-c", text[256];
	char *argv[] = { shell, option, text, NULL };

	snprintf(text, sizeof(text), "%s", script);
	return process_start(process, argv, cpu);
}

START_TEST(lines_come_one_by_one_and_the_rest_at_once)
{
	struct process process;
	char line[64];

	ck_assert_int_eq(start_shell(&process, "echo one; echo two; echo three; printf four",
				     PROCESS_ANYWHERE), 0);
	ck_assert_int_eq(process_line(&process, line, sizeof(line), 5000), 1);
	ck_assert_str_eq(line, "one");
	ck_assert_int_eq(process_line(&process, line, sizeof(line), 5000), 1);
	ck_assert_str_eq(line, "two");
	ck_assert_int_eq(process_rest(&process, 5000), 0);
	ck_assert_str_eq(process.text + process.consumed, "three\nfour");
	ck_assert_int_eq(process_end(&process, 0), 0);
	process_forget(&process);
}
END_TEST

START_TEST(an_exit_code_a_signal_and_the_last_complaint_are_told)
{
	struct process process;
	char line[64];

	ck_assert_int_eq(start_shell(&process, "echo duet: first >&2; echo 'duet: no luck' >&2;"
				     "exit 3", PROCESS_ANYWHERE), 0);
	ck_assert_int_eq(process_rest(&process, 5000), 0);
	ck_assert_int_eq(process_end(&process, 0), 3);
	process_complaint(&process, line, sizeof(line));
	ck_assert_str_eq(line, "no luck");
	process_forget(&process);
	ck_assert_int_eq(start_shell(&process, "exec sleep 100", PROCESS_ANYWHERE), 0);
	ck_assert_int_eq(process_end(&process, SIGTERM), 128 + SIGTERM);
	process_complaint(&process, line, sizeof(line));
	ck_assert_str_eq(line, "");
	process_forget(&process);
}
END_TEST

START_TEST(one_that_says_nothing_is_not_waited_for_for_ever)
{
	struct process process;
	char line[64];

	ck_assert_int_eq(start_shell(&process, "exec sleep 100", PROCESS_ANYWHERE), 0);
	ck_assert_int_eq(process_line(&process, line, sizeof(line), 50), -ETIMEDOUT);
	process_forget(&process); /* kills it */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* It came after whoever waits had last looked, and before the wait. */
START_TEST(a_signal_just_before_a_wait_ends_it)
{
	struct process process;
	char line[64];

	process_catch_interrupts();
	ck_assert_int_eq(start_shell(&process, "exec sleep 100", PROCESS_ANYWHERE), 0);
	raise(SIGTERM);
	ck_assert_int_eq(process_line(&process, line, sizeof(line), 100000), -EINTR);
	process_forget(&process);
}
END_TEST

START_TEST(what_cannot_be_executed_ends_with_127)
{
	char name[] = "/nonexistent/program";
	char *argv[] = { name, NULL };
	struct process process;

	ck_assert_int_eq(process_start(&process, argv, PROCESS_ANYWHERE), 0);
	ck_assert_int_eq(process_end(&process, 0), 127);
	process_forget(&process);
}
END_TEST

START_TEST(it_runs_where_it_was_put)
{
	struct process process;
	int subject, load;
	cpu_set_t processors;

	machine_cpu_pair(&subject, &load);
	ck_assert_int_eq(start_shell(&process, "echo ready; exec sleep 100", load), 0);
	ck_assert_int_eq(process_line(&process, (char[16]){ 0 }, 16, 5000), 1);
	ck_assert_int_eq(sched_getaffinity(process.pid, sizeof(processors), &processors), 0);
	ck_assert_int_eq(CPU_COUNT(&processors), 1);
	ck_assert(CPU_ISSET((size_t)load, &processors));
	process_forget(&process);
}
END_TEST

START_TEST(the_processor_time_of_another_process_is_measured)
{
	struct process process;
	struct window window;

	ck_assert_int_eq(start_shell(&process, "while :; do :; done", PROCESS_ANYWHERE), 0);
	window_open(&window, process.pid, 0);
	while (window_now_ns() < window.opened.at_ns + 100000000)
		usleep(10000);
	window_close(&window);
	ck_assert_uint_gt(window.closed.subject_cpu_ns - window.opened.subject_cpu_ns, 5000000);
	ck_assert_uint_ge(window_elapsed_ns(&window), 100000000);
	process_forget(&process);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare process");
	TCase *cases = tcase_create("process");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, lines_come_one_by_one_and_the_rest_at_once);
	tcase_add_test(cases, an_exit_code_a_signal_and_the_last_complaint_are_told);
	tcase_add_test(cases, one_that_says_nothing_is_not_waited_for_for_ever);
	tcase_add_test(cases, a_signal_just_before_a_wait_ends_it);
	tcase_add_test(cases, what_cannot_be_executed_ends_with_127);
	tcase_add_test(cases, it_runs_where_it_was_put);
	tcase_add_test(cases, the_processor_time_of_another_process_is_measured);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
