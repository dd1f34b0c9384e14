/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/support/splice.h"

/* From one handle to another: what is moved, and what ends it. Where it stands: splice_lines.c. */

#define FILE_BYTES 200000

static unsigned char in[65536];

static void move_hello(duet_handle into, duet_handle from, duet_handle to, duet_handle end)
{
	struct trial trial;

	stream_send(into, "hello", 5);
	splice_run(&trial, from, to, 5, DUET_WHOLE);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.transferred, 5);
	expect_came(end, "hello", 5);
}

START_TEST(it_moves_bytes_from_a_pipe_or_into_one)
{
	all_open();
	move_hello(pair[0], pair[1], one[1], one[0]);
	move_hello(one[1], one[0], pair[0], pair[1]);
	move_hello(one[1], one[0], other[1], other[0]);
}
END_TEST

START_TEST(like_a_receive_it_is_complete_with_what_there_is)
{
	struct trial trial;

	all_open();
	stream_send(one[1], "hello", 5);
	splice_run(&trial, one[0], pair[0], 4096, 0);
	ck_assert_int_ge(trial.op.result, 1);
	expect(&trial, (int)trial.op.transferred, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect_came(pair[1], "hello", trial.op.transferred);
}
END_TEST

START_TEST(it_moves_no_more_than_was_asked_for)
{
	struct trial trial;

	all_open();
	stream_send(one[1], "hello, world", 12);
	splice_run(&trial, one[0], other[1], 5, DUET_WHOLE);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect_came(other[0], "hello", 5);
	expect_came(one[0], ", world", 7);
}
END_TEST

/* ---- Files. ---- */

START_TEST(a_file_is_read_and_written_where_it_is_said)
{
	const char *path = file_path("there");
	duet_handle file;
	struct trial trial;

	all_open();
	file_make(path, 1000);
	file = file_open(path, O_RDWR);
	splice_describe(&trial, 0, file, one[1], 100, DUET_WHOLE);
	splices[0].from_offset_bytes = 300;
	trial_run(&trial);
	expect(&trial, 100, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(splices[0].from_offset_bytes, 400);
	ck_assert_uint_eq(splices[0].to_offset_bytes, DUET_SPLICE_ONWARD);
	splice_describe(&trial, 0, one[0], file, 100, DUET_WHOLE);
	splices[0].to_offset_bytes = 1100;
	trial_run(&trial);
	expect(&trial, 100, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(splices[0].to_offset_bytes, 1200);
	ck_assert_int_eq(file_read(file, in, sizeof(in), 0), 1200);
	ck_assert(pattern_holds(in, 1000, 0));
	ck_assert(pattern_holds(in + 1100, 100, 300));
	ck_assert_uint_eq(in[1050], 0);
	handle_close(file);
}
END_TEST

START_TEST(otherwise_it_goes_on_where_the_file_stands)
{
	const char *path = file_path("there");
	duet_handle file;
	struct trial trial;

	all_open();
	file_make(path, 1000);
	file = file_open(path, O_RDWR);
	for (unsigned i = 0; i < 3; i++) {
		splice_run(&trial, file, one[1], 100, DUET_WHOLE);
		expect(&trial, 100, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	stream_recv(one[0], in, 300);
	ck_assert(pattern_holds(in, 300, 0));
	stream_send(one[1], "hello", 5);
	splice_run(&trial, one[0], file, 5, DUET_WHOLE);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(file_read(file, in, 5, 300), 5);
	ck_assert_mem_eq(in, "hello", 5);
	handle_close(file);
}
END_TEST

/* Two wholes, one into the pipe and one out of it, and nobody in between. */
START_TEST(a_file_is_sent_through_a_pipe)
{
	const char *path = file_path("there");
	struct trial reading, sending;
	duet_handle file;
	size_t total = 0;

	all_open();
	file_make(path, FILE_BYTES);
	file = file_open(path, O_RDONLY);
	splice_start(&reading, 0, file, one[1], FILE_BYTES, DUET_WHOLE);
	splice_start(&sending, 1, one[0], pair[0], FILE_BYTES, DUET_WHOLE);
	while (total < FILE_BYTES) {
		size_t bytes = FILE_BYTES - total;

		bytes = bytes < sizeof(in) ? bytes : sizeof(in);
		stream_recv(pair[1], in, bytes);
		ck_assert(pattern_holds(in, bytes, total));
		total += bytes;
	}
	await(&reading);
	await(&sending);
	expect(&reading, FILE_BYTES, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&sending, FILE_BYTES, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(file);
}
END_TEST

START_TEST(a_file_waits_for_room_in_its_pipe)
{
	const char *path = file_path("there");
	struct trial trial, polling;
	duet_handle file;

	all_open();
	file_make(path, FILE_BYTES);
	file = file_open(path, O_RDONLY);
	splice_start(&trial, 0, file, one[1], FILE_BYTES, DUET_WHOLE);
	trial_init(&polling);
	duet_op_poll(&polling.op, one[0], POLLIN);
	trial_run(&polling);
	stage_settle(10);
	ck_assert_uint_eq(trial.ends, 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, (int)trial.op.transferred, DUET_PARTIAL, DUET_CAUSE_CANCEL);
	handle_close(one[1]);
	for (size_t n, total = 0; (n = stream_drain(one[0], in, sizeof(in))) > 0; total += n)
		ck_assert(pattern_holds(in, n, total));
	handle_close(file);
}
END_TEST

/* ---- The end of the input. ---- */

START_TEST(the_end_of_the_input_is_0)
{
	struct trial trial;
	duet_handle file;

	all_open();
	file_make(file_path("there"), 10);
	file = file_open(file_path("there"), O_RDONLY);
	splice_start(&trial, 0, one[0], pair[0], 10, 0);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	handle_close(one[1]);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	splice_describe(&trial, 0, file, other[1], 10, 0);
	splices[0].from_offset_bytes = 10;
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	splice_start(&trial, 0, pair[1], other[1], 10, 0);
	stage_settle(3);
	handle_close(pair[0]);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(file);
}
END_TEST

START_TEST(a_whole_is_partial_at_the_end_or_untouched)
{
	struct trial trial;

	all_open();
	stream_send(one[1], "hello", 5);
	handle_close(one[1]);
	splice_run(&trial, one[0], pair[0], 10, DUET_WHOLE);
	expect(&trial, 5, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	splice_run(&trial, one[0], pair[0], 10, DUET_WHOLE);
	expect(&trial, 0, DUET_UNTOUCHED, DUET_CAUSE_ITSELF);
	expect_came(pair[1], "hello", 5);
}
END_TEST

/* ---- Waiting, and being asked to end. ---- */

START_TEST(it_waits_for_its_input)
{
	struct trial trial;

	all_open();
	for (unsigned i = 0; i < 5; i++) {
		splice_start(&trial, 0, pair[1], one[1], 5, DUET_WHOLE);
		stage_settle(3);
		ck_assert_uint_eq(trial.ends, 0);
		stream_send(pair[0], "hello", 5);
		await(&trial);
		expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		expect_came(one[0], "hello", 5);
	}
}
END_TEST

START_TEST(it_waits_for_room_in_its_output)
{
	struct trial trial;
	size_t total = 0;

	splice_stick(&trial);
	handle_close(one[1]);
	while (!trial.ends)
		total += stream_drain(other[0], in, sizeof(in));
	expect(&trial, (int)trial.op.transferred, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	handle_close(other[1]);
	for (size_t n; (n = stream_drain(other[0], in, sizeof(in))) > 0;)
		total += n;
	ck_assert_uint_eq(total, trial.op.transferred);
}
END_TEST

START_TEST(a_stuck_one_is_partial_when_it_is_cancelled)
{
	struct trial trial;
	size_t total = 0;

	splice_stick(&trial);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_uint_gt(trial.op.transferred, 0);
	expect(&trial, (int)trial.op.transferred, DUET_PARTIAL, DUET_CAUSE_CANCEL);
	handle_close(other[1]);
	for (size_t n; (n = stream_drain(other[0], in, sizeof(in))) > 0;)
		total += n;
	ck_assert_uint_eq(total, trial.op.transferred);
}
END_TEST

START_TEST(cancelled_while_it_waits_nothing_has_left_the_input)
{
	struct trial trial;

	all_open();
	for (unsigned turns = 0; turns < 4; turns++) {
		splice_start(&trial, 0, one[0], pair[0], 5, 0);
		stage_settle(turns);
		trial_cancel(&trial);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	}
	stream_send(one[1], "hello", 5);
	expect_came(one[0], "hello", 5);
}
END_TEST

/* What a cancel finds done is told, and what isn't is where it was. */
START_TEST(a_cancel_that_meets_bytes_loses_none)
{
	struct trial trial;

	for (unsigned turns = 0; turns < 4; turns++) {
		all_open();
		stream_send(one[1], "hello", 5);
		splice_start(&trial, 0, one[0], pair[0], 5, DUET_WHOLE);
		stage_settle(turns);
		trial_cancel(&trial);
		await(&trial);
		ck_assert_int_eq(trial.op.result,
			trial.op.transferred ? (int)trial.op.transferred : -ECANCELED);
		expect_came(pair[1], "hello", trial.op.transferred);
		expect_came(one[0], &"hello"[trial.op.transferred], 5 - trial.op.transferred);
	}
}
END_TEST

/* docs/parity.md: the ring's twin has made the call in the start, the reactor makes it in the turn. */
START_TEST(a_splice_that_is_cancelled_behind_its_start)
{
	struct trial trial;

	all_open();
	stream_send(one[1], "hello", 5);
	splice_start(&trial, 0, one[0], pair[0], 5, DUET_WHOLE);
	trial_cancel(&trial);
	await(&trial);
	if (stage.arm->ring)
		expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	else
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(a_deadline_ends_one_that_waits)
{
	struct trial trial;

	all_open();
	splice_describe(&trial, 0, pair[1], one[1], 5, 0);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 1000000);
	trial_run(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

static void close_under(duet_handle closed)
{
	struct trial trial, closing;

	splice_start(&trial, 0, pair[1], one[1], 5, 0);
	stage_settle(2);
	trial_init(&closing);
	duet_op_close(&closing.op, closed);
	trial_run(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	ck_assert_uint_lt(trial.rank, closing.rank);
}

START_TEST(the_close_of_either_ends_it_first)
{
	all_open();
	close_under(pair[1]);
	pair_open(pair);
	close_under(one[1]);
}
END_TEST

START_TEST(a_shutdown_of_the_loop_ends_one_that_waits)
{
	struct trial trials[2];

	all_open();
	splice_start(&trials[0], 0, pair[1], one[1], 5, 0);
	splice_start(&trials[1], 1, one[0], other[1], 5, 0);
	stage_settle(2);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	for (unsigned i = 0; i < 2; i++)
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
}
END_TEST

START_TEST(it_may_end_inside_its_start)
{
	struct trial trial;
	int answer;

	all_open();
	for (unsigned i = 0; i < 10; i++) {
		stream_send(one[1], "hello", 5);
		splice_describe(&trial, 0, one[0], pair[0], 5, DUET_WHOLE);
		duet_op_inline(&trial.op);
		answer = trial_try(&trial);
		ck_assert_int_ge(answer, 0);
		if (!answer)
			await(&trial);
		ck_assert_uint_eq(trial.ends, answer == 0);
		ck_assert_int_eq(trial.op.result, 5);
		ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
		expect_came(pair[1], "hello", 5);
	}
}
END_TEST

/* ---- What can't be. ---- */

START_TEST(without_a_reader_it_fails_and_raises_no_signal)
{
	struct trial trial;

	all_open();
	stream_send(one[1], "hello", 5);
	handle_close(other[0]);
	splice_run(&trial, one[0], other[1], 5, 0);
	expect(&trial, -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	splice_run(&trial, pair[1], other[1], 5, 0);
	expect(&trial, -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	trial_init(&trial);
	duet_op_shutdown(&trial.op, pair[0], SHUT_WR);
	trial_run(&trial);
	splice_run(&trial, one[0], pair[0], 5, 0);
	expect(&trial, -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_file_into_a_pipe_without_a_reader_raises_no_signal)
{
	struct trial trial;
	duet_handle file;

	all_open();
	file_make(file_path("there"), 1000);
	file = file_open(file_path("there"), O_RDONLY);
	handle_close(one[0]);
	splice_run(&trial, file, one[1], 5, 0);
	expect(&trial, -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	handle_close(file);
}
END_TEST

START_TEST(what_the_handles_are_not_made_for_fails)
{
	struct trial trial;
	duet_handle file;

	all_open();
	file_make(file_path("there"), 10);
	splice_run(&trial, one[0], one[1], 5, 0);
	expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
	splice_run(&trial, one[1], pair[0], 5, 0);
	expect(&trial, -EBADF, DUET_FAILED, DUET_CAUSE_ITSELF);
	splice_run(&trial, pair[0], one[0], 5, 0);
	expect(&trial, -EBADF, DUET_FAILED, DUET_CAUSE_ITSELF);
	stream_send(one[1], "hello", 5);
	file = file_open(file_path("there"), O_RDONLY);
	splice_run(&trial, one[0], file, 5, 0);
	expect(&trial, -EBADF, DUET_FAILED, DUET_CAUSE_ITSELF);
	handle_close(file);
	file = file_open(file_path("there"), O_WRONLY | O_APPEND);
	splice_run(&trial, one[0], file, 5, 0);
	expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
	splice_run(&trial, file, other[1], 5, 0);
	expect(&trial, -EBADF, DUET_FAILED, DUET_CAUSE_ITSELF);
	handle_close(file);
	expect_came(one[0], "hello", 5);
}
END_TEST

static void expect_refused(duet_handle from, duet_handle to, size_t bytes, unsigned flags, int error)
{
	struct trial trial;

	splice_describe(&trial, 0, from, to, bytes, flags);
	ck_assert_int_eq(trial_try(&trial), error);
}

START_TEST(what_is_asked_wrongly_is_refused)
{
	struct trial trial;

	all_open();
	expect_refused(pair[0], pair[1], 1, 0, -EINVAL);
	expect_refused(one[0], one[0], 1, 0, -EINVAL);
	expect_refused(stage.listener, one[1], 1, 0, -EINVAL);
	expect_refused(one[0], pair[0], 0, 0, -EINVAL);
	expect_refused(one[0], pair[0], (size_t)DUET_TRANSFER_MAX + 1, 0, -EINVAL);
	expect_refused(one[0], pair[0], 1, DUET_MULTISHOT, -EINVAL);
	expect_refused(one[0], pair[0], 1, 1u << 20, -EINVAL);
	expect_refused(DUET_HANDLE_NONE, pair[0], 1, 0, -EBADF);
	expect_refused(one[0], DUET_HANDLE_NONE, 1, 0, -EBADF);
	splice_describe(&trial, 0, one[0], pair[0], 1, 0);
	splices[0].from_offset_bytes = 0;
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	splice_describe(&trial, 0, one[0], pair[0], 1, 0);
	splices[0].to_offset_bytes = 5;
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_splice(&trial.op, NULL, 1, 0);
	ck_assert_int_lt(trial_try(&trial), 0);
	handle_close(one[0]);
	expect_refused(one[0], pair[0], 1, 0, -EBADF);
	move_hello(other[1], other[0], pair[0], pair[1]);
}
END_TEST

START_TEST(a_full_loop_refuses_it_and_keeps_no_place)
{
	struct duet_loop_options options;
	struct trial trials[3];

	duet_loop_options_init(&options);
	options.operations_max = 2;
	stage_reopen(&options, NULL);
	pipe_open(one);
	pipe_open(other);
	for (unsigned i = 0; i < 2; i++)
		splice_start(&trials[i], i, one[0], other[1], 1, 0);
	splice_describe(&trials[2], 2, one[0], other[1], 1, 0);
	ck_assert_int_eq(trial_try(&trials[2]), -ENOBUFS);
	for (unsigned i = 0; i < 2; i++) {
		trial_cancel(&trials[i]);
		await(&trials[i]);
	}
}
END_TEST

int main(void)
{
	return contract_run("splice",
		CASES(it_moves_bytes_from_a_pipe_or_into_one,
			like_a_receive_it_is_complete_with_what_there_is,
			it_moves_no_more_than_was_asked_for,
			a_file_is_read_and_written_where_it_is_said,
			otherwise_it_goes_on_where_the_file_stands, a_file_is_sent_through_a_pipe,
			a_file_waits_for_room_in_its_pipe, the_end_of_the_input_is_0,
			a_whole_is_partial_at_the_end_or_untouched, it_waits_for_its_input,
			it_waits_for_room_in_its_output,
			a_stuck_one_is_partial_when_it_is_cancelled,
			cancelled_while_it_waits_nothing_has_left_the_input,
			a_cancel_that_meets_bytes_loses_none, a_deadline_ends_one_that_waits,
			the_close_of_either_ends_it_first,
			a_shutdown_of_the_loop_ends_one_that_waits, it_may_end_inside_its_start,
			without_a_reader_it_fails_and_raises_no_signal,
			a_file_into_a_pipe_without_a_reader_raises_no_signal,
			what_the_handles_are_not_made_for_fails, what_is_asked_wrongly_is_refused,
			a_full_loop_refuses_it_and_keeps_no_place),
		CASES(a_splice_that_is_cancelled_behind_its_start));
}
