/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Signals as something to wait for. Each is sent to this process, which blocks it. */

static duet_handle handle;
static struct signalfd_siginfo into;
static struct trial trial;

static sigset_t set_of(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	return set;
}

static void handle_make(int a, int b)
{
	sigset_t set = set_of(a, b);

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &handle), 0);
}

/* Is it pending? Takes it. */
static bool pending(int number)
{
	sigset_t set = set_of(number, 0);
	const struct timespec now = { 0, 0 };

	return sigtimedwait(&set, NULL, &now) == number;
}

static void signal_start(struct trial *which, struct signalfd_siginfo *info)
{
	trial_init(which);
	duet_op_signal(&which->op, handle, info);
	trial_start(which);
}

START_TEST(a_signal_that_comes_is_the_result)
{
	handle_make(SIGUSR1, SIGUSR2);
	signal_start(&trial, &into);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, 0);
	kill(getpid(), SIGUSR2);
	await(&trial);
	expect(&trial, SIGUSR2, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.transferred, 0);
	ck_assert_uint_eq(into.ssi_signo, SIGUSR2);
	ck_assert_uint_eq(into.ssi_pid, (uint32_t)getpid());
	ck_assert_int_eq(into.ssi_code, SI_USER);
	handle_close(handle);
}
END_TEST

START_TEST(a_signal_that_was_there_before_is_told)
{
	handle_make(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	signal_start(&trial, &into);
	await(&trial);
	expect(&trial, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(handle);
}
END_TEST

/* Of this thread alone: the loop is its. */
START_TEST(a_signal_that_was_sent_to_this_thread_is_told)
{
	handle_make(SIGUSR1, 0);
	signal_start(&trial, &into);
	stage_settle(5);
	pthread_kill(pthread_self(), SIGUSR1);
	await(&trial);
	expect(&trial, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(handle);
}
END_TEST

START_TEST(one_after_the_other_none_is_lost)
{
	handle_make(SIGUSR1, SIGUSR2);
	for (unsigned round = 0; round < 200; round++) {
		int number = round & 1 ? SIGUSR1 : SIGUSR2;

		if (round % 3)
			signal_start(&trial, &into);
		if (round % 3 == 2)
			stage_settle(2);
		kill(getpid(), number);
		if (!(round % 3))
			signal_start(&trial, &into);
		await(&trial);
		expect(&trial, number, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	handle_close(handle);
}
END_TEST

START_TEST(signals_that_queue_come_each_with_its_value)
{
	union sigval value;
	unsigned seen = 0;

	handle_make(SIGRTMIN, 0);
	for (int i = 0; i < 5; i++) {
		value.sival_int = i;
		ck_assert_int_eq(sigqueue(getpid(), SIGRTMIN, value), 0);
	}
	for (int i = 0; i < 5; i++) {
		signal_start(&trial, &into);
		await(&trial);
		expect(&trial, SIGRTMIN, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		seen |= 1u << into.ssi_int;
	}
	ck_assert_uint_eq(seen, 31);
	handle_close(handle);
}
END_TEST

START_TEST(first_come_first_served)
{
	struct trial second;
	struct signalfd_siginfo other;

	handle_make(SIGUSR1, 0);
	signal_start(&trial, &into);
	signal_start(&second, &other);
	stage_settle(3);
	kill(getpid(), SIGUSR1);
	await(&trial);
	expect(&trial, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stage_settle(3);
	ck_assert_uint_eq(second.ends, 0);
	kill(getpid(), SIGUSR1);
	await(&second);
	expect(&second, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(handle);
}
END_TEST

START_TEST(a_cancelled_wait_ends_untouched_and_the_next_has_the_signal)
{
	handle_make(SIGUSR1, 0);
	for (unsigned turns = 0; turns < 4; turns++) {
		signal_start(&trial, &into);
		stage_settle(turns);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		kill(getpid(), SIGUSR1);
		signal_start(&trial, &into);
		await(&trial);
		expect(&trial, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	handle_close(handle);
}
END_TEST

/* Whoever wins: it is in the completion, or still pending. */
START_TEST(a_signal_is_handed_over_or_stays_also_when_it_meets_a_cancel)
{
	handle_make(SIGUSR1, 0);
	for (unsigned round = 0; round < 200; round++) {
		signal_start(&trial, &into);
		stage_settle(round % 4);
		if (round & 4)
			kill(getpid(), SIGUSR1);
		if (round & 8)
			duet_loop_prepare(stage.loop);
		trial_cancel(&trial);
		if (!(round & 4))
			kill(getpid(), SIGUSR1);
		await(&trial);
		if (trial.op.result == SIGUSR1) {
			expect(&trial, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			ck_assert(!pending(SIGUSR1));
		} else {
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			ck_assert(pending(SIGUSR1));
		}
	}
	handle_close(handle);
}
END_TEST

START_TEST(a_late_cancel_does_nothing)
{
	handle_make(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	signal_start(&trial, &into);
	await(&trial);
	trial_cancel(&trial);
	stage_settle(3);
	expect(&trial, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(handle);
}
END_TEST

START_TEST(a_deadline_ends_it_and_takes_nothing)
{
	handle_make(SIGUSR1, 0);
	trial_init(&trial);
	duet_op_signal(&trial.op, handle, &into);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 2000000);
	trial_run(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	kill(getpid(), SIGUSR1);
	stage_settle(3);
	ck_assert(pending(SIGUSR1));
	handle_close(handle);
}
END_TEST

START_TEST(a_close_and_a_shutdown_end_it)
{
	handle_make(SIGUSR1, 0);
	signal_start(&trial, &into);
	stage_settle(3);
	handle_close(handle);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	handle_make(SIGUSR1, 0);
	signal_start(&trial, &into);
	stage_settle(3);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
}
END_TEST

START_TEST(inline_it_ends_in_its_start_or_in_a_turn)
{
	handle_make(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	trial_init(&trial);
	duet_op_signal(&trial.op, handle, &into);
	duet_op_inline(&trial.op);
	if (trial_try(&trial) == 0)
		await(&trial);
	ck_assert_int_eq(trial.op.result, SIGUSR1);
	handle_close(handle);
}
END_TEST

START_TEST(a_poll_tells_of_it_and_takes_nothing)
{
	struct trial poll;

	handle_make(SIGUSR1, 0);
	trial_init(&poll);
	duet_op_poll(&poll.op, handle, POLLIN);
	trial_start(&poll);
	stage_settle(3);
	ck_assert_uint_eq(poll.ends, 0);
	kill(getpid(), SIGUSR1);
	await(&poll);
	expect(&poll, POLLIN, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	signal_start(&trial, &into);
	await(&trial);
	expect(&trial, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(handle);
}
END_TEST

START_TEST(what_is_not_blocked_is_refused)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2), some = set_of(SIGUSR1, 0), none, all;

	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &handle), -EINVAL);
	pthread_sigmask(SIG_BLOCK, &some, NULL);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &handle), -EINVAL);
	ck_assert_uint_eq(handle.generation, 0);
	sigemptyset(&none);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &none, &handle), -EINVAL);
	sigaddset(&none, SIGKILL);
	sigaddset(&none, SIGSTOP);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &none, &handle), -EINVAL);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &set);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &all, &handle), 0);
	handle_close(handle);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}
END_TEST

/* The mask and the dispositions are the program's. */
START_TEST(no_disposition_and_no_mask_is_changed)
{
	struct sigaction before, after;
	sigset_t mask, now;

	sigaction(SIGUSR1, NULL, &before);
	handle_make(SIGUSR1, 0);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	kill(getpid(), SIGUSR1);
	signal_start(&trial, &into);
	await(&trial);
	handle_close(handle);
	sigaction(SIGUSR1, NULL, &after);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	ck_assert(before.sa_handler == after.sa_handler);
	for (int number = 1; number <= SIGRTMAX; number++)
		ck_assert_int_eq(sigismember(&mask, number), sigismember(&now, number));
}
END_TEST

START_TEST(misuse_is_refused)
{
	duet_handle pair[2];

	pair_open(pair);
	handle_make(SIGUSR1, 0);
	trial_init(&trial);
	duet_op_signal(&trial.op, pair[0], &into);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_signal(&trial.op, handle, NULL);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_signal(&trial.op, DUET_HANDLE_NONE, &into);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
	handle_close(handle);
	duet_op_signal(&trial.op, handle, &into);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
}
END_TEST

START_TEST(what_it_lends_is_on_the_ledger_and_it_is_not_abandoned)
{
	struct duet_loop_options options;
	struct duet_ledger ledger;
	struct duet_op *op;

	duet_loop_options_init(&options);
	options.owned_max = 1;
	options.owned_bytes = 256;
	stage_reopen(&options, NULL);
	handle_make(SIGUSR1, 0);
	ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), 0);
	duet_op_signal(op, handle, duet_op_buffer(op));
	ck_assert_int_eq(duet_op_copy_through(op), -EINVAL);
	ck_assert_int_eq(duet_op_start(stage.loop, op), 0);
	duet_loop_ledger(stage.loop, &ledger);
	ck_assert_uint_eq(ledger.lent_bytes, sizeof(into));
	ck_assert_int_eq(duet_op_abandon(op), -EINVAL);
	duet_op_cancel(op);
	turn_until(!duet_op_pending(op));
	ck_assert_int_eq(duet_op_return(op), 0);
	handle_close(handle);
}
END_TEST

/* ---- The loop sleeps until it comes. ---- */

static void *send_later(void *argument)
{
	(void)argument;
	clock_pass(clock_ns() + 2000000);
	kill(getpid(), SIGUSR1);
	return NULL;
}

START_TEST(a_signal_from_another_thread_ends_a_sleep)
{
	pthread_t thread;

	handle_make(SIGUSR1, 0);
	signal_start(&trial, &into);
	pthread_create(&thread, NULL, send_later, NULL);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	expect(&trial, SIGUSR1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	pthread_join(thread, NULL);
	handle_close(handle);
}
END_TEST

int main(void)
{
	return contract_run("signal",
		CASES(a_signal_that_comes_is_the_result, a_signal_that_was_there_before_is_told,
			a_signal_that_was_sent_to_this_thread_is_told,
			one_after_the_other_none_is_lost, signals_that_queue_come_each_with_its_value,
			first_come_first_served,
			a_cancelled_wait_ends_untouched_and_the_next_has_the_signal,
			a_signal_is_handed_over_or_stays_also_when_it_meets_a_cancel,
			a_late_cancel_does_nothing, a_deadline_ends_it_and_takes_nothing,
			a_close_and_a_shutdown_end_it, inline_it_ends_in_its_start_or_in_a_turn,
			a_poll_tells_of_it_and_takes_nothing, what_is_not_blocked_is_refused,
			no_disposition_and_no_mask_is_changed, misuse_is_refused,
			what_it_lends_is_on_the_ledger_and_it_is_not_abandoned,
			a_signal_from_another_thread_ends_a_sleep),
		NULL);
}
