/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the kernel counts of a process whose every call is known. Where the view can't be had this
 * says so once, and checks what is left: the sentence, and that all goes on without. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "compare/kernel/calls.h"
#include "tests/unit/kernel_subject.h"

static struct counts counts;
static uint64_t missed;

/* ---- To the unit. ---- */

enum { ASKS = 1000, EMPTY = 70, WRITES = 31, RACES = 13 };

static void ask(int times)
{
	for (int i = 0; i < times; i++)
		syscall(SYS_getppid);
}

static int empty;

static void play_known_calls(void)
{
	uint64_t value = 1;
	uint32_t raced = 0;

	ask(ASKS);
	for (int i = 0; i < EMPTY; i++) {
		if (read(empty, &value, sizeof(value)) != -1)
			_exit(1);
	}
	value = 1;
	for (int i = 0; i < WRITES; i++) {
		if (write(empty, &value, sizeof(value)) != sizeof(value))
			_exit(1);
	}
	/* Somebody was faster: EAGAIN from another call than the one whose number is 0. */
	for (int i = 0; i < RACES; i++) {
		if (syscall(SYS_futex, &raced, FUTEX_WAIT_PRIVATE, raced + 1, NULL) != -1)
			_exit(1);
	}
	if (read(empty, &value, sizeof(value)) != sizeof(value) || value != WRITES)
		_exit(1);
}

static bool watch(struct subject *subject)
{
	struct view *view = subject_view();

	subject_await_word(subject);
	view_begin(view, subject->pid);
	ask(500); /* ours, not its */
	subject_go(subject);
	subject_await_word(subject);
	view_end(view);
	if (!view)
		return false;
	ck_assert_int_eq(view_read(view, &counts, &missed), 0);
	ck_assert_uint_eq(missed, 0);
	view_close(view);
	return true;
}

static void expect_known_calls(void)
{
	ck_assert_uint_eq(counts.calls[SYS_getppid], ASKS);
	ck_assert_uint_eq(counts.calls[SYS_read], EMPTY + 1 + 1);
	ck_assert_uint_eq(counts.calls[SYS_write], WRITES + 1);
	ck_assert_uint_eq(counts.wasted[SYS_read], EMPTY);
	ck_assert_uint_eq(counts.wasted[SYS_futex], RACES);
	ck_assert_uint_eq(subject_sum(counts.wasted), EMPTY + RACES);
	ck_assert_uint_eq(subject_sum(counts.calls), ASKS + EMPTY + RACES + 2 + WRITES + 1);
	ck_assert_uint_eq(counts.wakeups, 1);
}

START_TEST(every_call_of_a_known_script_is_counted_once)
{
	struct subject subject;

	empty = eventfd(0, EFD_NONBLOCK);
	subject_start(&subject, play_known_calls);
	if (watch(&subject))
		expect_known_calls();
	subject_end(&subject);
	close(empty);
}
END_TEST

START_TEST(switches_are_those_that_procfs_shows)
{
	unsigned long long voluntary, involuntary;
	struct subject subject;

	empty = eventfd(0, EFD_NONBLOCK);
	subject_start(&subject, play_known_calls);
	subject_await_sleep(&subject);
	voluntary = subject_status(subject.pid, "voluntary_ctxt_switches");
	involuntary = subject_status(subject.pid, "nonvoluntary_ctxt_switches");
	if (watch(&subject)) {
		voluntary = subject_status(subject.pid, "voluntary_ctxt_switches") - voluntary;
		involuntary = subject_status(subject.pid, "nonvoluntary_ctxt_switches") -
			involuntary;
		ck_assert_uint_ge(voluntary, 1);
		ck_assert_uint_eq(counts.voluntary, voluntary);
		ck_assert_uint_eq(counts.involuntary, involuntary);
	}
	subject_end(&subject);
	close(empty);
}
END_TEST

/* ---- Threads. ---- */

enum { TURNS = 200 };

struct player {
	int own, other;    /* eventfds */
	pid_t *other_task; /* whose sleep is waited for */
	pid_t task;
};

static struct player players[2];

/* Without a sleep of our own: that would be a wakeup. */
static void await_sleep_of(pid_t task)
{
	char path[64], text[512], *at = NULL;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)task);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (!at || at[1] != ' ' || at[2] != 'S') {
		ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

		if (got <= 0)
			_exit(1);
		text[got] = 0;
		at = strrchr(text, ')');
		sched_yield();
	}
	close(fd);
}

static void wait_own(const struct player *player)
{
	uint64_t value;

	if (read(player->own, &value, sizeof(value)) != sizeof(value))
		_exit(1);
}

static void wake_other(const struct player *player)
{
	uint64_t value = 1;

	await_sleep_of(*player->other_task);
	if (write(player->other, &value, sizeof(value)) != sizeof(value))
		_exit(1);
}

static void *play_second(void *context)
{
	struct player *player = context;

	__atomic_store_n(&player->task, gettid(), __ATOMIC_RELEASE);
	for (;;) {
		wait_own(player);
		wake_other(player);
	}
	return NULL;
}

static void play_first(void)
{
	for (int i = 0; i < TURNS; i++) {
		wake_other(&players[0]);
		wait_own(&players[0]);
	}
	await_sleep_of(players[1].task);
}

/* The second thread is there and sleeps before the window opens. */
static pid_t start_pair(struct subject *subject)
{
	pthread_t thread;
	pid_t pid;

	subject_pipes(subject);
	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	for (int i = 0; i < 2; i++)
		players[i] = (struct player){ .own = eventfd(0, 0) };
	for (int i = 0; i < 2; i++) {
		players[i].other = players[!i].own;
		players[i].other_task = &players[!i].task;
	}
	players[0].task = gettid();
	if (pthread_create(&thread, NULL, play_second, &players[1]))
		_exit(1);
	while (!__atomic_load_n(&players[1].task, __ATOMIC_ACQUIRE))
		sched_yield();
	await_sleep_of(players[1].task);
	subject_hold(subject);
	play_first();
	subject_hold(subject);
	_exit(0);
}

START_TEST(two_threads_that_wake_each_other_are_counted_both)
{
	unsigned long long voluntary;
	struct subject subject;
	pid_t pid = start_pair(&subject);

	subject_started(&subject, pid);
	subject_await_sleep(&subject);
	voluntary = subject_status(pid, "voluntary_ctxt_switches");
	if (watch(&subject)) {
		voluntary = subject_status(pid, "voluntary_ctxt_switches") - voluntary;
		ck_assert_uint_eq(counts.wakeups, 2 * TURNS + 1);
		ck_assert_uint_eq(counts.calls[SYS_write], 2 * TURNS + 1);
		ck_assert_uint_eq(counts.calls[SYS_read], 2 * TURNS + 1);
		ck_assert_uint_eq(counts.voluntary, voluntary);
	}
	subject_end(&subject);
}
END_TEST

static void play_with_a_child(void)
{
	pid_t child;

	ask(10);
	child = fork();
	if (!child) {
		ask(1000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

START_TEST(a_child_of_the_watched_process_is_another_one)
{
	struct subject subject;

	subject_start(&subject, play_with_a_child);
	if (watch(&subject))
		ck_assert_uint_eq(counts.calls[SYS_getppid], 10);
	subject_end(&subject);
}
END_TEST

START_TEST(nothing_is_counted_outside_of_the_window_and_each_begins_at_0)
{
	struct view *view = subject_view();
	unsigned long long first;

	if (!view)
		return;
	ask(100);
	view_begin(view, getpid());
	ask(7);
	view_end(view);
	ask(100);
	ck_assert_int_eq(view_read(view, &counts, &missed), 0);
	first = subject_sum(counts.calls);
	ck_assert_uint_eq(counts.calls[SYS_getppid], 7);
	ck_assert_uint_eq(first, 7); /* opening and closing cost no call */
	view_begin(view, getpid());
	ask(3);
	view_end(view);
	ck_assert_int_eq(view_read(view, &counts, &missed), 0);
	ck_assert_uint_eq(counts.calls[SYS_getppid], 3);
	ck_assert_uint_eq(subject_sum(counts.calls), 3);
	view_close(view);
}
END_TEST

START_TEST(numbers_have_names_or_are_told)
{
	char name[32];

	calls_name(SYS_getppid, name, sizeof(name));
	ck_assert_str_eq(name, "getppid");
	calls_name(SYS_io_uring_enter, name, sizeof(name));
	ck_assert_str_eq(name, "io_uring_enter");
	calls_name(COUNTS_CALLS_MAX - 1, name, sizeof(name));
	ck_assert_str_eq(name, "call 511");
}
END_TEST

/* ---- Nothing stays. ---- */

enum { IDS_MAX = 64 };

struct identity {
	int command; /* of bpf(2), to ask for it */
	unsigned int id;
};

static unsigned int list_identities(struct identity *list)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++) {
		char path[64], line[256];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file) && count < IDS_MAX) {
			if (sscanf(line, "prog_id: %u", &list[count].id) == 1)
				list[count++].command = BPF_PROG_GET_FD_BY_ID;
			else if (sscanf(line, "map_id: %u", &list[count].id) == 1)
				list[count++].command = BPF_MAP_GET_FD_BY_ID;
		}
		if (file)
			fclose(file);
	}
	return count;
}

static bool is_there(const struct identity *identity)
{
	union bpf_attr attributes = { .prog_id = identity->id }; /* a map's id stands there, too */
	int fd = (int)syscall(SYS_bpf, identity->command, &attributes, sizeof(attributes));

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static unsigned int descriptors(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* The kernel frees them a little after the last user is gone. */
START_TEST(after_close_no_program_and_no_map_is_left)
{
	unsigned int before = descriptors(), count, waited_ms = 0;
	struct view *view = subject_view();
	struct identity list[IDS_MAX];

	if (!view)
		return;
	count = list_identities(list);
	ck_assert_uint_ge(count, 4 + 1);
	for (unsigned int i = 0; i < count; i++)
		ck_assert(is_there(&list[i]));
	view_close(view);
	ck_assert_uint_eq(descriptors(), before);
	for (unsigned int i = 0; i < count; i++) {
		for (; waited_ms < 1000 && is_there(&list[i]); waited_ms += 10)
			subject_pause_ms(10);
		ck_assert_msg(!is_there(&list[i]), "id %u is still there", list[i].id);
	}
}
END_TEST

/* ---- Refusals, each in a process of its own. ---- */

/* Runs it in a child, which must end with 0; 77 says that it could not be set up here. */
static void apart(void (*part)(void))
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		part();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "it died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 77)
		printf("kernel view: this refusal can't be provoked here\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}

/* Where it isn't built that is the reason, whatever else is missing. */
static void expect_refusal(const char *part)
{
	char why[VIEW_WHY_MAX];
	struct view *view;

	if (!view_open(&view, why) || view)
		_exit(2);
	if (!strstr(why, part) && !strstr(why, "not built")) {
		fprintf(stderr, "said: %s\n", why);
		_exit(3);
	}
	view_begin(view, getpid());
	view_end(view);
	view_close(view);
}

static void become_nobody(void)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		_exit(77);
}

static void without_rights(void)
{
	become_nobody();
	expect_refusal("needs root or CAP_BPF and CAP_PERFMON");
}

static void without_types(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL))
		_exit(77);
	expect_refusal("no type information");
}

static void install(struct sock_filter *code, unsigned short length)
{
	struct sock_fprog program = { length, code };

	if (geteuid() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(77);
}

static void without_the_call(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install(code, sizeof(code) / sizeof(*code));
	expect_refusal("bpf() is forbidden here");
}

/* The programs are loaded, but may not be attached: as root, and yet "permission denied". */
static void without_attaching(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_LINK_CREATE, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_RAW_TRACEPOINT_OPEN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install(code, sizeof(code) / sizeof(*code));
	expect_refusal("the kernel refused the program duet_");
}

START_TEST(a_refusal_says_what_is_missing)
{
	static void (*const parts[])(void) = { without_rights, without_types, without_the_call,
					     without_attaching };

	apart(parts[_i]);
}
END_TEST

/* As a service might have them: no root, and the two capabilities. */
static void with_two_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {0};
	struct view *view = subject_view();

	if (!view)
		_exit(77);
	view_close(view);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		_exit(77);
	become_nobody();
	data[1].effective = data[1].permitted =
		1U << (CAP_BPF - 32) | 1U << (CAP_PERFMON - 32);
	if (syscall(SYS_capset, &header, data))
		_exit(77);
	view = subject_view();
	if (!view)
		_exit(4);
	view_begin(view, getpid());
	ask(5);
	view_end(view);
	if (view_read(view, &counts, &missed) || counts.calls[SYS_getppid] != 5)
		_exit(5);
	view_close(view);
}

/* Its ids there are others than the kernel's own. */
static void inside_a_namespace(void)
{
	struct subject subject;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		_exit(77);
	fflush(NULL);
	if (fork()) {
		int status;

		wait(&status);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 6);
	}
	if (mount("none", "/proc", "proc", 0, NULL))
		_exit(77);
	empty = eventfd(0, EFD_NONBLOCK);
	subject_start(&subject, play_known_calls);
	if (watch(&subject))
		expect_known_calls();
	subject_end(&subject);
}

START_TEST(root_is_not_needed_and_a_pid_namespace_is_no_hindrance)
{
	static void (*const parts[])(void) = { with_two_capabilities, inside_a_namespace };

	apart(parts[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare kernel");
	TCase *cases = tcase_create("kernel");
	SRunner *runner = srunner_create(suite);
	int failed;

	subject_say_view();
	tcase_set_timeout(cases, 30);
	tcase_add_test(cases, every_call_of_a_known_script_is_counted_once);
	tcase_add_test(cases, switches_are_those_that_procfs_shows);
	tcase_add_test(cases, two_threads_that_wake_each_other_are_counted_both);
	tcase_add_test(cases, a_child_of_the_watched_process_is_another_one);
	tcase_add_test(cases, nothing_is_counted_outside_of_the_window_and_each_begins_at_0);
	tcase_add_test(cases, numbers_have_names_or_are_told);
	tcase_add_test(cases, after_close_no_program_and_no_map_is_left);
	tcase_add_loop_test(cases, a_refusal_says_what_is_missing, 0, 4);
	tcase_add_loop_test(cases, root_is_not_needed_and_a_pid_namespace_is_no_hindrance, 0, 2);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
