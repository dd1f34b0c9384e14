/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "tests/support/future.h"

/* R12, R15: several futures as one, of which only the woken are polled. */

#define COUNT 8
#define MANY 10000

static struct solo solo;
static struct probe probes[COUNT];
static struct duet_child children[COUNT];
static struct duet_join_future join;
static struct duet_race_future race;
static struct duet_future_set set;

/* Each ready at its second poll with a result of its own: 10, 11 ... */
static void probes_init(void)
{
	for (int i = 0; i < COUNT; i++) {
		probe_init(&probes[i], 2, 10 + i);
		children[i].future = &probes[i].future;
	}
}

static unsigned polls(void)
{
	unsigned sum = 0;

	for (int i = 0; i < COUNT; i++)
		sum += probes[i].polls + probes[i].cancels;
	return sum;
}

static void started(struct duet_future *top)
{
	solo_start(&solo, top);
	stage_settle(2);
	ck_assert_uint_eq(polls(), COUNT);
}

static void wake(int which)
{
	duet_waker_wake(probes[which].waker);
	stage_settle(3);
}

/* ---- All. ---- */

START_TEST(a_join_polls_only_who_was_woken_and_has_all_results)
{
	probes_init();
	ck_assert_int_eq(duet_join_future_init(&join, children, COUNT), 0);
	started(&join.future);
	for (int i = 0; i < COUNT; i++) {
		int which = i * 3 % COUNT;

		ck_assert_uint_eq(solo.scheduler.live, 1);
		wake(which);
		ck_assert_uint_eq(probes[which].polls, 2);
		ck_assert_uint_eq(polls(), COUNT + (unsigned)i + 1);
	}
	ck_assert_int_eq(solo_end(&solo), 0);
	for (int i = 0; i < COUNT; i++)
		ck_assert_int_eq(probes[i].future.result, 10 + i);
}
END_TEST

START_TEST(a_join_goes_on_behind_a_failure_and_names_the_first)
{
	probes_init();
	probes[3].gives = -EIO;
	probes[5].gives = -EPIPE;
	ck_assert_int_eq(duet_join_future_init(&join, children, COUNT), 0);
	started(&join.future);
	wake(5);
	wake(3);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	for (int i = 0; i < COUNT; i++)
		if (i != 3 && i != 5)
			wake(i);
	ck_assert_int_eq(solo_end(&solo), -EPIPE);
	ck_assert_int_eq(probes[3].future.result, -EIO);
}
END_TEST

START_TEST(a_try_join_asks_the_others_and_waits_for_their_ends)
{
	probes_init();
	probes[2].gives = -EIO;
	probes[4].cancel_needs = 2;
	probes[6].gives_cancelled = 16;
	ck_assert_int_eq(duet_try_join_future_init(&join, children, COUNT), 0);
	started(&join.future);
	wake(0);
	wake(2);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	ck_assert_uint_eq(probes[4].cancels, 1);
	wake(4);
	ck_assert_int_eq(solo_end(&solo), -EIO);
	ck_assert_int_eq(probes[0].future.result, 10);
	ck_assert_uint_eq(probes[0].cancels, 0);
	ck_assert_int_eq(probes[6].future.result, 16);
	ck_assert_int_eq(probes[7].future.result, -ECANCELED);
}
END_TEST

/* Nobody in here has asked it: that is a failure as any other. */
START_TEST(who_was_cancelled_by_somebody_else_has_failed)
{
	probes_init();
	probes[2].gives = -ECANCELED;
	probes[5].gives_cancelled = -EIO;
	ck_assert_int_eq(duet_try_join_future_init(&join, children, COUNT), 0);
	started(&join.future);
	wake(2);
	ck_assert_int_eq(solo_end(&solo), -ECANCELED);
	ck_assert_int_eq(probes[7].future.result, -ECANCELED);
	ck_assert_uint_eq(probes[7].cancels, 1);
}
END_TEST

START_TEST(a_join_of_none_is_ready_and_one_of_an_awaited_future_is_refused)
{
#ifndef DUET_DEBUG
	struct duet_future_task owner;
#endif

	ck_assert_int_eq(duet_join_future_init(&join, children, 0), 0);
	solo_start(&solo, &join.future);
	ck_assert_int_eq(solo_end(&solo), 0);
	ck_assert_int_eq(duet_race_future_init(&race, children, 0), -EINVAL);
#ifndef DUET_DEBUG
	probes_init();
	duet_future_task_init(&owner, &probes[3].future);
	ck_assert_int_eq(duet_join_future_init(&join, children, COUNT), -EBUSY);
	/* None was taken. */
	duet_future_release(&probes[3].future);
	ck_assert_int_eq(duet_join_future_init(&join, children, COUNT), 0);
#endif
}
END_TEST

/* ---- The first. ---- */

START_TEST(a_race_passes_failures_over_and_waits_for_its_losers)
{
	probes_init();
	probes[1].gives = -EIO;
	probes[4].gives_cancelled = 14;
	probes[7].cancel_needs = 3;
	ck_assert_int_eq(duet_race_future_init(&race, children, COUNT), 0);
	started(&race.future);
	wake(1);
	ck_assert_int_eq(race.winner, -1);
	wake(5);
	ck_assert_int_eq(race.winner, 5);
	ck_assert_uint_eq(solo.scheduler.live, 1);
	wake(7);
	wake(7);
	ck_assert_int_eq(solo_end(&solo), 15);
	ck_assert_int_eq(race.winner, 5);
	ck_assert_int_eq(probes[4].future.result, 14);
	ck_assert_int_eq(probes[0].future.result, -ECANCELED);
}
END_TEST

START_TEST(a_race_that_nobody_wins_has_the_last_failure)
{
	probes_init();
	for (int i = 0; i < COUNT; i++)
		probes[i].gives = -EIO - i;
	ck_assert_int_eq(duet_race_future_init(&race, children, COUNT), 0);
	started(&race.future);
	for (int i = COUNT - 1; i >= 0; i--)
		wake(i);
	ck_assert_int_eq(solo_end(&solo), -EIO);
	ck_assert_int_eq(race.winner, -1);
}
END_TEST

START_TEST(a_select_takes_whoever_ends_first)
{
	probes_init();
	probes[6].gives = -EIO;
	ck_assert_int_eq(duet_select_future_init(&race, children, COUNT), 0);
	started(&race.future);
	wake(6);
	ck_assert_int_eq(solo_end(&solo), -EIO);
	ck_assert_int_eq(race.winner, 6);
}
END_TEST

START_TEST(a_race_that_keeps_its_losers_is_ready_with_the_winner_and_pending_until_they_have_ended)
{
	struct duet_waker deaf = { .wake = hear_nothing };
	struct duet_context context = context_of(&deaf);

	probes_init();
	ck_assert_int_eq(duet_race_future_init(&race, children, COUNT), 0);
	race.keeps = 1;
	probes[2].needs = 1;
	ck_assert_int_eq(duet_future_poll(&race.future, &context), DUET_READY);
	ck_assert_int_eq(race.winner, 2);
	ck_assert_int_eq(race.future.result, 12);
	ck_assert_int_eq(race.future.state, DUET_FUTURE_PENDING);
	ck_assert_uint_eq(probes[3].polls, 1);
	ck_assert_int_eq(duet_future_poll_cancel(&race.future, &context), DUET_READY);
	ck_assert_int_eq(race.future.result, 12);
	ck_assert_int_eq(duet_future_drop(&race.future), 0);
}
END_TEST

/* ---- Sets. ---- */

struct visitor {
	struct duet_future future;
	unsigned given;
	int32_t sum;
};

static struct visitor visitor;

/* Takes all that the set gives, and adds the last probes while it runs. */
static enum duet_readiness visit(struct duet_future *future, struct duet_context *context)
{
	struct duet_child *child;

	while ((child = duet_future_set_next(&set, context))) {
		visitor.given++;
		visitor.sum += child->future->result;
		if (visitor.given <= COUNT / 2) {
			unsigned more = COUNT / 2 + visitor.given - 1;

			duet_future_set_add(&set, &children[more], &probes[more].future);
		}
	}
	return set.children.count ? duet_future_is_pending(future)
				  : duet_future_is_ready(future, visitor.sum);
}

static enum duet_readiness leave(struct duet_future *future, struct duet_context *context)
{
	if (duet_future_poll_cancel(&set.future, context) == DUET_PENDING)
		return duet_future_is_pending(future);
	return duet_future_is_ready(future, -ECANCELED);
}

static const struct duet_future_table visitor_table = { .name = "visitor", .poll = visit,
							.poll_cancel = leave };

static void visitor_start(void)
{
	probes_init();
	visitor = (struct visitor){ .given = 0 };
	duet_future_init(&visitor.future, &visitor_table);
	duet_future_set_init(&set);
	for (int i = 0; i < COUNT / 2; i++)
		ck_assert_int_eq(duet_future_set_add(&set, &children[i], &probes[i].future), 0);
	solo_start(&solo, &visitor.future);
	stage_settle(2);
}

START_TEST(a_set_takes_more_while_it_runs)
{
	visitor_start();
	ck_assert_uint_eq(polls(), COUNT / 2);
	for (int i = 0; i < COUNT; i++)
		wake(i);
	ck_assert_int_eq(solo_end(&solo), COUNT * 10 + COUNT * (COUNT - 1) / 2);
	ck_assert_uint_eq(polls(), 2 * COUNT);
}
END_TEST

START_TEST(who_is_added_from_outside_wakes_the_set)
{
	visitor_start();
	ck_assert_int_eq(duet_future_set_add(&set, &children[COUNT - 1], &probes[COUNT - 1].future),
			 0);
	stage_settle(3);
	ck_assert_uint_eq(probes[COUNT - 1].polls, 1);
	duet_task_cancel(&solo.task.task);
	ck_assert_int_eq(solo_end(&solo), -ECANCELED);
}
END_TEST

START_TEST(one_of_a_set_is_asked_and_the_others_go_on)
{
	visitor_start();
	duet_child_cancel(&children[1]);
	duet_child_cancel(&children[1]);
	stage_settle(3);
	ck_assert_uint_eq(probes[1].cancels, 1);
	ck_assert_uint_eq(probes[2].cancels, 0);
	ck_assert_uint_eq(visitor.given, 1);
	ck_assert_int_eq(visitor.sum, -ECANCELED);
	duet_task_cancel(&solo.task.task);
	solo_end(&solo);
}
END_TEST

START_TEST(a_whole_set_is_asked_and_hands_over_what_came)
{
	struct duet_waker deaf = { .wake = hear_nothing };
	struct duet_context context = context_of(&deaf);
	struct duet_child *child;
	int32_t sum = 0;

	probes_init();
	duet_future_set_init(&set);
	for (int i = 0; i < COUNT; i++) {
		ck_assert_int_eq(duet_future_set_add(&set, &children[i], &probes[i].future), 0);
		probes[i].gives_cancelled = i & 1 ? i : -ECANCELED;
	}
	ck_assert_ptr_null(duet_future_set_next(&set, &context));
	duet_future_set_cancel(&set);
	while ((child = duet_future_set_next(&set, &context)))
		sum += child->future->result > 0 ? child->future->result : 0;
	ck_assert_uint_eq(set.children.count, 0);
	ck_assert_int_eq(sum, 1 + 3 + 5 + 7);
}
END_TEST

/* ---- How many polls. ---- */

START_TEST(of_ten_thousand_children_the_woken_one_is_polled_and_nobody_else)
{
	static struct duet_event_future events[MANY];
	static struct duet_child many[MANY];

	for (int i = 0; i < MANY; i++) {
		duet_event_future_init(&events[i]);
		many[i].future = &events[i].future;
	}
	ck_assert_int_eq(duet_join_future_init(&join, many, MANY), 0);
	solo_start(&solo, &join.future);
	turn_until(join.children.polls == MANY);
	stage_settle(3);
	for (unsigned i = 0; i < MANY; i++) {
		duet_event_future_set(&events[i * 7919u % MANY], 1);
		if (i % 100)
			continue;
		stage_settle(3);
		ck_assert_uint_eq(join.children.polls, MANY + i + 1);
		ck_assert_uint_eq(join.children.count, MANY - i - 1);
	}
	ck_assert_int_eq(solo_end(&solo), 0);
	ck_assert_uint_eq(join.children.polls, 2 * MANY);
}
END_TEST

START_TEST(a_child_that_wakes_itself_keeps_neither_its_siblings_nor_the_loop)
{
	struct trial timer;

	probes_init();
	probes[0].eager = true;
	probes[0].needs = 1000;
	ck_assert_int_eq(duet_join_future_init(&join, children, COUNT), 0);
	solo_start(&solo, &join.future);
	trial_init(&timer);
	duet_op_timeout(&timer.op, 0);
	trial_run(&timer);
	ck_assert_uint_lt(probes[0].polls, 1000);
	for (int i = 1; i < COUNT; i++)
		ck_assert_uint_eq(probes[i].polls, 1);
	for (int i = 1; i < COUNT; i++)
		wake(i);
	ck_assert_int_eq(solo_end(&solo), 0);
	ck_assert_uint_eq(probes[0].polls, 1000);
	ck_assert_uint_eq(polls(), 1000 + 2 * (COUNT - 1));
}
END_TEST

START_TEST(in_one_poll_of_the_whole_each_is_polled_once)
{
	struct duet_waker deaf = { .wake = hear_nothing };
	struct duet_context context = context_of(&deaf);

	probes_init();
	probes[2].eager = true;
	probes[2].needs = 100;
	ck_assert_int_eq(duet_join_future_init(&join, children, COUNT), 0);
	ck_assert_int_eq(duet_future_poll(&join.future, &context), DUET_PENDING);
	ck_assert_uint_eq(polls(), COUNT);
	ck_assert_int_eq(duet_future_poll(&join.future, &context), DUET_PENDING);
	ck_assert_uint_eq(polls(), COUNT + 1);
	while (duet_future_poll_cancel(&join.future, &context) == DUET_PENDING)
		continue;
}
END_TEST

START_TEST(one_poll_of_the_whole_polls_so_many_children_and_no_more)
{
	static struct probe crowd[3 * DUET_CHILD_POLLS_MAX];
	static struct duet_child places[3 * DUET_CHILD_POLLS_MAX];
	const unsigned count = 3 * DUET_CHILD_POLLS_MAX;
	struct duet_context context;
	unsigned wakes = 0;

	ck_assert_int_eq(duet_scheduler_init(&solo.scheduler, stage.loop, NULL), 0);
	duet_task_init(&solo.task.task, NULL);
	context = context_of(&solo.task.task.waker);
	solo.task.task.state = DUET_TASK_RUNNING;
	for (unsigned i = 0; i < count; i++) {
		probe_init(&crowd[i], 2, 0);
		places[i].future = &crowd[i].future;
	}
	ck_assert_int_eq(duet_join_future_init(&join, places, count), 0);
	do {
		solo.task.task.again = 0;
		ck_assert_int_eq(duet_future_poll(&join.future, &context), DUET_PENDING);
		wakes += solo.task.task.again;
		ck_assert_uint_le(join.children.polls, (wakes + 1) * DUET_CHILD_POLLS_MAX);
	} while (solo.task.task.again);
	ck_assert_uint_eq(join.children.polls, count);
	ck_assert_uint_eq(wakes, 2);
	ck_assert_int_eq(duet_future_poll_cancel(&join.future, &context), DUET_PENDING);
	while (duet_future_poll_cancel(&join.future, &context) == DUET_PENDING)
		continue;
	ck_assert_uint_eq(join.children.polls, 2 * count);
}
END_TEST

/* ---- Asked at each poll. ---- */

static struct duet_op_future recvs[COUNT];
static unsigned char bytes[COUNT];

/* Receives on a pair, into which bytes come one at a time, and a timer: after so many turns all is asked. */
static void cancel_after(unsigned turns, bool races)
{
	duet_handle pair[2];
	unsigned came = 0;

	pair_open(pair);
	for (int i = 0; i < COUNT; i++) {
		duet_op_future_init(&recvs[i]);
		duet_op_recv(&recvs[i].op, pair[1], &bytes[i], 1, 0);
		children[i].future = &recvs[i].future;
	}
	if (races)
		ck_assert_int_eq(duet_race_future_init(&race, children, COUNT), 0);
	else
		ck_assert_int_eq(duet_join_future_init(&join, children, COUNT), 0);
	solo_start(&solo, races ? &race.future : &join.future);
	for (unsigned i = 0; i < turns; i++) {
		if (i < COUNT)
			stream_send(pair[0], "x", 1);
		stage_turn();
	}
	duet_task_cancel(&solo.task.task);
	solo_end(&solo);
	for (int i = 0; i < COUNT; i++) {
		ck_assert_int_eq(duet_future_drop(&recvs[i].future), 0);
		ck_assert(!duet_op_pending(&recvs[i].op));
		came += recvs[i].future.result > 0 ? 1 : 0;
	}
	/* What came is in a result, or in the socket still. */
	ck_assert_uint_eq(came + stream_drain(pair[1], bytes, COUNT), turns < COUNT ? turns : COUNT);
	pair_close(pair);
}

START_TEST(asked_at_any_poll_all_end_and_no_byte_is_lost)
{
	for (unsigned turns = 0; turns < COUNT + 2; turns++) {
		cancel_after(turns, false);
		cancel_after(turns, true);
	}
}
END_TEST

int main(void)
{
	return contract_run("futures",
		CASES(a_join_polls_only_who_was_woken_and_has_all_results,
			a_join_goes_on_behind_a_failure_and_names_the_first,
			a_try_join_asks_the_others_and_waits_for_their_ends,
			who_was_cancelled_by_somebody_else_has_failed,
			a_join_of_none_is_ready_and_one_of_an_awaited_future_is_refused,
			a_race_passes_failures_over_and_waits_for_its_losers,
			a_race_that_nobody_wins_has_the_last_failure,
			a_select_takes_whoever_ends_first,
			a_race_that_keeps_its_losers_is_ready_with_the_winner_and_pending_until_they_have_ended,
			a_set_takes_more_while_it_runs, who_is_added_from_outside_wakes_the_set,
			one_of_a_set_is_asked_and_the_others_go_on,
			a_whole_set_is_asked_and_hands_over_what_came,
			of_ten_thousand_children_the_woken_one_is_polled_and_nobody_else,
			a_child_that_wakes_itself_keeps_neither_its_siblings_nor_the_loop,
			in_one_poll_of_the_whole_each_is_polled_once,
			one_poll_of_the_whole_polls_so_many_children_and_no_more,
			asked_at_any_poll_all_end_and_no_byte_is_lost),
		NULL);
}
