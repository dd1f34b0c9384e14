/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* A poll that goes on: what has come is told, and never lost. */

static duet_handle pair[2];
static struct trial polls;

static void polls_start(duet_handle handle, uint32_t events)
{
	trial_init(&polls);
	duet_op_poll_multishot(&polls.op, handle, events);
	trial_start(&polls);
}

static void polls_end(void)
{
	duet_op_cancel(&polls.op);
	await(&polls);
	expect(&polls, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}

static void drain(duet_handle handle, size_t bytes)
{
	unsigned char data[64];
	struct trial trial;

	while (bytes) {
		trial_init(&trial);
		duet_op_recv(&trial.op, handle, data, sizeof(data), 0);
		trial_run(&trial);
		ck_assert_int_gt(trial.op.result, 0);
		bytes -= (size_t)trial.op.result;
	}
}

START_TEST(what_is_ready_at_the_start_is_told_and_it_goes_on)
{
	pair_open(pair);
	polls_start(pair[0], POLLOUT);
	turn_until(polls.items > 0);
	ck_assert_int_eq(polls.op.result, POLLOUT);
	ck_assert_uint_eq(polls.op.disposition, DUET_COMPLETED);
	ck_assert_uint_eq(polls.op.cause, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(polls.op.transferred, 0);
	ck_assert_uint_eq(polls.ends, 0);
	polls_end();
}
END_TEST

START_TEST(bytes_that_were_there_before_are_told)
{
	pair_open(pair);
	stream_send(pair[0], "x", 1);
	polls_start(pair[1], POLLIN);
	turn_until(polls.items > 0);
	ck_assert_int_eq(polls.op.result, POLLIN);
	drain(pair[1], 1);
	polls_end();
}
END_TEST

/* Who takes all there is hears of what comes next, however often. */
START_TEST(arm_drain_and_arrive_again_many_times)
{
	pair_open(pair);
	polls_start(pair[1], POLLIN);
	stage_settle(3);
	ck_assert_uint_eq(polls.items, 0);
	for (unsigned round = 1; round <= 200; round++) {
		unsigned before = polls.items;

		stream_send(pair[0], "hello", 5);
		turn_until(polls.items > before);
		ck_assert_int_eq(polls.op.result & POLLIN, POLLIN);
		drain(pair[1], 5);
	}
	polls_end();
}
END_TEST

/* The same without taking a turn between what is drained and what arrives. */
START_TEST(what_arrives_while_it_is_drained_is_told)
{
	struct trial sends, receives;
	unsigned char data[8];
	unsigned before;

	pair_open(pair);
	polls_start(pair[1], POLLIN);
	for (unsigned round = 1; round <= 100; round++) {
		before = polls.items;
		stream_send(pair[0], "abc", 3);
		turn_until(polls.items > before);
		before = polls.items;
		trial_init(&receives);
		duet_op_recv(&receives.op, pair[1], data, 3, DUET_WHOLE);
		trial_start(&receives);
		trial_init(&sends);
		duet_op_send(&sends.op, pair[0], "d", 1, 0);
		trial_start(&sends);
		turn_until(receives.ends && sends.ends);
		turn_until(polls.items > before);
		drain(pair[1], 1);
	}
	polls_end();
}
END_TEST

START_TEST(room_is_told_of_after_a_send_that_found_none)
{
	unsigned char *big = malloc(STUCK_BYTES);
	struct trial stuck;

	memset(big, 1, STUCK_BYTES);
	for (unsigned round = 0; round < 3; round++) {
		unsigned before;

		pair_open(pair);
		polls_start(pair[0], POLLOUT);
		turn_until(polls.items > 0);
		trial_stick(&stuck, pair[0], big);
		stage_settle(3);
		before = polls.items;
		trial_cancel(&stuck);
		await(&stuck);
		stream_drain(pair[1], big, STUCK_BYTES);
		turn_until(polls.items > before);
		ck_assert_int_eq(polls.op.result & POLLOUT, POLLOUT);
		polls_end();
		pair_close(pair);
	}
	free(big);
}
END_TEST

/* Nothing comes: then nothing is told either, however long it is, and nothing is done for it. */
START_TEST(it_never_spins)
{
	struct duet_stats before, after;
	unsigned told;

	pair_open(pair);
	stream_send(pair[0], "x", 1);
	polls_start(pair[1], POLLIN | POLLOUT | POLLRDHUP);
	turn_until(polls.items > 0);
	stage_settle(20);
	told = polls.items;
	ck_assert_uint_le(told, 3);
	duet_loop_stats(stage.loop, &before);
	stage_settle(50);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(polls.items, told);
	ck_assert_uint_eq(after.armed, before.armed);
	ck_assert_uint_eq(after.interim, before.interim);
	drain(pair[1], 1);
	polls_end();
}
END_TEST

START_TEST(a_file_is_always_ready_and_told_once)
{
	duet_handle handle = file_open(file_path("data"), O_RDWR | O_CREAT);
	struct duet_stats before, after;

	polls_start(handle, POLLIN | POLLOUT);
	turn_until(polls.items > 0);
	ck_assert_int_eq(polls.op.result, POLLIN | POLLOUT);
	stage_settle(10);
	duet_loop_stats(stage.loop, &before);
	stage_settle(50);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(polls.items, 1);
	ck_assert_uint_eq(after.armed, before.armed);
	polls_end();
}
END_TEST

START_TEST(the_end_of_the_stream_is_told)
{
	pair_open(pair);
	polls_start(pair[1], POLLIN | POLLRDHUP);
	stage_settle(3);
	handle_close(pair[0]);
	turn_until(polls.items > 0);
	ck_assert_int_gt(polls.op.result & (POLLIN | POLLRDHUP), 0);
	stage_settle(20);
	ck_assert_uint_le(polls.items, 3);
	polls_end();
}
END_TEST

START_TEST(connections_are_told_of)
{
	struct trial trial;
	duet_handle client;
	duet_handle near;

	pair_open(pair);
	polls_start(stage.listener, POLLIN);
	stage_settle(3);
	ck_assert_uint_eq(polls.items, 0);
	for (unsigned round = 0; round < 20; round++) {
		unsigned before = polls.items;

		trial_init(&trial);
		duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
		trial_run(&trial);
		client = trial.op.made;
		trial_init(&trial);
		duet_op_connect(&trial.op, client, (struct sockaddr *)&stage.address,
				sizeof(stage.address));
		trial_run(&trial);
		turn_until(polls.items > before);
		trial_init(&trial);
		duet_op_accept(&trial.op, stage.listener, 0);
		trial_run(&trial);
		near = trial.op.made;
		handle_close(near);
		handle_close(client);
	}
	polls_end();
}
END_TEST

static void cancel_in_item(struct trial *trial)
{
	if (trial->op.more)
		duet_op_cancel(&trial->op);
}

START_TEST(a_cancel_in_the_callback_of_an_item_ends_it)
{
	pair_open(pair);
	trial_init(&polls);
	polls.then = cancel_in_item;
	duet_op_poll_multishot(&polls.op, pair[0], POLLOUT);
	trial_start(&polls);
	await(&polls);
	expect(&polls, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(polls.items, 1);
}
END_TEST

/* A request is the end of the items, whatever has come by then. */
START_TEST(no_item_follows_a_request)
{
	unsigned before;

	for (unsigned turns = 0; turns < 4; turns++) {
		pair_open(pair);
		polls_start(pair[1], POLLIN);
		stage_settle(turns);
		stream_send(pair[0], "x", 1);
		before = polls.items;
		duet_op_cancel(&polls.op);
		await(&polls);
		stage_settle(3);
		expect(&polls, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		ck_assert_uint_eq(polls.items, before);
		drain(pair[1], 1);
		pair_close(pair);
	}
}
END_TEST

START_TEST(before_its_first_turn_it_is_cancelled_untouched)
{
	pair_open(pair);
	polls_start(pair[0], POLLOUT);
	duet_op_cancel(&polls.op);
	await(&polls);
	expect(&polls, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(polls.items, 0);
}
END_TEST

START_TEST(a_deadline_ends_it)
{
	pair_open(pair);
	trial_init(&polls);
	duet_op_poll_multishot(&polls.op, pair[1], POLLIN);
	duet_op_deadline(&polls.op, duet_loop_now_ns(stage.loop) + 3000000);
	trial_start(&polls);
	await(&polls);
	expect(&polls, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(a_close_ends_it)
{
	struct trial closing;

	pair_open(pair);
	polls_start(pair[1], POLLIN);
	stage_settle(3);
	trial_init(&closing);
	duet_op_close(&closing.op, pair[1]);
	trial_run(&closing);
	expect(&polls, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	ck_assert_uint_lt(polls.rank, closing.rank);
}
END_TEST

static void close_in_item(struct trial *trial)
{
	struct trial *closing = trial->context;

	if (!trial->op.more || closing->op.state)
		return;
	duet_op_close(&closing->op, trial->op.handle);
	ck_assert_int_eq(trial_try(closing), 0);
}

/* Several on one handle, of which the first to hear closes it. */
START_TEST(a_close_in_an_item_ends_all_of_its_handle)
{
	struct trial others[4], closing;

	pair_open(pair);
	trial_init(&closing);
	for (unsigned i = 0; i < 4; i++) {
		trial_init(&others[i]);
		others[i].then = close_in_item;
		others[i].context = &closing;
		duet_op_poll_multishot(&others[i].op, pair[1], POLLIN);
		trial_start(&others[i]);
	}
	stage_settle(3);
	stream_send(pair[0], "x", 1);
	await(&closing);
	for (unsigned i = 0; i < 4; i++)
		expect(&others[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
}
END_TEST

START_TEST(a_shutdown_of_the_loop_ends_it)
{
	pair_open(pair);
	polls_start(pair[1], POLLIN);
	stage_settle(3);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	expect(&polls, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
}
END_TEST

START_TEST(nobody_need_be_told)
{
	struct duet_op op;

	pair_open(pair);
	duet_op_init(&op, NULL, NULL);
	duet_op_poll_multishot(&op, pair[0], POLLOUT);
	ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
	stage_settle(5);
	duet_op_cancel(&op);
	turn_until(!duet_op_pending(&op));
}
END_TEST

/* ---- Where there is a kernel. ---- */

START_TEST(an_eventfd_tells_of_each_that_comes_after_a_read)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t one = 1, sum = 0, part;
	duet_handle handle;

	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	polls_start(handle, POLLIN);
	stage_settle(2);
	for (unsigned round = 0; round < 300; round++) {
		unsigned before = polls.items;

		ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
		turn_until(polls.items > before);
		ck_assert_int_eq(read(fd, &part, sizeof(part)), sizeof(part));
		sum += part;
	}
	ck_assert_uint_eq(sum, 300);
	polls_end();
}
END_TEST

/* So many at once that the ring's queue for them is full: the kernel then ends them one by one. */
START_TEST(a_crowd_that_hears_at_once_hears_again)
{
	static struct trial crowd[300];
	struct duet_loop_options options;
	unsigned told = 0;
	int fd;
	uint64_t one = 1, count;
	duet_handle handle;

	duet_loop_options_init(&options);
	stage_reopen(&options, "entries=8");
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	for (unsigned i = 0; i < 300; i++) {
		trial_init(&crowd[i]);
		duet_op_poll_multishot(&crowd[i].op, handle, POLLIN);
		trial_start(&crowd[i]);
	}
	stage_settle(10);
	for (unsigned round = 1; round <= 5; round++) {
		for (unsigned i = 0; i < 300; i++)
			crowd[i].items = 0;
		ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
		for (told = 0; told < 300; told++)
			turn_until(crowd[told].items > 0);
		ck_assert_int_eq(read(fd, &count, sizeof(count)), sizeof(count));
		stage_settle(10);
	}
	for (unsigned i = 0; i < 300; i++)
		trial_cancel(&crowd[i]);
	for (unsigned i = 0; i < 300; i++) {
		await(&crowd[i]);
		expect(&crowd[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	}
}
END_TEST

/* It has come, and the kernel may have said so already. */
START_TEST(no_item_follows_a_request_that_meets_an_arrival)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t one = 1, count;
	duet_handle handle;
	unsigned before;

	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	for (unsigned round = 0; round < 20; round++) {
		polls_start(handle, POLLIN);
		stage_settle(1 + round % 3);
		ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
		if (round & 1)
			duet_loop_prepare(stage.loop);
		before = polls.items;
		duet_op_cancel(&polls.op);
		await(&polls);
		expect(&polls, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		ck_assert_uint_eq(polls.items, before);
		ck_assert_int_eq(read(fd, &count, sizeof(count)), sizeof(count));
	}
}
END_TEST

/* What has no readiness to wait for, and isn't a regular file either. */
START_TEST(a_device_that_is_always_ready_is_told_once)
{
	struct duet_stats before, after;
	duet_handle handle;
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	polls_start(handle, POLLIN);
	turn_until(polls.items > 0);
	stage_settle(10);
	duet_loop_stats(stage.loop, &before);
	stage_settle(50);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(polls.items, 1);
	ck_assert_uint_eq(after.armed, before.armed);
	polls_end();
}
END_TEST

START_TEST(urgent_data_is_told_of)
{
	char byte;
	int raw;

	raw_pair(&pair[0], &raw);
	polls_start(pair[0], POLLPRI);
	stage_settle(3);
	raw_send(raw, "data", 4);
	stage_settle(5);
	ck_assert_uint_eq(polls.items, 0);
	ck_assert_int_eq(send(raw, "!", 1, MSG_OOB), 1);
	turn_until(polls.items > 0);
	ck_assert_int_eq(polls.op.result, POLLPRI);
	ck_assert_int_eq(recv(duet_handle_fd(stage.loop, pair[0]), &byte, 1, MSG_OOB), 1);
	polls_end();
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("poll_multishot",
		CASES(what_is_ready_at_the_start_is_told_and_it_goes_on,
			bytes_that_were_there_before_are_told,
			arm_drain_and_arrive_again_many_times,
			what_arrives_while_it_is_drained_is_told,
			room_is_told_of_after_a_send_that_found_none, it_never_spins,
			a_file_is_always_ready_and_told_once, the_end_of_the_stream_is_told,
			connections_are_told_of, a_cancel_in_the_callback_of_an_item_ends_it,
			no_item_follows_a_request, before_its_first_turn_it_is_cancelled_untouched,
			a_deadline_ends_it, a_close_ends_it, a_close_in_an_item_ends_all_of_its_handle,
			a_shutdown_of_the_loop_ends_it, nobody_need_be_told),
		CASES(an_eventfd_tells_of_each_that_comes_after_a_read,
			a_crowd_that_hears_at_once_hears_again,
			no_item_follows_a_request_that_meets_an_arrival,
			a_device_that_is_always_ready_is_told_once, urgent_data_is_told_of));
}
