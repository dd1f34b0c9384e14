/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/completion_loop.h"

/* Messages whose attempts are entries of their own: what happens between two of them. */

static struct duet_op op;
static struct duet_msghdr header;
static duet_handle handle;
static int raw;

/* A datagram socket that takes no more, and a send on it that waits; headed or not. */
static unsigned stick(bool headed)
{
	unsigned count = 0;

	raw = pair_open(SOCK_DGRAM, &handle);
	while (send(duet_handle_fd(loop, handle), "filler", 6, MSG_DONTWAIT) == 6)
		count++;
	duet_op_init(&op, done, NULL);
	if (headed)
		duet_op_sendto(&op, handle, "message", 7, &header);
	else
		duet_op_send(&op, handle, "message", 7, 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	ck_assert(duet_op_pending(&op));
	ck_assert_uint_eq(op.backend & 15, TAG_POLL);
	return count;
}

static void drain(unsigned count)
{
	char text[16];

	while (count--)
		ck_assert_int_eq(recv(raw, text, sizeof(text), MSG_DONTWAIT), 6);
}

static void expect_once(void)
{
	char text[16];

	ck_assert_int_eq(op.result, 7);
	ck_assert_int_eq(recv(raw, text, sizeof(text), MSG_DONTWAIT), 7);
	ck_assert_mem_eq(text, "message", 7);
	ck_assert_int_eq(recv(raw, text, sizeof(text), MSG_DONTWAIT), -1);
}

/* There is room for the datagram, and none for its entry: the completion before it has filled the queue. */
static void find_no_room(int mode, unsigned count)
{
	static struct duet_op nop;

	duet_op_init(&nop, done, NULL);
	duet_op_nop(&nop);
	ck_assert_int_eq(duet_op_start(loop, &nop), 0);
	/* The plain ring hears of room at once, the deferred one when it is asked. */
	if (mode == 1)
		duet_loop_prepare(loop);
	drain(count);
	fills = true;
	refused = 1;
	ck_assert_int_ge(duet_loop_turn(loop, 0), 1);
	ck_assert_int_eq(refused, 0);
	ck_assert_uint_eq(op.progress, PLACE_OWED);
}

START_TEST(a_datagram_that_finds_no_room_for_its_entry_goes_out_once)
{
	for (unsigned headed = 0; headed < 2; headed++) {
		open_loop(_i, ",entries=8");
		find_no_room(_i, stick(headed));
		turn_until_ended(&op);
		turns(2);
		expect_once();
		close_loop();
		close(raw);
	}
}
END_TEST

START_TEST(one_that_waits_for_room_is_cancelled_without_effect)
{
	char text[16];

	open_loop(_i, ",entries=8");
	find_no_room(_i, stick(true));
	duet_op_cancel(&op);
	turn_until_ended(&op);
	turns(2);
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_int_eq(recv(raw, text, sizeof(text), MSG_DONTWAIT), -1);
	close_loop();
	close(raw);
}
END_TEST

START_TEST(each_attempt_is_an_entry_and_no_plain_call)
{
	uint64_t calls;
	unsigned count;

	open_loop(_i, ",entries=8,direct=no");
	count = stick(true);
	calls = stats().submitted;
	drain(count);
	turn_until_ended(&op);
	expect_once();
	ck_assert_uint_eq(stats().submitted, calls + 1);
	close_loop();
	close(raw);
}
END_TEST

int main(void)
{
	const TTest *const cases[] = {a_datagram_that_finds_no_room_for_its_entry_goes_out_once,
				      one_that_waits_for_room_is_cancelled_without_effect,
				      each_attempt_is_an_entry_and_no_plain_call};

	return run_in_both_modes("completion message", cases, sizeof(cases) / sizeof(*cases));
}
