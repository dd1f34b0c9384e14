/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"
#include "tests/support/scripted.h"

/* Sends that go out in one call, and how its bytes are shared out. */

static struct duet_loop *loop;
static duet_handle handle;
static struct trial trials[12];
static char memory[120];
static const struct arm scripted_arm = { "scripted", scripted, NULL, false, false };

static void open_loop(void)
{
	memset(&stage, 0, sizeof(stage));
	stage.arm = &scripted_arm;
	loop = stage.loop = script_open(NULL);
	handle = script_handle(loop);
}

static void send_start(unsigned i, unsigned flags)
{
	trial_init(&trials[i]);
	duet_op_send(&trials[i].op, handle, memory + i * 10, 10, flags);
	trial_start(&trials[i]);
}

static void turn_with(int bytes)
{
	script_plan(script.with[script.count - 1], SCRIPT_END, bytes, 0);
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
}

static uint32_t gathered(struct iovec *pieces, uint32_t max, uint32_t *operations)
{
	return duet_core_gather(loop, script.with[script.count - 1], pieces, max, operations);
}

START_TEST(one_send_is_gathered_alone)
{
	struct iovec pieces[8];
	uint32_t operations;

	open_loop();
	send_start(0, 0);
	ck_assert_uint_eq(gathered(pieces, 8, &operations), 1);
	ck_assert_uint_eq(operations, 1);
	ck_assert_ptr_eq(pieces[0].iov_base, memory);
	turn_with(10);
	expect(&trials[0], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(sends_in_line_are_gathered_up_to_the_bound)
{
	struct iovec pieces[8];
	uint32_t operations;

	open_loop();
	for (unsigned i = 0; i < 12; i++)
		send_start(i, 0);
	ck_assert_uint_eq(gathered(pieces, 8, &operations), 8);
	ck_assert_uint_eq(operations, 8);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_ptr_eq(pieces[i].iov_base, memory + i * 10);
	turn_with(80);
	for (unsigned i = 0; i < 8; i++)
		expect(&trials[i], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(stage.ends, 8);
	ck_assert_uint_eq(gathered(pieces, 8, &operations), 4);
	turn_with(40);
	ck_assert_uint_eq(stage.ends, 12);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* Of a handle whose kind is not known nobody can say that it joins what it is given. */
START_TEST(only_streams_are_gathered)
{
	static const struct {
		enum core_class slot_class;
		uint32_t count;
	} rows[] = { { CLASS_TCP, 3 }, { CLASS_UNIX_STREAM, 3 }, { CLASS_DATAGRAM, 1 },
		{ CLASS_OTHER, 1 } };
	struct iovec pieces[8];
	uint32_t operations;

	open_loop();
	for (unsigned i = 0; i < 3; i++)
		send_start(i, 0);
	for (unsigned i = 0; i < 4; i++) {
		duet_core_slot_of(loop, handle)->slot_class = (uint8_t)rows[i].slot_class;
		ck_assert_uint_eq(gathered(pieces, 8, &operations), rows[i].count);
		ck_assert_uint_eq(operations, rows[i].count);
	}
	turn_with(30);
	ck_assert_uint_eq(stage.ends, 3);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_shutdown_in_line_ends_the_gathering)
{
	struct iovec pieces[8];
	uint32_t operations;

	open_loop();
	send_start(0, 0);
	send_start(1, 0);
	trial_init(&trials[2]);
	duet_op_shutdown(&trials[2].op, handle, 1);
	trial_start(&trials[2]);
	ck_assert_uint_eq(gathered(pieces, 8, &operations), 2);
	turn_with(20);
	ck_assert_ptr_eq(script.with[script.count - 1], &trials[2].op);
	turn_with(0);
	expect(&trials[2], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(bytes_are_shared_out_and_after_a_short_member_the_rest_ends_untouched)
{
	open_loop();
	for (unsigned i = 0; i < 5; i++)
		send_start(i, 0);
	turn_with(24);
	expect(&trials[0], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trials[1], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trials[2], 4, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	expect(&trials[3], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	expect(&trials[4], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	ck_assert_uint_eq(script.count, 1);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_short_head_ends_its_followers_untouched)
{
	open_loop();
	for (unsigned i = 0; i < 3; i++)
		send_start(i, 0);
	turn_with(3);
	expect(&trials[0], 3, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	expect(&trials[2], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	ck_assert_uint_eq(script.count, 1);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* The first knows of its end before the second knows that it ended short. */
static void send_third(struct trial *trial)
{
	(void)trial;
	send_start(2, 0);
}

static void send_fourth(struct trial *trial)
{
	(void)trial;
	send_start(3, 0);
}

START_TEST(what_starts_before_a_short_end_is_told_ends_untouched)
{
	open_loop();
	send_start(0, 0);
	send_start(1, 0);
	trials[0].then = send_third;
	trials[1].then = send_fourth;
	turn_with(15);
	expect(&trials[0], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trials[1], 5, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	expect(&trials[2], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	/* Told of the short end, the caller goes on as it likes. */
	ck_assert_ptr_eq(script.with[script.count - 1], &trials[3].op);
	turn_with(10);
	expect(&trials[3], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_failed_head_ends_its_followers_untouched)
{
	open_loop();
	send_start(0, 0);
	send_start(1, 0);
	turn_with(-ECONNRESET);
	expect(&trials[0], -ECONNRESET, DUET_FAILED, DUET_CAUSE_ITSELF);
	expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(an_untouched_head_lets_its_followers_go_on)
{
	open_loop();
	send_start(0, 0);
	send_start(1, 0);
	trial_cancel(&trials[0]);
	turn_with(-ECANCELED);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_ptr_eq(script.with[script.count - 1], &trials[1].op);
	turn_with(10);
	expect(&trials[1], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_short_whole_send_goes_on_before_its_followers)
{
	struct iovec pieces[8];
	uint32_t operations;

	open_loop();
	send_start(0, DUET_WHOLE);
	send_start(1, DUET_WHOLE);
	turn_with(3);
	ck_assert_uint_eq(stage.ends, 0);
	ck_assert_ptr_eq(script.with[script.count - 1], &trials[0].op);
	ck_assert_uint_eq(gathered(pieces, 8, &operations), 2);
	ck_assert_ptr_eq(pieces[0].iov_base, memory + 3);
	ck_assert_ptr_eq(pieces[1].iov_base, memory + 10);
	turn_with(12);
	expect(&trials[0], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trials[1].ends, 0);
	ck_assert_ptr_eq(script.with[script.count - 1], &trials[1].op);
	ck_assert_ptr_eq(trials[1].op.args.io.vectors[0].iov_base, memory + 15);
	turn_with(5);
	expect(&trials[1], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

int main(void)
{
	return plain_run("gather",
		CASES(one_send_is_gathered_alone, sends_in_line_are_gathered_up_to_the_bound,
			only_streams_are_gathered,
			a_shutdown_in_line_ends_the_gathering,
			bytes_are_shared_out_and_after_a_short_member_the_rest_ends_untouched,
			a_short_head_ends_its_followers_untouched,
			what_starts_before_a_short_end_is_told_ends_untouched,
			a_failed_head_ends_its_followers_untouched,
			an_untouched_head_lets_its_followers_go_on,
			a_short_whole_send_goes_on_before_its_followers));
}
