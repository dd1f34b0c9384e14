/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

/*
 * The regimes of a buffer: every one, given to every kind that moves bytes, comes back whatever the
 * end, and the completion says whose it is.
 */

#define SECOND 1000000000ull
#define BYTES 1000u

/* How an operation comes to its end. */
enum ending { BY_ITSELF, BY_CANCEL, BY_DEADLINE, BY_CLOSE, BY_SHUTDOWN, ENDINGS };

static duet_handle pair[2];
static struct duet_pool *pools[DUET_REGIME_COUNT];
static unsigned char own[BYTES];
static unsigned char pattern[65536];

/* ---- The pools, and a buffer of each regime. ---- */

static struct duet_pool *pool_of(enum duet_regime regime, uint32_t count)
{
	struct duet_pool_options options;
	struct duet_pool *pool;

	duet_pool_options_init(&options);
	options.count = count;
	options.size_bytes = BYTES;
	options.regime = regime;
	ck_assert_int_eq(duet_pool_create_with(stage.loop, &options, &pool), 0);
	return pool;
}

/* What stands in for copied memory is a moved buffer. */
static void pools_open(void)
{
	pools[DUET_REGIME_MOVED] = pool_of(DUET_REGIME_MOVED, 4);
	pools[DUET_REGIME_COPIED] = pool_of(DUET_REGIME_MOVED, 4);
	pools[DUET_REGIME_POOLED] = pool_of(DUET_REGIME_POOLED, 4);
	pools[DUET_REGIME_REGISTERED] = pool_of(DUET_REGIME_REGISTERED, 4);
	pattern_fill(pattern, sizeof(pattern), 0);
}

static void all_are_back(void)
{
	for (unsigned i = DUET_REGIME_MOVED; i < DUET_REGIME_COUNT; i++)
		ck_assert_msg(duet_pool_free_count(pools[i]) == 4, "on %s: %u of 4 in the pool of %s",
			stage.arm->name, duet_pool_free_count(pools[i]), duet_regime_name(i));
}

/* A buffer that a pooled receive has brought, full: what is behind its bytes isn't the caller's. */
static struct duet_buffer received(void)
{
	duet_handle other[2];
	struct trial trial;

	for (;;) {
		pair_open(other);
		trial_init(&trial);
		duet_op_recv_buffer(&trial.op, other[1],
			duet_buffer_pooled(pools[DUET_REGIME_POOLED]), 0);
		trial_start(&trial);
		stream_send(other[0], pattern, BYTES);
		await(&trial);
		ck_assert_int_eq(trial.op.buffer.regime, DUET_REGIME_POOLED);
		if (trial.op.transferred == BYTES)
			return trial.op.buffer;
		duet_buffer_return(stage.loop, &trial.op.buffer);
		pair_close(other);
	}
}

static struct duet_buffer taken(enum duet_regime regime)
{
	struct duet_buffer buffer;

	ck_assert_int_eq(duet_buffer_take(pools[regime], &buffer), 0);
	ck_assert_int_eq(buffer.regime, regime);
	ck_assert_uint_eq(buffer.length_bytes, BYTES);
	return buffer;
}

static struct duet_buffer buffer_of(enum duet_regime regime, enum duet_kind kind)
{
	struct duet_buffer buffer;

	switch (regime) {
	case DUET_REGIME_LENT:
		return duet_buffer_lent(own, BYTES);
	case DUET_REGIME_COPIED:
		return duet_buffer_copied(own, BYTES, pools[regime]);
	case DUET_REGIME_POOLED:
		if (kind == DUET_RECV)
			return duet_buffer_pooled(pools[regime]);
		buffer = received();
		buffer.length_bytes = BYTES;
		return buffer;
	default:
		return taken(regime);
	}
}

static bool is_outgoing(enum duet_kind kind)
{
	return kind == DUET_SEND || kind == DUET_WRITE;
}

/* The end was told: who has the buffer? Whoever it is, it is back in its pool after this. */
static void take_back(const struct duet_op *op, struct duet_buffer given)
{
	const struct duet_buffer *buffer = &op->buffer;
	uint32_t valid = is_outgoing(op->kind) ? BYTES : op->transferred;
	bool caller_s = given.regime == DUET_REGIME_LENT || given.regime == DUET_REGIME_COPIED;

	ck_assert_msg(buffer->length_bytes == valid, "on %s: %s of %s: %u valid, not %u",
		stage.arm->name, duet_kind_name(op->kind), duet_regime_name(given.regime),
		buffer->length_bytes, valid);
	if (given.regime == DUET_REGIME_COPIED && buffer->regime == DUET_REGIME_MOVED) {
		/* A cancel had freed the caller's memory before the bytes came. */
		ck_assert_int_eq(op->request, DUET_CAUSE_CANCEL);
		ck_assert_uint_gt(op->transferred, 0);
		ck_assert_int_eq(duet_buffer_return(stage.loop, buffer), 0);
		return;
	}
	ck_assert_int_eq(buffer->regime, given.regime);
	if (given.data && !(given.regime == DUET_REGIME_COPIED && !buffer->data))
		ck_assert_ptr_eq(buffer->data, given.data);
	if (!caller_s && buffer->data)
		ck_assert_int_eq(duet_buffer_return(stage.loop, buffer), 0);
}

/* ---- Every kind, every regime, every end. ---- */

static void prepare(struct duet_op *op, enum duet_kind kind, duet_handle handle,
		    struct duet_buffer buffer)
{
	switch (kind) {
	case DUET_RECV:
		duet_op_recv_buffer(op, handle, buffer, 0);
		return;
	case DUET_SEND:
		duet_op_send_buffer(op, handle, buffer, 0);
		return;
	case DUET_READ:
		duet_op_read_buffer(op, handle, buffer, 0);
		return;
	default:
		duet_op_write_buffer(op, handle, buffer, 0);
	}
}

static void end_by(enum ending ending, struct trial *trial, duet_handle handle)
{
	struct trial closing;

	switch (ending) {
	case BY_CANCEL:
		trial_cancel(trial);
		break;
	case BY_CLOSE:
		trial_init(&closing);
		duet_op_close(&closing.op, handle);
		trial_start(&closing);
		await(&closing);
		break;
	case BY_SHUTDOWN:
		ck_assert_int_eq(duet_loop_shutdown(stage.loop,
					 duet_loop_now_ns(stage.loop) + 5 * SECOND),
			0);
		break;
	default:
		break;
	}
	await(trial);
}

/* A receive of which nothing comes, but for the end by itself; a send and a file go out, or are stopped,
 * as it happens. */
static void play(enum duet_kind kind, enum duet_regime regime, enum ending ending, duet_handle handle)
{
	struct duet_buffer given = buffer_of(regime, kind);
	struct duet_ledger ledger;
	struct trial trial;

	memcpy(given.data ? given.data : own, pattern, BYTES);
	trial_init(&trial);
	prepare(&trial.op, kind, handle, given);
	if (ending == BY_DEADLINE)
		duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 1000000);
	trial_start(&trial);
	duet_loop_ledger(stage.loop, &ledger);
	if (duet_op_pending(&trial.op) && ledger.lent_count)
		ck_assert_uint_eq(ledger.regimes[regime].lent_count, 1);
	if (ending == BY_ITSELF && kind == DUET_RECV)
		stream_send(pair[0], pattern, BYTES);
	end_by(ending, &trial, handle);
	if (ending == BY_ITSELF)
		ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
	if (!is_outgoing(kind) && trial.op.transferred)
		ck_assert(pattern_holds(trial.op.buffer.data, trial.op.transferred, 0));
	take_back(&trial.op, given);
	all_are_back();
}

static void play_on_a_stream(enum duet_kind kind, enum duet_regime regime, enum ending ending)
{
	pair_open(pair);
	play(kind, regime, ending, pair[1]);
	if (ending == BY_ITSELF && kind == DUET_SEND) {
		stream_recv(pair[0], own, BYTES);
		ck_assert(pattern_holds(own, BYTES, 0));
	}
}

static void play_on_a_file(enum duet_kind kind, enum duet_regime regime, enum ending ending)
{
	const char *path = file_path("regime");
	duet_handle file;

	file_make(path, 4096);
	file = file_open(path, O_RDWR);
	play(kind, regime, ending, file);
	if (ending == BY_ITSELF && kind == DUET_WRITE) {
		ck_assert_int_eq(file_read(file, own, BYTES, 0), BYTES);
		ck_assert(pattern_holds(own, BYTES, 0));
	}
}

static void play_all(enum ending ending)
{
	static const enum duet_kind kinds[] = { DUET_RECV, DUET_SEND, DUET_READ, DUET_WRITE };

	for (unsigned i = 0; i < 4; i++)
		for (unsigned regime = 0; regime < DUET_REGIME_COUNT; regime++) {
			ck_assert(duet_kind_regimes(kinds[i]) & 1u << regime);
			/* A file's pooled read would have a buffer to give: what was received. */
			stage_reopen(NULL, NULL);
			pools_open();
			if (i < 2)
				play_on_a_stream(kinds[i], regime, ending);
			else
				play_on_a_file(kinds[i], regime, ending);
		}
}

START_TEST(a_buffer_of_every_regime_is_back_when_it_was_used)
{
	play_all(BY_ITSELF);
}
END_TEST

START_TEST(a_buffer_of_every_regime_is_back_after_a_cancel)
{
	play_all(BY_CANCEL);
}
END_TEST

START_TEST(a_buffer_of_every_regime_is_back_after_a_deadline)
{
	play_all(BY_DEADLINE);
}
END_TEST

START_TEST(a_buffer_of_every_regime_is_back_after_a_close)
{
	play_all(BY_CLOSE);
}
END_TEST

START_TEST(a_buffer_of_every_regime_is_back_after_a_shutdown)
{
	play_all(BY_SHUTDOWN);
}
END_TEST

/* ---- Moved: one owner at a time. ---- */

START_TEST(a_buffer_that_was_given_is_neither_given_again_nor_returned)
{
	struct duet_buffer buffer;
	struct trial trial;
	struct trial second;

	pools_open();
	pair_open(pair);
	buffer = taken(DUET_REGIME_MOVED);
	trial_init(&trial);
	duet_op_recv_buffer(&trial.op, pair[1], buffer, 0);
	trial_start(&trial);
	trial_init(&second);
	duet_op_recv_buffer(&second.op, pair[0], buffer, 0);
	ck_assert_int_eq(trial_try(&second), -EBUSY);
	duet_op_send_buffer(&second.op, pair[0], buffer, 0);
	ck_assert_int_eq(trial_try(&second), -EBUSY);
#ifndef DUET_DEBUG
	ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), -EINVAL);
#endif
	trial_cancel(&trial);
	/* The request gives nothing back. */
	if (duet_op_pending(&trial.op)) {
		ck_assert_int_eq(trial_try(&second), -EBUSY);
#ifndef DUET_DEBUG
		ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), -EINVAL);
#endif
	}
	await(&trial);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &trial.op.buffer), 0);
	ck_assert_int_eq(trial_try(&second), -EINVAL);
	all_are_back();
}
END_TEST

START_TEST(what_is_no_buffer_of_the_pool_is_refused)
{
	struct duet_buffer buffer;
	struct duet_buffer wrong;
	struct trial trial;

	pools_open();
	pair_open(pair);
	buffer = taken(DUET_REGIME_MOVED);
	trial_init(&trial);
	for (unsigned i = 0; i < 7; i++) {
		wrong = buffer;
		switch (i) {
		case 0: wrong.pool = DUET_POOL_NONE; break;
		case 1: wrong.index = 99; break;
		case 2: wrong.data++; break;
		case 3: wrong.length_bytes++; break;
		case 4: wrong.regime = DUET_REGIME_REGISTERED; break;
		case 5: wrong.regime = DUET_REGIME_COUNT; break;
		default: wrong.length_bytes = 0;
		}
		duet_op_recv_buffer(&trial.op, pair[1], wrong, 0);
		ck_assert_msg(trial_try(&trial) == -EINVAL, "on %s: wrong in way %u",
			stage.arm->name, i);
	}
	duet_op_recv_buffer(&trial.op, pair[1], duet_buffer_pooled(pools[DUET_REGIME_MOVED]), 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recv_pooled(&trial.op, pair[1], pools[DUET_REGIME_MOVED], 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_read_buffer(&trial.op, pair[1], duet_buffer_pooled(pools[DUET_REGIME_POOLED]), 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recv_buffer(&trial.op, pair[1],
		duet_buffer_copied(own, BYTES, pools[DUET_REGIME_POOLED]), 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recv_buffer(&trial.op, pair[1], duet_buffer_copied(own, BYTES, NULL), 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recv_buffer(&trial.op, pair[1],
		duet_buffer_copied(pattern, BYTES + 1, pools[DUET_REGIME_MOVED]), 0);
	ck_assert_int_eq(trial_try(&trial), -EMSGSIZE);
	ck_assert_int_eq(duet_buffer_take(pools[DUET_REGIME_POOLED], &wrong), -EINVAL);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), 0);
	all_are_back();
}
END_TEST

START_TEST(an_empty_pool_refuses_who_would_take)
{
	struct duet_buffer held[4];
	struct duet_buffer more;
	struct trial trial;

	pools_open();
	pair_open(pair);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(duet_buffer_take(pools[DUET_REGIME_COPIED], &held[i]), 0);
	ck_assert_int_eq(duet_buffer_take(pools[DUET_REGIME_COPIED], &more), -ENOBUFS);
	trial_init(&trial);
	duet_op_recv_buffer(&trial.op, pair[1], buffer_of(DUET_REGIME_COPIED, DUET_RECV), 0);
	ck_assert_int_eq(trial_try(&trial), -ENOBUFS);
	duet_op_send_buffer(&trial.op, pair[1], buffer_of(DUET_REGIME_COPIED, DUET_SEND), 0);
	ck_assert_int_eq(trial_try(&trial), -ENOBUFS);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(duet_buffer_return(stage.loop, &held[i]), 0);
	ck_assert_int_eq(trial_run(&trial), BYTES);
	stream_recv(pair[0], own, BYTES);
	all_are_back();
}
END_TEST

/* ---- Copied. ---- */

START_TEST(what_goes_out_is_copied_at_the_start)
{
	struct trial trial;

	pools_open();
	pair_open(pair);
	memcpy(own, pattern, BYTES);
	trial_init(&trial);
	duet_op_send_buffer(&trial.op, pair[0], buffer_of(DUET_REGIME_COPIED, DUET_SEND), 0);
	trial_start(&trial);
	memset(own, 0xee, BYTES);
	await(&trial);
	stream_recv(pair[1], own, BYTES);
	ck_assert(pattern_holds(own, BYTES, 0));
	all_are_back();
}
END_TEST

/* Out at the start, in at the end; and of no other regime a byte. */
START_TEST(what_is_copied_through_is_counted_in_bytes)
{
	struct duet_stats stats;
	uint64_t expected = 0;

	pools_open();
	for (unsigned regime = 0; regime < DUET_REGIME_COUNT; regime++) {
		struct duet_buffer given = buffer_of(regime, DUET_SEND);
		struct trial send, recv;

		pair_open(pair);
		trial_init(&send);
		duet_op_send_buffer(&send.op, pair[0], given, DUET_WHOLE);
		trial_start(&send);
		await(&send);
		take_back(&send.op, given);
		given = buffer_of(regime, DUET_RECV);
		trial_init(&recv);
		duet_op_recv_buffer(&recv.op, pair[1], given,
			regime == DUET_REGIME_POOLED ? 0 : DUET_WHOLE);
		trial_run(&recv);
		expected += regime == DUET_REGIME_COPIED ? BYTES + recv.op.transferred : 0;
		take_back(&recv.op, given);
		duet_loop_stats(stage.loop, &stats);
		ck_assert_msg(stats.copied_bytes == expected, "on %s, %s: %llu of %llu bytes",
			stage.arm->name, duet_regime_name(regime),
			(unsigned long long)stats.copied_bytes, (unsigned long long)expected);
		pair_close(pair);
	}
	all_are_back();
}
END_TEST

/* Whichever of the two comes first: nothing is written after the cancel, and no byte is lost. */
START_TEST(a_cancel_frees_the_memory_of_a_copied_receive_at_once)
{
	unsigned handed_over = 0;

	pools_open();
	for (unsigned round = 0; round < 20; round++) {
		struct trial trial;
		size_t got;

		pair_open(pair);
		trial_init(&trial);
		if (round & 1)
			stream_send(pair[0], pattern, 100);
		duet_op_recv_buffer(&trial.op, pair[1], buffer_of(DUET_REGIME_COPIED, DUET_RECV), 0);
		trial_start(&trial);
		/* Handed over, and perhaps carried out, but not told. */
		duet_loop_prepare(stage.loop);
		if (!(round & 1))
			stream_send(pair[0], pattern, 100);
		if (trial.ends) {
			all_are_back();
			pair_close(pair);
			continue;
		}
		trial_cancel(&trial);
		memset(own, 0xa5, BYTES);
		await(&trial);
		for (unsigned i = 0; i < BYTES; i++)
			ck_assert_uint_eq(own[i], 0xa5);
		got = trial.op.transferred;
		if (got) {
			ck_assert_int_eq(trial.op.buffer.regime, DUET_REGIME_MOVED);
			ck_assert(pattern_holds(trial.op.buffer.data, got, 0));
			ck_assert_int_eq(duet_buffer_return(stage.loop, &trial.op.buffer), 0);
			handed_over++;
		} else
			ck_assert_int_eq(trial.op.buffer.regime, DUET_REGIME_COPIED);
		if (got < 100)
			stream_recv(pair[1], pattern + 100, 100 - got);
		ck_assert(pattern_holds(pattern + 100, 100 - got, got));
		pattern_fill(pattern, sizeof(pattern), 0);
		all_are_back();
		pair_close(pair);
	}
	if (stage.arm->ring)
		ck_assert_uint_gt(handed_over, 0);
}
END_TEST

/* ---- Abandoned: nobody hears of the end, and the buffer is in its pool all the same. ---- */

START_TEST(the_buffer_of_what_was_abandoned_goes_back_to_its_pool)
{
	struct duet_loop_options options;
	struct duet_op *op;

	duet_loop_options_init(&options);
	options.owned_max = 2;
	options.owned_bytes = 16;
	for (unsigned regime = DUET_REGIME_MOVED; regime < DUET_REGIME_COUNT; regime++)
		for (unsigned late = 0; late < 2; late++) {
			stage_reopen(&options, NULL);
			pools_open();
			pair_open(pair);
			if (late)
				stream_send(pair[0], pattern, 10);
			ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), 0);
			duet_op_recv_buffer(op, pair[1], buffer_of(regime, DUET_RECV), 0);
			ck_assert_int_eq(duet_op_start(stage.loop, op), 0);
			if (late)
				duet_loop_prepare(stage.loop);
			ck_assert_int_eq(duet_op_abandon(op), 0);
			turn_until(duet_loop_pending(stage.loop) == 0);
			stage_settle(2);
			all_are_back();
		}
}
END_TEST

START_TEST(an_operation_is_started_again_with_the_same_buffer)
{
	struct trial trial;

	pools_open();
	pair_open(pair);
	for (unsigned regime = 0; regime < DUET_REGIME_COUNT; regime++) {
		struct duet_buffer given = buffer_of(regime, DUET_RECV);

		trial_init(&trial);
		duet_op_recv_buffer(&trial.op, pair[1], given, 0);
		for (unsigned i = 0; i < 3; i++) {
			trial.ends = 0;
			trial_start(&trial);
			stream_send(pair[0], pattern, 1);
			await(&trial);
			ck_assert_uint_eq(trial.op.buffer.length_bytes, 1);
			ck_assert(pattern_holds(trial.op.buffer.data, 1, 0));
			if (regime == DUET_REGIME_POOLED)
				ck_assert_int_eq(duet_buffer_return(stage.loop, &trial.op.buffer), 0);
		}
		if (regime != DUET_REGIME_POOLED)
			take_back(&trial.op, given);
		all_are_back();
	}
}
END_TEST

START_TEST(a_loop_says_which_regimes_are_native)
{
	int kernel_s = stage.arm->ring ? DUET_NATIVE : DUET_EMULATED;

	ck_assert_int_eq(duet_loop_regime(stage.loop, DUET_REGIME_LENT), DUET_NATIVE);
	ck_assert_int_eq(duet_loop_regime(stage.loop, DUET_REGIME_MOVED), DUET_NATIVE);
	ck_assert_int_eq(duet_loop_regime(stage.loop, DUET_REGIME_COPIED), DUET_NATIVE);
	ck_assert_int_eq(duet_loop_regime(stage.loop, DUET_REGIME_POOLED), kernel_s);
	ck_assert_int_eq(duet_loop_regime(stage.loop, DUET_REGIME_REGISTERED), kernel_s);
	ck_assert_int_eq(duet_loop_regime(stage.loop, DUET_REGIME_COUNT), DUET_ABSENT);
}
END_TEST

START_TEST(a_pool_that_cannot_be_is_refused)
{
	struct duet_pool_options options;
	struct duet_pool *pool;

	duet_pool_options_init(&options);
	options.count = 2;
	options.size_bytes = 64;
	options.size--;
	ck_assert_int_eq(duet_pool_create_with(stage.loop, &options, &pool), -EINVAL);
	options.size++;
	options.regime = DUET_REGIME_LENT;
	ck_assert_int_eq(duet_pool_create_with(stage.loop, &options, &pool), -EINVAL);
	options.regime = DUET_REGIME_COPIED;
	ck_assert_int_eq(duet_pool_create_with(stage.loop, &options, &pool), -EINVAL);
	options.regime = DUET_REGIME_REGISTERED;
	options.count = 32768;
	options.size_bytes = 1 << 20;
	ck_assert_int_eq(duet_pool_create_with(stage.loop, &options, &pool), -EINVAL);
	ck_assert_ptr_null(pool);
}
END_TEST

int main(void)
{
	return contract_run("regime",
		CASES(a_buffer_of_every_regime_is_back_when_it_was_used,
			a_buffer_of_every_regime_is_back_after_a_cancel,
			a_buffer_of_every_regime_is_back_after_a_deadline,
			a_buffer_of_every_regime_is_back_after_a_close,
			a_buffer_of_every_regime_is_back_after_a_shutdown,
			a_buffer_that_was_given_is_neither_given_again_nor_returned,
			what_is_no_buffer_of_the_pool_is_refused,
			an_empty_pool_refuses_who_would_take, what_goes_out_is_copied_at_the_start,
			what_is_copied_through_is_counted_in_bytes,
			a_cancel_frees_the_memory_of_a_copied_receive_at_once,
			the_buffer_of_what_was_abandoned_goes_back_to_its_pool,
			an_operation_is_started_again_with_the_same_buffer,
			a_loop_says_which_regimes_are_native, a_pool_that_cannot_be_is_refused),
		NULL);
}
