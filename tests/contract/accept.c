/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/harness.h"

static struct trial connections[8];

static void connect_start(struct trial *trial)
{
	duet_handle handle;

	trial_init(trial);
	duet_op_socket(&trial->op, AF_INET, SOCK_STREAM, 0);
	trial_run(trial);
	handle = trial->op.made;
	duet_op_connect(&trial->op, handle, (struct sockaddr *)&stage.address,
		sizeof(stage.address));
	trial->ends = 0;
	trial_start(trial);
}

static void accept_start(struct trial *trial, unsigned flags)
{
	if (!stage.listener.generation)
		listener_open(&stage.listener, &stage.address);
	trial_init(trial);
	duet_op_accept(&trial->op, stage.listener, flags);
	trial_start(trial);
}

START_TEST(accept_waits_for_a_connection_and_makes_its_handle)
{
	struct trial trial;
	char byte;

	accept_start(&trial, 0);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, 0);
	connect_start(&connections[0]);
	turn_until(trial.ends && connections[0].ends);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_send(connections[0].op.handle, "x", 1);
	stream_recv(trial.op.made, &byte, 1);
	handle_close(trial.op.made);
	handle_close(connections[0].op.handle);
}
END_TEST

START_TEST(accepts_are_served_in_the_order_in_which_they_were_started)
{
	struct trial trials[4];

	for (unsigned i = 0; i < 4; i++)
		accept_start(&trials[i], 0);
	for (unsigned i = 0; i < 4; i++)
		connect_start(&connections[i]);
	turn_until(trials[3].ends);
	for (unsigned i = 1; i < 4; i++)
		ck_assert_uint_gt(trials[i].rank, trials[i - 1].rank);
	turn_until(stage.ends >= 2 * 4);
}
END_TEST

START_TEST(a_cancelled_accept_ends_untouched)
{
	struct trial trial;

	accept_start(&trial, 0);
	stage_settle(5);
	trial_cancel(&trial);
	ck_assert_uint_eq(trial.ends, 0);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(an_accept_cancelled_before_it_was_handed_over_ends_untouched)
{
	struct trial trial;

	accept_start(&trial, 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

struct arrivals {
	duet_handle made[16];
	unsigned count;
};

static void arrive(struct trial *trial)
{
	struct arrivals *arrivals = trial->context;

	if (trial->op.more || trial->op.result == 0) {
		ck_assert_int_eq(trial->op.result, 0);
		ck_assert_uint_ne(trial->op.made.generation, 0);
		arrivals->made[arrivals->count++] = trial->op.made;
	}
}

START_TEST(a_multishot_accept_goes_on_until_it_is_cancelled)
{
	struct arrivals arrivals = { .count = 0 };
	struct trial trial;

	accept_start(&trial, DUET_MULTISHOT);
	trial.then = arrive;
	trial.context = &arrivals;
	for (unsigned i = 0; i < 6; i++) {
		connect_start(&connections[i]);
		await(&connections[i]);
	}
	turn_until(arrivals.count == 6);
	ck_assert_uint_eq(trial.ends, 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	/* Each connection was an interim completion: the end carries none. */
	ck_assert_uint_eq(trial.op.made.generation, 0);
	for (unsigned i = 0; i < 6; i++)
		handle_close(arrivals.made[i]);
}
END_TEST

/* Nothing is lost between a cancel and the connections that came before its effect. */
START_TEST(a_connection_is_with_the_cancelled_accept_or_with_the_next_one)
{
	for (unsigned round = 0; round < 20; round++) {
		struct trial first;
		struct trial second;

		accept_start(&first, 0);
		if (round & 1)
			stage_settle(2);
		connect_start(&connections[0]);
		if (round & 2)
			stage_settle(1);
		trial_cancel(&first);
		turn_until(first.ends && connections[0].ends);
		if (first.op.result < 0) {
			expect(&first, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			accept_start(&second, 0);
			await(&second);
			first = second;
		}
		expect(&first, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		handle_close(first.op.made);
		handle_close(connections[0].op.handle);
	}
}
END_TEST

START_TEST(an_accept_behind_a_cancelled_one_gets_the_connection)
{
	struct trial first;
	struct trial second;

	accept_start(&first, 0);
	accept_start(&second, 0);
	stage_settle(3);
	trial_cancel(&first);
	await(&first);
	expect(&first, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	connect_start(&connections[0]);
	turn_until(second.ends && connections[0].ends);
	expect(&second, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(an_accept_beyond_handles_max_ends_with_ENFILE_and_leaks_nothing)
{
	struct duet_loop_options options;
	struct trial trial;

	duet_loop_options_init(&options);
	options.handles_max = 2;
	stage_reopen(&options, NULL);
	connect_start(&connections[0]);
	accept_start(&trial, 0);
	turn_until(trial.ends && connections[0].ends);
	expect(&trial, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(accept_on_a_connection_fails_as_the_kernel_says)
{
	struct trial trial;
	duet_handle pair[2];

	pair_open(pair);
	trial_init(&trial);
	duet_op_accept(&trial.op, pair[0], 0);
	trial_run(&trial);
	expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

/* Also where a receive has found out that nothing is there to be had. */
START_TEST(accept_on_an_empty_connection_does_not_wait)
{
	struct trial trial;
	duet_handle pair[2];
	char byte;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[0], &byte, 1, 0);
	trial_start(&trial);
	stage_settle(3);
	trial_cancel(&trial);
	await(&trial);
	for (unsigned flags = 0; flags <= DUET_MULTISHOT; flags += DUET_MULTISHOT) {
		trial_init(&trial);
		duet_op_accept(&trial.op, pair[0], flags);
		trial_run(&trial);
		expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
	}
}
END_TEST

START_TEST(what_was_accepted_is_close_on_exec)
{
	duet_handle handle;
	int raw;
	int fd;

	raw_pair(&handle, &raw);
	fd = duet_handle_fd(stage.loop, handle);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(raw);
}
END_TEST

/* In the ring's plain mode the connection is accepted before anybody asks: the cancel is late. */
START_TEST(a_late_cancel_hands_over_the_accepted_connection)
{
	struct trial trial;
	struct trial next;
	int raw;

	accept_start(&trial, 0);
	stage_settle(3);
	raw = raw_connect();
	trial_cancel(&trial);
	trial_cancel(&trial);
	await(&trial);
	if (trial.op.result == -ECANCELED) {
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		accept_start(&next, 0);
		await(&next);
		trial = next;
	}
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	raw_send(raw, "x", 1);
	stream_recv(trial.op.made, (char[1]){ 0 }, 1);
	handle_close(trial.op.made);
	close(raw);
}
END_TEST

START_TEST(the_backlog_of_a_cancelled_multishot_accept_is_handed_over)
{
	struct arrivals arrivals = { .count = 0 };
	struct trial trial;
	int raw[6];

	accept_start(&trial, DUET_MULTISHOT);
	trial.then = arrive;
	trial.context = &arrivals;
	stage_settle(3);
	for (unsigned i = 0; i < 6; i++)
		raw[i] = raw_connect();
	trial_cancel(&trial);
	await(&trial);
	while (arrivals.count < 6) {
		struct trial next;

		accept_start(&next, 0);
		await(&next);
		expect(&next, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		arrivals.made[arrivals.count++] = next.op.made;
	}
	for (unsigned i = 0; i < 6; i++) {
		raw_send(raw[i], "x", 1);
		close(raw[i]);
	}
	for (unsigned i = 0; i < 6; i++)
		stream_recv(arrivals.made[i], (char[1]){ 0 }, 1);
}
END_TEST

/* Nothing is refused before a connection is there that has no place. */
START_TEST(a_multishot_accept_goes_on_with_a_table_that_is_full)
{
	struct duet_loop_options options;
	struct trial accepting;
	int peers[4];

	duet_loop_options_init(&options);
	options.handles_max = 3;
	stage_reopen(&options, NULL);
	accept_start(&accepting, DUET_MULTISHOT);
	for (unsigned i = 0; i < 2; i++) {
		peers[i] = raw_connect();
		turn_until(accepting.items == i + 1);
	}
	stage_settle(5);
	ck_assert_uint_eq(accepting.ends, 0);
	handle_close(accepting.op.made);
	peers[2] = raw_connect();
	turn_until(accepting.items == 3);
	stage_settle(5);
	ck_assert_uint_eq(accepting.ends, 0);
	peers[3] = raw_connect();
	await(&accepting);
	expect(&accepting, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(accepting.items, 3);
	for (unsigned i = 0; i < 4; i++)
		close(peers[i]);
}
END_TEST

START_TEST(a_multishot_accept_may_begin_with_a_table_that_is_full)
{
	struct duet_loop_options options;
	struct trial accepting, other;
	int peer;

	duet_loop_options_init(&options);
	options.handles_max = 2;
	stage_reopen(&options, NULL);
	listener_open(&stage.listener, &stage.address);
	trial_init(&other);
	duet_op_socket(&other.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&other);
	accept_start(&accepting, DUET_MULTISHOT);
	stage_settle(5);
	ck_assert_uint_eq(accepting.ends, 0);
	handle_close(other.op.made);
	peer = raw_connect();
	turn_until(accepting.items == 1);
	trial_cancel(&accepting);
	await(&accepting);
	close(peer);
}
END_TEST

int main(void)
{
	return contract_run("accept",
		CASES(accept_waits_for_a_connection_and_makes_its_handle,
			accepts_are_served_in_the_order_in_which_they_were_started,
			a_cancelled_accept_ends_untouched,
			an_accept_cancelled_before_it_was_handed_over_ends_untouched,
			a_multishot_accept_goes_on_until_it_is_cancelled,
			a_connection_is_with_the_cancelled_accept_or_with_the_next_one,
			an_accept_behind_a_cancelled_one_gets_the_connection,
			an_accept_beyond_handles_max_ends_with_ENFILE_and_leaks_nothing,
			accept_on_a_connection_fails_as_the_kernel_says,
			accept_on_an_empty_connection_does_not_wait),
		CASES(what_was_accepted_is_close_on_exec,
			a_late_cancel_hands_over_the_accepted_connection,
			the_backlog_of_a_cancelled_multishot_accept_is_handed_over,
			a_multishot_accept_goes_on_with_a_table_that_is_full,
			a_multishot_accept_may_begin_with_a_table_that_is_full));
}
