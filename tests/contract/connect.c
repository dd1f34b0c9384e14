/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

static duet_handle socket_make(void)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	return trial.op.made;
}

static void connect_to(struct trial *trial, const struct sockaddr_in *address)
{
	trial_init(trial);
	duet_op_connect(&trial->op, socket_make(), (const struct sockaddr *)address,
		sizeof(*address));
}

START_TEST(connect_ends_when_the_connection_stands)
{
	struct trial trial;
	socklen_t length;

	listener_open(&stage.listener, &stage.address);
	connect_to(&trial, &stage.address);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_mem_eq(duet_op_address(&trial.op, &length), &stage.address,
		sizeof(stage.address));
	ck_assert_uint_eq(length, sizeof(stage.address));
}
END_TEST

START_TEST(connect_where_nobody_listens_is_ECONNREFUSED)
{
	struct sockaddr_in address;
	duet_handle listener;
	struct trial trial;

	listener_open(&listener, &address);
	handle_close(listener);
	connect_to(&trial, &address);
	trial_run(&trial);
	expect(&trial, -ECONNREFUSED, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

/* As after connect(2): there is nothing to receive from, and it may be tried again. */
START_TEST(a_refused_socket_is_as_before_the_attempt)
{
	struct sockaddr_in address;
	duet_handle listener;
	struct trial trial;
	struct trial other;
	int polled;
	char byte;

	listener_open(&listener, &address);
	handle_close(listener);
	connect_to(&trial, &address);
	trial_run(&trial);
	expect(&trial, -ECONNREFUSED, DUET_FAILED, DUET_CAUSE_ITSELF);

	trial_init(&other);
	duet_op_poll(&other.op, trial.op.handle, POLLIN);
	polled = trial_run(&other);
	ck_assert_msg(polled == POLLHUP, "on %s: polled %#x", stage.arm->name, polled);
	trial_init(&other);
	duet_op_recv(&other.op, trial.op.handle, &byte, 1, 0);
	trial_run(&other);
	expect(&other, -ENOTCONN, DUET_FAILED, DUET_CAUSE_ITSELF);

	listener_open(&listener, &address);
	trial.ends = 0;
	duet_op_connect(&trial.op, trial.op.handle, (struct sockaddr *)&address, sizeof(address));
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_cancelled_connect_is_tainted_or_stands)
{
	listener_open(&stage.listener, &stage.address);
	for (unsigned round = 0; round < 10; round++) {
		struct trial trial;
		char byte = 'x';

		connect_to(&trial, &stage.address);
		trial_start(&trial);
		if (round & 1)
			stage_settle(1);
		trial_cancel(&trial);
		await(&trial);
		if (trial.op.result == 0) {
			stream_send(trial.op.handle, &byte, 1);
		} else {
			ck_assert_int_eq(trial.op.result, -ECANCELED);
			ck_assert_int_eq(trial.op.cause, DUET_CAUSE_CANCEL);
			ck_assert(trial.op.disposition == DUET_TAINTED ||
				  trial.op.disposition == DUET_UNTOUCHED);
		}
		handle_close(trial.op.handle);
	}
}
END_TEST

/* Untouched is a promise: no connection was made, and the handle still is what it was. */
static void connect_after(enum duet_cause cause)
{
	struct trial trial;

	connect_to(&trial, &stage.address);
	if (cause == DUET_CAUSE_DEADLINE)
		duet_op_deadline(&trial.op, 1);
	trial_start(&trial);
	if (cause == DUET_CAUSE_CANCEL)
		trial_cancel(&trial);
	await(&trial);
	if (trial.op.disposition == DUET_UNTOUCHED) {
		expect(&trial, cause == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED,
			DUET_UNTOUCHED, cause);
		duet_op_connect(&trial.op, trial.op.handle, (struct sockaddr *)&stage.address,
			sizeof(stage.address));
		trial_run(&trial);
	}
	if (trial.op.disposition != DUET_TAINTED)
		expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(trial.op.handle);
}

START_TEST(a_connect_that_was_left_untouched_can_be_made_again)
{
	listener_open(&stage.listener, &stage.address);
	connect_after(DUET_CAUSE_CANCEL);
	connect_after(DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(an_address_that_does_not_fit_is_refused)
{
	unsigned char storage[DUET_ADDRESS_BYTES + 8] = { AF_INET };
	struct trial trial;

	trial_init(&trial);
	duet_op_connect(&trial.op, socket_make(), (struct sockaddr *)storage, sizeof(storage));
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_connect(&trial.op, trial.op.handle, (struct sockaddr *)storage, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
}
END_TEST

/* A listener that never accepts, its backlog filled up: connecting really waits. */
static void listener_full(int *listener, int fill[8])
{
	socklen_t length = sizeof(stage.address);

	*listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memset(&stage.address, 0, sizeof(stage.address));
	stage.address.sin_family = AF_INET;
	stage.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(*listener, (struct sockaddr *)&stage.address, length), 0);
	ck_assert_int_eq(listen(*listener, 0), 0);
	ck_assert_int_eq(getsockname(*listener, (struct sockaddr *)&stage.address, &length), 0);
	for (unsigned i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(fill[i], (struct sockaddr *)&stage.address, length) < 0)
			ck_assert_int_eq(errno, EINPROGRESS);
	}
}

START_TEST(a_connect_stopped_on_its_way_is_tainted_and_fit_to_close)
{
	struct trial trial;
	int fill[8];
	int listener;

	listener_full(&listener, fill);
	connect_to(&trial, &stage.address);
	trial_start(&trial);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_TAINTED, DUET_CAUSE_CANCEL);
	handle_close(trial.op.handle);

	connect_to(&trial, &stage.address);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 2000000);
	trial_run(&trial);
	expect(&trial, -ETIMEDOUT, DUET_TAINTED, DUET_CAUSE_DEADLINE);
	handle_close(trial.op.handle);
	for (unsigned i = 0; i < 8; i++)
		close(fill[i]);
	close(listener);
}
END_TEST

/* The kernel goes on with the first: there is nothing to begin. */
START_TEST(a_connect_on_a_tainted_handle_is_EALREADY)
{
	struct trial trial;
	int fill[8];
	int listener;

	listener_full(&listener, fill);
	connect_to(&trial, &stage.address);
	trial_start(&trial);
	stage_settle(3);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_TAINTED, DUET_CAUSE_CANCEL);
	trial.ends = 0;
	trial_run(&trial);
	expect(&trial, -EALREADY, DUET_FAILED, DUET_CAUSE_ITSELF);
	for (unsigned i = 0; i < 8; i++)
		close(fill[i]);
	close(listener);
}
END_TEST

START_TEST(sends_behind_a_stopped_connect_end_untouched)
{
	struct trial connecting;
	struct trial send;
	int fill[8];
	int listener;

	listener_full(&listener, fill);
	connect_to(&connecting, &stage.address);
	trial_start(&connecting);
	trial_init(&send);
	duet_op_send(&send.op, connecting.op.handle, "x", 1, 0);
	trial_start(&send);
	stage_settle(3);
	trial_cancel(&connecting);
	turn_until(connecting.ends && send.ends);
	expect(&connecting, -ECANCELED, DUET_TAINTED, DUET_CAUSE_CANCEL);
	expect(&send, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	for (unsigned i = 0; i < 8; i++)
		close(fill[i]);
	close(listener);
}
END_TEST

/* ---- A receive beside a connect: as if the two were made in the order of their starts. ---- */

static void receive_on(struct trial *trial, duet_handle handle, char *byte)
{
	trial_init(trial);
	duet_op_recv(&trial->op, handle, byte, 1, 0);
}

/* Started in even and in odd turns, and with DUET_INLINE, which doesn't overtake the connect. */
START_TEST(a_receive_started_behind_a_connect_gets_what_comes)
{
	listener_open(&stage.listener, &stage.address);
	for (unsigned round = 0; round < 4; round++) {
		struct trial connecting, receiving, accepting;
		char byte = 0;

		stage_settle(round & 1);
		connect_to(&connecting, &stage.address);
		trial_start(&connecting);
		receive_on(&receiving, connecting.op.handle, &byte);
		if (round & 2)
			duet_op_inline(&receiving.op);
		ck_assert_int_eq(trial_try(&receiving), 0);
		trial_init(&accepting);
		duet_op_accept(&accepting.op, stage.listener, 0);
		trial_run(&accepting);
		stream_send(accepting.op.made, "x", 1);
		turn_until(connecting.ends && receiving.ends);
		expect(&connecting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		expect(&receiving, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(byte, 'x');
		handle_close(accepting.op.made);
		handle_close(connecting.op.handle);
	}
}
END_TEST

START_TEST(a_receive_started_before_a_connect_finds_none)
{
	listener_open(&stage.listener, &stage.address);
	for (unsigned round = 0; round < 2; round++) {
		struct trial connecting, receiving;
		char byte;

		stage_settle(round);
		connect_to(&connecting, &stage.address);
		receive_on(&receiving, connecting.op.handle, &byte);
		trial_start(&receiving);
		trial_start(&connecting);
		turn_until(connecting.ends && receiving.ends);
		expect(&connecting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		expect(&receiving, -ENOTCONN, DUET_FAILED, DUET_CAUSE_ITSELF);
		handle_close(connecting.op.handle);
	}
}
END_TEST

START_TEST(a_receive_behind_a_refused_connect_fails_with_it)
{
	struct sockaddr_in address;
	duet_handle listener;

	listener_open(&listener, &address);
	handle_close(listener);
	for (unsigned round = 0; round < 2; round++) {
		struct trial connecting, receiving;
		char byte;

		stage_settle(round);
		connect_to(&connecting, &address);
		trial_start(&connecting);
		receive_on(&receiving, connecting.op.handle, &byte);
		trial_start(&receiving);
		turn_until(connecting.ends && receiving.ends);
		expect(&connecting, -ECONNREFUSED, DUET_FAILED, DUET_CAUSE_ITSELF);
		expect(&receiving, -ECONNREFUSED, DUET_FAILED, DUET_CAUSE_ITSELF);
		handle_close(connecting.op.handle);
	}
}
END_TEST

START_TEST(a_receive_behind_a_connect_on_its_way_waits_also_when_that_is_stopped)
{
	struct trial connecting, receiving;
	int fill[8];
	int listener;
	char byte;

	listener_full(&listener, fill);
	for (unsigned round = 0; round < 2; round++) {
		stage_settle(round);
		connect_to(&connecting, &stage.address);
		trial_start(&connecting);
		receive_on(&receiving, connecting.op.handle, &byte);
		trial_start(&receiving);
		stage_settle(3);
		trial_cancel(&connecting);
		await(&connecting);
		expect(&connecting, -ECANCELED, DUET_TAINTED, DUET_CAUSE_CANCEL);
		stage_settle(3);
		ck_assert_uint_eq(receiving.ends, 0);
		handle_close(connecting.op.handle);
		expect(&receiving, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	}
	for (unsigned i = 0; i < 8; i++)
		close(fill[i]);
	close(listener);
}
END_TEST

/* A process of its own, so that it may be done before anybody hears that the connection stands. */
static pid_t peer_start(int listener, unsigned rounds)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	while (!pid && rounds--) {
		int peer = accept(listener, NULL, NULL);

		if (send(peer, "last", 4, MSG_NOSIGNAL) != 4)
			_exit(1);
		close(peer);
	}
	if (!pid)
		_exit(0);
	return pid;
}

START_TEST(a_peer_that_has_ended_before_the_connect_does_is_heard_to_the_end)
{
	enum { ROUNDS = 200 };
	socklen_t length = sizeof(stage.address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
	pid_t peer;

	memset(&stage.address, 0, sizeof(stage.address));
	stage.address.sin_family = AF_INET;
	stage.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&stage.address, length), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&stage.address, &length), 0);
	peer = peer_start(listener, ROUNDS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct trial connecting, receiving;
		char bytes[8];

		connect_to(&connecting, &stage.address);
		trial_run(&connecting);
		expect(&connecting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		for (int left = 4; left >= 0; left -= 4) {
			trial_init(&receiving);
			duet_op_recv(&receiving.op, connecting.op.handle, bytes, sizeof(bytes), 0);
			trial_run(&receiving);
			expect(&receiving, left, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		}
		handle_close(connecting.op.handle);
	}
	ck_assert_int_eq(waitpid(peer, &status, 0), peer);
	ck_assert_int_eq(status, 0);
	close(listener);
}
END_TEST

int main(void)
{
	return contract_run("connect",
		CASES(connect_ends_when_the_connection_stands,
			connect_where_nobody_listens_is_ECONNREFUSED,
			a_cancelled_connect_is_tainted_or_stands,
			a_connect_that_was_left_untouched_can_be_made_again,
			an_address_that_does_not_fit_is_refused,
			a_receive_started_behind_a_connect_gets_what_comes),
		CASES(a_refused_socket_is_as_before_the_attempt,
			a_connect_stopped_on_its_way_is_tainted_and_fit_to_close,
			a_connect_on_a_tainted_handle_is_EALREADY,
			sends_behind_a_stopped_connect_end_untouched,
			a_receive_started_before_a_connect_finds_none,
			a_receive_behind_a_refused_connect_fails_with_it,
			a_receive_behind_a_connect_on_its_way_waits_also_when_that_is_stopped,
			a_peer_that_has_ended_before_the_connect_does_is_heard_to_the_end));
}
