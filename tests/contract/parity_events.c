/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* The rows of docs/parity.md of what is told: events time and again, signals, the ends of processes. */

static struct trial trial;
static duet_handle handle;
static struct signalfd_siginfo signal_info;
static siginfo_t status;

static bool on_ring(void)
{
	return stage.arm->ring;
}

/* Completions appear at any time, not only when the loop asks. */
static bool on_plain_ring(void)
{
	return on_ring() && stage.arm->tuning;
}

static void cancel_and_expect(bool completed, int result)
{
	trial_cancel(&trial);
	await(&trial);
	if (completed)
		expect(&trial, result, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	else
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}

/* ---- Signals. ---- */

static sigset_t our_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return set;
}

static void signal_start(void)
{
	sigset_t set = our_signal();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &handle), 0);
	trial_init(&trial);
	duet_op_signal(&trial.op, handle, &signal_info);
}

static bool still_pending(void)
{
	const struct timespec now = { 0, 0 };
	sigset_t set = our_signal();

	return sigtimedwait(&set, NULL, &now) == SIGUSR1;
}

START_TEST(a_wait_for_a_signal_cancelled_in_front_of_the_turn)
{
	signal_start();
	kill(getpid(), SIGUSR1);
	trial_start(&trial);
	cancel_and_expect(on_ring(), SIGUSR1);
	ck_assert_int_eq(still_pending(), !on_ring());
}
END_TEST

START_TEST(a_wait_for_a_signal_cancelled_behind_its_coming)
{
	signal_start();
	trial_start(&trial);
	stage_settle(3);
	kill(getpid(), SIGUSR1);
	cancel_and_expect(on_plain_ring(), SIGUSR1);
	ck_assert_int_eq(still_pending(), !on_plain_ring());
}
END_TEST

/* ---- Processes. ---- */

static bool have_processes(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd >= 0)
		close(fd);
	else
		puts("skipped: there is no pidfd_open(2) here");
	return fd >= 0;
}

static pid_t child_begin(void)
{
	pid_t child = fork();

	if (!child) {
		for (;;)
			pause();
	}
	ck_assert_int_eq(duet_handle_process(stage.loop, child, &handle), 0);
	trial_init(&trial);
	duet_op_wait_process(&trial.op, handle, &status, 0);
	return child;
}

/* A ring that waits for it may have taken its status before we could look. */
static void child_end(pid_t child)
{
	siginfo_t unused;

	kill(child, SIGKILL);
	if (waitid(P_PID, (id_t)child, &unused, WEXITED | WNOWAIT))
		ck_assert_int_eq(errno, ECHILD);
}

static bool still_waitable(pid_t child)
{
	return waitpid(child, NULL, WNOHANG) == child;
}

START_TEST(a_wait_for_a_process_cancelled_in_front_of_the_turn)
{
	pid_t child;

	if (!have_processes())
		return;
	child = child_begin();
	child_end(child);
	trial_start(&trial);
	cancel_and_expect(on_ring(), 0);
	ck_assert_int_eq(still_waitable(child), !on_ring());
}
END_TEST

START_TEST(a_wait_for_a_process_cancelled_behind_its_end)
{
	pid_t child;

	if (!have_processes())
		return;
	child = child_begin();
	trial_start(&trial);
	stage_settle(3);
	child_end(child);
	cancel_and_expect(on_ring(), 0);
	ck_assert_int_eq(still_waitable(child), !on_ring());
}
END_TEST

/* ---- Polls that go on. ---- */

/* One registration for both directions tells of both. */
START_TEST(a_multishot_poll_for_room_when_input_comes)
{
	unsigned told;
	int raw;

	raw_unix(SOCK_STREAM, &handle, &raw);
	trial_init(&trial);
	duet_op_poll_multishot(&trial.op, handle, POLLOUT);
	trial_start(&trial);
	turn_until(trial.items > 0);
	stage_settle(5);
	told = trial.items;
	raw_send(raw, "x", 1);
	stage_settle(5);
	ck_assert_uint_eq(trial.items, told + !on_ring());
	cancel_and_expect(false, 0);
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("parity of what is told", CASES(NULL),
		CASES(a_wait_for_a_signal_cancelled_in_front_of_the_turn,
			a_wait_for_a_signal_cancelled_behind_its_coming,
			a_wait_for_a_process_cancelled_in_front_of_the_turn,
			a_wait_for_a_process_cancelled_behind_its_end,
			a_multishot_poll_for_room_when_input_comes));
}
