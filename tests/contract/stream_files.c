/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Files as streams, at their own position; and what a pool receives from what is no socket. */

static unsigned char data[65536];

static duet_handle adopt(int fd)
{
	duet_handle handle;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	return handle;
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

START_TEST(a_file_is_a_stream_at_its_own_position)
{
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);
	duet_handle again;
	struct iovec pieces[2] = { { data, 300 }, { data + 300, 200 } };
	struct trial trial;

	pattern_fill(data, 500, 0);
	trial_init(&trial);
	duet_op_send_vector(&trial.op, file, pieces, 2, DUET_WHOLE);
	trial_run(&trial);
	expect(&trial, 500, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	pattern_fill(data, 500, 500);
	ck_assert_int_eq(do_send(file, data, 500, DUET_WHOLE), 500);
	ck_assert_int_eq(do_recv(file, data, 1, 0), 0);
	again = file_open(file_path("data"), O_RDONLY);
	for (unsigned place = 0; place < 1000; place += 250) {
		ck_assert_int_eq(do_recv(again, data, 250, DUET_WHOLE), 250);
		ck_assert(pattern_holds(data, 250, place));
	}
	ck_assert_int_eq(do_recv(again, data, 250, 0), 0);
	ck_assert_int_eq(do_send(again, data, 1, 0), -EBADF);
	trial_init(&trial);
	duet_op_recv(&trial.op, again, data, 10, DUET_WHOLE);
	trial_run(&trial);
	expect(&trial, 0, DUET_UNTOUCHED, DUET_CAUSE_ITSELF);
	handle_close(again);
	handle_close(file);
}
END_TEST

START_TEST(receives_from_a_file_are_served_in_their_order)
{
	static unsigned char parts[16][64];
	struct trial trials[16];
	duet_handle file;

	file_make(file_path("data"), sizeof(parts));
	file = file_open(file_path("data"), O_RDONLY);
	for (unsigned i = 0; i < 16; i++) {
		trial_init(&trials[i]);
		duet_op_recv(&trials[i].op, file, parts[i], 64, DUET_WHOLE);
		if (i % 3 == 0)
			duet_op_inline(&trials[i].op);
		trial_try(&trials[i]);
	}
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(1);
	ck_assert(pattern_holds(parts[0], sizeof(parts), 0));
	handle_close(file);
}
END_TEST

/* Whatever was read is handed over: what comes next follows it. */
START_TEST(a_cancelled_receive_from_a_file_loses_no_byte)
{
	unsigned place = 0;
	duet_handle file;

	file_make(file_path("data"), 4000);
	file = file_open(file_path("data"), O_RDONLY);
	for (unsigned round = 0; round < 20; round++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_recv(&trial.op, file, data, 100, 0);
		trial_start(&trial);
		stage_settle(round % 3);
		trial_cancel(&trial);
		await(&trial);
		ck_assert(pattern_holds(data, trial.op.transferred, place));
		place += trial.op.transferred;
		ck_assert_int_eq(do_recv(file, data, 50, DUET_WHOLE), 50);
		ck_assert(pattern_holds(data, 50, place));
		place += 50;
	}
	handle_close(file);
}
END_TEST

/* The pieces go out behind each other, and the position is where the next would go. */
START_TEST(what_is_appended_leaves_the_position_at_the_end)
{
	duet_handle file;

	file_make(file_path("data"), 100);
	file = file_open(file_path("data"), O_RDWR | O_APPEND);
	ck_assert_int_eq(do_recv(file, data, 10, 0), 10);
	pattern_fill(data, 50, 100);
	ck_assert_int_eq(do_send(file, data, 50, DUET_WHOLE), 50);
	ck_assert_int_eq(do_recv(file, data, 10, 0), 0);
	ck_assert_int_eq(file_read(file, data, 200, 0), 150);
	ck_assert(pattern_holds(data, 150, 0));
	handle_close(file);
}
END_TEST

START_TEST(a_file_past_the_page_cache_is_a_stream_as_well)
{
	unsigned char *block = aligned_alloc(4096, 8192);
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT | O_DIRECT);

	for (size_t place = 0; place < 32768; place += 8192) {
		pattern_fill(block, 8192, place);
		ck_assert_int_eq(do_send(file, block, 8192, DUET_WHOLE), 8192);
	}
	ck_assert_int_eq(do_recv(file, block, 8192, 0), 0);
	handle_close(file);
	file = file_open(file_path("data"), O_RDONLY | O_DIRECT);
	for (size_t place = 0; place < 32768; place += 8192) {
		ck_assert_int_eq(do_recv(file, block, 8192, 0), 8192);
		ck_assert(pattern_holds(block, 8192, place));
	}
	handle_close(file);
	free(block);
}
END_TEST

START_TEST(a_directory_is_no_stream)
{
	struct trial trial;

	file_make(file_path("x"), 1);
	strcpy((char *)data, file_path("x"));
	*strrchr((char *)data, '/') = '\0';
	trial_init(&trial);
	duet_op_open(&trial.op, AT_FDCWD, (char *)data, O_RDONLY | O_DIRECTORY, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(do_recv(trial.op.made, data, 1, 0), -EISDIR);
	ck_assert_int_eq(do_send(trial.op.made, data, 1, 0), -EBADF);
	handle_close(trial.op.made);
}
END_TEST

START_TEST(standard_input_may_be_a_file_that_was_read_from_already)
{
	duet_handle handle;
	int fd;

	file_make(file_path("data"), 1000);
	fd = open(file_path("data"), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, data, 300), 300);
	handle = adopt(fd);
	ck_assert_int_eq(do_recv(handle, data, 700, DUET_WHOLE), 700);
	ck_assert(pattern_holds(data, 700, 300));
	ck_assert_int_eq(duet_handle_release(stage.loop, handle), fd);
	ck_assert_int_eq(read(fd, data, 1), 0);
	close(fd);
}
END_TEST

/* ---- Pooled. ---- */

static size_t gathered;

static void gather(struct trial *trial)
{
	const struct duet_op *op = &trial->op;

	if (!op->transferred)
		return;
	ck_assert_uint_le(gathered + op->transferred, sizeof(data));
	memcpy(data + gathered, op->buffer.data, op->transferred);
	gathered += op->transferred;
	ck_assert_int_eq(duet_buffer_return(stage.loop, &op->buffer), 0);
}

static void pooled_start(struct trial *trial, duet_handle handle, unsigned flags)
{
	struct duet_pool *pool;

	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 100, &pool), 0);
	gathered = 0;
	trial_init(trial);
	trial->then = gather;
	duet_op_recv_pooled(&trial->op, handle, pool, flags);
	trial_start(trial);
}

START_TEST(a_pooled_receive_brings_what_comes_through_a_pipe)
{
	struct trial trial;
	duet_handle ends[2];
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ends[0] = adopt(fds[0]);
	ends[1] = adopt(fds[1]);
	pooled_start(&trial, ends[0], DUET_MULTISHOT);
	pattern_fill(data + 10000, 1000, 0);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_int_eq(do_send(ends[1], data + 10000 + i * 100, 100, 0), 100);
		stage_settle(2);
	}
	handle_close(ends[1]);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(gathered, 1000);
	ck_assert(pattern_holds(data, 1000, 0));
}
END_TEST

START_TEST(a_pooled_receive_brings_a_file_to_its_end)
{
	struct trial trial;
	duet_handle file;

	file_make(file_path("data"), 1030);
	for (unsigned round = 0; round < 2; round++) {
		stage_reopen(NULL, NULL);
		file = file_open(file_path("data"), O_RDONLY);
		pooled_start(&trial, file, round ? 0 : DUET_MULTISHOT);
		await(&trial);
		if (round) {
			expect(&trial, 100, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		} else {
			expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			ck_assert_uint_eq(trial.items, 11);
			ck_assert_uint_eq(gathered, 1030);
		}
		ck_assert(pattern_holds(data, gathered, 0));
		handle_close(file);
	}
}
END_TEST

/* The buffers are held for a while: the receive starves, says so, and goes on. */
static struct duet_buffer held[4];
static unsigned held_count;
static unsigned starved;

static void hold(struct trial *trial)
{
	if (trial->op.result == -ENOBUFS && trial->op.more)
		starved++;
	else if (trial->op.transferred)
		held[held_count++] = trial->op.buffer;
}

START_TEST(a_pooled_receive_from_a_file_starves_and_goes_on)
{
	struct duet_pool *pool;
	struct trial trial;
	duet_handle file;
	size_t place = 0;

	file_make(file_path("data"), 250);
	file = file_open(file_path("data"), O_RDONLY);
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 100, &pool), 0);
	held_count = starved = 0;
	trial_init(&trial);
	trial.then = hold;
	duet_op_recv_pooled(&trial.op, file, pool, DUET_MULTISHOT);
	trial_start(&trial);
	for (unsigned i = 0; i < 3; i++) {
		turn_until(held_count == 1 && starved == i + 1);
		ck_assert(pattern_holds(held[0].data, held[0].length_bytes, place));
		place += held[0].length_bytes;
		held_count = 0;
		ck_assert_int_eq(duet_buffer_return(stage.loop, &held[0]), 0);
	}
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(place, 250);
	handle_close(file);
}
END_TEST

START_TEST(a_pooled_receive_from_a_file_can_be_cancelled)
{
	duet_handle file;

	file_make(file_path("data"), 1000);
	for (unsigned round = 0; round < 12; round++) {
		struct trial trial;
		struct trial closing;

		stage_reopen(NULL, NULL);
		file = file_open(file_path("data"), O_RDONLY);
		pooled_start(&trial, file, DUET_MULTISHOT);
		stage_settle(round / 2);
		if (round % 2) {
			trial_init(&closing);
			duet_op_close(&closing.op, file);
			trial_run(&closing);
		} else {
			trial_cancel(&trial);
			await(&trial);
		}
		ck_assert_uint_eq(trial.ends, 1);
		ck_assert(pattern_holds(data, gathered, 0));
	}
}
END_TEST

int main(void)
{
	return contract_run("stream_files",
		CASES(a_file_is_a_stream_at_its_own_position,
			receives_from_a_file_are_served_in_their_order,
			a_cancelled_receive_from_a_file_loses_no_byte,
			what_is_appended_leaves_the_position_at_the_end, a_directory_is_no_stream,
			a_pooled_receive_from_a_file_starves_and_goes_on),
		CASES(a_file_past_the_page_cache_is_a_stream_as_well,
			standard_input_may_be_a_file_that_was_read_from_already,
			a_pooled_receive_brings_what_comes_through_a_pipe,
			a_pooled_receive_brings_a_file_to_its_end,
			a_pooled_receive_from_a_file_can_be_cancelled));
}
