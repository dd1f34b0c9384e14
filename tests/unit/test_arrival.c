/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"
#include "tests/support/scripted.h"

/* core/arrival.c on a scripted backend: whose turn it is at a pool's buffers, and ends that overtake
 * an arrival. */

static struct duet_loop *loop;
static struct duet_pool *pool;
static struct trial trials[3];
static const struct arm scripted_arm = { "scripted", scripted, NULL, false, false };

static void open_loop(uint32_t buffers)
{
	memset(&stage, 0, sizeof(stage));
	stage.arm = &scripted_arm;
	loop = stage.loop = script_open(NULL);
	ck_assert_int_eq(duet_pool_create(loop, buffers, 64, &pool), 0);
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

static struct trial *pooled_start(unsigned i, unsigned flags)
{
	trial_init(&trials[i]);
	duet_op_recv_pooled(&trials[i].op, script_handle(loop), pool, flags);
	trial_start(&trials[i]);
	return &trials[i];
}

static void plan_buffer(struct trial *trial, enum script_what what, int bytes)
{
	script_plan(&trial->op, what, bytes, (uint16_t)duet_core_buffer_take(pool));
}

static struct duet_buffer held;

static void keep_buffer(struct trial *trial)
{
	if (trial->op.transferred)
		held = trial->op.buffer;
}

/* One that was fed and ends without the buffer leaves it to the next in line, at once. */
START_TEST(the_turn_of_a_fed_receive_that_ends_goes_to_the_next)
{
	struct trial *first;
	struct trial *second;
	unsigned count;

	open_loop(1);
	pooled_start(0, 0)->then = keep_buffer;
	plan_buffer(&trials[0], SCRIPT_END_BUFFER, 5);
	turn();
	first = pooled_start(1, 0);
	second = pooled_start(2, 0);
	script_plan(&first->op, SCRIPT_STARVE, 0, 0);
	script_plan(&second->op, SCRIPT_STARVE, 0, 0);
	turn();
	ck_assert_uint_eq(first->items, 1);
	ck_assert_uint_eq(second->items, 1);
	count = script.count;
	ck_assert_int_eq(duet_buffer_return(loop, &held), 0);
	ck_assert_uint_eq(script.count, count + 1);
	ck_assert_ptr_eq(script.with[count], &first->op);
	script.cancel_answer = BACKEND_ENDED;
	trial_cancel(first);
	ck_assert_uint_eq(script.count, count + 2);
	ck_assert_ptr_eq(script.with[count + 1], &second->op);
	trial_cancel(second);
	turn();
	expect(first, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(second, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	close_loop();
}
END_TEST

static void cancel_other(struct trial *trial)
{
	trial_cancel(trial->context);
}

static void return_and_cancel_other(struct trial *trial)
{
	if (!trial->op.more)
		return;
	ck_assert_int_eq(duet_buffer_return(loop, &trial->op.buffer), 0);
	cancel_other(trial);
}

/* The first arrival ends what stands behind; before the second one that is told, and ends the
 * receive. What arrived is handed over all the same, and the end stays what it was. */
START_TEST(an_arrival_does_not_overwrite_the_end_that_overtook_it)
{
	struct trial *behind = &trials[1];
	struct trial *trial;
	char byte;

	open_loop(2);
	trial = pooled_start(0, DUET_MULTISHOT);
	trial_init(behind);
	duet_op_recv(&behind->op, trial->op.handle, &byte, 1, 0);
	trial_start(behind);
	trial->then = return_and_cancel_other;
	trial->context = behind;
	behind->then = cancel_other;
	behind->context = trial;
	script.cancel_answer = BACKEND_ENDED;
	plan_buffer(trial, SCRIPT_BUFFER, 5);
	plan_buffer(trial, SCRIPT_BUFFER, 7);
	turn();
	ck_assert_uint_eq(trial->items, 2);
	ck_assert_uint_lt(behind->rank, trial->rank);
	expect(behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(trial->op.transferred, 0);
	close_loop();
}
END_TEST

int main(void)
{
	return plain_run("arrival",
		CASES(the_turn_of_a_fed_receive_that_ends_goes_to_the_next,
			an_arrival_does_not_overwrite_the_end_that_overtook_it));
}
