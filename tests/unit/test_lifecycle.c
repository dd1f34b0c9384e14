/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/scripted.h"

/* core/lifecycle.c on a scripted backend: what no kernel shows on demand. */

static struct duet_loop *loop;
static duet_handle handle;
static struct trial trials[8];
static char memory[256];
static const struct arm scripted_arm = { "scripted", scripted, NULL, false, false };

static void open_loop(void)
{
	memset(&stage, 0, sizeof(stage));
	stage.arm = &scripted_arm;
	loop = stage.loop = script_open(NULL);
	handle = script_handle(loop);
}

static void close_loop(void)
{
	struct duet_ledger ledger;

	duet_loop_ledger(loop, &ledger);
	ck_assert_uint_eq(ledger.lent_count, 0);
	ck_assert_uint_eq(ledger.held_count, 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

static void turn(void)
{
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
}

static struct trial *recv_start(unsigned i, unsigned flags)
{
	trial_init(&trials[i]);
	duet_op_recv(&trials[i].op, handle, memory + i * 16, 10, flags);
	trial_start(&trials[i]);
	return &trials[i];
}

static struct trial *poll_start(unsigned i)
{
	trial_init(&trials[i]);
	duet_op_poll(&trials[i].op, handle, 1);
	trial_start(&trials[i]);
	return &trials[i];
}

static uint32_t lent(void)
{
	struct duet_ledger ledger;

	duet_loop_ledger(loop, &ledger);
	return ledger.lent_count;
}

START_TEST(memory_is_not_back_at_the_request_but_at_the_terminal_completion)
{
	struct trial *trial;

	open_loop();
	trial = recv_start(0, 0);
	trial_cancel(trial);
	for (unsigned i = 0; i < 5; i++) {
		turn();
		ck_assert_uint_eq(trial->ends, 0);
		ck_assert_uint_eq(lent(), 1);
		ck_assert_int_eq(duet_loop_destroy(loop), -EBUSY);
	}
	script_plan(&trial->op, SCRIPT_END, -ECANCELED, 0);
	turn();
	expect(trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(script.cancels, 1);
	close_loop();
}
END_TEST

START_TEST(bytes_that_come_after_the_cancel_are_handed_over)
{
	struct trial *trial;

	open_loop();
	trial = recv_start(0, 0);
	trial_cancel(trial);
	script_plan(&trial->op, SCRIPT_END, 7, 0);
	turn();
	expect(trial, 7, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial = recv_start(0, DUET_WHOLE);
	trial_cancel(trial);
	script_plan(&trial->op, SCRIPT_END, 7, 0);
	turn();
	expect(trial, 7, DUET_PARTIAL, DUET_CAUSE_CANCEL);
	close_loop();
}
END_TEST

START_TEST(a_repeated_cancel_asks_the_backend_once)
{
	struct trial *trial;

	open_loop();
	trial = recv_start(0, 0);
	for (unsigned i = 0; i < 10; i++) {
		trial_cancel(trial);
		turn();
	}
	ck_assert_uint_eq(script.cancels, 1);
	script_plan(&trial->op, SCRIPT_END, -ECANCELED, 0);
	turn();
	close_loop();
}
END_TEST

START_TEST(an_answer_that_is_no_ending_is_asked_again_after_a_while_and_ends_nothing)
{
	struct duet_stats stats;
	struct trial *trial;

	open_loop();
	trial = recv_start(0, 0);
	trial_cancel(trial);
	script_plan(&trial->op, SCRIPT_AGAIN, 0, 0);
	turn();
	turn();
	ck_assert_uint_eq(trial->ends, 0);
	ck_assert_uint_eq(script.cancels, 1);
	ck_assert_int_ge(duet_loop_prepare(loop), 1);
	script.now_ns += LIMIT_CANCEL_AGAIN_NS;
	turn();
	turn();
	ck_assert_uint_eq(script.cancels, 2);
	ck_assert_uint_eq(trial->ends, 0);
	duet_loop_stats(loop, &stats);
	ck_assert_uint_eq(stats.cancels_again, 1);
	script_plan(&trial->op, SCRIPT_END, -ECANCELED, 0);
	turn();
	expect(trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	close_loop();
}
END_TEST

/* Otherwise a loop that always cancels something would never come back to it. */
START_TEST(an_owed_cancel_is_not_put_off_by_later_ones)
{
	struct trial *first, *second;

	open_loop();
	first = poll_start(0);
	trial_cancel(first);
	script_plan(&first->op, SCRIPT_AGAIN, 0, 0);
	turn();
	script.now_ns += LIMIT_CANCEL_AGAIN_NS / 2;
	second = poll_start(1);
	trial_cancel(second);
	script_plan(&second->op, SCRIPT_AGAIN, 0, 0);
	turn();
	ck_assert_uint_eq(script.cancels, 2);
	script.now_ns += LIMIT_CANCEL_AGAIN_NS / 2;
	turn();
	turn();
	ck_assert_uint_ge(script.cancels, 3);
	ck_assert_ptr_eq(script.cancelled[2], &first->op);
	script_plan(&first->op, SCRIPT_END, -ECANCELED, 0);
	script_plan(&second->op, SCRIPT_END, -ECANCELED, 0);
	turn();
	close_loop();
}
END_TEST

START_TEST(a_cancel_without_room_is_owed_until_there_is_room)
{
	struct trial *trial;

	open_loop();
	trial = poll_start(0);
	script.room = 0;
	trial_cancel(trial);
	for (unsigned i = 0; i < 3; i++) {
		turn();
		ck_assert_uint_eq(script.cancels, 0);
		ck_assert_uint_eq(trial->ends, 0);
	}
	script.room = UINT32_MAX;
	turn();
	ck_assert_uint_eq(script.cancels, 1);
	script_plan(&trial->op, SCRIPT_END, -ECANCELED, 0);
	turn();
	expect(trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	close_loop();
}
END_TEST

START_TEST(an_operation_with_an_owed_cancel_may_end_by_itself)
{
	struct trial *trial;

	open_loop();
	trial = poll_start(0);
	script.room = 0;
	trial_cancel(trial);
	script_plan(&trial->op, SCRIPT_END, 1, 0);
	turn();
	expect(trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	script.room = UINT32_MAX;
	turn();
	ck_assert_uint_eq(script.cancels, 0);
	close_loop();
}
END_TEST

START_TEST(starts_without_room_keep_their_order)
{
	open_loop();
	script.room = 2;
	for (unsigned i = 0; i < 6; i++)
		poll_start(i);
	ck_assert_uint_eq(script.count, 2);
	script.room = 3;
	turn();
	ck_assert_uint_eq(script.count, 5);
	poll_start(6);
	ck_assert_uint_eq(script.count, 5);
	script.room = UINT32_MAX;
	turn();
	ck_assert_uint_eq(script.count, 7);
	for (unsigned i = 0; i < 7; i++) {
		ck_assert_ptr_eq(script.with[i], &trials[i].op);
		script_plan(&trials[i].op, SCRIPT_END, 1, 0);
	}
	turn();
	ck_assert_uint_eq(stage.ends, 7);
	close_loop();
}
END_TEST

START_TEST(what_waits_for_room_is_cancelled_without_the_backend)
{
	open_loop();
	script.room = 0;
	for (unsigned i = 0; i < 3; i++)
		poll_start(i);
	trial_cancel(&trials[1]);
	turn();
	expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	script.room = UINT32_MAX;
	turn();
	ck_assert_uint_eq(script.count, 2);
	ck_assert_ptr_eq(script.with[1], &trials[2].op);
	ck_assert_uint_eq(script.cancels, 0);
	script_plan(&trials[0].op, SCRIPT_END, 1, 0);
	script_plan(&trials[2].op, SCRIPT_END, 1, 0);
	turn();
	close_loop();
}
END_TEST

START_TEST(a_whole_transfer_is_started_again_behind_what_moved)
{
	struct trial *trial;

	open_loop();
	trial = recv_start(0, DUET_WHOLE);
	script_plan(&trial->op, SCRIPT_END, 4, 0);
	turn();
	ck_assert_uint_eq(trial->ends, 0);
	ck_assert_uint_eq(script.count, 2);
	ck_assert_ptr_eq(trial->op.args.io.vectors[0].iov_base, memory + 4);
	ck_assert_uint_eq(lent(), 1);
	script_plan(&trial->op, SCRIPT_END, 6, 0);
	turn();
	expect(trial, 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial->op.transferred, 10);
	close_loop();
}
END_TEST

START_TEST(only_the_head_of_a_line_is_with_the_backend)
{
	open_loop();
	for (unsigned i = 0; i < 4; i++)
		recv_start(i, 0);
	ck_assert_uint_eq(script.count, 1);
	trial_cancel(&trials[2]);
	script_plan(&trials[0].op, SCRIPT_END, 1, 0);
	turn();
	ck_assert_uint_eq(script.count, 2);
	ck_assert_ptr_eq(script.with[1], &trials[1].op);
	script_plan(&trials[1].op, SCRIPT_END, 1, 0);
	turn();
	ck_assert_ptr_eq(script.with[2], &trials[3].op);
	script_plan(&trials[3].op, SCRIPT_END, 1, 0);
	turn();
	expect(&trials[2], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	close_loop();
}
END_TEST

START_TEST(a_result_in_the_same_turn_as_its_deadline_beats_it)
{
	open_loop();
	trial_init(&trials[0]);
	duet_op_recv(&trials[0].op, handle, memory, 10, 0);
	duet_op_deadline(&trials[0].op, script.now_ns + 5);
	trial_start(&trials[0]);
	script_plan(&trials[0].op, SCRIPT_END, 3, 0);
	script.now_ns += 10;
	turn();
	expect(&trials[0], 3, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(script.cancels, 0);
	close_loop();
}
END_TEST

START_TEST(a_deadline_asks_the_backend_and_waits_for_its_answer)
{
	open_loop();
	trial_init(&trials[0]);
	duet_op_recv(&trials[0].op, handle, memory, 10, 0);
	duet_op_deadline(&trials[0].op, script.now_ns + 5);
	trial_start(&trials[0]);
	ck_assert_int_eq(duet_loop_prepare(loop), 5);
	script.now_ns += 5;
	turn();
	ck_assert_uint_eq(script.cancels, 1);
	ck_assert_uint_eq(trials[0].ends, 0);
	trial_cancel(&trials[0]);
	ck_assert_uint_eq(script.cancels, 1);
	script_plan(&trials[0].op, SCRIPT_END, -ECANCELED, 0);
	turn();
	expect(&trials[0], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	close_loop();
}
END_TEST

static void recv_again(struct trial *trial)
{
	if (trial->ends == 1)
		ck_assert_int_eq(duet_op_start(loop, &trial->op), 0);
}

START_TEST(the_identity_of_an_ended_operation_finds_nobody)
{
	struct trial *trial;
	uint64_t identity;

	open_loop();
	trial = poll_start(0);
	identity = duet_core_identity(&trial->op);
	ck_assert_ptr_eq(duet_core_find(loop, identity), &trial->op);
	ck_assert_ptr_eq(duet_core_find(loop, identity | 3), &trial->op);
	trial->then = recv_again;
	trial_cancel(trial);
	script_plan(&trial->op, SCRIPT_END, -ECANCELED, 0);
	turn();
	ck_assert_uint_eq(trial->ends, 1);
	ck_assert_uint_ne(duet_core_identity(&trial->op), identity);
	ck_assert_uint_eq((uint32_t)trial->op.identity, (uint32_t)identity);
	ck_assert_ptr_null(duet_core_find(loop, identity));
	ck_assert_ptr_null(duet_core_find(loop, UINT64_MAX));
	script_plan(&trial->op, SCRIPT_END, 1, 0);
	turn();
	ck_assert_ptr_null(duet_core_find(loop, trial->op.identity));
	close_loop();
}
END_TEST

START_TEST(the_generation_of_an_identity_never_becomes_0)
{
	struct trial *trial;
	uint64_t before;

	open_loop();
	for (uint32_t i = 0; i < loop->entries_max; i++)
		loop->entries[i].generation = UINT32_MAX;
	trial = poll_start(0);
	before = duet_core_identity(&trial->op);
	ck_assert_uint_eq(before >> 32, UINT32_MAX);
	script_plan(&trial->op, SCRIPT_END, 1, 0);
	turn();
	trial = poll_start(0);
	ck_assert_uint_eq(duet_core_identity(&trial->op) >> 32, 1);
	ck_assert_ptr_eq(duet_core_find(loop, trial->op.identity), &trial->op);
	ck_assert_ptr_null(duet_core_find(loop, before));
	script_plan(&trial->op, SCRIPT_END, 1, 0);
	turn();
	close_loop();
}
END_TEST

/* A close has a place beyond the bound of operations, and none among their timers. */
START_TEST(a_close_beyond_the_bound_has_no_timer)
{
	struct duet_loop_options options;

	open_loop();
	close_loop();
	duet_loop_options_init(&options);
	options.operations_max = 2;
	loop = stage.loop = script_open(&options);
	handle = script_handle(loop);
	for (unsigned i = 0; i < 3; i++) {
		trial_init(&trials[i]);
		duet_op_poll(&trials[i].op, handle, 1);
		if (i == 2)
			duet_op_close(&trials[i].op, handle);
		duet_op_deadline(&trials[i].op, script.now_ns + 500);
		trial_start(&trials[i]);
	}
	ck_assert_uint_eq(loop->timers.count, 2);
	script_plan(&trials[0].op, SCRIPT_END, 1, 0);
	script_plan(&trials[1].op, SCRIPT_END, -ECANCELED, 0);
	script.now_ns += 1000;
	turn();
	close(duet_handle_fd(loop, handle));
	script_plan(&trials[2].op, SCRIPT_END, 0, 0);
	turn();
	expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	expect(&trials[2], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close_loop();
}
END_TEST

START_TEST(a_close_waits_until_everything_pending_has_ended)
{
	struct trial *recv;
	struct trial *poll;

	open_loop();
	recv = recv_start(0, 0);
	poll = poll_start(1);
	trial_init(&trials[2]);
	duet_op_close(&trials[2].op, handle);
	trial_start(&trials[2]);
	turn();
	ck_assert_uint_eq(script.count, 2);
	ck_assert_uint_eq(script.cancels, 2);
	ck_assert_uint_eq(script.detached, 0);
	script_plan(&recv->op, SCRIPT_END, 5, 0);
	turn();
	ck_assert_uint_eq(script.count, 2);
	script_plan(&poll->op, SCRIPT_END, -ECANCELED, 0);
	turn();
	ck_assert_uint_eq(script.detached, 1);
	ck_assert_uint_eq(script.count, 3);
	close(duet_handle_fd(loop, handle));
	script_plan(&trials[2].op, SCRIPT_END, 0, 0);
	turn();
	expect(recv, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(poll, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	expect(&trials[2], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close_loop();
}
END_TEST

/* ---- Late results. ---- */

static int descriptor(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static uint64_t reclaimed(void)
{
	struct duet_stats stats;

	duet_loop_stats(loop, &stats);
	return stats.reclaimed;
}

static struct trial *accept_start(unsigned flags)
{
	trial_init(&trials[0]);
	duet_op_accept(&trials[0].op, handle, flags);
	trial_start(&trials[0]);
	return &trials[0];
}

START_TEST(a_late_accept_is_handed_over)
{
	struct trial *trial;
	int fd = descriptor();

	open_loop();
	trial = accept_start(0);
	trial_cancel(trial);
	script_plan(&trial->op, SCRIPT_END, fd, 0);
	turn();
	expect(trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_handle_fd(loop, trial->op.made), fd);
	ck_assert_uint_eq(reclaimed(), 0);
	close_loop();
}
END_TEST

START_TEST(a_late_accept_that_nobody_hears_of_is_closed)
{
	struct duet_op op;
	int fd = descriptor();

	open_loop();
	duet_op_init(&op, NULL, NULL);
	duet_op_accept(&op, handle, 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	duet_op_cancel(&op);
	script_plan(&op, SCRIPT_END, fd, 0);
	turn();
	ck_assert_uint_eq(reclaimed(), 1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	close_loop();
}
END_TEST

START_TEST(a_multishot_accept_into_a_full_table_ends_and_closes_the_rest)
{
	struct duet_loop_options options;
	struct trial *trial;

	open_loop();
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	duet_loop_options_init(&options);
	options.handles_max = 2;
	loop = stage.loop = script_open(&options);
	handle = script_handle(loop);
	trial = accept_start(DUET_MULTISHOT);
	for (unsigned i = 0; i < 3; i++)
		script_plan(&trial->op, SCRIPT_ACCEPTED, descriptor(), 0);
	turn();
	ck_assert_uint_eq(trial->items, 1);
	ck_assert_uint_eq(reclaimed(), 2);
	ck_assert_uint_eq(script.cancels, 1);
	script_plan(&trial->op, SCRIPT_END, -ECANCELED, 0);
	turn();
	expect(trial, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	close_loop();
}
END_TEST

static struct trial *pooled_start(struct duet_pool *pool, unsigned flags)
{
	trial_init(&trials[0]);
	duet_op_recv_pooled(&trials[0].op, handle, pool, flags);
	trial_start(&trials[0]);
	return &trials[0];
}

START_TEST(a_buffer_inside_a_failed_completion_goes_back_to_the_pool)
{
	static const int failures[] = { -ECANCELED, -ECONNRESET, 0 };
	struct duet_pool *pool;
	struct trial *trial;

	open_loop();
	ck_assert_int_eq(duet_pool_create(loop, 2, 64, &pool), 0);
	for (unsigned i = 0; i < 3; i++) {
		trial = pooled_start(pool, DUET_MULTISHOT);
		trial_cancel(trial);
		script_plan(&trial->op, SCRIPT_END_BUFFER, failures[i],
			(uint16_t)duet_core_buffer_take(pool));
		turn();
		ck_assert_uint_eq(trial->ends, 1);
		ck_assert_uint_eq(duet_pool_free_count(pool), 2);
	}
	close_loop();
}
END_TEST

START_TEST(items_that_come_after_the_cancel_are_handed_over)
{
	struct duet_pool *pool;
	struct trial *trial;

	open_loop();
	ck_assert_int_eq(duet_pool_create(loop, 2, 64, &pool), 0);
	trial = pooled_start(pool, DUET_MULTISHOT);
	trial_cancel(trial);
	script_plan(&trial->op, SCRIPT_BUFFER, 5, (uint16_t)duet_core_buffer_take(pool));
	turn();
	ck_assert_uint_eq(trial->items, 1);
	ck_assert_uint_eq(trial->op.buffer.length_bytes, 5);
	ck_assert_int_eq(duet_buffer_return(loop, &trial->op.buffer), 0);
	script_plan(&trial->op, SCRIPT_END_BUFFER, 7, (uint16_t)duet_core_buffer_take(pool));
	turn();
	expect(trial, 7, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_buffer_return(loop, &trial->op.buffer), 0);
	close_loop();
}
END_TEST

/* ---- The end of the loop. ---- */

START_TEST(a_shutdown_issues_nothing_that_stood_in_line)
{
	unsigned count;

	open_loop();
	for (unsigned i = 0; i < 4; i++)
		recv_start(i, 0);
	count = script.count;
	script.cancel_answer = BACKEND_ENDED;
	ck_assert_int_eq(duet_loop_shutdown(loop, DUET_NO_DEADLINE), 0);
	ck_assert_uint_eq(script.count, count);
	ck_assert_uint_eq(script.cancels, 1);
	for (unsigned i = 0; i < 4; i++)
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	close_loop();
}
END_TEST

int main(void)
{
	return plain_run("lifecycle",
		CASES(memory_is_not_back_at_the_request_but_at_the_terminal_completion,
			bytes_that_come_after_the_cancel_are_handed_over,
			a_repeated_cancel_asks_the_backend_once,
			an_answer_that_is_no_ending_is_asked_again_after_a_while_and_ends_nothing,
			an_owed_cancel_is_not_put_off_by_later_ones,
			a_cancel_without_room_is_owed_until_there_is_room,
			an_operation_with_an_owed_cancel_may_end_by_itself,
			starts_without_room_keep_their_order,
			what_waits_for_room_is_cancelled_without_the_backend,
			a_whole_transfer_is_started_again_behind_what_moved,
			only_the_head_of_a_line_is_with_the_backend,
			a_result_in_the_same_turn_as_its_deadline_beats_it,
			a_deadline_asks_the_backend_and_waits_for_its_answer,
			the_identity_of_an_ended_operation_finds_nobody,
			the_generation_of_an_identity_never_becomes_0,
			a_close_beyond_the_bound_has_no_timer,
			a_close_waits_until_everything_pending_has_ended, a_late_accept_is_handed_over,
			a_late_accept_that_nobody_hears_of_is_closed,
			a_multishot_accept_into_a_full_table_ends_and_closes_the_rest,
			a_buffer_inside_a_failed_completion_goes_back_to_the_pool,
			items_that_come_after_the_cancel_are_handed_over,
			a_shutdown_issues_nothing_that_stood_in_line));
}
