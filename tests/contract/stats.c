/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "tests/support/harness.h"

/* R17: what is carried out how, and counters of the path really taken. */

static duet_handle pair[2];
static unsigned char data[256];

static struct duet_stats stats(void)
{
	struct duet_stats now;

	duet_loop_stats(stage.loop, &now);
	return now;
}

START_TEST(everything_started_has_ended_when_nothing_is_pending)
{
	pair_open(pair);
	stream_send(pair[0], "hello", 5);
	stream_recv(pair[1], data, 5);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
	ck_assert_uint_eq(stats().started, stats().ended);
	ck_assert_uint_ge(stats().started, 6);
	ck_assert_uint_gt(stats().turns, 0);
}
END_TEST

/* Each way of each kind, and together what the sums say. */
START_TEST(every_way_is_counted_once)
{
	uint64_t sums[DUET_WAY_COUNT] = { 0 };
	struct duet_stats now;

	pair_open(pair);
	stream_send(pair[0], "hello", 5);
	stream_recv(pair[1], data, 5);
	now = stats();
	for (unsigned kind = 0; kind < DUET_KIND_COUNT; kind++)
		for (unsigned way = 0; way < DUET_WAY_COUNT; way++)
			sums[way] += duet_loop_way_count(stage.loop, kind, way);
	ck_assert_uint_eq(sums[DUET_WAY_INLINE], now.inline_ended);
	ck_assert_uint_eq(sums[DUET_WAY_WORKER], now.worker);
	ck_assert_uint_eq(sums[DUET_WAY_ARMED] + sums[DUET_WAY_ENCODED] + sums[DUET_WAY_EMULATED],
		now.armed);
	ck_assert_uint_gt(duet_loop_way_count(stage.loop, DUET_SEND, DUET_WAY_INLINE) +
				  duet_loop_way_count(stage.loop, DUET_SEND, DUET_WAY_ARMED),
		0);
	ck_assert_uint_eq(duet_loop_way_count(stage.loop, DUET_KIND_COUNT, DUET_WAY_ARMED), 0);
	ck_assert_str_eq(duet_way_name(DUET_WAY_WORKER), "worker");
	ck_assert_str_eq(duet_way_name(DUET_WAY_COUNT), "?");
}
END_TEST

START_TEST(cancels_and_interim_completions_are_counted)
{
	struct duet_stats before;
	struct trial trial;

	pair_open(pair);
	before = stats();
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, 0);
	trial_start(&trial);
	stage_settle(3);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_uint_eq(stats().cancels, before.cancels + 1);
	ck_assert_uint_eq(stats().interim, before.interim);
	ck_assert_uint_eq(stats().ended, before.ended + 1);
}
END_TEST

START_TEST(an_empty_pool_is_counted)
{
	struct duet_pool *pool;
	struct trial trial;

	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 4, &pool), 0);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, pair[1], pool, DUET_MULTISHOT);
	trial_start(&trial);
	stream_send(pair[0], "12345678", 8);
	turn_until(stats().starved > 0);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_int_eq(duet_buffer_return(stage.loop,
				 &(struct duet_buffer){ .length_bytes = 4, .pool = 0 }),
		0);
}
END_TEST

START_TEST(every_kind_of_this_storey_is_native_or_emulated)
{
	struct duet_probe probe;

	ck_assert_int_eq(duet_backend_probe(stage.arm->backend(), stage.arm->tuning, &probe), 0);
	ck_assert_str_eq(probe.reason, "");
	ck_assert_str_ne(probe.shape, "");
	for (unsigned kind = 0; kind < DUET_KIND_COUNT; kind++) {
		ck_assert_msg(probe.capability[kind] != DUET_ABSENT, "on %s: %s is absent",
			stage.arm->name, duet_kind_name(kind));
		/* Unless threads are asked for there are none to work. */
		if (kind != DUET_WORK && kind != DUET_RESOLVE)
			ck_assert_int_ne(duet_loop_capability(stage.loop, kind), DUET_ABSENT);
	}
	ck_assert_ptr_eq(duet_loop_backend(stage.loop), stage.arm->backend());
	ck_assert_ptr_nonnull(strstr(stage.arm->name,
		duet_backend_name(duet_loop_backend(stage.loop))));
}
END_TEST

START_TEST(without_workers_what_needs_one_is_absent_and_refused)
{
	struct duet_loop_options options;
	struct trial trial;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	stage_reopen(&options, NULL);
	trial_init(&trial);
	duet_op_open(&trial.op, -100, "/dev/null", 0, 0);
	if (duet_loop_capability(stage.loop, DUET_OPEN) == DUET_ABSENT)
		ck_assert_int_eq(trial_try(&trial), -EOPNOTSUPP);
	else
		trial_run(&trial);
}
END_TEST

#define MESSAGES 100u

/* One message after the other, all of them the same: each is there when its receive begins. */
static struct duet_stats converse(void)
{
	struct duet_stats before = stats();
	struct duet_stats after;

	for (unsigned i = 0; i < MESSAGES; i++) {
		stream_send(pair[0], data, 64);
		stream_recv(pair[1], data, 64);
	}
	after = stats();
	ck_assert_uint_eq(after.registrations, before.registrations);
	ck_assert_uint_eq(after.stale, before.stale);
	ck_assert_uint_eq(after.starved, before.starved);
	ck_assert_uint_eq(after.queue_full, before.queue_full);
	ck_assert_uint_eq(after.started - before.started, 2 * MESSAGES);
	ck_assert_uint_eq(after.ended - before.ended, 2 * MESSAGES);
	return (struct duet_stats){
		.system_calls = after.system_calls - before.system_calls,
		.inline_ended = after.inline_ended - before.inline_ended,
		.armed = after.armed - before.armed,
		.wasted = after.wasted - before.wasted,
		.submitted = after.submitted - before.submitted,
		.events = after.events - before.events,
	};
}

/* A reactor: send, receive, and a look for events that is due every other turn. A ring: the send is
 * made at once, the receive is an entry and its completion, and one call hands over and fetches. */
static const struct duet_stats reactor = { .system_calls = 3 * MESSAGES,
	.inline_ended = 2 * MESSAGES };
static const struct duet_stats ring = { .system_calls = 2 * MESSAGES, .inline_ended = MESSAGES,
	.armed = MESSAGES, .submitted = MESSAGES, .events = MESSAGES };

/* The machine may deliver a message late, also on loopback, and then another attempt is made; but not
 * each time. */
START_TEST(the_steady_path_costs_just_this)
{
	const struct duet_stats *price = stage.arm->ring ? &ring : &reactor;
	struct duet_stats paid;

	pair_open(pair);
	converse();
	for (unsigned i = 0; i < 5; i++) {
		paid = converse();
		if (memcmp(&paid, price, sizeof(paid)) == 0)
			return;
	}
	ck_assert_uint_eq(paid.system_calls, price->system_calls);
	ck_assert_uint_eq(paid.inline_ended, price->inline_ended);
	ck_assert_uint_eq(paid.armed, price->armed);
	ck_assert_uint_eq(paid.wasted, price->wasted);
	ck_assert_uint_eq(paid.submitted, price->submitted);
	ck_assert_uint_eq(paid.events, price->events);
}
END_TEST

/* R8: the next attempt follows what the last receive said of the direction. */
START_TEST(a_direction_known_to_be_empty_is_not_attempted_and_one_with_a_rest_is)
{
	struct duet_stats before;
	struct trial trial;

	pair_open(pair);
	stream_send(pair[0], "abcdef", 6);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 4, 0);
	trial_run(&trial);
	ck_assert_int_eq(trial.op.result, 4);
	duet_op_recv(&trial.op, pair[1], data, 64, DUET_INLINE);
	ck_assert_msg(trial_try(&trial) == 1, "on %s: a rest is not attempted", stage.arm->name);
	ck_assert_int_eq(trial.op.result, 2);
	stream_send(pair[0], "gh", 2);
	duet_op_recv(&trial.op, pair[1], data, 64, 0);
	trial_run(&trial);
	ck_assert_int_eq(trial.op.result, 2);
	before = stats();
	duet_op_recv(&trial.op, pair[1], data, 64, DUET_INLINE);
	trial.ends = 0;
	trial_start(&trial);
	ck_assert_uint_eq(stats().wasted, before.wasted);
	ck_assert_uint_eq(stats().system_calls, before.system_calls);
	trial_cancel(&trial);
	await(&trial);
}
END_TEST

int main(void)
{
	return contract_run("stats",
		CASES(everything_started_has_ended_when_nothing_is_pending,
			every_way_is_counted_once,
			cancels_and_interim_completions_are_counted, an_empty_pool_is_counted,
			every_kind_of_this_storey_is_native_or_emulated),
		CASES(without_workers_what_needs_one_is_absent_and_refused,
			the_steady_path_costs_just_this,
			a_direction_known_to_be_empty_is_not_attempted_and_one_with_a_rest_is));
}
