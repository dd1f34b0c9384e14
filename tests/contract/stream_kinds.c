/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/refuse.h"

/* Streams that are no sockets: a receive is a read, a send is a write, at the own position. No case
 * touches the disposition of SIGPIPE, so one would end it. */

static unsigned char data[65536];
static duet_handle ends[2]; /* of a pipe: to read from, to write to */

static duet_handle adopt(int fd)
{
	duet_handle handle;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	return handle;
}

static void pipe_open(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ends[0] = adopt(fds[0]);
	ends[1] = adopt(fds[1]);
}

/* Every policy of attempts, in turn. */
static void reopen(enum duet_try policy)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.try_first = policy;
	stage_reopen(&options, NULL);
}

static int do_recv(duet_handle handle, void *into, size_t bytes, unsigned flags)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_recv(&trial.op, handle, into, bytes, flags);
	return trial_run(&trial);
}

static int do_send(duet_handle handle, const void *from, size_t bytes, unsigned flags)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_send(&trial.op, handle, from, bytes, flags);
	return trial_run(&trial);
}

/* ---- Pipes. ---- */

START_TEST(what_is_written_to_a_pipe_is_read_from_it)
{
	for (int policy = DUET_TRY_PREDICT; policy <= DUET_TRY_ALWAYS; policy++) {
		struct iovec pieces[2] = { { "hello, ", 7 }, { "world", 5 } };
		struct trial sending;

		reopen((enum duet_try)policy);
		pipe_open();
		trial_init(&sending);
		duet_op_send_vector(&sending.op, ends[1], pieces, 2, 0);
		trial_run(&sending);
		expect(&sending, 12, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(do_recv(ends[0], data, 5, 0), 5);
		ck_assert_int_eq(do_recv(ends[0], data + 5, 7, DUET_WHOLE), 7);
		ck_assert_mem_eq(data, "hello, world", 12);
		handle_close(ends[1]);
		ck_assert_int_eq(do_recv(ends[0], data, 5, 0), 0);
		handle_close(ends[0]);
	}
}
END_TEST

START_TEST(a_receive_waits_for_the_writer_and_for_the_end)
{
	struct trial trial;

	pipe_open();
	trial_init(&trial);
	duet_op_recv(&trial.op, ends[0], data, 10, DUET_WHOLE);
	trial_start(&trial);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	ck_assert_int_eq(do_send(ends[1], "abcd", 4, 0), 4);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	handle_close(ends[1]);
	await(&trial);
	expect(&trial, 4, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	ck_assert_mem_eq(data, "abcd", 4);
}
END_TEST

START_TEST(a_whole_send_goes_through_a_pipe_that_is_smaller)
{
	static unsigned char all[1 << 20];
	static unsigned char back[1 << 20];
	struct trial sending;
	struct trial receiving;

	pipe_open();
	pattern_fill(all, sizeof(all), 0);
	trial_init(&sending);
	duet_op_send(&sending.op, ends[1], all, sizeof(all), DUET_WHOLE);
	trial_start(&sending);
	trial_init(&receiving);
	duet_op_recv(&receiving.op, ends[0], back, sizeof(back), DUET_WHOLE);
	trial_start(&receiving);
	turn_until(sending.ends && receiving.ends);
	expect(&sending, (int)sizeof(all), DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&receiving, (int)sizeof(back), DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(back, sizeof(back), 0));
}
END_TEST

START_TEST(sends_to_a_pipe_are_carried_out_in_their_order)
{
	struct trial trials[8];

	pipe_open();
	for (unsigned i = 0; i < 8; i++) {
		trial_init(&trials[i]);
		pattern_fill(data + i * 1000, 1000, i * 1000);
		duet_op_send(&trials[i].op, ends[1], data + i * 1000, 1000, DUET_WHOLE);
		trial_start(&trials[i]);
	}
	turn_until(trials[7].ends);
	memset(data, 0, sizeof(data));
	ck_assert_int_eq(do_recv(ends[0], data, 8000, DUET_WHOLE), 8000);
	ck_assert(pattern_holds(data, 8000, 0));
	for (unsigned i = 1; i < 8; i++)
		ck_assert_uint_lt(trials[i - 1].rank, trials[i].rank);
}
END_TEST

/* A send that fills the pipe, and waits. */
static void stick(struct trial *trial)
{
	static unsigned char much[1 << 20];

	trial_init(trial);
	duet_op_send(&trial->op, ends[1], much, sizeof(much), DUET_WHOLE);
	trial_start(trial);
	turn_until(trial->op.transferred > 0 || trial->ends);
	stage_settle(3);
	ck_assert_uint_eq(trial->ends, 0);
}

START_TEST(a_pipe_without_a_reader_is_EPIPE_and_no_signal)
{
	struct trial trial;

	pipe_open();
	stick(&trial);
	handle_close(ends[0]);
	await(&trial);
	expect(&trial, -EPIPE, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	ck_assert_uint_gt(trial.op.transferred, 0);
	for (int policy = DUET_TRY_PREDICT; policy <= DUET_TRY_ALWAYS; policy++) {
		reopen((enum duet_try)policy);
		pipe_open();
		handle_close(ends[0]);
		ck_assert_int_eq(do_send(ends[1], "x", 1, 0), -EPIPE);
		ck_assert_int_eq(do_send(ends[1], "x", 1, DUET_WHOLE), -EPIPE);
	}
}
END_TEST

/* A kernel that knows no flag against it (before 6.18), or a filter that doesn't let it through. */
START_TEST(nor_is_there_a_signal_without_the_kernel_s_flag)
{
	struct trial trial;
	sigset_t pending;

	refuse_call(SYS_pwritev2, EPERM);
	pipe_open();
	stick(&trial);
	ck_assert_int_gt(do_recv(ends[0], data, sizeof(data), 0), 0);
	stage_settle(3);
	handle_close(ends[0]);
	await(&trial);
	expect(&trial, -EPIPE, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	pipe_open();
	stick(&trial);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_int_eq(trial.op.disposition, DUET_PARTIAL);
	ck_assert_int_eq(trial.op.cause, DUET_CAUSE_CANCEL);
	handle_close(ends[0]);
	ck_assert_int_eq(do_send(ends[1], "x", 1, 0), -EPIPE);
	ck_assert_int_eq(sigpending(&pending), 0);
	ck_assert(!sigismember(&pending, SIGPIPE));
}
END_TEST

/* One that was there before is left for whoever waits for it. */
START_TEST(a_signal_of_the_program_s_own_stays)
{
	sigset_t mask;
	sigset_t pending;

	sigemptyset(&mask);
	sigaddset(&mask, SIGPIPE);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	raise(SIGPIPE);
	refuse_call(SYS_pwritev2, EPERM);
	pipe_open();
	handle_close(ends[0]);
	ck_assert_int_eq(do_send(ends[1], "x", 1, 0), -EPIPE);
	ck_assert_int_eq(sigpending(&pending), 0);
	ck_assert(sigismember(&pending, SIGPIPE));
}
END_TEST

START_TEST(the_wrong_end_of_a_pipe_is_EBADF)
{
	for (int policy = DUET_TRY_PREDICT; policy <= DUET_TRY_ALWAYS; policy++) {
		reopen((enum duet_try)policy);
		pipe_open();
		for (unsigned i = 0; i < 2; i++) {
			ck_assert_int_eq(do_recv(ends[1], data, 1, 0), -EBADF);
			ck_assert_int_eq(do_send(ends[0], data, 1, 0), -EBADF);
		}
	}
}
END_TEST

START_TEST(what_waits_at_a_pipe_can_be_cancelled_timed_out_and_closed_under)
{
	struct trial receiving;
	struct trial sending;
	struct trial closing;

	pipe_open();
	trial_init(&receiving);
	duet_op_recv(&receiving.op, ends[0], data, 1, 0);
	trial_start(&receiving);
	stage_settle(2);
	trial_cancel(&receiving);
	await(&receiving);
	expect(&receiving, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	trial_init(&receiving);
	duet_op_recv(&receiving.op, ends[0], data, 1, 0);
	duet_op_deadline(&receiving.op, duet_loop_now_ns(stage.loop) + 1000000);
	trial_run(&receiving);
	expect(&receiving, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	stick(&sending);
	trial_init(&closing);
	duet_op_close(&closing.op, ends[1]);
	trial_run(&closing);
	ck_assert_uint_eq(sending.ends, 1);
	ck_assert_int_eq(sending.op.disposition, DUET_PARTIAL);
	ck_assert_int_eq(sending.op.cause, DUET_CAUSE_CLOSE);
	ck_assert_int_eq(sending.op.result, (int)sending.op.transferred);
	ck_assert_int_eq(do_recv(ends[0], data, 1, 0), 1);
}
END_TEST

/* ---- Terminals, events, and what has no readiness. ---- */

static void terminal_open(int fds[2])
{
	fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(fds[0], 0);
	ck_assert_int_eq(grantpt(fds[0]), 0);
	ck_assert_int_eq(unlockpt(fds[0]), 0);
	fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(fds[1], 0);
}

START_TEST(a_terminal_speaks_in_lines_and_hangs_up)
{
	duet_handle user;
	duet_handle program;
	struct trial trial;
	int fds[2];

	terminal_open(fds);
	user = adopt(fds[0]);
	program = adopt(fds[1]);
	trial_init(&trial);
	duet_op_recv(&trial.op, program, data, 100, 0);
	trial_start(&trial);
	ck_assert_int_eq(do_send(user, "hel", 3, 0), 3);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	ck_assert_int_eq(do_send(user, "lo\n", 3, 0), 3);
	await(&trial);
	expect(&trial, 6, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_mem_eq(data, "hello\n", 6);
	/* What was typed is shown. */
	ck_assert_int_eq(do_recv(user, data, 7, DUET_WHOLE), 7);
	ck_assert_mem_eq(data, "hello\r\n", 7);
	ck_assert_int_eq(do_send(program, "hi", 2, DUET_WHOLE), 2);
	ck_assert_int_eq(do_recv(user, data, 2, DUET_WHOLE), 2);
	handle_close(program);
	ck_assert_int_eq(do_recv(user, data, 1, 0), -EIO);
	handle_close(user);
}
END_TEST

static bool nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* A loop of its own, that goes with the handle open. */
static void use_and_destroy(int fd)
{
	struct duet_loop *loop;
	duet_handle handle;
	struct duet_op op;

	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), NULL), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, handle, data, 100, 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	while (duet_op_pending(&op))
		ck_assert_int_ge(duet_loop_turn(loop, -1), 0);
	ck_assert_int_eq(op.result, 4);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

/* Others have the same terminal open: its flags are theirs. */
START_TEST(a_shared_terminal_is_left_as_it_was)
{
	duet_handle handle;
	int fds[2];
	int shared;

	terminal_open(fds);
	shared = dup(fds[1]);
	ck_assert_int_eq(write(fds[0], "one\ntwo\nsix\n", 12), 12);
	for (unsigned round = 0; round < 2; round++) {
		handle = adopt(fds[1]);
		ck_assert_int_eq(do_recv(handle, data, 100, 0), 4);
		ck_assert_int_eq(do_send(handle, "x", 1, 0), 1);
		if (round == 0)
			ck_assert_int_eq(duet_handle_release(stage.loop, handle), fds[1]);
		else
			handle_close(handle);
		ck_assert(!nonblocking(shared));
	}
	use_and_destroy(dup(shared));
	ck_assert(!nonblocking(shared));
	close(fds[0]);
	close(shared);
}
END_TEST

START_TEST(an_eventfd_counts_what_is_sent)
{
	for (int policy = DUET_TRY_PREDICT; policy <= DUET_TRY_ALWAYS; policy++) {
		uint64_t count = 3, most;
		struct trial trial;
		duet_handle handle;

		reopen((enum duet_try)policy);
		handle = adopt(eventfd(0, EFD_CLOEXEC));
		ck_assert_int_eq(do_send(handle, &count, 8, 0), 8);
		ck_assert_int_eq(do_send(handle, &count, 8, DUET_WHOLE), 8);
		ck_assert_int_eq(do_recv(handle, &count, 4, 0), -EINVAL);
		ck_assert_int_eq(do_recv(handle, &count, 8, 0), 8);
		ck_assert_uint_eq(count, 6);
		trial_init(&trial);
		duet_op_recv(&trial.op, handle, &count, 8, 0);
		trial_start(&trial);
		stage_settle(3);
		ck_assert_uint_eq(trial.ends, 0);
		most = UINT64_MAX - 1;
		ck_assert_int_eq(do_send(handle, &most, 8, 0), 8);
		await(&trial);
		expect(&trial, 8, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_eq(count, UINT64_MAX - 1);
		handle_close(handle);
	}
}
END_TEST

START_TEST(a_full_eventfd_waits_for_its_reader)
{
	duet_handle handle = adopt(eventfd(0, EFD_CLOEXEC));
	uint64_t most = UINT64_MAX - 1;
	uint64_t one = 1;
	uint64_t count;
	struct trial trial;

	ck_assert_int_eq(do_send(handle, &most, 8, 0), 8);
	trial_init(&trial);
	duet_op_send(&trial.op, handle, &one, 8, 0);
	trial_start(&trial);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	ck_assert_int_eq(do_recv(handle, &count, 8, 0), 8);
	ck_assert_uint_eq(count, most);
	await(&trial);
	expect(&trial, 8, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(do_recv(handle, &count, 8, 0), 8);
	ck_assert_uint_eq(count, 1);
	handle_close(handle);
}
END_TEST

START_TEST(a_timerfd_says_how_often_it_was_due)
{
	const struct itimerspec soon = { .it_value = { 0, 1000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	duet_handle handle = adopt(fd);
	uint64_t count = 0;

	ck_assert_int_eq(timerfd_settime(fd, 0, &soon, NULL), 0);
	ck_assert_int_eq(do_recv(handle, &count, 8, 0), 8);
	ck_assert_uint_eq(count, 1);
	handle_close(handle);
}
END_TEST

START_TEST(devices_without_readiness_answer_at_once)
{
	duet_handle zero = adopt(open("/dev/zero", O_RDWR | O_CLOEXEC));
	duet_handle null = adopt(open("/dev/null", O_RDWR | O_CLOEXEC));
	duet_handle full = adopt(open("/dev/full", O_RDWR | O_CLOEXEC));

	data[0] = 1;
	ck_assert_int_eq(do_recv(zero, data, 100, DUET_WHOLE), 100);
	ck_assert_uint_eq(data[0], 0);
	ck_assert_int_eq(do_recv(null, data, 100, 0), 0);
	ck_assert_int_eq(do_send(null, data, 100, DUET_WHOLE), 100);
	ck_assert_int_eq(do_send(full, data, 100, 0), -ENOSPC);
}
END_TEST

int main(void)
{
	return contract_run("stream_kinds", CASES(NULL),
		CASES(what_is_written_to_a_pipe_is_read_from_it,
			a_receive_waits_for_the_writer_and_for_the_end,
			a_whole_send_goes_through_a_pipe_that_is_smaller,
			sends_to_a_pipe_are_carried_out_in_their_order,
			a_pipe_without_a_reader_is_EPIPE_and_no_signal,
			nor_is_there_a_signal_without_the_kernel_s_flag,
			a_signal_of_the_program_s_own_stays, the_wrong_end_of_a_pipe_is_EBADF,
			what_waits_at_a_pipe_can_be_cancelled_timed_out_and_closed_under,
			a_terminal_speaks_in_lines_and_hangs_up, a_shared_terminal_is_left_as_it_was,
			an_eventfd_counts_what_is_sent, a_full_eventfd_waits_for_its_reader,
			a_timerfd_says_how_often_it_was_due, devices_without_readiness_answer_at_once));
}
