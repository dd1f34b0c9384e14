/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* The end of a process as something to wait for. A child lives until its pipe is closed. */

struct child {
	pid_t process;
	int leash;
	duet_handle handle;
};

static struct child child;
static siginfo_t into;
static struct trial trial;

static void child_begin(struct child *which, int code, int end_signal)
{
	int ends[2];
	char byte;

	ck_assert_int_eq(pipe(ends), 0);
	which->process = fork();
	ck_assert_int_ge(which->process, 0);
	if (!which->process) {
		close(ends[1]);
		while (read(ends[0], &byte, 1) < 0)
			;
		if (end_signal)
			raise(end_signal);
		_exit(code);
	}
	close(ends[0]);
	which->leash = ends[1];
	ck_assert_int_eq(duet_handle_process(stage.loop, which->process, &which->handle), 0);
}

static void child_let_go(struct child *which)
{
	close(which->leash);
	which->leash = -1;
}

/* Lets it go, and waits until it is gone but not waited for: unless a ring that waits for it was
 * quicker. */
static void child_gone(struct child *which)
{
	siginfo_t ignored;

	child_let_go(which);
	if (waitid(P_PID, (id_t)which->process, &ignored, WEXITED | WNOWAIT))
		ck_assert_int_eq(errno, ECHILD);
}

static bool child_waitable(const struct child *which)
{
	siginfo_t found = { .si_pid = 0 };

	return waitid(P_PID, (id_t)which->process, &found, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       found.si_pid == which->process;
}

static void wait_start(struct trial *which, siginfo_t *info, int options)
{
	trial_init(which);
	duet_op_wait_process(&which->op, child.handle, info, options);
	trial_start(which);
}

static void expect_exit(int code, int status)
{
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.transferred, 0);
	ck_assert_int_eq(into.si_signo, SIGCHLD);
	ck_assert_int_eq(into.si_pid, child.process);
	ck_assert_uint_eq(into.si_uid, getuid());
	ck_assert_int_eq(into.si_code, code);
	ck_assert_int_eq(into.si_status, status);
}

START_TEST(an_exit_status_is_handed_over)
{
	child_begin(&child, 42, 0);
	wait_start(&trial, &into, 0);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, 0);
	child_let_go(&child);
	await(&trial);
	expect_exit(CLD_EXITED, 42);
	ck_assert_int_eq(waitpid(child.process, NULL, WNOHANG), -1);
	handle_close(child.handle);
}
END_TEST

START_TEST(a_process_that_a_signal_ended_says_which)
{
	child_begin(&child, 0, SIGKILL);
	wait_start(&trial, &into, 0);
	child_let_go(&child);
	await(&trial);
	expect_exit(CLD_KILLED, SIGKILL);
	handle_close(child.handle);
}
END_TEST

START_TEST(one_that_had_ended_before_is_told)
{
	child_begin(&child, 7, 0);
	child_gone(&child);
	wait_start(&trial, &into, 0);
	await(&trial);
	expect_exit(CLD_EXITED, 7);
	handle_close(child.handle);
}
END_TEST

START_TEST(with_wnowait_it_stays_to_be_waited_for)
{
	child_begin(&child, 3, 0);
	wait_start(&trial, &into, WNOWAIT);
	stage_settle(3);
	child_let_go(&child);
	await(&trial);
	expect_exit(CLD_EXITED, 3);
	ck_assert(child_waitable(&child));
	wait_start(&trial, &into, WNOWAIT);
	await(&trial);
	expect_exit(CLD_EXITED, 3);
	wait_start(&trial, &into, 0);
	await(&trial);
	expect_exit(CLD_EXITED, 3);
	ck_assert(!child_waitable(&child));
	handle_close(child.handle);
}
END_TEST

START_TEST(of_two_the_first_has_the_status_and_the_second_no_child)
{
	struct trial second;
	siginfo_t other;

	child_begin(&child, 9, 0);
	wait_start(&trial, &into, 0);
	wait_start(&second, &other, 0);
	stage_settle(3);
	child_let_go(&child);
	await(&trial);
	await(&second);
	expect_exit(CLD_EXITED, 9);
	expect(&second, -ECHILD, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_uint_lt(trial.rank, second.rank);
	handle_close(child.handle);
}
END_TEST

START_TEST(many_are_waited_for_at_once_each_with_its_own)
{
	static struct child many[20];
	static struct trial waits[20];
	static siginfo_t infos[20];

	for (unsigned i = 0; i < 20; i++) {
		child_begin(&many[i], (int)i + 1, 0);
		trial_init(&waits[i]);
		duet_op_wait_process(&waits[i].op, many[i].handle, &infos[i], 0);
		trial_start(&waits[i]);
	}
	stage_settle(3);
	for (unsigned i = 0; i < 20; i++)
		child_let_go(&many[i * 7 % 20]);
	for (unsigned i = 0; i < 20; i++) {
		await(&waits[i]);
		ck_assert_int_eq(infos[i].si_pid, many[i].process);
		ck_assert_int_eq(infos[i].si_status, (int)i + 1);
		handle_close(many[i].handle);
	}
}
END_TEST

START_TEST(a_process_that_is_no_child_fails_at_once)
{
	pid_t others[] = { getppid(), getpid() };

	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(duet_handle_process(stage.loop, others[i], &child.handle), 0);
		wait_start(&trial, &into, 0);
		await(&trial);
		expect(&trial, -ECHILD, DUET_FAILED, DUET_CAUSE_ITSELF);
		wait_start(&trial, &into, WNOWAIT);
		await(&trial);
		expect(&trial, -ECHILD, DUET_FAILED, DUET_CAUSE_ITSELF);
		handle_close(child.handle);
	}
}
END_TEST

START_TEST(one_that_was_waited_for_elsewhere_is_no_child_any_more)
{
	child_begin(&child, 0, 0);
	child_let_go(&child);
	ck_assert_int_eq(waitpid(child.process, NULL, 0), child.process);
	wait_start(&trial, &into, 0);
	await(&trial);
	expect(&trial, -ECHILD, DUET_FAILED, DUET_CAUSE_ITSELF);
	handle_close(child.handle);
}
END_TEST

START_TEST(a_cancelled_wait_leaves_the_process_to_be_waited_for)
{
	child_begin(&child, 5, 0);
	for (unsigned turns = 0; turns < 4; turns++) {
		wait_start(&trial, &into, 0);
		stage_settle(turns);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	}
	child_gone(&child);
	ck_assert(child_waitable(&child));
	wait_start(&trial, &into, 0);
	await(&trial);
	expect_exit(CLD_EXITED, 5);
	handle_close(child.handle);
}
END_TEST

/* Whoever wins: the status is in the completion, or still to be had. */
START_TEST(a_status_is_handed_over_or_stays_also_when_it_meets_a_cancel)
{
	for (unsigned round = 0; round < 60; round++) {
		child_begin(&child, 6, 0);
		wait_start(&trial, &into, 0);
		stage_settle(round % 3);
		if (round & 4)
			child_gone(&child);
		if (round & 8)
			duet_loop_prepare(stage.loop);
		if (round & 16)
			child_let_go(&child);
		trial_cancel(&trial);
		await(&trial);
		if (child.leash >= 0)
			child_let_go(&child);
		if (trial.op.result == 0) {
			expect_exit(CLD_EXITED, 6);
			ck_assert_int_eq(waitpid(child.process, NULL, 0), -1);
		} else {
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			ck_assert_int_eq(waitpid(child.process, NULL, 0), child.process);
		}
		handle_close(child.handle);
	}
}
END_TEST

START_TEST(a_late_cancel_does_nothing)
{
	child_begin(&child, 1, 0);
	child_gone(&child);
	wait_start(&trial, &into, 0);
	await(&trial);
	trial_cancel(&trial);
	stage_settle(3);
	expect_exit(CLD_EXITED, 1);
	handle_close(child.handle);
}
END_TEST

START_TEST(a_deadline_a_close_and_a_shutdown_end_it)
{
	child_begin(&child, 0, 0);
	trial_init(&trial);
	duet_op_wait_process(&trial.op, child.handle, &into, 0);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 2000000);
	trial_run(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	wait_start(&trial, &into, 0);
	stage_settle(3);
	handle_close(child.handle);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	ck_assert_int_eq(duet_handle_process(stage.loop, child.process, &child.handle), 0);
	wait_start(&trial, &into, 0);
	stage_settle(3);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	child_let_go(&child);
	ck_assert_int_eq(waitpid(child.process, NULL, 0), child.process);
}
END_TEST

START_TEST(inline_it_ends_in_its_start_or_in_a_turn)
{
	child_begin(&child, 8, 0);
	child_gone(&child);
	trial_init(&trial);
	duet_op_wait_process(&trial.op, child.handle, &into, 0);
	duet_op_inline(&trial.op);
	if (trial_try(&trial) == 0)
		await(&trial);
	ck_assert_int_eq(trial.op.result, 0);
	ck_assert_int_eq(into.si_status, 8);
	handle_close(child.handle);
}
END_TEST

START_TEST(a_poll_tells_of_the_end_and_takes_nothing)
{
	struct trial poll;

	child_begin(&child, 2, 0);
	trial_init(&poll);
	duet_op_poll(&poll.op, child.handle, POLLIN);
	trial_start(&poll);
	stage_settle(3);
	ck_assert_uint_eq(poll.ends, 0);
	child_let_go(&child);
	await(&poll);
	ck_assert_int_eq(poll.op.result & POLLIN, POLLIN);
	wait_start(&trial, &into, 0);
	await(&trial);
	expect_exit(CLD_EXITED, 2);
	handle_close(child.handle);
}
END_TEST

START_TEST(misuse_is_refused)
{
	static const int options[] = { WNOHANG, WEXITED, WSTOPPED, WNOWAIT | WCONTINUED, -1 };
	duet_handle pair[2];

	pair_open(pair);
	child_begin(&child, 0, 0);
	trial_init(&trial);
	duet_op_wait_process(&trial.op, pair[0], &into, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_wait_process(&trial.op, child.handle, NULL, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++) {
		duet_op_wait_process(&trial.op, child.handle, &into, options[i]);
		ck_assert_int_eq(trial_try(&trial), -EINVAL);
	}
	child_let_go(&child);
	ck_assert_int_eq(waitpid(child.process, NULL, 0), child.process);
	ck_assert_int_eq(duet_handle_process(stage.loop, child.process, &child.handle), -ESRCH);
	ck_assert_uint_eq(child.handle.generation, 0);
	ck_assert_int_eq(duet_handle_process(stage.loop, -1, &child.handle), -EINVAL);
}
END_TEST

START_TEST(a_sleep_ends_with_it)
{
	child_begin(&child, 4, 0);
	child_let_go(&child);
	wait_start(&trial, &into, 0);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	expect_exit(CLD_EXITED, 4);
	handle_close(child.handle);
}
END_TEST

/* Only then. */
START_TEST(without_the_call_there_is_no_handle)
{
	ck_assert_int_eq(duet_handle_process(stage.loop, getpid(), &child.handle), -ENOSYS);
	ck_assert_uint_eq(child.handle.generation, 0);
}
END_TEST

int main(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	/* Valgrind 3.19 doesn't know the call. */
	if (fd < 0) {
		puts("skipped: there is no pidfd_open(2) here");
		return contract_run("process", CASES(without_the_call_there_is_no_handle), NULL);
	}
	close(fd);
	return contract_run("process",
		CASES(an_exit_status_is_handed_over, a_process_that_a_signal_ended_says_which,
			one_that_had_ended_before_is_told, with_wnowait_it_stays_to_be_waited_for,
			of_two_the_first_has_the_status_and_the_second_no_child,
			many_are_waited_for_at_once_each_with_its_own,
			a_process_that_is_no_child_fails_at_once,
			one_that_was_waited_for_elsewhere_is_no_child_any_more,
			a_cancelled_wait_leaves_the_process_to_be_waited_for,
			a_status_is_handed_over_or_stays_also_when_it_meets_a_cancel,
			a_late_cancel_does_nothing, a_deadline_a_close_and_a_shutdown_end_it,
			inline_it_ends_in_its_start_or_in_a_turn,
			a_poll_tells_of_the_end_and_takes_nothing, misuse_is_refused,
			a_sleep_ends_with_it),
		NULL);
}
