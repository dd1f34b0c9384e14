/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The loop's own counters, the kernel's view of it, and strace: three accounts of one run, equal to the
 * call. What the view or strace can't say here is left out, with a line that says so. */
#include <arpa/inet.h>
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tests/unit/kernel_subject.h"

enum { MESSAGES = 1000, BYTES = 64 };

/* ---- The script: a process of its own, that strace can begin with. ---- */

struct account {
	int64_t pid;
	uint64_t system_calls, wasted;
};

static const struct arm {
	const char *name;
	const struct duet_backend *(*backend)(void);
	const char *tuning;
} ARMS[] = {
	{ "polling", duet_polling, NULL },
	{ "completion", duet_completion, NULL },
	{ "plain", duet_completion, "mode=plain" },
	{ "indirect", duet_completion, "direct=no" },
};

enum { ARMS_COUNT = sizeof(ARMS) / sizeof(*ARMS) };

static struct duet_loop *loop;
static duet_handle ends[2];
static unsigned int over;

static void count_end(struct duet_op *op)
{
	if (op->result != BYTES)
		_exit(1);
	over++;
}

static void connect_ends(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fds[2];
	socklen_t size = sizeof(address);

	if (bind(listener, (void *)&address, size) || listen(listener, 1) ||
	    getsockname(listener, (void *)&address, &size))
		_exit(1);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fds[0], (void *)&address, size))
		_exit(1);
	fds[1] = accept(listener, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		if (duet_handle_adopt(loop, fds[i], 0, &ends[i]))
			_exit(1);
	}
}

/* One message from an end to the other: the receive is there first, and finds nothing. */
static void carry(duet_handle from, duet_handle to)
{
	static char out[BYTES], in[BYTES];
	static struct duet_op ops[2];

	over = 0;
	for (int i = 0; i < 2; i++)
		duet_op_init(&ops[i], count_end, NULL);
	duet_op_recv(&ops[0], to, in, BYTES, DUET_WHOLE);
	duet_op_send(&ops[1], from, out, BYTES, DUET_WHOLE);
	for (int i = 0; i < 2; i++) {
		if (duet_op_start(loop, &ops[i]))
			_exit(1);
	}
	while (over < 2) {
		if (duet_loop_turn(loop, -1) < 0)
			_exit(1);
	}
}

static void create_loop(const char *name)
{
	struct duet_loop_options options;
	const struct arm *arm = ARMS;

	while (strcmp(arm->name, name) != 0)
		arm++;
	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.tuning = arm->tuning;
	if (duet_loop_create(&loop, arm->backend(), &options))
		_exit(1);
}

/* A write and a read, and nothing else. */
static void tell(int said, int leave, const struct account *account)
{
	char byte;

	if (write(said, account, sizeof(*account)) != sizeof(*account) || read(leave, &byte, 1) != 1)
		_exit(1);
}

/* Between the two marks stands what the loop did for its operations. */
static int play_script(char **words)
{
	int said = atoi(words[1]), leave = atoi(words[2]);
	struct account account = { .pid = getpid() };
	struct duet_stats before, after;

	create_loop(words[0]);
	connect_ends();
	tell(said, leave, &account);
	duet_loop_stats(loop, &before);
	syscall(SYS_getppid);
	for (int i = 0; i < MESSAGES; i++) {
		carry(ends[0], ends[1]);
		carry(ends[1], ends[0]);
	}
	syscall(SYS_getppid);
	duet_loop_stats(loop, &after);
	account.system_calls = after.system_calls - before.system_calls;
	account.wasted = after.wasted - before.wasted;
	tell(said, leave, &account);
	_exit(0);
}

/* ---- The three accounts. ---- */

static char log_path[256];

static void start_script(struct subject *subject, const struct arm *arm, bool traced)
{
	char self[512] = "", said[16], leave[16];
	pid_t pid;

	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	subject_pipes(subject);
	fcntl(subject->said, F_SETFD, FD_CLOEXEC);
	fcntl(subject->leave, F_SETFD, FD_CLOEXEC);
	snprintf(said, sizeof(said), "%d", subject->ends[1]);
	snprintf(leave, sizeof(leave), "%d", subject->ends[0]);
	fflush(NULL);
	pid = fork();
	if (!pid && traced)
		execlp("strace", "strace", "-f", "-qq", "-o", log_path, self, "script", arm->name,
		       said, leave, NULL);
	if (!pid) {
		execl(self, self, "script", arm->name, said, leave, NULL);
		_exit(1);
	}
	subject_started(subject, pid);
}

/* A traced process is asleep only when its tracer lets it be: then it is stopped otherwise. */
static void await_account(const struct subject *subject, struct account *account)
{
	struct subject told = *subject;

	ck_assert_int_eq(read(subject->said, account, sizeof(*account)), sizeof(*account));
	told.pid = (pid_t)account->pid;
	subject_await_sleep(&told);
}

static bool play_watched(const struct arm *arm, bool traced, struct account *account,
			 struct counts *counts)
{
	struct view *view = subject_view();
	struct subject subject;
	bool counted = view;
	uint64_t missed = 0;

	start_script(&subject, arm, traced);
	await_account(&subject, account);
	view_begin(view, (pid_t)account->pid);
	subject_go(&subject);
	await_account(&subject, account);
	view_end(view);
	if (counted)
		ck_assert_int_eq(view_read(view, counts, &missed), 0);
	view_close(view);
	subject_end(&subject);
	ck_assert_uint_eq(missed, 0);
	return counted;
}

/* Two marks, the write that tells and the read that waits are the script's own. A clock that this
 * machine can't read without a call, and a debug build's question whose loop it is, are nothing that a
 * loop does for an operation. */
static unsigned long long calls_for_operations(const struct counts *counts)
{
	return subject_sum(counts->calls) - counts->calls[SYS_clock_gettime] -
		counts->calls[SYS_getpid] - 4;
}

static void expect_agreement(const struct arm *arm, const struct account *account,
			     const struct counts *counts)
{
	ck_assert_msg(counts->calls[SYS_getppid] == 2, "the script wasn't seen");
	ck_assert_msg(calls_for_operations(counts) == account->system_calls,
		      "on %s: the loop counts %llu, the kernel %llu", arm->name,
		      (unsigned long long)account->system_calls, calls_for_operations(counts));
	ck_assert_uint_ge(account->system_calls, MESSAGES);
	/* What a ring attempts and finds empty is no call. */
	if (arm->backend == duet_polling)
		ck_assert_uint_eq(subject_sum(counts->wasted), account->wasted);
}

static bool is_refused(const struct arm *arm)
{
	struct duet_probe probe;

	if (!duet_backend_probe(arm->backend(), arm->tuning, &probe))
		return false;
	printf("%s: not available: %s\n", arm->name, probe.reason);
	return true;
}

START_TEST(the_loop_and_the_kernel_count_the_same)
{
	const struct arm *arm = &ARMS[_i];
	struct account account;
	struct counts counts;

	if (!is_refused(arm) && play_watched(arm, false, &account, &counts))
		expect_agreement(arm, &account, &counts);
}
END_TEST

/* ---- strace. ---- */

static bool can_trace(void)
{
	if (!system("strace -o /dev/null true 2>/dev/null"))
		return true;
	printf("strace: can't be had here; its account is left out\n");
	return false;
}

/* Lines of the log between the two marks, one a call. */
static unsigned long long count_lines(void)
{
	FILE *file = fopen(log_path, "re");
	unsigned long long lines = 0, marks = 0;
	char line[4096];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (strstr(line, " getppid("))
			marks++;
		else if (marks == 1 && !strstr(line, " clock_gettime(") &&
			 !strstr(line, " getpid(") && !strstr(line, " resumed>") &&
			 !strstr(line, " --- "))
			lines++;
	}
	fclose(file);
	ck_assert_uint_eq(marks, 2);
	return lines;
}

START_TEST(and_so_does_strace)
{
	const struct arm *arm = &ARMS[_i];
	const char *folder = getenv("TMPDIR");
	struct account account;
	unsigned long long lines;
	struct counts counts;
	bool counted;

	if (is_refused(arm) || !can_trace())
		return;
	snprintf(log_path, sizeof(log_path), "%s/duet-agreement-%d.strace",
		 folder ? folder : "/tmp", (int)getpid());
	counted = play_watched(arm, true, &account, &counts);
	lines = count_lines();
	unlink(log_path);
	ck_assert_msg(lines == account.system_calls, "on %s: the loop counts %llu, strace %llu",
		      arm->name, (unsigned long long)account.system_calls, lines);
	if (counted)
		expect_agreement(arm, &account, &counts);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("compare agreement");
	TCase *cases = tcase_create("agreement");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (argc == 5 && !strcmp(argv[1], "script"))
		return play_script(argv + 2);
	subject_say_view();
	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, the_loop_and_the_kernel_count_the_same, 0, ARMS_COUNT);
	tcase_add_loop_test(cases, and_so_does_strace, 0, ARMS_COUNT);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
