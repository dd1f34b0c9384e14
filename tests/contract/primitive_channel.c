/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* Channels and one-shots: what is passed from one to another. */

enum { CAPACITY = 3, MANY = 40 };

static struct duet_channel channel;
static uint32_t memory[CAPACITY];
static uint32_t elements[MANY];
static uint32_t got[MANY];

static void channel_make(uint32_t capacity)
{
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, capacity ? memory : NULL, capacity,
				 sizeof(uint32_t)),
		0);
	for (uint32_t i = 0; i < MANY; i++)
		elements[i] = i + 1;
	memset(got, 0, sizeof(got));
}

static void channel_end(void)
{
	ck_assert_int_eq(duet_channel_fini(&channel), 0);
}

static void send_start(struct trial *trial, unsigned which)
{
	trial_init(trial);
	duet_op_channel_send(&trial->op, &channel, &elements[which]);
	trial_start(trial);
}

static void recv_start(struct trial *trial, unsigned which)
{
	trial_init(trial);
	duet_op_channel_recv(&trial->op, &channel, &got[which]);
	trial_start(trial);
}

static void expect_got(unsigned count)
{
	ck_assert_mem_eq(got, elements, count * sizeof(*got));
}

/* ---- Full, empty. ---- */

START_TEST(elements_come_out_in_the_order_in_which_they_went_in)
{
	struct trial senders[MANY], receivers[MANY];
	unsigned expected = 0;

	for (uint32_t capacity = 0; capacity <= CAPACITY; capacity++) {
		for (unsigned first = 0; first < 2; first++) {
			channel_make(capacity);
			for (unsigned i = 0; i < MANY; i++)
				first ? send_start(&senders[i], i) : recv_start(&receivers[i], i);
			for (unsigned i = 0; i < MANY; i++)
				first ? recv_start(&receivers[i], i) : send_start(&senders[i], i);
			expected += 2 * MANY;
			turn_until(stage.ends == expected);
			for (unsigned i = 0; i < MANY; i++) {
				expect(&senders[i], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
				expect(&receivers[i], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
				if (i)
					ck_assert_uint_lt(receivers[i - 1].rank, receivers[i].rank);
			}
			expect_got(MANY);
			channel_end();
		}
	}
}
END_TEST

START_TEST(a_full_channel_makes_senders_wait_and_takes_their_elements_in_order)
{
	struct trial senders[CAPACITY + 2];
	uint32_t out;

	channel_make(CAPACITY);
	for (unsigned i = 0; i < CAPACITY + 2; i++)
		send_start(&senders[i], i);
	stage_settle(2);
	ck_assert_uint_eq(channel.count, CAPACITY);
	ck_assert_uint_eq(stage.ends, CAPACITY);
	ck_assert_int_eq(duet_channel_try_send(&channel, &elements[9]), -EAGAIN);
	for (unsigned i = 0; i < CAPACITY + 2; i++) {
		ck_assert_int_eq(duet_channel_try_recv(&channel, &out), 1);
		ck_assert_uint_eq(out, i + 1);
		ck_assert_uint_eq(channel.count, i < 2 ? CAPACITY : CAPACITY + 1 - i);
	}
	ck_assert_int_eq(duet_channel_try_recv(&channel, &out), -EAGAIN);
	turn_until(stage.ends == CAPACITY + 2);
	channel_end();
}
END_TEST

START_TEST(a_rendezvous_ends_both_and_holds_nothing)
{
	struct trial sender, receiver;

	channel_make(0);
	ck_assert_int_eq(duet_channel_try_send(&channel, &elements[0]), -EAGAIN);
	ck_assert_int_eq(duet_channel_try_recv(&channel, &got[0]), -EAGAIN);
	send_start(&sender, 0);
	stage_settle(2);
	ck_assert_uint_eq(sender.ends, 0);
	recv_start(&receiver, 0);
	turn_until(sender.ends && receiver.ends);
	expect(&sender, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&receiver, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(channel.count, 0);
	expect_got(1);
	channel_end();
}
END_TEST

START_TEST(what_is_inside_is_received_inside_an_inline_start)
{
	struct trial trial;

	channel_make(CAPACITY);
	trial_init(&trial);
	duet_op_channel_send(&trial.op, &channel, &elements[0]);
	duet_op_inline(&trial.op);
	ck_assert_int_eq(trial_try(&trial), 1);
	ck_assert_int_eq(trial.op.result, 0);
	duet_op_channel_recv(&trial.op, &channel, &got[0]);
	duet_op_inline(&trial.op);
	ck_assert_int_eq(trial_try(&trial), 1);
	ck_assert_int_eq(trial.op.result, 1);
	duet_op_channel_recv(&trial.op, &channel, &got[1]);
	duet_op_inline(&trial.op);
	ck_assert_int_eq(trial_try(&trial), 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect_got(1);
	ck_assert_uint_eq(got[1], 0);
	channel_end();
}
END_TEST

START_TEST(elements_of_any_size_are_copied_whole)
{
	static unsigned char store[2 * 1000], in[1000], out[1000];
	struct trial trial;

	pattern_fill(in, sizeof(in), 7);
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, store, 2, sizeof(in)), 0);
	for (unsigned i = 0; i < 5; i++) {
		memset(out, 0, sizeof(out));
		trial_init(&trial);
		duet_op_channel_send(&trial.op, &channel, in);
		ck_assert_int_eq(trial_run(&trial), 0);
		duet_op_channel_recv(&trial.op, &channel, out);
		ck_assert_int_eq(trial_run(&trial), 1);
		ck_assert_mem_eq(in, out, sizeof(in));
	}
	channel_end();
}
END_TEST

/* ---- Cancelled. ---- */

START_TEST(a_stopped_sender_has_sent_nothing_and_a_stopped_receiver_has_taken_nothing)
{
	struct trial trials[3];
	uint32_t out;

	for (uint32_t capacity = 0; capacity <= 1; capacity++) {
		channel_make(capacity);
		if (capacity)
			ck_assert_int_eq(duet_channel_try_send(&channel, &elements[9]), 0);
		for (unsigned i = 0; i < 3; i++)
			send_start(&trials[i], i);
		trial_cancel(&trials[1]);
		turn_until(trials[1].ends);
		expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		if (capacity)
			ck_assert_int_eq(duet_channel_try_recv(&channel, &out), 1);
		ck_assert_int_eq(duet_channel_try_recv(&channel, &out), 1);
		ck_assert_uint_eq(out, elements[0]);
		ck_assert_int_eq(duet_channel_try_recv(&channel, &out), 1);
		ck_assert_uint_eq(out, elements[2]);
		turn_until(trials[0].ends && trials[2].ends);
		for (unsigned i = 0; i < 3; i++)
			recv_start(&trials[i], i);
		trial_cancel(&trials[0]);
		ck_assert_int_eq(duet_channel_try_send(&channel, &elements[5]), 0);
		turn_until(trials[0].ends && trials[1].ends);
		ck_assert_uint_eq(got[0], 0);
		ck_assert_uint_eq(got[1], elements[5]);
		trial_cancel(&trials[2]);
		await(&trials[2]);
		channel_end();
	}
}
END_TEST

START_TEST(an_element_that_meets_a_cancel_is_handed_over)
{
	struct trial sender, receiver;

	channel_make(0);
	recv_start(&receiver, 0);
	send_start(&sender, 0);
	trial_cancel(&receiver);
	trial_cancel(&sender);
	turn_until(sender.ends && receiver.ends);
	expect(&receiver, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&sender, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect_got(1);
	channel_end();
}
END_TEST

/* ---- Closed. ---- */

START_TEST(a_closed_channel_is_drained_and_then_ends_with_0)
{
	struct trial senders[CAPACITY + 1], receiver;

	channel_make(CAPACITY);
	for (unsigned i = 0; i < CAPACITY + 1; i++)
		send_start(&senders[i], i);
	duet_channel_close(&channel);
	duet_channel_close(&channel);
	await(&senders[CAPACITY]);
	expect(&senders[CAPACITY], -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	expect(&senders[0], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_channel_try_send(&channel, &elements[0]), -EPIPE);
	send_start(&senders[0], 0);
	await(&senders[0]);
	expect(&senders[0], -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	for (unsigned i = 0; i < CAPACITY + 2; i++) {
		recv_start(&receiver, i);
		await(&receiver);
		expect(&receiver, i < CAPACITY, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	ck_assert_int_eq(duet_channel_try_recv(&channel, &got[0]), 0);
	expect_got(CAPACITY);
	ck_assert_uint_eq(got[CAPACITY], 0);
	channel_end();
}
END_TEST

START_TEST(a_close_ends_the_receivers_that_wait)
{
	struct trial receivers[2], closer;

	channel_make(1);
	recv_start(&receivers[0], 0);
	recv_start(&receivers[1], 1);
	trial_init(&closer);
	duet_op_channel_close(&closer.op, &channel);
	ck_assert_int_eq(trial_run(&closer), 0);
	turn_until(receivers[0].ends && receivers[1].ends);
	for (unsigned i = 0; i < 2; i++)
		expect(&receivers[i], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(channel.closed, 1);
	channel_end();
}
END_TEST

START_TEST(a_channel_that_can_t_be_is_refused)
{
	struct trial trial;

	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, memory, 3, 0), -EINVAL);
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, NULL, 3, 4), -EINVAL);
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, memory, 0, 4), -EINVAL);
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, memory, 3, SIZE_MAX / 2), -EINVAL);
	channel_make(1);
	trial_init(&trial);
	duet_op_channel_send(&trial.op, &channel, NULL);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_channel_recv(&trial.op, &channel, NULL);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	channel_end();
}
END_TEST

/* ---- One-shot. ---- */

static struct duet_oneshot oneshot;

static void oneshot_recv_start(struct trial *trial, void **value)
{
	trial_init(trial);
	duet_op_oneshot_recv(&trial->op, &oneshot, value);
	trial_start(trial);
}

START_TEST(a_value_comes_once_and_what_comes_later_gets_nothing)
{
	void *values[3] = { NULL, NULL, NULL };
	struct trial trials[3];

	duet_oneshot_init(&oneshot, stage.loop);
	ck_assert_int_eq(duet_oneshot_try_recv(&oneshot, &values[0]), -EAGAIN);
	for (unsigned i = 0; i < 2; i++)
		oneshot_recv_start(&trials[i], &values[i]);
	ck_assert_int_eq(duet_oneshot_send(&oneshot, &memory), 0);
	ck_assert_int_eq(duet_oneshot_send(&oneshot, &memory), -EALREADY);
	turn_until(trials[0].ends && trials[1].ends);
	expect(&trials[0], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trials[1], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	oneshot_recv_start(&trials[2], &values[2]);
	await(&trials[2]);
	expect(&trials[2], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_ptr_eq(values[0], &memory);
	ck_assert_ptr_null(values[1]);
	ck_assert_int_eq(duet_oneshot_try_recv(&oneshot, &values[2]), 0);
	ck_assert_int_eq(duet_oneshot_fini(&oneshot), 0);
}
END_TEST

START_TEST(a_value_waits_for_a_receiver_however_often_one_is_stopped)
{
	void *value = NULL;
	struct trial trial;

	duet_oneshot_init(&oneshot, stage.loop);
	for (unsigned i = 0; i < 3; i++) {
		oneshot_recv_start(&trial, &value);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	}
	trial_init(&trial);
	duet_op_oneshot_send(&trial.op, &oneshot, NULL);
	ck_assert_int_eq(trial_run(&trial), 0);
	duet_op_oneshot_send(&trial.op, &oneshot, NULL);
	ck_assert_int_eq(trial_run(&trial), -EALREADY);
	/* That was too late for it: the value stays. */
	duet_oneshot_close(&oneshot);
	ck_assert_uint_eq(oneshot.phase, DUET_ONESHOT_FULL);
	value = &trial;
	oneshot_recv_start(&trial, &value);
	await(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_ptr_null(value);
	ck_assert_int_eq(duet_oneshot_fini(&oneshot), 0);
}
END_TEST

START_TEST(closed_without_a_value_ends_its_receivers)
{
	void *value = NULL;
	struct trial trial;

	duet_oneshot_init(&oneshot, stage.loop);
	oneshot_recv_start(&trial, &value);
	duet_oneshot_close(&oneshot);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_oneshot_send(&oneshot, &memory), -EALREADY);
	trial_init(&trial);
	duet_op_oneshot_recv(&trial.op, &oneshot, NULL);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	ck_assert_int_eq(duet_oneshot_fini(&oneshot), 0);
}
END_TEST

int main(void)
{
	return contract_run("primitive_channel",
		CASES(elements_come_out_in_the_order_in_which_they_went_in,
			a_full_channel_makes_senders_wait_and_takes_their_elements_in_order,
			a_rendezvous_ends_both_and_holds_nothing,
			what_is_inside_is_received_inside_an_inline_start,
			elements_of_any_size_are_copied_whole,
			a_stopped_sender_has_sent_nothing_and_a_stopped_receiver_has_taken_nothing,
			an_element_that_meets_a_cancel_is_handed_over,
			a_closed_channel_is_drained_and_then_ends_with_0,
			a_close_ends_the_receivers_that_wait, a_channel_that_can_t_be_is_refused,
			a_value_comes_once_and_what_comes_later_gets_nothing,
			a_value_waits_for_a_receiver_however_often_one_is_stopped,
			closed_without_a_value_ends_its_receivers),
		NULL);
}
