/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* Tuning, and refusals in words. A refusal is provoked by a filter in a process of its own; the
 * machine is left as it is. */
#include <check.h>
#include <duet/completion.h>
#include <duet/duet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct duet_probe probe;

static int probe_with(const char *tuning)
{
	int error = duet_backend_probe(duet_completion(), tuning, &probe);

	ck_assert_int_eq(error, probe.error);
	return error;
}

static int create_with(const char *tuning)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	int error;

	duet_loop_options_init(&options);
	options.tuning = tuning;
	error = duet_loop_create(&loop, duet_completion(), &options);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	return error;
}

START_TEST(a_wrong_tuning_is_refused_by_name)
{
	static const char *const wrong[] = {"mode=fast",       "entries=7",   "entries=32769",
					    "entries=",        "entries=8x",  "entries=-8",
					    "direct=perhaps",  "depth=4",     "mode",
					    "entries=99999999999999999999", "mode=plain,depth=4"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ck_assert_int_eq(probe_with(wrong[i]), -EINVAL);
		ck_assert_msg(strstr(probe.reason, wrong[i]) && strstr(probe.reason, "entries=8"),
			      "%s: %s", wrong[i], probe.reason);
		ck_assert_int_eq(create_with(wrong[i]), -EINVAL);
	}
}
END_TEST

START_TEST(every_right_tuning_is_taken)
{
	static const char *const right[] = {NULL,           "",
					    "mode=plain",   "mode=deferred,entries=8",
					    "entries=32768", "direct=no,mode=plain",
					    "direct=yes"};

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		ck_assert_msg(probe_with(right[i]) == 0, "%s", probe.reason);
		ck_assert_str_eq(probe.reason, "");
		ck_assert_int_eq(create_with(right[i]), 0);
	}
}
END_TEST

START_TEST(the_shape_tells_the_mode_and_the_sizes)
{
	ck_assert_int_eq(probe_with("mode=plain,entries=64"), 0);
	ck_assert(strstr(probe.shape, "plain, 64 entries, 512 completions"));
	ck_assert_int_eq(probe_with("mode=deferred"), 0);
	ck_assert(strstr(probe.shape, "single issuer, deferred task work, 256 entries"));
}
END_TEST

START_TEST(nothing_is_absent_and_plain_calls_are_said_to_be_emulated)
{
	ck_assert_int_eq(probe_with(NULL), 0);
	for (int kind = 0; kind < DUET_KIND_COUNT; kind++) {
		int emulated = kind == DUET_BIND || kind == DUET_LISTEN || kind == DUET_WORK ||
			       kind == DUET_RESOLVE || kind == DUET_SPLICE;

		ck_assert_int_eq(probe.capability[kind], emulated ? DUET_EMULATED : DUET_NATIVE);
	}
}
END_TEST

/* ---- Refusals. ---- */

/* From here on this process gets `error` from io_uring_setup. */
static void refuse_rings(unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(77);
}

static void write_sysctl(const char *root, const char *value)
{
	static const char *const folders[] = {"", "/sys", "/sys/kernel"};
	char path[128];
	FILE *file;

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", root, folders[i]);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/sys/kernel/io_uring_disabled", root);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "%s\n", value);
	fclose(file);
}

static void remove_sysctl(const char *root)
{
	static const char *const paths[] = {"/sys/kernel/io_uring_disabled", "/sys/kernel", "/sys",
					    ""};
	char path[128];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", root, paths[i]);
		remove(path);
	}
}

/* A child in which `refuse(argument)` holds must get `error` and a reason that contains `words`. */
static void expect_refusal(void (*refuse)(unsigned), unsigned argument, int error,
			   const char *words)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		refuse(argument);
		duet_backend_probe(duet_completion(), NULL, &probe);
		if (probe.error == error && strstr(probe.reason, words) && !probe.shape[0] &&
		    create_with(NULL) == error)
			_exit(0);
		fprintf(stderr, "%d: %s\n", probe.error, probe.reason);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		printf("skipped: nothing to refuse, or no right to: \"%s\"\n", words);
	ck_assert_msg(status == 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 77),
		      "error %d with \"%s\" was expected", error, words);
}

START_TEST(not_permitted_names_the_sysctl_or_the_filter)
{
	static const char *const values[] = {"0", "1", "2"};
	static const char *const words[] = {"seccomp", "kernel.io_uring_disabled is 1",
					    "kernel.io_uring_disabled is 2"};
	char root[] = "/tmp/duet-proc-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(root));
	setenv("DUET_PROC_ROOT", root, 1);
	for (int i = 0; i < 3; i++) {
		write_sysctl(root, values[i]);
		expect_refusal(refuse_rings, EPERM, -EPERM, words[i]);
	}
	remove_sysctl(root);
	/* Kernels before 6.6 have no such file. */
	expect_refusal(refuse_rings, EPERM, -EPERM, "seccomp");
	unsetenv("DUET_PROC_ROOT");
}
END_TEST

START_TEST(an_old_kernel_is_told_as_such)
{
	expect_refusal(refuse_rings, ENOSYS, -ENOSYS, "Linux 5.19");
	/* Flags that it doesn't know. */
	expect_refusal(refuse_rings, EINVAL, -ENOSYS, "Linux 5.19");
}
END_TEST

START_TEST(too_little_memory_names_the_limit)
{
	expect_refusal(refuse_rings, ENOMEM, -ENOMEM, "ulimit -l");
}
END_TEST

/* Only the unprivileged have a limit; kernels from 6.14 on charge the ring to it. */
static void lower_limit_as_nobody(unsigned unused)
{
	struct rlimit limit = {0, 0};

	(void)unused;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgid(65534) || setuid(65534))
		_exit(77);
	if (duet_backend_probe(duet_completion(), NULL, &probe) == 0)
		_exit(77);
}

START_TEST(too_little_memory_for_the_unprivileged_names_the_limit)
{
	expect_refusal(lower_limit_as_nobody, 0, -ENOMEM, "locked memory is 0 KiB");
}
END_TEST

static void use_up_descriptors(unsigned unused)
{
	struct rlimit limit = {3, 3};

	(void)unused;
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(no_descriptor_left_is_told_as_such)
{
	expect_refusal(use_up_descriptors, 0, -EMFILE, "ulimit -n");
}
END_TEST

/* A filter that lets the ring be made, but not be entered. */
static void refuse_to_enter(unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	probe.error = duet_backend_probe(duet_completion(), NULL, &probe);
	_exit(probe.error == -EPERM && strstr(probe.reason, "seccomp") ? 0 : 1);
}

START_TEST(the_probe_does_a_real_operation)
{
	expect_refusal(refuse_to_enter, EPERM, 0, "");
}
END_TEST

/* A thread has places for sixteen registered rings; they come back with destroy. */
START_TEST(more_loops_than_a_thread_can_register_work)
{
	struct duet_loop *loops[20];
	int before = dup(0);

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++) {
			ck_assert_int_eq(duet_loop_create(&loops[i], duet_completion(), NULL), 0);
			ck_assert_int_eq(duet_loop_turn(loops[i], 0), 0);
		}
		for (int i = 0; i < 20; i++)
			ck_assert_int_eq(duet_loop_destroy(loops[i]), 0);
	}
	close(before);
	ck_assert_int_eq(dup(0), before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("completion_probe");
	TCase *tcase = tcase_create("probe");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_wrong_tuning_is_refused_by_name);
	tcase_add_test(tcase, every_right_tuning_is_taken);
	tcase_add_test(tcase, the_shape_tells_the_mode_and_the_sizes);
	tcase_add_test(tcase, nothing_is_absent_and_plain_calls_are_said_to_be_emulated);
	tcase_add_test(tcase, not_permitted_names_the_sysctl_or_the_filter);
	tcase_add_test(tcase, an_old_kernel_is_told_as_such);
	tcase_add_test(tcase, too_little_memory_names_the_limit);
	tcase_add_test(tcase, too_little_memory_for_the_unprivileged_names_the_limit);
	tcase_add_test(tcase, more_loops_than_a_thread_can_register_work);
	tcase_add_test(tcase, no_descriptor_left_is_told_as_such);
	tcase_add_test(tcase, the_probe_does_a_real_operation);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
