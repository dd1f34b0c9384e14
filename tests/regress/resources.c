/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Descriptors that others lost. The stage counts them after each case. */

/* tokio-rs/tokio-uring#129 and #207, tokio-rs/tokio#7979, compio-rs/compio#315: made too late. */
START_TEST(no_descriptor_is_lost_when_what_makes_one_is_cancelled)
{
	const char *path = file_path("data");
	unsigned accepted = 0;
	int raw[60];

	file_make(path, 1);
	listener_open(&stage.listener, &stage.address);
	for (unsigned i = 0; i < 60; i++) {
		struct trial accepting;
		struct trial opening;

		trial_init(&accepting);
		duet_op_accept(&accepting.op, stage.listener, 0);
		trial_start(&accepting);
		trial_init(&opening);
		duet_op_open(&opening.op, AT_FDCWD, path, O_RDONLY, 0);
		trial_start(&opening);
		stage_settle(i & 1);
		raw[i] = raw_connect();
		stage_settle(i & 2 ? 1 : 0);
		trial_cancel(&accepting);
		trial_cancel(&opening);
		turn_until(accepting.ends && opening.ends);
		if (accepting.op.result == 0) {
			accepted++;
			handle_close(accepting.op.made);
		}
		if (opening.op.result == 0)
			handle_close(opening.op.made);
	}
	while (accepted < 60) {
		struct trial accepting;

		trial_init(&accepting);
		duet_op_accept(&accepting.op, stage.listener, 0);
		trial_run(&accepting);
		expect(&accepting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		handle_close(accepting.op.made);
		accepted++;
	}
	for (unsigned i = 0; i < 60; i++)
		close(raw[i]);
}
END_TEST

/* The same when nobody listens to the end: the loop closes what came. */
START_TEST(what_nobody_hears_of_is_closed)
{
	unsigned before;
	int raw[20];

	listener_open(&stage.listener, &stage.address);
	before = descriptors_open();
	for (unsigned i = 0; i < 20; i++) {
		struct duet_op op;

		duet_op_init(&op, NULL, NULL);
		duet_op_accept(&op, stage.listener, 0);
		ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
		stage_settle(1);
		raw[i] = raw_connect();
		if (i & 1)
			duet_op_cancel(&op);
		turn_until(!duet_op_pending(&op));
	}
	ck_assert_uint_eq(descriptors_open(), before + 20);
	for (unsigned i = 0; i < 20; i++)
		close(raw[i]);
}
END_TEST

/* monoio-rs/monoio#229: a close that was queued and never handed over. */
START_TEST(a_close_started_last_of_all_is_carried_out)
{
	struct trial closing;
	duet_handle handle;
	char byte;
	int raw;

	raw_pair(&handle, &raw);
	trial_init(&closing);
	duet_op_close(&closing.op, handle);
	trial_start(&closing);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	ck_assert_uint_eq(closing.ends, 1);
	ck_assert_int_eq(recv(raw, &byte, 1, 0), 0);
	close(raw);
}
END_TEST

/*
 * tokio-rs/tokio#4853, libuv/libuv#2481: blocking work goes on after its cancel. An open of a FIFO
 * without a writer is the kernel's own trap: 30 of 30 answers there were EALREADY and -512.
 */
START_TEST(a_cancelled_open_of_a_fifo_ends_without_a_stranger_s_error)
{
	char path[200];

	strcpy(path, file_path("fifo"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct trial trial;
		int writer;

		trial_init(&trial);
		duet_op_open(&trial.op, AT_FDCWD, path, O_RDONLY, 0);
		trial_start(&trial);
		stage_settle(i);
		trial_cancel(&trial);
		stage_settle(3);
		/* Whoever waits in a worker for a writer is released by one. */
		writer = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		ck_assert_int_ge(writer, 0);
		await(&trial);
		if (trial.op.result == 0)
			handle_close(trial.op.made);
		else
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		close(writer);
	}
}
END_TEST

/* an-tao/trantor#230, mirage/mirage-tcpip#363: a stopped connect that finishes is closed too. */
START_TEST(stopped_connects_leave_no_connection_behind)
{
	listener_open(&stage.listener, &stage.address);
	for (unsigned i = 0; i < 20; i++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
		trial_run(&trial);
		trial.ends = 0;
		duet_op_connect(&trial.op, trial.op.made, (struct sockaddr *)&stage.address,
			sizeof(stage.address));
		trial_start(&trial);
		trial_cancel(&trial);
		await(&trial);
		handle_close(trial.op.handle);
	}
}
END_TEST

int main(void)
{
	return contract_run("resources", CASES(stopped_connects_leave_no_connection_behind),
		CASES(no_descriptor_is_lost_when_what_makes_one_is_cancelled,
			what_nobody_hears_of_is_closed, a_close_started_last_of_all_is_carried_out,
			a_cancelled_open_of_a_fifo_ends_without_a_stranger_s_error));
}
