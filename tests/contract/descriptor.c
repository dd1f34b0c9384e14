/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Descriptors that come with a message: handed over, or closed, and never lost. sendmsg.c has the other
 * side. */

static duet_handle end;
static struct duet_msghdr header;
static unsigned char in[64];

static void describe(struct trial *trial)
{
	trial_init(trial);
	duet_op_recvfrom(&trial->op, end, in, 8, &header);
}

static void receive_start(struct trial *trial)
{
	describe(trial);
	trial_start(trial);
}

static _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(8 * sizeof(int))];

static void room_for(unsigned descriptors)
{
	memset(&header, 0, sizeof(header));
	header.control = control;
	header.control_room_bytes = descriptors ? CMSG_SPACE(descriptors * sizeof(int)) : 0;
}

/* The reading end of so many pipes, each with a byte that says which it is. */
static void pass_pipes(int raw, unsigned count)
{
	_Alignas(struct cmsghdr) unsigned char room[CMSG_SPACE(8 * sizeof(int))];
	struct duet_msghdr passed = { .control = room, .control_room_bytes = sizeof(room) };
	struct iovec piece = { (char[]){ "p" }, 1 };
	int pipes[2], ends[8];

	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
		ck_assert_int_eq(write(pipes[1], &"0123456789"[i], 1), 1);
		close(pipes[1]);
		ends[i] = pipes[0];
	}
	ck_assert_int_eq(duet_msghdr_put_descriptors(&passed, ends, count), 0);
	ck_assert_int_eq(sendmsg(raw, &(struct msghdr){ .msg_iov = &piece, .msg_iovlen = 1,
					      .msg_control = room,
					      .msg_controllen = passed.control_bytes },
				 0), 1);
	for (unsigned i = 0; i < count; i++)
		close(ends[i]);
}

static void expect_pipes(unsigned count)
{
	unsigned came;
	const int *descriptors = duet_msghdr_descriptors(&header, &came);
	char byte;

	ck_assert_uint_eq(came, count);
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(fcntl(descriptors[i], F_GETFD), FD_CLOEXEC);
		ck_assert_int_eq(read(descriptors[i], &byte, 1), 1);
		ck_assert_int_eq(byte, '0' + (int)i);
		close(descriptors[i]);
	}
}

START_TEST(descriptors_come_and_no_program_that_is_started_inherits_them)
{
	struct trial trial;
	int raw;

	raw_unix(SOCK_STREAM, &end, &raw);
	for (unsigned inside = 0; inside < 2; inside++) {
		room_for(8);
		pass_pipes(raw, 3);
		describe(&trial);
		if (inside)
			duet_op_inline(&trial.op);
		if (!trial_try(&trial))
			await(&trial);
		ck_assert_int_eq(trial.op.result, 1);
		ck_assert_int_eq(header.flags, 0);
		expect_pipes(3);
	}
	room_for(8);
	receive_start(&trial);
	stage_settle(3);
	pass_pipes(raw, 2);
	await(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect_pipes(2);
	close(raw);
}
END_TEST

START_TEST(descriptors_for_which_there_is_no_room_are_closed_and_the_header_says_so)
{
	struct trial trial;
	unsigned before;
	int raw;

	raw_unix(SOCK_STREAM, &end, &raw);
	before = descriptors_open();
	for (unsigned room = 0; room < 2; room++) {
		pass_pipes(raw, 4);
		room_for(room);
		header.control_room_bytes = room ? CMSG_LEN(sizeof(int)) : 0;
		receive_start(&trial);
		await(&trial);
		expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(header.flags & MSG_CTRUNC, MSG_CTRUNC);
		expect_pipes(room);
		ck_assert_uint_eq(descriptors_open(), before);
	}
	close(raw);
}
END_TEST

START_TEST(descriptors_that_nobody_is_told_of_are_closed)
{
	struct duet_stats stats;
	struct duet_op op;
	unsigned before;
	int raw;

	raw_unix(SOCK_STREAM, &end, &raw);
	before = descriptors_open();
	for (unsigned i = 0; i < 3; i++) {
		room_for(8);
		duet_op_init(&op, NULL, NULL);
		duet_op_recvfrom(&op, end, in, 8, &header);
		ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
		if (i)
			stage_settle(2);
		pass_pipes(raw, 4);
		if (i == 2)
			duet_op_cancel(&op);
		turn_until(!duet_op_pending(&op));
		if (op.result == -ECANCELED)
			ck_assert_int_eq(recv(duet_handle_fd(stage.loop, end), in, 1, 0), 1);
		ck_assert_uint_eq(descriptors_open(), before);
	}
	duet_loop_stats(stage.loop, &stats);
	ck_assert_uint_ge(stats.reclaimed, 8);
	close(raw);
}
END_TEST

START_TEST(a_cancel_loses_no_descriptor)
{
	unsigned before, count = 0;
	struct trial trial;
	int raw;

	raw_unix(SOCK_STREAM, &end, &raw);
	before = descriptors_open();
	for (unsigned i = 0; i < 60; i++) {
		room_for(8);
		receive_start(&trial);
		stage_settle(i % 3);
		pass_pipes(raw, 2);
		if (i % 2)
			stage_settle(1);
		trial_cancel(&trial);
		await(&trial);
		if (trial.op.result < 0) {
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			receive_start(&trial);
			await(&trial);
		}
		expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		expect_pipes(2);
		count++;
		ck_assert_uint_eq(descriptors_open(), before);
	}
	ck_assert_uint_eq(count, 60);
	close(raw);
}
END_TEST

/* Ancillary data stops a stream short of what is there: the rest is not waited for. */
START_TEST(bytes_with_descriptors_and_without_come_one_after_the_other)
{
	struct trial trials[4];
	static struct duet_msghdr headers[4];
	unsigned came[4];
	char bytes[4][8];
	size_t total = 0;
	int raw;

	raw_unix(SOCK_STREAM, &end, &raw);
	for (unsigned i = 0; i < 4; i++) {
		room_for(8);
		headers[i] = header;
		trial_init(&trials[i]);
		duet_op_recvfrom(&trials[i].op, end, bytes[i], 8, &headers[i]);
		headers[i].control = i ? malloc(sizeof(control)) : control;
		trial_start(&trials[i]);
	}
	raw_send(raw, "a", 1);
	pass_pipes(raw, 1);
	raw_send(raw, "b", 1);
	pass_pipes(raw, 2);
	for (unsigned i = 0; i < 4 && total < 4; i++) {
		await(&trials[i]);
		total += trials[i].op.transferred;
		header = headers[i];
		duet_msghdr_descriptors(&header, &came[i]);
		expect_pipes(came[i]);
	}
	ck_assert_uint_eq(total, 4);
	for (unsigned i = 0; i < 4; i++)
		trial_cancel(&trials[i]);
	for (unsigned i = 0; i < 4; i++) {
		await(&trials[i]);
		if (i)
			free(headers[i].control);
	}
	close(raw);
}
END_TEST

START_TEST(they_are_found_behind_the_credentials_of_who_sent_them)
{
	_Alignas(struct cmsghdr) static unsigned char both[256];
	const struct cmsghdr *first;
	struct trial trial;
	struct ucred sender;
	int raw, on = 1;

	raw_unix(SOCK_STREAM, &end, &raw);
	ck_assert_int_eq(duet_handle_set_option(stage.loop, end, SOL_SOCKET, SO_PASSCRED, &on,
				 sizeof(on)), 0);
	pass_pipes(raw, 2);
	room_for(0);
	header.control = both;
	header.control_room_bytes = sizeof(both);
	receive_start(&trial);
	await(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	first = header.control;
	ck_assert_int_eq(first->cmsg_type, SCM_CREDENTIALS);
	memcpy(&sender, CMSG_DATA(first), sizeof(sender));
	ck_assert_int_eq(sender.pid, getpid());
	expect_pipes(2);
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("descriptor", NULL,
		CASES(descriptors_come_and_no_program_that_is_started_inherits_them,
			descriptors_for_which_there_is_no_room_are_closed_and_the_header_says_so,
			descriptors_that_nobody_is_told_of_are_closed,
			a_cancel_loses_no_descriptor,
			bytes_with_descriptors_and_without_come_one_after_the_other,
			they_are_found_behind_the_credentials_of_who_sent_them));
}
