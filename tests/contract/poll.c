/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/harness.h"

static duet_handle pair[2];

static void poll_start(struct trial *trial, duet_handle handle, uint32_t events)
{
	trial_init(trial);
	duet_op_poll(&trial->op, handle, events);
	trial_start(trial);
}

START_TEST(poll_says_writable_at_once)
{
	struct trial trial;

	pair_open(pair);
	poll_start(&trial, pair[0], POLLOUT);
	await(&trial);
	expect(&trial, POLLOUT, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(poll_waits_until_there_is_something_to_read_and_consumes_nothing)
{
	struct trial trial;
	char data[5];

	pair_open(pair);
	poll_start(&trial, pair[1], POLLIN);
	stage_settle(10);
	ck_assert_uint_eq(trial.ends, 0);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	ck_assert_int_eq(trial.op.result & POLLIN, POLLIN);
	stream_recv(pair[1], data, 5);
	ck_assert_mem_eq(data, "hello", 5);
}
END_TEST

START_TEST(poll_sees_what_was_there_before)
{
	struct trial trial;
	char data[5];

	pair_open(pair);
	stream_send(pair[0], "hello", 5);
	poll_start(&trial, pair[1], POLLIN);
	await(&trial);
	ck_assert_int_eq(trial.op.result & POLLIN, POLLIN);
	trial.ends = 0;
	trial_start(&trial);
	await(&trial);
	ck_assert_int_eq(trial.op.result & POLLIN, POLLIN);
	stream_recv(pair[1], data, 5);
}
END_TEST

START_TEST(polls_on_one_handle_run_beside_each_other_and_beside_a_recv)
{
	struct trial polls[3];
	struct trial recv;
	char byte;

	pair_open(pair);
	for (unsigned i = 0; i < 3; i++)
		poll_start(&polls[i], pair[1], POLLIN);
	trial_init(&recv);
	duet_op_recv(&recv.op, pair[1], &byte, 1, 0);
	trial_start(&recv);
	stage_settle(3);
	trial_cancel(&polls[1]);
	await(&polls[1]);
	expect(&polls[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	stream_send(pair[0], "x", 1);
	await(&recv);
	expect(&recv, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_cancel(&polls[0]);
	trial_cancel(&polls[2]);
	turn_until(polls[0].ends && polls[2].ends);
}
END_TEST

START_TEST(poll_sees_the_end_of_the_stream)
{
	struct trial trial;

	pair_open(pair);
	poll_start(&trial, pair[1], POLLIN | POLLRDHUP);
	handle_close(pair[0]);
	await(&trial);
	ck_assert_int_gt(trial.op.result, 0);
	ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
}
END_TEST

START_TEST(a_cancelled_poll_ends_untouched)
{
	struct trial trial;

	pair_open(pair);
	poll_start(&trial, pair[1], POLLIN);
	stage_settle(3);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(poll_on_a_listener_says_that_a_connection_waits)
{
	struct trial trial;
	struct trial accepting;
	int raw;

	pair_open(pair);
	poll_start(&trial, stage.listener, POLLIN);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	raw = raw_connect();
	await(&trial);
	ck_assert_int_eq(trial.op.result & POLLIN, POLLIN);
	trial_init(&accepting);
	duet_op_accept(&accepting.op, stage.listener, 0);
	trial_run(&accepting);
	expect(&accepting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

START_TEST(poll_works_on_an_eventfd_and_hangup_is_always_told)
{
	struct trial trial;
	duet_handle handle;
	uint64_t one = 1;
	int fd = eventfd(0, EFD_CLOEXEC);
	int ends[2];

	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	poll_start(&trial, handle, POLLIN);
	stage_settle(3);
	ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
	await(&trial);
	expect(&trial, POLLIN, DUET_COMPLETED, DUET_CAUSE_ITSELF);

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, &handle), 0);
	poll_start(&trial, handle, POLLPRI);
	stage_settle(3);
	close(ends[1]);
	await(&trial);
	expect(&trial, POLLHUP, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(unknown_events_are_refused)
{
	static const uint32_t unknown[] = { 0x80000000u, POLLNVAL, POLLRDNORM, 1u << 28 };
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	for (unsigned i = 0; i < 4; i++) {
		duet_op_poll(&trial.op, pair[0], POLLIN | unknown[i]);
		ck_assert_int_eq(trial_try(&trial), -EINVAL);
	}
	poll_start(&trial, pair[0], POLLOUT | POLLERR | POLLHUP);
	await(&trial);
	expect(&trial, POLLOUT, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* Urgent data alone is no data: the urgent byte is not in the stream. */
START_TEST(poll_for_urgent_data_hears_of_it_and_of_nothing_else)
{
	static const uint32_t asked[] = { POLLPRI, POLLIN | POLLPRI, POLLPRI | POLLRDHUP };
	struct trial trial;
	int raw;

	for (unsigned i = 0; i < 6; i++) {
		bool data_first = i & 1;

		raw_pair(&pair[0], &raw);
		poll_start(&trial, pair[0], asked[i / 2]);
		stage_settle(3);
		if (data_first)
			raw_send(raw, "data", 4);
		for (unsigned turn = 0; turn < 3; turn++)
			stage_turn();
		if (data_first && asked[i / 2] & POLLIN) {
			expect(&trial, POLLIN, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			close(raw);
			continue;
		}
		ck_assert_uint_eq(trial.ends, 0);
		ck_assert_int_eq(send(raw, "!", 1, MSG_OOB), 1);
		await(&trial);
		expect(&trial, POLLPRI, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		close(raw);
	}
}
END_TEST

/* poll(2) waits for them all the same; so it can only be cancelled. */
START_TEST(poll_for_urgent_data_of_a_file_waits)
{
	duet_handle handle = file_open(file_path("data"), O_RDWR | O_CREAT);
	struct trial trial;
	struct duet_stats before;
	struct duet_stats after;

	poll_start(&trial, handle, POLLPRI);
	stage_settle(5);
	duet_loop_stats(stage.loop, &before);
	stage_settle(20);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(trial.ends, 0);
	ck_assert_uint_eq(after.armed, before.armed);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

int main(void)
{
	return contract_run("poll",
		CASES(poll_says_writable_at_once,
			poll_waits_until_there_is_something_to_read_and_consumes_nothing,
			poll_sees_what_was_there_before,
			polls_on_one_handle_run_beside_each_other_and_beside_a_recv,
			poll_sees_the_end_of_the_stream, a_cancelled_poll_ends_untouched,
			unknown_events_are_refused),
		CASES(poll_on_a_listener_says_that_a_connection_waits,
			poll_works_on_an_eventfd_and_hangup_is_always_told,
			poll_for_urgent_data_hears_of_it_and_of_nothing_else,
			poll_for_urgent_data_of_a_file_waits));
}
