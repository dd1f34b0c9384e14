/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Memory that others gave back too early, and what became of it. */

#define BIG ((size_t)4 << 20)

static unsigned char data[4096];

/*
 * foyer-rs/foyer#1286, DataDog/glommio#52 and #104, axboe/liburing#733: the answer to a cancel
 * says "not found", the buffer is freed, and the disk goes on writing into the next object there.
 */
START_TEST(a_direct_read_writes_nothing_after_its_end)
{
	const char *path = file_path("data");
	unsigned char *block = aligned_alloc(4096, BIG);
	duet_handle file;

	file_make(path, BIG);
	file = file_open(path, O_RDONLY | O_DIRECT);
	for (unsigned round = 0; round < 6; round++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_read(&trial.op, file, block, BIG, 0);
		trial_start(&trial);
		stage_settle(round & 1);
		trial_cancel(&trial);
		await(&trial);
		if (trial.op.result > 0)
			ck_assert(pattern_holds(block, trial.op.transferred, 0));
		memset(block, 0xa5, BIG);
		clock_pass(clock_ns() + 15000000);
		stage_settle(1);
		for (size_t i = 0; i < BIG; i += 512)
			ck_assert_uint_eq(block[i], 0xa5);
	}
	handle_close(file);
	free(block);
}
END_TEST

/*
 * axboe/liburing#329 and #1572, tigerbeetle/tigerbeetle#2430: closing the mechanism is no barrier.
 * Here destroy answers busy, and after a shutdown nothing is written any more.
 */
START_TEST(after_a_shutdown_with_io_in_flight_nothing_is_written)
{
	const char *path = file_path("data");
	unsigned char *block = aligned_alloc(4096, BIG);
	struct trial read;
	struct trial recv;
	duet_handle handle;
	duet_handle file;
	int raw;

	file_make(path, BIG);
	file = file_open(path, O_RDONLY | O_DIRECT);
	raw_pair(&handle, &raw);
	trial_init(&recv);
	duet_op_recv(&recv.op, handle, data, sizeof(data), 0);
	trial_start(&recv);
	trial_init(&read);
	duet_op_read(&read.op, file, block, BIG, 0);
	trial_start(&read);
	stage_settle(1);
	if (!read.ends)
		ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	ck_assert_int_eq(
		duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + 3000000000u), 0);
	ck_assert_uint_eq(read.ends + recv.ends, 2);
	memset(block, 0xa5, BIG);
	memset(data, 0xa5, sizeof(data));
	send(raw, "late", 4, MSG_NOSIGNAL);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), 0);
	stage.loop = NULL;
	clock_pass(clock_ns() + 15000000);
	for (size_t i = 0; i < BIG; i += 512)
		ck_assert_uint_eq(block[i], 0xa5);
	for (size_t i = 0; i < sizeof(data); i++)
		ck_assert_uint_eq(data[i], 0xa5);
	close(raw);
	free(block);
}
END_TEST

/* axboe/liburing#359 and #346, compio-rs/compio#746: a pool drained by cancelled receives. */
START_TEST(a_hundred_cancelled_receives_leave_the_pool_full)
{
	struct duet_pool *pool;
	duet_handle pair[2];

	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 64, &pool), 0);
	pair_open(pair);
	for (unsigned i = 0; i < 100; i++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_recv_pooled(&trial.op, pair[1], pool, i & 1 ? DUET_MULTISHOT : 0);
		trial_start(&trial);
		stage_settle(i & 2);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		ck_assert_uint_eq(duet_pool_free_count(pool), 4);
	}
}
END_TEST

/* tokio-rs/io-uring#156, axboe/liburing#975 and #1164: arguments on a stack that has gone. */
__attribute__((noinline)) static void connect_from_a_frame(struct trial *trial, duet_handle handle)
{
	struct sockaddr_in address = stage.address;

	duet_op_connect(&trial->op, handle, (struct sockaddr *)&address, sizeof(address));
	duet_op_deadline(&trial->op, duet_loop_now_ns(stage.loop) + 2000000000u);
	trial_start(trial);
	memset(&address, 0xff, sizeof(address));
}

START_TEST(addresses_and_deadlines_live_in_the_operation)
{
	struct trial trial;
	duet_handle pair[2];

	pair_open(pair);
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&trial);
	trial.ends = 0;
	connect_from_a_frame(&trial, trial.op.made);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* boats, "Notes on io-uring": what is sent is what was there at the start, if nobody touches it. */
START_TEST(what_waits_to_be_sent_is_read_from_the_lent_memory_in_full)
{
	unsigned char *out = malloc(STUCK_BYTES);
	unsigned char *in = malloc(STUCK_BYTES);
	struct trial trial;
	duet_handle pair[2];

	pair_open(pair);
	pattern_fill(out, STUCK_BYTES, 0);
	trial_stick(&trial, pair[0], out);
	for (size_t i = 0; i < 4; i++)
		stream_recv(pair[1], in + i * STUCK_BYTES / 4, STUCK_BYTES / 4);
	await(&trial);
	expect(&trial, (int)STUCK_BYTES, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(in, STUCK_BYTES, 0));
	free(out);
	free(in);
}
END_TEST

int main(void)
{
	return contract_run("memory",
		CASES(a_hundred_cancelled_receives_leave_the_pool_full,
			addresses_and_deadlines_live_in_the_operation,
			what_waits_to_be_sent_is_read_from_the_lent_memory_in_full),
		CASES(a_direct_read_writes_nothing_after_its_end,
			after_a_shutdown_with_io_in_flight_nothing_is_written));
}
