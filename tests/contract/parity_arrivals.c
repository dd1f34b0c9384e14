/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* The rows of docs/parity.md about arrivals: how much of them in one turn, in which pieces, and what
 * is said when there is no buffer for them. */

static struct trial trial;
static duet_handle handle;
static int raw;
static unsigned char data[4096];

static bool on_ring(void)
{
	return stage.arm->ring;
}

/* Completions appear at any time, not only when the loop asks. */
static bool on_plain_ring(void)
{
	return on_ring() && stage.arm->tuning;
}

static int bytes_waiting(duet_handle of)
{
	int count;

	ck_assert_int_eq(ioctl(duet_handle_fd(stage.loop, of), FIONREAD, &count), 0);
	return count;
}

static void cancel_and_await(void)
{
	trial_cancel(&trial);
	await(&trial);
}

static void expect_untouched(void)
{
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}

struct flow {
	struct duet_pool *pool;
	unsigned pieces;
	unsigned largest;
};

static void flow_piece(struct trial *of)
{
	struct flow *flow = of->context;

	if (!of->op.transferred)
		return;
	flow->pieces++;
	if (of->op.transferred > flow->largest)
		flow->largest = of->op.transferred;
	ck_assert_int_eq(duet_buffer_return(stage.loop, &of->op.buffer), 0);
}

static void flow_start(struct flow *flow, int type)
{
	memset(flow, 0, sizeof(*flow));
	ck_assert_int_eq(duet_pool_create(stage.loop, 64, 64, &flow->pool), 0);
	raw_unix(type, &handle, &raw);
	trial_init(&trial);
	trial.then = flow_piece;
	trial.context = flow;
	duet_op_recv_pooled(&trial.op, handle, flow->pool, DUET_MULTISHOT);
	trial_start(&trial);
}

static void flow_stop(void)
{
	cancel_and_await();
	expect_untouched();
	close(raw);
}

START_TEST(a_multishot_receive_and_the_burst)
{
	const unsigned burst = 4, sent = 40;
	struct duet_loop_options options;
	unsigned most = 0;
	struct flow flow;

	duet_loop_options_init(&options);
	options.burst_max = burst;
	stage_reopen(&options, NULL);
	flow_start(&flow, SOCK_SEQPACKET);
	stage_settle(3);
	for (unsigned i = 0; i < sent; i++)
		raw_send(raw, "x", 1);
	while (flow.pieces < sent) {
		unsigned before = flow.pieces;

		stage_turn();
		most = flow.pieces - before > most ? flow.pieces - before : most;
	}
	if (on_ring())
		ck_assert_uint_gt(most, burst);
	else
		ck_assert_uint_eq(most, burst);
	flow_stop();
}
END_TEST

static void receive_again(struct trial *of)
{
	unsigned *received = of->context;

	if (of->op.result <= 0)
		return;
	++*received;
	of->ends = 0;
	trial_start(of);
}

START_TEST(a_receive_that_starts_itself_again)
{
	unsigned received = 0;

	raw_unix(SOCK_STREAM, &handle, &raw);
	raw_send(raw, data, 200);
	trial_init(&trial);
	trial.then = receive_again;
	trial.context = &received;
	duet_op_recv(&trial.op, handle, data, 1, 0);
	trial_start(&trial);
	for (unsigned turn = 1; turn <= 5; turn++) {
		stage_turn();
		ck_assert_uint_eq(received, on_ring() ? turn : turn * 16);
	}
	trial.then = NULL;
	cancel_and_await();
	close(raw);
}
END_TEST

START_TEST(arrivals_in_front_of_a_turn_are_one_piece_or_several)
{
	struct flow flow;

	flow_start(&flow, SOCK_STREAM);
	stage_settle(4);
	for (unsigned i = 0; i < 4; i++)
		raw_send(raw, "abc", 3);
	stage_settle(4);
	ck_assert_uint_eq(flow.pieces, on_plain_ring() ? 4 : 1);
	ck_assert_uint_eq(flow.largest, on_plain_ring() ? 3 : 12);
	flow_stop();

	raw_unix(SOCK_STREAM, &handle, &raw);
	trial_init(&trial);
	duet_op_recv(&trial.op, handle, data, 12, 0);
	trial_start(&trial);
	stage_settle(4);
	for (unsigned i = 0; i < 4; i++)
		raw_send(raw, "abc", 3);
	await(&trial);
	expect(&trial, on_plain_ring() ? 3 : 12, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

START_TEST(a_multishot_receive_cancelled_behind_arrivals)
{
	struct flow flow;

	flow_start(&flow, SOCK_STREAM);
	stage_settle(4);
	for (unsigned i = 0; i < 4; i++)
		raw_send(raw, "abc", 3);
	flow_stop();
	ck_assert_uint_eq(flow.pieces, on_plain_ring() ? 4 : 0);
	ck_assert_int_eq(bytes_waiting(handle), on_plain_ring() ? 0 : 12);
}
END_TEST

static void keep_buffer(struct trial *of)
{
	if (of->op.result > 0)
		*(struct duet_buffer *)of->context = of->op.buffer;
}

/* The ring takes the buffer before it looks whether there is anything to put into it. */
START_TEST(a_receive_with_an_empty_pool_on_a_connection_that_is_idle)
{
	struct duet_buffer held;
	struct duet_pool *pool;
	struct trial first;
	int idle;

	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 64, &pool), 0);
	raw_unix(SOCK_STREAM, &handle, &raw);
	raw_send(raw, "x", 1);
	trial_init(&first);
	first.then = keep_buffer;
	first.context = &held;
	duet_op_recv_pooled(&first.op, handle, pool, 0);
	trial_run(&first);
	raw_unix(SOCK_STREAM, &handle, &idle);
	for (unsigned round = 0; round < 2; round++) {
		trial_init(&trial);
		duet_op_recv_pooled(&trial.op, handle, pool, round ? DUET_MULTISHOT : 0);
		trial_start(&trial);
		stage_settle(5);
		ck_assert_uint_eq(trial.items, on_ring());
		cancel_and_await();
		expect_untouched();
	}
	ck_assert_int_eq(duet_buffer_return(stage.loop, &held), 0);
	close(raw);
	close(idle);
}
END_TEST

int main(void)
{
	return contract_run("parity_arrivals", CASES(NULL),
		CASES(a_multishot_receive_and_the_burst,
			a_receive_that_starts_itself_again,
			arrivals_in_front_of_a_turn_are_one_piece_or_several,
			a_multishot_receive_cancelled_behind_arrivals,
			a_receive_with_an_empty_pool_on_a_connection_that_is_idle));
}
