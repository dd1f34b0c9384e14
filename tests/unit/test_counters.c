/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/completion.h>
#include <duet/polling.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/file.h"
#include "tests/support/harness.h"

/*
 * R17: the counter of system calls agrees with what a tracer sees of the loop's thread. The traced
 * process marks where counting begins and ends with a call that nothing else makes. Not counted is
 * what the coordination with worker threads costs: only the C library knows when a lock had to ask
 * the kernel.
 */

#define MARK SYS_getppid

/* From <linux/ptrace.h>, which does not go together with <sys/ptrace.h>. */
#define GET_SYSCALL_INFO 0x420e
#define INFO_ENTRY 1

struct info {
	uint8_t op;
	uint8_t pad[3];
	uint32_t arch;
	uint64_t instruction_pointer;
	uint64_t stack_pointer;
	uint64_t number;
	uint64_t args[6];
};

struct count {
	uint64_t said;
	uint64_t seen;
};

struct traced {
	const struct duet_backend *(*backend)(void);
	const char *tuning;
	void (*run)(struct duet_loop *loop, duet_handle handles[2]);
};

static struct count *count;

static void until(struct duet_loop *loop, const struct duet_op *op)
{
	while (duet_op_pending(op))
		duet_loop_turn(loop, 1000000000);
}

static void messages(struct duet_loop *loop, duet_handle handles[2])
{
	static char byte, sent;
	struct duet_op send;
	struct duet_op recv;

	duet_op_init(&send, NULL, NULL);
	duet_op_init(&recv, NULL, NULL);
	for (unsigned i = 0; i < 100; i++) {
		duet_op_recv(&recv, handles[1], &byte, 1, 0);
		duet_op_start(loop, &recv);
		if (i & 1)
			duet_loop_turn(loop, 0);
		duet_op_send(&send, handles[0], &sent, 1, 0);
		duet_op_start(loop, &send);
		until(loop, &send);
		until(loop, &recv);
	}
}

static void cancels(struct duet_loop *loop, duet_handle handles[2])
{
	static char byte;
	struct duet_op recv;

	duet_op_init(&recv, NULL, NULL);
	for (unsigned i = 0; i < 100; i++) {
		duet_op_recv(&recv, handles[1], &byte, 1, 0);
		duet_op_deadline(&recv, i & 1 ? 1 : DUET_NO_DEADLINE);
		duet_op_start(loop, &recv);
		if (i & 2)
			duet_loop_turn(loop, 0);
		duet_op_cancel(&recv);
		until(loop, &recv);
	}
}

static const char *path;

/* Somebody has to want what an open makes. */
static void heard(struct duet_op *op)
{
	(void)op;
}

static void files(struct duet_loop *loop, duet_handle handles[2])
{
	static char data[64];
	struct duet_op op;
	duet_handle file;

	(void)handles;
	duet_op_init(&op, heard, NULL);
	duet_op_open(&op, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
	duet_op_start(loop, &op);
	until(loop, &op);
	if (op.result < 0)
		_exit(1);
	file = op.made;
	for (unsigned i = 0; i < 30; i++) {
		duet_op_write(&op, file, data, sizeof(data), i * sizeof(data));
		duet_op_start(loop, &op);
		until(loop, &op);
		duet_op_read(&op, file, data, sizeof(data), i * sizeof(data));
		duet_op_start(loop, &op);
		until(loop, &op);
		if (op.result != sizeof(data))
			_exit(1);
	}
	duet_op_fsync(&op, file, DUET_DATA_ONLY);
	duet_op_start(loop, &op);
	until(loop, &op);
	duet_op_close(&op, file);
	duet_op_start(loop, &op);
	until(loop, &op);
}

static uint64_t said(const struct duet_loop *loop)
{
	struct duet_stats stats;

	duet_loop_stats(loop, &stats);
	return stats.system_calls;
}

static void traced_run(const struct traced *traced)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	duet_handle handles[2];
	uint64_t before;
	int ends[2];

	duet_loop_options_init(&options);
	options.tuning = traced->tuning;
	if (duet_loop_create(&loop, traced->backend(), &options) ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ||
		duet_handle_adopt(loop, ends[0], 0, &handles[0]) ||
		duet_handle_adopt(loop, ends[1], 0, &handles[1]))
		_exit(1);
	traced->run(loop, handles);
	before = said(loop);
	syscall(MARK);
	traced->run(loop, handles);
	syscall(MARK);
	count->said = said(loop) - before;
	_exit(duet_loop_destroy(loop) ? 1 : 0);
}

static bool counts(const struct traced *traced, uint64_t number)
{
	/* Debug builds ask at each call whether this is a forked child. */
	return number != SYS_getpid && !(traced->run == files && number == SYS_futex);
}

/* Steps the child's loop from call to call; counts those between the marks. */
static void trace(const struct traced *traced, pid_t child)
{
	unsigned marks = 0;
	int status;

	while (waitpid(child, &status, 0) == child && !WIFEXITED(status)) {
		struct info info = { 0 };

		ck_assert(WIFSTOPPED(status));
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
			ptrace(GET_SYSCALL_INFO, child, sizeof(info), &info) > 0 &&
			info.op == INFO_ENTRY) {
			if (info.number == MARK)
				marks++;
			else if (counts(traced, info.number))
				count->seen += marks == 1;
		}
		ptrace(PTRACE_SYSCALL, child, 0, 0);
	}
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(marks, 2);
	ck_assert_uint_ge(count->seen, 50);
}

static void compare(const struct traced *traced)
{
	pid_t child;
	int status;

	path = file_path("traced");
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		0);
	ck_assert_ptr_ne(count, MAP_FAILED);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		traced_run(traced);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	ptrace(PTRACE_SYSCALL, child, 0, 0);
	trace(traced, child);
	ck_assert_msg(count->said == count->seen, "%s%s: said %lu, seen %lu",
		duet_backend_name(traced->backend()), traced->tuning ? traced->tuning : "",
		(unsigned long)count->said, (unsigned long)count->seen);
}

static const struct traced rows[] = {
	{ duet_polling, NULL, messages },
	{ duet_polling, NULL, cancels },
	{ duet_polling, NULL, files },
	{ duet_completion, NULL, messages },
	{ duet_completion, NULL, cancels },
	{ duet_completion, NULL, files },
	{ duet_completion, "mode=plain", messages },
	{ duet_completion, "mode=plain", cancels },
	{ duet_completion, "mode=plain", files },
	{ duet_completion, "direct=no", messages },
};

START_TEST(the_counter_of_system_calls_agrees_with_a_tracer)
{
	compare(&rows[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("counters");
	TCase *tcase = tcase_create("counters");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, the_counter_of_system_calls_agrees_with_a_tracer, 0,
		sizeof(rows) / sizeof(rows[0]));
	tcase_add_checked_fixture(tcase, NULL, file_cleanup);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
