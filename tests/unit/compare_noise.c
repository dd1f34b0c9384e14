/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Noise from a procfs that a test wrote, and what is called a disturbance. */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare/measure/noise.h"
#include "compare/measure/window.h"

static char root[64];

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void make_folder(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void set_up(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/duet-proc-XXXXXX", folder ? folder : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	make_folder("77");
	make_folder("77/task");
	make_folder("77/task/77");
	make_folder("77/task/78");
	write_file("77/task/77/schedstat", "5000 300 9\n");
	write_file("77/task/78/schedstat", "9000 40 2\n");
	write_file("77/task/77/status", "Name:\tx\nvoluntary_ctxt_switches:\t12\n"
					"nonvoluntary_ctxt_switches:\t3\n");
	write_file("77/task/78/status", "voluntary_ctxt_switches:\t1\n"
					"nonvoluntary_ctxt_switches:\t4\n");
	write_file("stat", "cpu  111 11 55 1100 22 33 44 77 0 0\n"
			   "cpu0 1 0 0 0 0 0 0 0 0 0\ncpu1 10 1 5 1000 2 3 4 7 0 0\n"
			   "cpu12 100 10 50 100 20 30 40 70 0 0\nintr 5 cpu13 1 1 1 1 1 1 1 1\n");
}

static void tear_down(void)
{
	static const char *const NAMES[] = { "77/task/77/schedstat", "77/task/77/status",
					     "77/task/78/schedstat", "77/task/78/status",
					     "77/task/77", "77/task/78", "77/task", "77", "stat", "" };
	char path[256];

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, NAMES[i]);
		remove(path);
	}
}

START_TEST(threads_of_a_process_are_summed_up)
{
	struct noise_process noise;

	ck_assert_int_eq(noise_read_process(root, 77, &noise), 0);
	ck_assert_uint_eq(noise.threads, 2);
	ck_assert_uint_eq(noise.wait_ns, 340);
	ck_assert_uint_eq(noise.voluntary, 13);
	ck_assert_uint_eq(noise.involuntary, 7);
	ck_assert_int_eq(noise_read_process(root, 1, &noise), -ENOENT);
}
END_TEST

/* What runs on other processors than ours disturbs nobody. */
START_TEST(a_machine_is_read_where_it_matters)
{
	struct noise_machine machine;
	uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	cpu_set_t where;

	CPU_ZERO(&where);
	CPU_SET(1, &where);
	ck_assert_int_eq(noise_read_machine(root, &where, &machine), 0);
	ck_assert_uint_eq(machine.busy_ns, 23 * tick_ns);
	ck_assert_uint_eq(machine.steal_ns, 7 * tick_ns);
	CPU_SET(12, &where);
	ck_assert_int_eq(noise_read_machine(root, &where, &machine), 0);
	ck_assert_uint_eq(machine.busy_ns, 253 * tick_ns);
	ck_assert_uint_eq(machine.steal_ns, 77 * tick_ns);
	ck_assert_int_eq(noise_read_machine(root, NULL, &machine), 0);
	ck_assert_uint_eq(machine.busy_ns, 254 * tick_ns);
	write_file("stat", "nothing that we know\n");
	ck_assert_int_eq(noise_read_machine(root, &where, &machine), -EPROTO);
	write_file("stat", "cpu  1 1 1 1 1 1 1 1\ncpu0 1 1 1 1\n");
	ck_assert_int_eq(noise_read_machine(root, &where, &machine), -EPROTO);
}
END_TEST

/* Both may run on one processor here, and where the other one may run counts, too. */
START_TEST(a_window_looks_where_its_processes_may_run)
{
	struct window window;
	cpu_set_t before, one;
	pid_t other = fork();
	int cpu = 0;

	if (!other) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	sched_getaffinity(0, sizeof(before), &before);
	while (!CPU_ISSET((size_t)cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	window_open(&window, getpid(), 0);
	ck_assert(CPU_EQUAL(&window.processors, &one));
	window_open(&window, other, 0);
	ck_assert(CPU_EQUAL(&window.processors, &before));
	window_open(&window, 0, other);
	ck_assert(CPU_EQUAL(&window.processors, &before));
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	window_open(&window, other, 0); /* gone: it may have been anywhere */
	ck_assert_int_eq(CPU_COUNT(&window.processors), CPU_SETSIZE);
}
END_TEST

START_TEST(a_cause_is_named_only_where_somebody_else_did_it)
{
	struct noise quiet = { 1000000, 19000, 0, 500000 };
	struct noise own = { 1000000, 400000, 0, 40000 };
	struct noise others = { 1000000, 30000, 0, 300000 };
	struct noise stolen = { 1000000, 0, 20000, 0 };

	ck_assert_ptr_null(noise_cause(&quiet));
	ck_assert_ptr_null(noise_cause(&own));
	ck_assert_ptr_nonnull(strstr(noise_cause(&others), "other programs"));
	ck_assert_ptr_nonnull(strstr(noise_cause(&stolen), "hypervisor"));
}
END_TEST

/* To the share: what is just as much is none yet. */
START_TEST(the_limits_are_those_that_are_stated)
{
	struct noise noise = { 1000000, 20001, 0, 50001 };

	ck_assert_ptr_nonnull(noise_cause(&noise));
	noise.wait_ns = 20000;
	ck_assert_ptr_null(noise_cause(&noise));
	noise.wait_ns = 20001;
	noise.others_cpu_ns = 50000;
	ck_assert_ptr_null(noise_cause(&noise));
	noise.steal_ns = 10000;
	ck_assert_ptr_null(noise_cause(&noise));
	noise.steal_ns = 10001;
	ck_assert_ptr_nonnull(noise_cause(&noise));
}
END_TEST

/* A second in which two processors were busy for 1.5 s. */
static struct window made_window(pid_t subject)
{
	return (struct window){
		.subject = subject,
		.opened = { .at_ns = 5000000000, .subject_cpu_ns = 100, .own_cpu_ns = 200,
			    .carrier_cpu_ns = 300, .subject.wait_ns = 40, .own.wait_ns = 50,
			    .machine = { 7000, 60 } },
		.closed = { .at_ns = 6000000000, .subject_cpu_ns = 100 + 400000000,
			    .own_cpu_ns = 200 + 300000000, .carrier_cpu_ns = 300 + 200000000,
			    .subject.wait_ns = 40 + 11, .own.wait_ns = 50 + 22,
			    .machine = { 7000 + 1500000000, 60 + 33 } },
	};
}

START_TEST(what_the_measured_processes_used_is_no_other_program_s)
{
	struct window window = made_window(getpid() + 1);
	struct noise noise;

	window_noise(&window, &noise);
	ck_assert_uint_eq(noise.elapsed_ns, 1000000000);
	ck_assert_uint_eq(noise.others_cpu_ns, 600000000);
	ck_assert_uint_eq(noise.steal_ns, 33);
	window = made_window(getpid()); /* counted once, though it is both */
	window_noise(&window, &noise);
	ck_assert_uint_eq(noise.others_cpu_ns, 1000000000);
	window.closed.own_cpu_ns += 3000000000; /* ticks are coarse */
	window_noise(&window, &noise);
	ck_assert_uint_eq(noise.others_cpu_ns, 0);
}
END_TEST

START_TEST(the_one_that_waited_longer_counts)
{
	struct window window = made_window(1);
	struct noise noise;

	window_noise(&window, &noise);
	ck_assert_uint_eq(noise.wait_ns, 22);
	window.closed.subject.wait_ns = 40 + 44;
	window_noise(&window, &noise);
	ck_assert_uint_eq(noise.wait_ns, 44);
	window.closed.carrier.wait_ns = 66; /* who answers is waited for, too */
	window_noise(&window, &noise);
	ck_assert_uint_eq(noise.wait_ns, 66);
	window.closed.carrier.wait_ns = 0;
	window.closed.subject.wait_ns = 0; /* a thread ended, and its share with it */
	window.closed.own.wait_ns = 0;
	window_noise(&window, &noise);
	ck_assert_uint_eq(noise.wait_ns, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare noise");
	TCase *cases = tcase_create("noise");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, threads_of_a_process_are_summed_up);
	tcase_add_test(cases, a_machine_is_read_where_it_matters);
	tcase_add_test(cases, a_window_looks_where_its_processes_may_run);
	tcase_add_test(cases, a_cause_is_named_only_where_somebody_else_did_it);
	tcase_add_test(cases, the_limits_are_those_that_are_stated);
	tcase_add_test(cases, what_the_measured_processes_used_is_no_other_program_s);
	tcase_add_test(cases, the_one_that_waited_longer_counts);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
