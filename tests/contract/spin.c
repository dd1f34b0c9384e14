/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "tests/support/harness.h"

/* The knob spin_ns: a turn that would sleep looks first, and costs no sleep if it finds something. */

static duet_handle pair[2];
static unsigned char data[64];

static void loop_with_spin(uint32_t spin_ns)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.spin_ns = spin_ns;
	stage_reopen(&options, NULL);
}

static uint64_t sleeps(void)
{
	struct duet_stats stats;

	duet_loop_stats(stage.loop, &stats);
	return stats.waits;
}

START_TEST(a_timer_that_is_due_while_it_looks_needs_no_sleep)
{
	struct trial trial;

	loop_with_spin(1000000000);
	trial_init(&trial);
	duet_op_timeout(&trial.op, duet_loop_now_ns(stage.loop) + 200000);
	ck_assert_int_eq(trial_run(&trial), 0);
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), trial.op.args.timeout.due_ns);
	ck_assert_uint_eq(sleeps(), 0);
}
END_TEST

START_TEST(bytes_that_come_while_it_looks_need_no_sleep)
{
	struct trial receive, send;

	loop_with_spin(1000000000);
	pair_open(pair);
	trial_init(&receive);
	duet_op_recv(&receive.op, pair[1], data, 5, DUET_WHOLE);
	trial_start(&receive);
	trial_init(&send);
	duet_op_send(&send.op, pair[0], "hello", 5, DUET_WHOLE);
	trial_start(&send);
	await(&receive);
	expect(&receive, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	await(&send);
	ck_assert_uint_eq(sleeps(), 0);
}
END_TEST

START_TEST(a_deadline_is_kept_by_a_loop_that_looks)
{
	struct trial trial;

	loop_with_spin(100000);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, 0);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 2000000);
	trial_start(&trial);
	await(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), trial.op.deadline_ns);
}
END_TEST

static unsigned heard;

static void hear(struct duet_message *message)
{
	(void)message;
	heard++;
}

static void *post_one(void *message)
{
	duet_loop_post(stage.loop, message);
	return NULL;
}

/* Whether it looks or sleeps by then. */
START_TEST(a_message_of_another_thread_ends_the_looking)
{
	static const uint32_t spins[] = { 1000, 1000000000 };

	for (unsigned i = 0; i < 2; i++) {
		struct duet_message message = { hear, NULL };
		pthread_t thread;

		loop_with_spin(spins[i]);
		heard = 0;
		ck_assert_int_eq(pthread_create(&thread, NULL, post_one, &message), 0);
		turn_until(heard == 1);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
}
END_TEST

int main(void)
{
	return contract_run("spin",
		CASES(a_timer_that_is_due_while_it_looks_needs_no_sleep,
			bytes_that_come_while_it_looks_need_no_sleep,
			a_deadline_is_kept_by_a_loop_that_looks,
			a_message_of_another_thread_ends_the_looking),
		NULL);
}
