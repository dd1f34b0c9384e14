/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R4: a late or doubled event never reaches a successor, of an operation or of a handle. */

static duet_handle pair[2];
static unsigned char data[64];

START_TEST(a_closed_handle_is_refused_also_when_its_slot_has_a_new_tenant)
{
	struct trial trial;
	duet_handle old[2];
	int error;

	pair_open(old);
	pair_close(old);
	pair_open(pair);
	ck_assert(pair[0].slot == old[0].slot || pair[0].slot == old[1].slot ||
		  pair[1].slot == old[0].slot || pair[1].slot == old[1].slot);
	trial_init(&trial);
	for (unsigned i = 0; i < 2; i++) {
		duet_op_recv(&trial.op, old[i], data, 1, 0);
		ck_assert_int_eq(trial_try(&trial), -EBADF);
		duet_op_close(&trial.op, old[i]);
		ck_assert_int_eq(trial_try(&trial), -EBADF);
		error = duet_handle_release(stage.loop, old[i]);
		ck_assert_int_eq(error, -EBADF);
		ck_assert_int_eq(duet_handle_set_flags(stage.loop, old[i], 0), -EBADF);
	}
}
END_TEST

START_TEST(no_handle_and_handles_out_of_range_are_refused)
{
	const duet_handle far = { UINT32_MAX, 1 };
	const duet_handle none = DUET_HANDLE_NONE;
	struct trial trial;

	trial_init(&trial);
	duet_op_recv(&trial.op, none, data, 1, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
	duet_op_recv(&trial.op, far, data, 1, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
	ck_assert_int_eq(duet_handle_fd(stage.loop, far), -EBADF);
	ck_assert_int_eq(duet_handle_fd(stage.loop, none), -EBADF);
	ck_assert_int_eq(duet_handle_release(stage.loop, far), -EBADF);
}
END_TEST

static void recv_again(struct trial *trial)
{
	if (trial->ends == 1) {
		duet_op_recv(&trial->op, pair[1], data, 5, DUET_WHOLE);
		ck_assert_int_eq(duet_op_start(stage.loop, &trial->op), 0);
	}
}

START_TEST(the_cancel_of_an_operation_does_not_hit_its_next_life)
{
	pair_open(pair);
	for (unsigned round = 0; round < 50; round++) {
		struct trial trial;

		trial_init(&trial);
		trial.then = recv_again;
		duet_op_recv(&trial.op, pair[1], data, 5, 0);
		trial_start(&trial);
		if (round & 1)
			stage_settle(2);
		trial_cancel(&trial);
		trial_cancel(&trial);
		turn_until(trial.ends == 1);
		ck_assert_int_eq(trial.op.kind, DUET_RECV);
		stage_settle(3);
		ck_assert_uint_eq(trial.ends, 1);
		stream_send(pair[0], "hello", 5);
		turn_until(trial.ends == 2);
		ck_assert_int_eq(trial.op.result, 5);
		ck_assert_int_eq(trial.op.cause, DUET_CAUSE_ITSELF);
		ck_assert_mem_eq(data, "hello", 5);
	}
}
END_TEST

static void free_own_and_start_other(struct trial *trial)
{
	struct trial *successor = trial->context;

	duet_op_recv(&successor->op, pair[1], data, 5, DUET_WHOLE);
	ck_assert_int_eq(duet_op_start(stage.loop, &successor->op), 0);
}

START_TEST(the_cancel_of_an_operation_does_not_hit_the_one_that_takes_its_place)
{
	pair_open(pair);
	for (unsigned round = 0; round < 50; round++) {
		struct trial trial;
		struct trial successor;

		trial_init(&successor);
		trial_init(&trial);
		trial.then = free_own_and_start_other;
		trial.context = &successor;
		duet_op_recv(&trial.op, pair[1], data, 5, 0);
		trial_start(&trial);
		if (round & 1)
			stage_settle(2);
		trial_cancel(&trial);
		await(&trial);
		stage_settle(3);
		ck_assert_uint_eq(successor.ends, 0);
		stream_send(pair[0], "hello", 5);
		await(&successor);
		expect(&successor, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
}
END_TEST

/* Data and a cancel cross: whatever answers come late, the next life gets its own bytes only. */
START_TEST(late_answers_of_one_life_never_reach_the_next)
{
	unsigned char all[256];
	size_t sent = 0;
	size_t got = 0;

	pair_open(pair);
	pattern_fill(data, 64, 0);
	for (unsigned round = 0; round < 50; round++) {
		struct trial recv;
		struct trial send;

		trial_init(&recv);
		duet_op_recv(&recv.op, pair[1], all + got, sizeof(all) - got, 0);
		trial_start(&recv);
		stage_settle(round & 1);
		trial_init(&send);
		duet_op_send(&send.op, pair[0], data + sent % 64, 1, 0);
		trial_start(&send);
		trial_cancel(&recv);
		turn_until(recv.ends && send.ends);
		got += recv.op.transferred;
		sent++;
	}
	if (got < sent)
		stream_recv(pair[1], all + got, sent - got);
	for (size_t i = 0; i < sent; i++)
		ck_assert_uint_eq(all[i], data[i % 64]);
}
END_TEST

/* ---- Two handles are ready at once; the first one's callback closes the other, and its
 * descriptor's number and slot go to a stranger while the old event is still in the batch. ---- */

struct swap {
	struct trial polls[2];
	struct trial closing;
	struct trial stranger_poll;
	duet_handle handles[2];
	duet_handle stranger;
	int raw[2];
	int stranger_raw;
	bool done;
};

static void swap_now(struct swap *swap)
{
	raw_unix(SOCK_STREAM, &swap->stranger, &swap->stranger_raw);
	trial_init(&swap->stranger_poll);
	duet_op_poll(&swap->stranger_poll.op, swap->stranger, POLLIN);
	trial_start(&swap->stranger_poll);
}

static void other_closed(struct trial *trial)
{
	swap_now(trial->context);
}

static void close_the_other(struct trial *trial)
{
	struct swap *swap = trial->context;
	unsigned other = trial == &swap->polls[0];

	if (swap->done)
		return;
	swap->done = true;
	trial_init(&swap->closing);
	swap->closing.then = other_closed;
	swap->closing.context = swap;
	duet_op_close(&swap->closing.op, swap->handles[other]);
	trial_start(&swap->closing);
}

START_TEST(an_event_of_a_closed_number_does_not_reach_its_next_owner)
{
	for (unsigned round = 0; round < 4; round++) {
		struct swap swap = { .done = false };

		for (unsigned i = 0; i < 2; i++) {
			raw_unix(SOCK_STREAM, &swap.handles[i], &swap.raw[i]);
			trial_init(&swap.polls[i]);
			swap.polls[i].then = close_the_other;
			swap.polls[i].context = &swap;
			duet_op_poll(&swap.polls[i].op, swap.handles[i], POLLIN);
			trial_start(&swap.polls[i]);
		}
		stage_settle(2);
		for (unsigned i = 0; i < 2; i++)
			raw_send(swap.raw[i ^ (round & 1)], "x", 1);
		turn_until(swap.closing.ends && swap.polls[0].ends && swap.polls[1].ends);
		stage_settle(5);
		ck_assert_uint_eq(swap.stranger_poll.ends, 0);
		trial_cancel(&swap.stranger_poll);
		await(&swap.stranger_poll);
		handle_close(swap.stranger);
		handle_close(swap.handles[swap.closing.op.handle.slot == swap.handles[0].slot]);
		close(swap.raw[0]);
		close(swap.raw[1]);
		close(swap.stranger_raw);
	}
}
END_TEST

/* The peer of the old number hung up: a stale hang-up must not end what the new owner waits for. */
START_TEST(a_hang_up_of_a_closed_number_does_not_reach_its_next_owner)
{
	struct swap swap = { .done = false };

	for (unsigned i = 0; i < 2; i++) {
		raw_unix(SOCK_STREAM, &swap.handles[i], &swap.raw[i]);
		trial_init(&swap.polls[i]);
		swap.polls[i].then = close_the_other;
		swap.polls[i].context = &swap;
		duet_op_poll(&swap.polls[i].op, swap.handles[i], POLLIN);
		trial_start(&swap.polls[i]);
	}
	stage_settle(2);
	close(swap.raw[0]);
	close(swap.raw[1]);
	turn_until(swap.closing.ends && swap.polls[0].ends && swap.polls[1].ends);
	stage_settle(5);
	ck_assert_uint_eq(swap.stranger_poll.ends, 0);
	trial_cancel(&swap.stranger_poll);
	await(&swap.stranger_poll);
	close(swap.stranger_raw);
}
END_TEST

/* A duplicate of the descriptor lives on elsewhere (a forked child, say) when it is closed. */
START_TEST(events_of_a_number_whose_duplicate_lives_on_are_dropped)
{
	duet_handle handle;
	duet_handle next;
	struct trial trial;
	int duplicate;
	int raw;
	int raw_next;

	raw_unix(SOCK_STREAM, &handle, &raw);
	duplicate = dup(duet_handle_fd(stage.loop, handle));
	trial_init(&trial);
	duet_op_recv(&trial.op, handle, data, 1, 0);
	trial_start(&trial);
	stage_settle(2);
	trial_cancel(&trial);
	await(&trial);
	handle_close(handle);
	raw_unix(SOCK_STREAM, &next, &raw_next);
	trial_init(&trial);
	duet_op_poll(&trial.op, next, POLLIN);
	trial_start(&trial);
	stage_settle(1);
	raw_send(raw, "x", 1);
	for (unsigned i = 0; i < 5; i++)
		duet_loop_turn(stage.loop, 1000000);
	ck_assert_uint_eq(trial.ends, 0);
	trial_cancel(&trial);
	await(&trial);
	close(duplicate);
	close(raw);
	close(raw_next);
}
END_TEST

int main(void)
{
	return contract_run("identity",
		CASES(a_closed_handle_is_refused_also_when_its_slot_has_a_new_tenant,
			no_handle_and_handles_out_of_range_are_refused,
			the_cancel_of_an_operation_does_not_hit_its_next_life,
			the_cancel_of_an_operation_does_not_hit_the_one_that_takes_its_place,
			late_answers_of_one_life_never_reach_the_next),
		CASES(an_event_of_a_closed_number_does_not_reach_its_next_owner,
			a_hang_up_of_a_closed_number_does_not_reach_its_next_owner,
			events_of_a_number_whose_duplicate_lives_on_are_dropped));
}
