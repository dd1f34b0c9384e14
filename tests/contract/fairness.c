/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/datagram.h"
#include "tests/support/harness.h"

/* R8: a handle with much to do does not keep the turn from the others. */

#define FLOOD 200000u
#define NOPS 5000u
/* A few bursts of the default 16; without a bound it would be tens of thousands. */
#define PATIENCE_ITEMS 200u
/* What a kernel that runs ahead may have queued already: eight times the default 256 entries. */
#define QUEUE_ITEMS 2048u

static duet_handle busy[2];
static duet_handle quiet[2];
static unsigned char out[FLOOD];
static unsigned char in[64];

struct flood {
	struct trial recv;
	struct duet_pool *pool;
	unsigned items;
	bool stop;
};

static void recv_small(struct flood *flood)
{
	duet_op_recv(&flood->recv.op, busy[1], in, 1, 0);
	ck_assert_int_eq(duet_op_start(stage.loop, &flood->recv.op), 0);
}

static void one_more(struct trial *trial)
{
	struct flood *flood = trial->context;

	flood->items++;
	if (!flood->stop)
		recv_small(flood);
}

static void flood_fill(void)
{
	struct trial send;

	trial_init(&send);
	duet_op_send(&send.op, busy[0], out, sizeof(out), DUET_WHOLE);
	duet_op_deadline(&send.op, duet_loop_now_ns(stage.loop) + 20000000);
	trial_run(&send);
	ck_assert_uint_gt(send.op.transferred, 10 * PATIENCE_ITEMS);
}

static void flood_stop(struct flood *flood)
{
	unsigned items = flood->items;

	flood->stop = true;
	turn_until(flood->items > items || !duet_op_pending(&flood->recv.op));
}

START_TEST(a_receive_that_starts_itself_again_does_not_starve_a_quiet_handle)
{
	struct flood flood = { .items = 0 };
	struct trial recv;
	char byte;

	pair_open(busy);
	pair_open(quiet);
	flood_fill();
	stream_send(quiet[0], "x", 1);
	trial_init(&flood.recv);
	flood.recv.then = one_more;
	flood.recv.context = &flood;
	recv_small(&flood);
	trial_init(&recv);
	duet_op_recv(&recv.op, quiet[1], &byte, 1, 0);
	trial_start(&recv);
	await(&recv);
	ck_assert_msg(flood.items <= PATIENCE_ITEMS, "on %s: %u items before the quiet one",
		stage.arm->name, flood.items);
	flood_stop(&flood);
}
END_TEST

START_TEST(a_timer_is_not_starved_by_a_busy_handle)
{
	struct flood flood = { .items = 0 };
	struct trial timer;

	pair_open(busy);
	flood_fill();
	trial_init(&flood.recv);
	flood.recv.then = one_more;
	flood.recv.context = &flood;
	recv_small(&flood);
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop));
	trial_start(&timer);
	await(&timer);
	ck_assert_uint_le(flood.items, PATIENCE_ITEMS);
	flood_stop(&flood);
}
END_TEST

static void count_and_return(struct trial *trial)
{
	struct flood *flood = trial->context;

	flood->items++;
	if (trial->op.transferred > 0 || (trial->op.more && trial->op.result > 0))
		ck_assert_int_eq(duet_buffer_return(stage.loop, &trial->op.buffer), 0);
}

START_TEST(a_multishot_receive_does_not_starve_a_quiet_handle)
{
	struct flood flood = { .items = 0 };
	struct duet_pool_options options;
	struct trial recv;
	char byte;

	duet_pool_options_init(&options);
	options.count = 4096;
	options.size_bytes = 4;
	options.bursts = true;
	ck_assert_int_eq(duet_pool_create_with(stage.loop, &options, &flood.pool), 0);
	pair_open(busy);
	pair_open(quiet);
	flood_fill();
	stream_send(quiet[0], "x", 1);
	trial_init(&flood.recv);
	flood.recv.then = count_and_return;
	flood.recv.context = &flood;
	duet_op_recv_pooled(&flood.recv.op, busy[1], flood.pool, DUET_MULTISHOT);
	trial_start(&flood.recv);
	trial_init(&recv);
	duet_op_recv(&recv.op, quiet[1], &byte, 1, 0);
	trial_start(&recv);
	await(&recv);
	ck_assert_msg(flood.items <= (stage.arm->ring ? QUEUE_ITEMS : PATIENCE_ITEMS),
		"on %s: %u items before the quiet one", stage.arm->name, flood.items);
	trial_cancel(&flood.recv);
	await(&flood.recv);
}
END_TEST

START_TEST(the_burst_bound_is_the_caller_s)
{
	struct duet_loop_options options;
	struct flood flood = { .items = 0 };
	struct trial recv;
	char byte;

	duet_loop_options_init(&options);
	options.burst_max = 1;
	stage_reopen(&options, NULL);
	pair_open(busy);
	pair_open(quiet);
	flood_fill();
	stream_send(quiet[0], "x", 1);
	trial_init(&flood.recv);
	flood.recv.then = one_more;
	flood.recv.context = &flood;
	recv_small(&flood);
	trial_init(&recv);
	duet_op_recv(&recv.op, quiet[1], &byte, 1, 0);
	trial_start(&recv);
	await(&recv);
	ck_assert_uint_le(flood.items, 20);
	flood_stop(&flood);
}
END_TEST

/* Two receives take turns, and for each datagram that comes another is sent: there always is one, and
 * always who stands in line for it. */
struct storm {
	struct trial recvs[2];
	struct duet_msghdr headers[2];
	unsigned char bytes[2];
	struct station station;
	int outside;
	unsigned items;
	bool stop;
};

static void storm_receive(struct storm *storm, unsigned i)
{
	duet_op_recvfrom(&storm->recvs[i].op, storm->station.handle, &storm->bytes[i], 1,
		&storm->headers[i]);
	ck_assert_int_ge(duet_op_start(stage.loop, &storm->recvs[i].op), 0);
}

static void storm_again(struct trial *trial)
{
	struct storm *storm = trial->context;

	if (storm->stop)
		return;
	storm->items++;
	ck_assert_int_eq(send(storm->outside, "x", 1, 0), 1);
	storm_receive(storm, trial == &storm->recvs[1]);
}

static void storm_begin(struct storm *storm)
{
	memset(storm, 0, sizeof(*storm));
	ck_assert(station_open(AF_INET, &storm->station));
	storm->outside = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(storm->outside, (struct sockaddr *)&storm->station.address,
				 storm->station.address_bytes), 0);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(send(storm->outside, "x", 1, 0), 1);
	for (unsigned i = 0; i < 2; i++) {
		trial_init(&storm->recvs[i]);
		storm->recvs[i].then = storm_again;
		storm->recvs[i].context = storm;
		storm_receive(storm, i);
	}
}

START_TEST(a_storm_of_datagrams_does_not_starve_a_quiet_handle)
{
	struct storm storm;
	struct trial recv;
	char byte;

	storm_begin(&storm);
	pair_open(quiet);
	stream_send(quiet[0], "x", 1);
	storm.items = 0;
	trial_init(&recv);
	duet_op_recv(&recv.op, quiet[1], &byte, 1, 0);
	trial_start(&recv);
	await(&recv);
	ck_assert_msg(storm.items <= PATIENCE_ITEMS, "on %s: %u datagrams before the quiet one",
		stage.arm->name, storm.items);
	storm.stop = true;
	turn_until(!duet_op_pending(&storm.recvs[0].op) && !duet_op_pending(&storm.recvs[1].op));
	close(storm.outside);
}
END_TEST

static void nop_again(struct trial *trial)
{
	if (trial->ends < NOPS)
		ck_assert_int_eq(duet_op_start(stage.loop, &trial->op), 0);
}

START_TEST(a_turn_ends_although_its_completions_start_new_ones)
{
	struct trial nop;

	trial_init(&nop);
	nop.then = nop_again;
	duet_op_nop(&nop.op);
	trial_start(&nop);
	turn_until(nop.ends > 0);
	ck_assert_uint_lt(nop.ends, NOPS);
	turn_until(nop.ends == NOPS);
}
END_TEST

int main(void)
{
	return contract_run("fairness",
		CASES(a_receive_that_starts_itself_again_does_not_starve_a_quiet_handle,
			a_timer_is_not_starved_by_a_busy_handle,
			a_multishot_receive_does_not_starve_a_quiet_handle,
			the_burst_bound_is_the_caller_s,
			a_turn_ends_although_its_completions_start_new_ones),
		CASES(a_storm_of_datagrams_does_not_starve_a_quiet_handle));
}
