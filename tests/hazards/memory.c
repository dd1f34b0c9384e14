/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <unistd.h>

#include "tests/support/owned.h"
#include "tests/support/wire.h"

/* Memory that others gave back too early, and what became of it: hazards 1 to 12. */

#define MS UINT64_C(1000000)

static unsigned char data[4096];
static struct wire wire;

static uint32_t lent_count(void)
{
	struct duet_ledger ledger;

	duet_loop_ledger(stage.loop, &ledger);
	return ledger.lent_count;
}

/* A block of memory for a disk: more than it can bring at once, where there is one. */
static size_t block_bytes(void)
{
	return stage.arm->kernel ? (size_t)4 << 20 : (size_t)64 << 10;
}

static unsigned char *block_filled(void)
{
	unsigned char *block = aligned_alloc(4096, block_bytes());

	ck_assert_ptr_nonnull(block);
	memset(block, 0xa5, block_bytes());
	return block;
}

static void expect_filled(const unsigned char *block, size_t bytes)
{
	size_t i = 0;

	while (i < bytes && block[i] == 0xa5)
		i++;
	ck_assert_uint_eq(i, bytes);
}

/*
 * 1. foyer-rs/foyer#1286, DataDog/glommio#52, DataDog/glommio#104, axboe/liburing#733: the answer to
 * a cancel says "not found", the buffer is freed, and the disk goes on writing into the object that
 * was allocated there next.
 */
START_TEST(memory_freed_at_the_end_of_a_cancelled_read_is_not_written_to)
{
	const char *path = file_path("data");
	duet_handle file;

	file_make(path, block_bytes());
	file = file_open(path, O_RDONLY | (stage.arm->kernel ? O_DIRECT : 0));
	for (unsigned round = 0; round < 6; round++) {
		unsigned char *block = block_filled();
		struct trial trial;

		trial_init(&trial);
		duet_op_read(&trial.op, file, block, block_bytes(), 0);
		trial_start(&trial);
		stage_settle(round & 1);
		trial_cancel(&trial);
		/* Handed over: no answer to a cancel ends the loan. */
		if (stage.arm->ring && round & 1)
			ck_assert_uint_eq(lent_count(), !trial.ends);
		await(&trial);
		ck_assert(pattern_holds(block, trial.op.transferred, 0));
		ck_assert_uint_eq(lent_count(), 0);
		free(block);
		block = block_filled();
		clock_pass(clock_ns() + 15 * MS);
		stage_settle(1);
		expect_filled(block, block_bytes());
		free(block);
	}
	handle_close(file);
}
END_TEST

/*
 * 2. axboe/liburing#329, axboe/liburing#1572, compio-rs/compio#943, commonwarexyz/monorepo#3287,
 * tigerbeetle/tigerbeetle#2430: closing the mechanism is no barrier. Here destroy answers busy, and
 * after a shutdown nothing is written any more.
 */
START_TEST(after_a_shutdown_with_io_in_flight_nothing_is_written)
{
	const char *path = file_path("data");
	unsigned char *block = block_filled();
	struct trial read;
	struct trial recv;
	duet_handle file;

	file_make(path, block_bytes());
	file = file_open(path, O_RDONLY | O_DIRECT);
	wire_open(&wire);
	trial_init(&recv);
	duet_op_recv(&recv.op, wire.near, data, sizeof(data), 0);
	trial_start(&recv);
	trial_init(&read);
	duet_op_read(&read.op, file, block, block_bytes(), 0);
	trial_start(&read);
	stage_settle(1);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	ck_assert_int_eq(
		duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + 3000 * MS), 0);
	ck_assert_uint_eq(read.ends + recv.ends, 2);
	memset(block, 0xa5, block_bytes());
	memset(data, 0xa5, sizeof(data));
	wire_say(&wire, "late", 4);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), 0);
	stage.loop = NULL;
	clock_pass(clock_ns() + 50 * MS);
	expect_filled(block, block_bytes());
	expect_filled(data, sizeof(data));
	wire_cut(&wire);
	free(block);
}
END_TEST

/* What the next calls into the kernel are said to have come to, after they were made. */
static int enter_says[4];
static unsigned enter_lies;
/* And how many that only make room, by a hand-over or by ends, aren't made at all: a turn waits for one
 * at most. */
static unsigned enter_refusals;

/* In place of the library's own, for the whole program. */
int io_uring_enter2(unsigned fd, unsigned submit, unsigned least, unsigned flags, sigset_t *signals,
		    size_t bytes)
{
	static int (*enter)(unsigned, unsigned, unsigned, unsigned, sigset_t *, size_t);
	int count;

	if (!enter)
		*(void **)(void *)&enter = dlsym(RTLD_NEXT, "io_uring_enter2");
	if (enter_refusals > 0 &&
	    (least > 1 || (least == 0 && !(flags & IORING_ENTER_GETEVENTS)))) {
		enter_refusals--;
		return -EAGAIN;
	}
	count = enter(fd, submit, least, flags, signals, bytes);
	return enter_lies > 0 && submit > 0 ? enter_says[--enter_lies] : count;
}

/*
 * 3. tokio-rs/tokio#8185: the call that hands over fails after the kernel has taken the operation.
 * Whoever gives its buffer back then has given back what is lent.
 */
START_TEST(an_operation_stays_lent_when_the_call_that_handed_it_over_fails)
{
	static const int errors[] = { -EAGAIN, -EBUSY, -EINTR, -ENOMEM };

	wire_open(&wire);
	for (unsigned i = 0; i < 4; i++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_recv(&trial.op, wire.near, data, 5, DUET_WHOLE);
		trial_start(&trial);
		enter_says[0] = errors[i];
		enter_lies = 1;
		ck_assert_int_eq(duet_loop_turn(stage.loop, 0), i == 3 ? -ENOMEM : 0);
		ck_assert_uint_eq(enter_lies, 0);
		ck_assert_uint_eq(trial.ends, 0);
		ck_assert_uint_eq(lent_count(), 1);
		ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
		wire_say(&wire, "taken", 5);
		await(&trial);
		expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_mem_eq(data, "taken", 5);
	}
	wire_cut(&wire);
}
END_TEST

static void count_line(void *context, const char *text)
{
	ck_assert_ptr_nonnull(strstr(text, "recv"));
	++*(unsigned *)context;
}

/* An operation and its buffer in a frame that is left when the time is over. */
__attribute__((noinline)) static void recv_in_a_frame(void)
{
	unsigned char frame[512];
	struct trial trial;
	unsigned lines = 0;

	trial_init(&trial);
	duet_op_recv(&trial.op, wire.near, frame, sizeof(frame), 0);
	duet_op_within(&trial.op, stage.loop, 5 * MS);
	trial_start(&trial);
	stage_settle(1);
	/* Here a careless program returns. Whoever asks is told that it can't. */
	if (!trial.ends) {
		ck_assert_uint_eq(lent_count(), 1);
		ck_assert_int_eq(duet_op_abandon(&trial.op), -EINVAL);
		duet_loop_dump(stage.loop, count_line, &lines);
		ck_assert_uint_eq(lines, 1);
	}
	await(&trial);
	ck_assert_uint_eq(lent_count(), 0);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}

/* What comes to stand where the frame was. */
__attribute__((noinline)) static void frame_stays(unsigned char *frame, size_t bytes)
{
	struct trial trial;
	unsigned char in[4];

	memset(frame, 0xa5, bytes);
	wire_say(&wire, "late", 4);
	trial_init(&trial);
	duet_op_recv(&trial.op, wire.near, in, 4, DUET_WHOLE);
	trial_run(&trial);
	ck_assert_mem_eq(in, "late", 4);
	expect_filled(frame, bytes);
}

/*
 * 4. swiftlang/swift-subprocess#336, swiftlang/swift-subprocess#340, microsoft/demikernel#1149,
 * nyholku/purejavacomm#21: operation and buffer on the stack of a function that returns at its
 * timeout. The ledger says at the return that it mustn't; the end comes with the deadline.
 */
START_TEST(a_frame_can_be_left_at_a_timeout_because_the_end_is_the_timeout)
{
	unsigned char below[2048];

	wire_open(&wire);
	for (unsigned i = 0; i < 5; i++) {
		recv_in_a_frame();
		frame_stays(below, sizeof(below));
	}
	wire_cut(&wire);
}
END_TEST

/*
 * 5. axboe/liburing#359, axboe/liburing#346, compio-rs/compio#746: a cancelled receive ends with an
 * error and a buffer in it, which nobody looks for: the pool runs dry.
 */
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

/* What the ledger says with each: lent as long as it isn't the end. */
static void free_at_the_end(struct trial *trial)
{
	ck_assert(!trial->op.more || lent_count());
	if (trial->op.more)
		return;
	memset(trial->context, 0xee, STUCK_BYTES);
	free(trial->context);
}

/*
 * 6. axboe/liburing#643, axboe/liburing#963: a zero-copy send is cancelled, its result is there, and the
 * kernel reads on from its memory, which was freed. Here the result is another moment than the end.
 */
START_TEST(a_zero_copy_send_lends_until_its_end_and_not_to_its_result)
{
	unsigned char *out = malloc(STUCK_BYTES), in[4096];
	struct trial trial;
	duet_handle pair[2];

	pattern_fill(out, STUCK_BYTES, 0);
	pair_open(pair);
	trial_init(&trial);
	trial.then = free_at_the_end;
	trial.context = out;
	duet_op_send_zero_copy(&trial.op, pair[0], out, STUCK_BYTES, DUET_WHOLE);
	trial_start(&trial);
	stage_settle(50);
	trial_cancel(&trial);
	turn_until(trial.items);
	for (uint32_t done = 0, bytes; done < trial.op.transferred; done += bytes) {
		bytes = trial.op.transferred - done;
		bytes = bytes < sizeof(in) ? bytes : sizeof(in);
		stream_recv(pair[1], in, bytes);
		ck_assert(pattern_holds(in, bytes, done));
	}
	await(&trial);
}
END_TEST

__attribute__((noinline)) static void connect_from_a_frame(struct trial *trial, duet_handle handle)
{
	struct sockaddr_in address = stage.address;

	trial->ends = 0;
	duet_op_connect(&trial->op, handle, (struct sockaddr *)&address, sizeof(address));
	duet_op_deadline(&trial->op, duet_loop_now_ns(stage.loop) + 2000 * MS);
	trial_start(trial);
	memset(&address, 0xff, sizeof(address));
}

__attribute__((noinline)) static void send_from_a_frame(struct trial *trial, duet_handle handle)
{
	struct iovec pieces[2] = { { data, 3 }, { data + 100, 3 } };

	trial_init(trial);
	duet_op_send_vector(&trial->op, handle, pieces, 2, DUET_WHOLE);
	trial_start(trial);
	memset(pieces, 0xff, sizeof(pieces));
}

/*
 * 7. tokio-rs/io-uring#156, axboe/liburing#975, axboe/liburing#1164, axboe/liburing#1210: a time, an
 * address, an array of pieces on a stack that has gone before the kernel looked.
 */
START_TEST(what_says_where_and_until_when_lives_in_the_operation)
{
	struct trial connecting;
	struct trial sending;
	unsigned char in[6];
	duet_handle pair[2];

	pair_open(pair);
	trial_init(&connecting);
	duet_op_socket(&connecting.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&connecting);
	connect_from_a_frame(&connecting, connecting.op.made);
	memcpy(data, "abc", 3);
	memcpy(data + 100, "def", 3);
	send_from_a_frame(&sending, pair[0]);
	turn_until(connecting.ends && sending.ends);
	expect(&connecting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&sending, 6, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_recv(pair[1], in, 6);
	ck_assert_mem_eq(in, "abcdef", 6);
}
END_TEST

struct rearm {
	struct trial trial;
	duet_handle handle;
	const unsigned char *out;
	size_t sent;
	unsigned lives; /* that have ended */
};

/* In the end of one life the next begins, in the same memory. */
static void send_the_rest(struct trial *trial)
{
	struct rearm *rearm = trial->context;

	rearm->sent += trial->op.transferred;
	rearm->lives++;
	if (rearm->sent == STUCK_BYTES)
		return;
	ck_assert_int_eq(trial->op.cause, DUET_CAUSE_CANCEL);
	duet_op_send(&trial->op, rearm->handle, rearm->out + rearm->sent, STUCK_BYTES - rearm->sent,
		DUET_WHOLE);
	ck_assert_int_eq(duet_op_start(stage.loop, &trial->op), 0);
	trial->ends--;
}

/*
 * 8. mitchellh/libxev#233, tokio-rs/tokio#8112: a partial write is cancelled, its operation is started
 * again for the rest, and the late cancel, or its late answer, meets the second life.
 */
START_TEST(a_cancel_meets_only_the_life_that_it_was_meant_for)
{
	unsigned char *out = malloc(STUCK_BYTES);
	unsigned char *in = malloc(STUCK_BYTES);
	struct rearm rearm = { .out = out };
	duet_handle pair[2];
	size_t got = 0;

	pattern_fill(out, STUCK_BYTES, 0);
	pair_open(pair);
	rearm.handle = pair[0];
	trial_stick(&rearm.trial, pair[0], out);
	rearm.trial.then = send_the_rest;
	rearm.trial.context = &rearm;
	for (unsigned life = 0; life < 12; life++) {
		stream_recv(pair[1], in + got, 65536);
		got += 65536;
		stage_settle(life % 3);
		for (unsigned i = 0; i < 3; i++)
			trial_cancel(&rearm.trial);
		turn_until(rearm.lives > life);
		stage_settle(8);
		ck_assert_uint_eq(rearm.lives, life + 1);
		ck_assert(duet_op_pending(&rearm.trial.op));
	}
	stream_recv(pair[1], in + got, STUCK_BYTES - got);
	turn_until(rearm.sent == STUCK_BYTES);
	expect(&rearm.trial, (int)rearm.trial.op.transferred, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(in, STUCK_BYTES, 0));
	free(out);
	free(in);
}
END_TEST

enum { WATCHERS = 40 };

/* In the end of its first life: waits for what never comes. */
static void watch_on(struct trial *trial)
{
	if (trial->ends > 1)
		return;
	duet_op_poll(&trial->op, wire.near, POLLPRI);
	ck_assert_int_eq(duet_op_start(stage.loop, &trial->op), 0);
}

static void cancel_beyond_the_room(struct trial trials[WATCHERS], unsigned round)
{
	struct duet_stats stats;

	enter_refusals = stage.arm->ring ? UINT32_MAX : 0;
	for (unsigned i = 0; i < WATCHERS; i++)
		if (trials[i].ends == 0)
			trial_cancel(&trials[i]);
	/* The first of those that wait may find none once more. */
	enter_refusals = stage.arm->ring ? round % 3 : 0;
	duet_loop_stats(stage.loop, &stats);
	if (stage.arm->ring)
		ck_assert_uint_ge(stats.queue_full, (round + 1) * (WATCHERS - 8));
}

/*
 * 8. Likewise with more cancels than the queue to the kernel has places for: those that wait for one
 * when their targets end by themselves are for nobody any more.
 */
START_TEST(a_cancel_that_waits_for_room_is_gone_with_its_target)
{
	static struct trial trials[WATCHERS];

	stage_reopen(NULL, "entries=8");
	for (unsigned round = 0; round < 6; round++) {
		wire_open(&wire);
		for (unsigned i = 0; i < WATCHERS; i++) {
			trial_init(&trials[i]);
			trials[i].then = watch_on;
			duet_op_poll(&trials[i].op, wire.near, POLLIN);
			trial_start(&trials[i]);
		}
		stage_settle(4);
		wire_say(&wire, "x", 1);
		cancel_beyond_the_room(trials, round);
		for (unsigned i = 0; i < WATCHERS; i++)
			turn_until(trials[i].ends == 1);
		/* A cancel is repeated after a pause. */
		stage_settle(4);
		clock_pass(duet_loop_now_ns(stage.loop) + 2 * MS);
		stage_settle(4);
		for (unsigned i = 0; i < WATCHERS; i++) {
			ck_assert_uint_eq(trials[i].ends, 1);
			trial_cancel(&trials[i]);
		}
		for (unsigned i = 0; i < WATCHERS; i++)
			turn_until(trials[i].ends == 2);
		wire_cut(&wire);
		handle_close(wire.near);
	}
}
END_TEST

/*
 * 9. Nehliin/vortex#145: an operation and its time limit end under one name, and the second of the
 * two ends meets what the first has freed.
 */
START_TEST(an_operation_has_one_end_where_its_result_its_deadline_and_its_cancel_meet)
{
	struct duet_stats stats;
	size_t got = 0;

	wire_open(&wire);
	pattern_fill(data, 200, 0);
	for (unsigned round = 0; round < 200; round++) {
		struct trial *trial = malloc(sizeof(*trial));

		trial_init(trial);
		duet_op_recv(&trial->op, wire.near, data + 1000 + got, 256, 0);
		duet_op_within(&trial->op, stage.loop, round % 5 * 20000);
		trial_start(trial);
		stage_settle(round % 3);
		wire_say(&wire, data + round, 1);
		if (round & 1)
			trial_cancel(trial);
		await(trial);
		got += trial->op.transferred;
		ck_assert_uint_eq(trial->ends, 1);
		free(trial);
		stage_settle(1);
	}
	if (got < 200)
		stream_recv(wire.near, data + 1000 + got, 200 - got);
	ck_assert(pattern_holds(data + 1000, 200, 0));
	wire_cut(&wire);
	duet_loop_stats(stage.loop, &stats);
	ck_assert_uint_eq(stats.ended + duet_loop_pending(stage.loop), stats.started);
}
END_TEST

enum { SENDS = 48, SEND_BYTES_MAX = 50000 };

static void overwrite(struct trial *trial)
{
	if (!trial->op.more)
		memset(trial->context, 0xee, trial->op.transferred);
}

/*
 * 10. spdk/spdk#3610, spdk/spdk#3600: a send is told as done while the kernel still reads its memory,
 * which others were using already, with copies and sends without one in turn. Each is overwritten in
 * its end.
 */
START_TEST(what_was_told_as_sent_is_read_no_more)
{
	static struct trial sends[SENDS];
	unsigned char *out = malloc((size_t)SENDS * SEND_BYTES_MAX);
	unsigned char *in = malloc((size_t)SENDS * SEND_BYTES_MAX);
	size_t total = 0;
	duet_handle pair[2];

	pattern_fill(out, (size_t)SENDS * SEND_BYTES_MAX, 0);
	pair_open(pair);
	for (size_t i = 0; i < SENDS; i++) {
		size_t bytes = i % 4 ? 1 + i * 37 : SEND_BYTES_MAX;

		trial_init(&sends[i]);
		sends[i].then = overwrite;
		sends[i].context = out + total;
		if (i % 3)
			duet_op_send(&sends[i].op, pair[0], out + total, bytes, DUET_WHOLE);
		else
			duet_op_send_zero_copy(&sends[i].op, pair[0], out + total, bytes, DUET_WHOLE);
		trial_start(&sends[i]);
		total += bytes;
		stage_settle(i % 7 == 0);
	}
	stream_recv(pair[1], in, total);
	ck_assert(pattern_holds(in, total, 0));
	for (unsigned i = 0; i < SENDS; i++)
		await(&sends[i]);
	free(out);
	free(in);
}
END_TEST

/*
 * 11. boats, "Notes on io-uring" and "ringbahn": a buffer that is only borrowed can be changed behind a
 * send that waits. What is copied through is the caller's at once; what is lent is read from
 * where it is, in full.
 */
START_TEST(what_is_sent_is_what_was_handed_over)
{
	static const char text[] = "as it was at the start";
	unsigned char *out = malloc(STUCK_BYTES);
	unsigned char *in = malloc(STUCK_BYTES + sizeof(text));
	struct duet_op *behind;
	struct trial trial;
	duet_handle pair[2];

	owned_open();
	pair_open(pair);
	pattern_fill(out, STUCK_BYTES, 0);
	trial_stick(&trial, pair[0], out);
	behind = take();
	memcpy(data, text, sizeof(text));
	duet_op_send(behind, pair[0], data, sizeof(text), DUET_WHOLE);
	ck_assert_int_eq(duet_op_copy_through(behind), 0);
	start(behind);
	memset(data, 0xee, sizeof(text));
	stream_recv(pair[1], in, STUCK_BYTES + sizeof(text));
	await(&trial);
	expect(&trial, (int)STUCK_BYTES, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	turn_until(called);
	ck_assert_int_eq(behind->result, sizeof(text));
	ck_assert(pattern_holds(in, STUCK_BYTES, 0));
	ck_assert_mem_eq(in + STUCK_BYTES, text, sizeof(text));
	ck_assert_int_eq(duet_op_return(behind), 0);
	free(out);
	free(in);
}
END_TEST

enum { READERS = 3, PIECES = 8, PIECE_BYTES = 32 };

static struct duet_buffer held[PIECES];
static unsigned char tags[PIECES];
static unsigned held_count;

/* Holds what came: it must be its own connection's, and touch nothing that is held. */
static void hold(struct trial *trial)
{
	const struct duet_buffer *buffer = &trial->op.buffer;
	const unsigned char *tag = trial->context;

	if (!trial->op.transferred)
		return;
	for (unsigned i = 0; i < held_count; i++)
		ck_assert(held[i].index != buffer->index &&
			  (held[i].data + PIECE_BYTES <= buffer->data ||
				  buffer->data + PIECE_BYTES <= held[i].data));
	ck_assert_uint_lt(held_count, PIECES);
	held[held_count] = *buffer;
	tags[held_count++] = *tag;
}

static void expect_held_as_received(void)
{
	for (unsigned i = 0; i < held_count; i++) {
		for (unsigned j = 0; j < held[i].length_bytes; j++)
			ck_assert_uint_eq(held[i].data[j], tags[i]);
	}
}

/*
 * 12. axboe/liburing#605, axboe/liburing#1538: several receives were given one buffer, or one was named
 * and another filled.
 */
START_TEST(a_buffer_that_is_held_is_nobody_else_s)
{
	static struct wire wires[READERS];
	static unsigned char names[READERS], says[READERS][PIECE_BYTES];
	struct duet_pool *pool;

	ck_assert_int_eq(duet_pool_create(stage.loop, PIECES, PIECE_BYTES, &pool), 0);
	for (unsigned i = 0; i < READERS; i++) {
		names[i] = (unsigned char)('a' + i);
		memset(says[i], names[i], PIECE_BYTES);
		wire_open(&wires[i]);
	}
	for (unsigned round = 0; round < 30; round++) {
		struct trial trials[READERS];

		for (unsigned i = 0; i < READERS; i++) {
			trial_init(&trials[i]);
			trials[i].then = hold;
			trials[i].context = &names[i];
			duet_op_recv_pooled(&trials[i].op, wires[i].near, pool, 0);
			trial_start(&trials[i]);
		}
		stage_settle(round % 2);
		for (unsigned i = 0; i < READERS; i++)
			wire_say(&wires[i], says[i], 1 + (round + i) % PIECE_BYTES);
		if (round % 3 == 0)
			trial_cancel(&trials[round % READERS]);
		for (unsigned i = 0; i < READERS; i++)
			await(&trials[i]);
		expect_held_as_received();
		ck_assert_uint_eq(duet_pool_free_count(pool), PIECES - held_count);
		while (held_count > (round & 1 ? 0 : PIECES - READERS))
			ck_assert_int_eq(duet_buffer_return(stage.loop, &held[--held_count]), 0);
	}
	while (held_count > 0)
		ck_assert_int_eq(duet_buffer_return(stage.loop, &held[--held_count]), 0);
	for (unsigned i = 0; i < READERS; i++)
		wire_cut(&wires[i]);
}
END_TEST

int main(void)
{
	return hazards_run("memory",
		CASES(memory_freed_at_the_end_of_a_cancelled_read_is_not_written_to,
			a_frame_can_be_left_at_a_timeout_because_the_end_is_the_timeout,
			a_hundred_cancelled_receives_leave_the_pool_full,
			a_zero_copy_send_lends_until_its_end_and_not_to_its_result,
			what_says_where_and_until_when_lives_in_the_operation,
			a_cancel_meets_only_the_life_that_it_was_meant_for,
			a_cancel_that_waits_for_room_is_gone_with_its_target,
			an_operation_has_one_end_where_its_result_its_deadline_and_its_cancel_meet,
			what_was_told_as_sent_is_read_no_more,
			what_is_sent_is_what_was_handed_over,
			a_buffer_that_is_held_is_nobody_else_s),
		CASES(after_a_shutdown_with_io_in_flight_nothing_is_written),
		CASES(an_operation_stays_lent_when_the_call_that_handed_it_over_fails));
}
