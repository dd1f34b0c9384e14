/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/errqueue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Receives with a header, of streams; datagram.c has the rest of them. */

static duet_handle pair[2];
static struct duet_msghdr header;
static unsigned char in[65536];

static void describe(struct trial *trial, size_t room, int message_flags)
{
	struct iovec into = { in, room };

	trial_init(trial);
	duet_op_recvmsg(&trial->op, pair[1], &into, 1, &header, message_flags);
	memset(&into, 0xff, sizeof(into));
}

static void recvmsg_start(struct trial *trial, size_t room)
{
	describe(trial, room, 0);
	trial_start(trial);
}

static void open_empty(void)
{
	pair_open(pair);
	memset(&header, 0, sizeof(header));
}

START_TEST(a_stream_gives_what_it_has_and_no_address)
{
	struct trial trial;
	size_t total = 0;

	open_empty();
	header.address_bytes = 77;
	header.flags = -1;
	stream_send(pair[0], "hello", 5);
	while (total < 5) {
		recvmsg_start(&trial, sizeof(in));
		await(&trial);
		ck_assert_int_ge(trial.op.result, 1);
		expect(&trial, (int)trial.op.transferred, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_mem_eq(in, &"hello"[total], trial.op.transferred);
		total += trial.op.transferred;
		ck_assert_uint_eq(header.address_bytes, 0);
		ck_assert_uint_eq(header.control_bytes, 0);
		ck_assert_int_eq(header.flags, 0);
	}
}
END_TEST

START_TEST(it_fills_its_pieces_in_order)
{
	struct iovec into[4] = { { in, 2 }, { in + 100, 0 }, { in + 200, 3 }, { in + 300, 50 } };
	struct trial trial;

	open_empty();
	stream_send(pair[0], "helloworld", 10);
	stage_settle(3);
	trial_init(&trial);
	duet_op_recvmsg(&trial.op, pair[1], into, 4, &header, 0);
	memset(into, 0, sizeof(into));
	trial_run(&trial);
	ck_assert_int_ge(trial.op.result, 1);
	for (uint32_t i = 0; i < trial.op.transferred; i++)
		ck_assert_int_eq(in[i < 2 ? i : i < 5 ? 198 + i : 295 + i], "helloworld"[i]);
}
END_TEST

START_TEST(at_the_end_of_the_stream_it_is_0)
{
	struct trial trial;

	open_empty();
	recvmsg_start(&trial, 8);
	stage_settle(2);
	handle_close(pair[0]);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(receives_with_and_without_a_header_are_served_in_one_line)
{
	static struct duet_msghdr headers[6];
	struct trial trials[6];
	char bytes[6];

	open_empty();
	for (unsigned i = 0; i < 6; i++) {
		trial_init(&trials[i]);
		if (i % 2)
			duet_op_recv(&trials[i].op, pair[1], &bytes[i], 1, 0);
		else
			duet_op_recvfrom(&trials[i].op, pair[1], &bytes[i], 1, &headers[i]);
		trial_start(&trials[i]);
	}
	stream_send(pair[0], "abcdef", 6);
	for (unsigned i = 0; i < 6; i++) {
		await(&trials[i]);
		expect(&trials[i], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	ck_assert_mem_eq(bytes, "abcdef", 6);
}
END_TEST

static void expect_untouched(const struct trial *trial, int result, enum duet_cause cause)
{
	expect(trial, result, DUET_UNTOUCHED, cause);
	ck_assert_uint_eq(header.address_bytes, 0);
	ck_assert_uint_eq(header.control_bytes, 0);
	ck_assert_int_eq(header.flags, 0);
}

START_TEST(a_cancel_takes_nothing_in_line_at_once_or_in_flight)
{
	struct trial first, second, third;
	char byte;

	open_empty();
	trial_init(&first);
	duet_op_recv(&first.op, pair[1], &byte, 1, 0);
	trial_start(&first);
	header.flags = 9;
	header.address_bytes = 9;
	header.control_bytes = 9;
	recvmsg_start(&second, 8);
	trial_cancel(&second);
	await(&second);
	expect_untouched(&second, -ECANCELED, DUET_CAUSE_CANCEL);
	trial_cancel(&first);
	await(&first);
	for (unsigned turns = 0; turns < 4; turns++) {
		recvmsg_start(&third, 8);
		stage_settle(turns);
		trial_cancel(&third);
		await(&third);
		expect_untouched(&third, -ECANCELED, DUET_CAUSE_CANCEL);
	}
	stream_send(pair[0], "x", 1);
	stream_recv(pair[1], in, 1);
}
END_TEST

START_TEST(a_cancel_that_comes_too_late_leaves_the_bytes_to_it)
{
	unsigned completed = 0;
	struct trial trial;

	open_empty();
	for (unsigned i = 0; i < 50; i++) {
		recvmsg_start(&trial, 8);
		stage_settle(i % 3);
		stream_send(pair[0], "x", 1);
		trial_cancel(&trial);
		await(&trial);
		if (trial.op.result == 1) {
			expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			completed++;
		} else {
			expect_untouched(&trial, -ECANCELED, DUET_CAUSE_CANCEL);
			stream_recv(pair[1], in, 1);
		}
	}
	ck_assert_uint_le(completed, 50);
}
END_TEST

START_TEST(a_deadline_ends_it)
{
	struct trial trial;

	open_empty();
	describe(&trial, 8, 0);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 2000000);
	trial_run(&trial);
	expect_untouched(&trial, -ETIMEDOUT, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(a_close_under_it_ends_it_first)
{
	struct trial trial, closing;

	open_empty();
	recvmsg_start(&trial, 8);
	stage_settle(2);
	trial_init(&closing);
	duet_op_close(&closing.op, pair[1]);
	trial_start(&closing);
	await(&closing);
	expect_untouched(&trial, -ECANCELED, DUET_CAUSE_CLOSE);
	ck_assert_uint_lt(trial.rank, closing.rank);
	describe(&trial, 8, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
}
END_TEST

START_TEST(a_shutdown_of_the_loop_ends_it)
{
	struct trial trial;

	open_empty();
	recvmsg_start(&trial, 8);
	stage_settle(2);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + 2000000000), 0);
	expect_untouched(&trial, -ECANCELED, DUET_CAUSE_SHUTDOWN);
}
END_TEST

START_TEST(it_may_end_inside_its_start)
{
	struct trial trial;
	unsigned inside = 0;

	open_empty();
	for (unsigned i = 0; i < 10; i++) {
		int answer;

		stream_send(pair[0], "x", 1);
		stage_settle(2);
		describe(&trial, 8, 0);
		duet_op_inline(&trial.op);
		answer = trial_try(&trial);
		ck_assert_int_ge(answer, 0);
		if (!answer)
			await(&trial);
		inside += (unsigned)answer;
		ck_assert_int_eq(trial.op.result, 1);
		ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
		ck_assert_int_eq(in[0], 'x');
	}
	ck_assert_uint_le(inside, 10);
}
END_TEST

START_TEST(a_peek_leaves_what_it_shows)
{
	struct trial trial;

	open_empty();
	stream_send(pair[0], "hello", 5);
	for (unsigned i = 0; i < 3; i++) {
		describe(&trial, 8, MSG_PEEK);
		trial_run(&trial);
		ck_assert_int_ge(trial.op.result, 1);
		ck_assert_int_eq(in[0], 'h');
	}
	stream_recv(pair[1], in, 5);
	ck_assert_mem_eq(in, "hello", 5);
}
END_TEST

START_TEST(who_waits_for_an_error_hears_of_no_data_and_of_the_end)
{
	struct trial trial;

	open_empty();
	describe(&trial, 8, MSG_ERRQUEUE);
	trial_start(&trial);
	stream_send(pair[0], "x", 1);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	stream_recv(pair[1], in, 1);
	describe(&trial, 8, MSG_ERRQUEUE);
	trial_start(&trial);
	stage_settle(2);
	ck_assert_uint_eq(trial.ends, 0);
	handle_close(pair[0]);
	await(&trial);
	expect(&trial, -EAGAIN, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(with_no_room_on_a_stream_it_waits_and_loses_nothing)
{
	struct trial trial;

	open_empty();
	recvmsg_start(&trial, 0);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_recv(pair[1], in, 5);
	ck_assert_mem_eq(in, "hello", 5);
}
END_TEST

START_TEST(what_is_asked_wrongly_is_refused)
{
	struct iovec pieces[6] = { { in, 1 }, { in, 1 }, { in, 1 }, { in, 1 }, { in, 1 } };
	static const int wrong[] = { MSG_DONTWAIT, MSG_WAITALL, MSG_TRUNC, MSG_NOSIGNAL, MSG_EOR,
		1 << 30 };
	struct trial trial;

	open_empty();
	trial_init(&trial);
	duet_op_recvmsg(&trial.op, pair[1], pieces, 1, NULL, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recvmsg(&trial.op, pair[1], pieces, 5, &header, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	pieces[0].iov_len = (size_t)DUET_TRANSFER_MAX + 1;
	duet_op_recvmsg(&trial.op, pair[1], pieces, 1, &header, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		describe(&trial, 8, wrong[i]);
		ck_assert_int_eq(trial_try(&trial), -EINVAL);
	}
	header.control_room_bytes = 1;
	describe(&trial, 8, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	header.control_room_bytes = 0;
	describe(&trial, 8, 0);
	trial.op.flags = DUET_WHOLE;
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
}
END_TEST

static const unsigned policies[] = { 0, DUET_HANDLE_TRY_NEVER, DUET_HANDLE_TRY_ALWAYS };

START_TEST(from_a_file_it_is_ENOTSOCK)
{
	struct trial trial;

	memset(&header, 0, sizeof(header));
	file_make(file_path("plain"), 100);
	pair[1] = file_open(file_path("plain"), O_RDONLY);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(duet_handle_set_flags(stage.loop, pair[1], policies[i]), 0);
		recvmsg_start(&trial, 8);
		await(&trial);
		expect(&trial, -ENOTSOCK, DUET_FAILED, DUET_CAUSE_ITSELF);
	}
}
END_TEST

START_TEST(a_message_is_never_abandoned_nor_copied_through)
{
	struct duet_loop_options options;
	struct duet_op *op;

	duet_loop_options_init(&options);
	options.owned_max = 1;
	options.owned_bytes = 4096;
	stage_reopen(&options, NULL);
	open_empty();
	ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), 0);
	duet_op_recvfrom(op, pair[1], duet_op_buffer(op), 8, &header);
	ck_assert_int_eq(duet_op_copy_through(op), -EINVAL);
	ck_assert_int_eq(duet_op_start(stage.loop, op), 0);
	ck_assert_int_eq(duet_op_abandon(op), -EINVAL);
	duet_op_cancel(op);
	turn_until(!duet_op_pending(op));
	ck_assert_int_eq(duet_op_return(op), 0);
}
END_TEST

/* ---- What has a readiness of its own. ---- */

START_TEST(urgent_data_is_received_beside_the_stream)
{
	static const char urgent = '!';
	struct trial trial;
	int raw;

	raw_pair(&pair[1], &raw);
	memset(&header, 0, sizeof(header));
	describe(&trial, 8, MSG_OOB);
	trial_run(&trial);
	expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
	raw_send(raw, "ab", 2);
	ck_assert_int_eq(send(raw, &urgent, 1, MSG_OOB), 1);
	stage_settle(5);
	describe(&trial, 8, MSG_OOB);
	trial_run(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(in[0], '!');
	stream_recv(pair[1], in, 2);
	ck_assert_mem_eq(in, "ab", 2);
	close(raw);
}
END_TEST

static _Alignas(struct cmsghdr) unsigned char control[256];

/* An unconnected UDP socket hears of a refused datagram only there. */
static void make_error(struct sockaddr_in *nobody)
{
	int fd = duet_handle_fd(stage.loop, pair[1]);

	ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)nobody, sizeof(*nobody)), 1);
}

static void open_with_errors(struct sockaddr_in *nobody)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	int gone = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(*nobody);

	*nobody = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ck_assert_int_eq(bind(fd, (struct sockaddr *)nobody, length), 0);
	ck_assert_int_eq(bind(gone, (struct sockaddr *)nobody, length), 0);
	ck_assert_int_eq(getsockname(gone, (struct sockaddr *)nobody, &length), 0);
	close(gone);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &pair[1]), 0);
	memset(&header, 0, sizeof(header));
	header.control = control;
	header.control_room_bytes = sizeof(control);
}

static void expect_refusal(const struct sockaddr_in *nobody)
{
	struct msghdr walked = { .msg_control = control, .msg_controllen = header.control_bytes };
	const struct cmsghdr *block = CMSG_FIRSTHDR(&walked);
	struct sock_extended_err error;

	ck_assert_int_eq(header.flags & MSG_ERRQUEUE, MSG_ERRQUEUE);
	ck_assert_ptr_nonnull(block);
	ck_assert_int_eq(block->cmsg_type, IP_RECVERR);
	memcpy(&error, CMSG_DATA(block), sizeof(error));
	ck_assert_uint_eq(error.ee_errno, ECONNREFUSED);
	ck_assert_int_eq(((struct sockaddr_in *)&header.address)->sin_port, nobody->sin_port);
}

START_TEST(the_queue_of_errors_is_received_from_beside_the_datagrams)
{
	struct sockaddr_in nobody;
	struct trial trial;

	open_with_errors(&nobody);
	make_error(&nobody);
	describe(&trial, 8, MSG_ERRQUEUE);
	trial_run(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect_refusal(&nobody);
	describe(&trial, 8, MSG_ERRQUEUE);
	trial_start(&trial);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	make_error(&nobody);
	await(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect_refusal(&nobody);
}
END_TEST

/* That it found no error says nothing about datagrams which are there. */
START_TEST(who_waited_for_an_error_in_vain_leaves_the_datagrams_to_the_next)
{
	struct sockaddr_in nobody, own;
	socklen_t length = sizeof(own);
	struct trial trial;
	int fd;

	open_with_errors(&nobody);
	fd = duet_handle_fd(stage.loop, pair[1]);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&own, &length), 0);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], in, 8, 0);
	trial_start(&trial);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&own, length), 1);
	await(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	describe(&trial, 8, MSG_ERRQUEUE);
	trial_start(&trial);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	recvmsg_start(&trial, 8);
	await(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(from_a_pipe_or_a_listener_it_is_refused_whatever_the_policy)
{
	struct sockaddr_in address;
	struct trial trial;
	int pipes[2];

	memset(&header, 0, sizeof(header));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
		ck_assert_int_eq(duet_handle_adopt(stage.loop, pipes[0], policies[i], &pair[1]), 0);
		recvmsg_start(&trial, 8);
		await(&trial);
		expect(&trial, -ENOTSOCK, DUET_FAILED, DUET_CAUSE_ITSELF);
		handle_close(pair[1]);
		close(pipes[1]);
		listener_open(&pair[1], &address);
		ck_assert_int_eq(duet_handle_set_flags(stage.loop, pair[1], policies[i]), 0);
		recvmsg_start(&trial, 8);
		await(&trial);
		expect(&trial, -ENOTCONN, DUET_FAILED, DUET_CAUSE_ITSELF);
	}
}
END_TEST

int main(void)
{
	return contract_run("recvmsg",
		CASES(a_stream_gives_what_it_has_and_no_address,
			it_fills_its_pieces_in_order,
			at_the_end_of_the_stream_it_is_0,
			receives_with_and_without_a_header_are_served_in_one_line,
			a_cancel_takes_nothing_in_line_at_once_or_in_flight,
			a_cancel_that_comes_too_late_leaves_the_bytes_to_it,
			a_deadline_ends_it,
			a_close_under_it_ends_it_first,
			a_shutdown_of_the_loop_ends_it,
			it_may_end_inside_its_start,
			a_peek_leaves_what_it_shows,
			who_waits_for_an_error_hears_of_no_data_and_of_the_end,
			with_no_room_on_a_stream_it_waits_and_loses_nothing,
			what_is_asked_wrongly_is_refused,
			from_a_file_it_is_ENOTSOCK,
			a_message_is_never_abandoned_nor_copied_through),
		CASES(urgent_data_is_received_beside_the_stream,
			the_queue_of_errors_is_received_from_beside_the_datagrams,
			who_waited_for_an_error_in_vain_leaves_the_datagrams_to_the_next,
			from_a_pipe_or_a_listener_it_is_refused_whatever_the_policy));
}
