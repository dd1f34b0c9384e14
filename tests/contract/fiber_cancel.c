/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/futures.h>

#include "tests/support/fibers.h"

/* Requests to end a fiber: they arrive where it waits, are heard at every entry from then on, and are
 * kept out by a shield; scopes on its stack are unwound one by one. */

#define MS UINT64_C(1000000)
#define BUDGET_NS UINT64_C(1000000000)

static duet_handle pair[2], listener;
static struct sockaddr_in address;
static struct duet_fiber fiber;
static char text[8];

/* ---- Each place where it may wait. ---- */

static int stuck_in_recv(struct duet_loop *loop)
{
	return duet_fiber_recv(loop, pair[1], text, sizeof(text), 0);
}

static int stuck_in_recv_whole(struct duet_loop *loop)
{
	return duet_fiber_recv(loop, pair[1], text, sizeof(text), DUET_WHOLE);
}

static int stuck_in_poll(struct duet_loop *loop)
{
	return duet_fiber_poll(loop, pair[1], 1);
}

static int stuck_in_accept(struct duet_loop *loop)
{
	duet_handle made;

	return duet_fiber_accept(loop, listener, &made);
}

static int stuck_in_sleep(struct duet_loop *loop)
{
	return duet_fiber_sleep_until(loop, DUET_NO_DEADLINE);
}

static int stuck_in_a_future(struct duet_loop *loop)
{
	struct duet_op_future future;

	duet_timer_future_init(&future, DUET_NO_DEADLINE);
	return duet_fiber_await_future(loop, &future.future);
}

static int stuck_in_park(struct duet_loop *loop)
{
	return duet_fiber_park(loop);
}

static int stuck_in_yield(struct duet_loop *loop)
{
	int error;

	do
		error = duet_fiber_yield(loop);
	while (!error);
	return error;
}

static int sleep_for_ever(struct duet_loop *loop, void *argument)
{
	(void)argument;
	return stuck_in_sleep(loop);
}

static int stuck_in_join(struct duet_loop *loop)
{
	struct duet_scope scope;
	struct duet_fiber child;
	int result;

	ck_assert_int_eq(duet_fiber_open(loop, &scope, NULL), 0);
	fibers_spawn(&child, sleep_for_ever, NULL, &scope);
	result = duet_fiber_join(&scope);
	ck_assert(!fiber_is_live(&child));
	ck_assert_int_eq(child.task.result, result);
	return result;
}

static int (*const places[])(struct duet_loop *loop) = {
	stuck_in_recv, stuck_in_recv_whole, stuck_in_poll, stuck_in_accept, stuck_in_sleep,
	stuck_in_a_future, stuck_in_park, stuck_in_yield, stuck_in_join,
};

enum { PLACES = sizeof(places) / sizeof(places[0]) };

struct visit {
	unsigned place;
	unsigned reached;
	int expected;
};

static uint64_t started(void)
{
	struct duet_stats stats;

	duet_loop_stats(stage.loop, &stats);
	return stats.started;
}

/* What follows a request: each entry says so, and starts nothing. */
static void try_all(struct duet_loop *loop, int expected)
{
	const uint64_t before = started();
	struct duet_scope scope;

	ck_assert_int_eq(duet_fiber_check(loop), expected);
	for (unsigned place = 0; place < PLACES; place++)
		if (places[place] != stuck_in_join)
			ck_assert_int_eq(places[place](loop), expected);
	ck_assert_int_eq(duet_fiber_open(loop, &scope, NULL), expected);
	ck_assert_uint_eq(started(), before);
}

static int visit_place(struct duet_loop *loop, void *argument)
{
	struct visit *visit = argument;
	uint64_t outer_ns;

	visit->reached = 1;
	ck_assert_int_eq(places[visit->place](loop), visit->expected);
	try_all(loop, visit->expected);
	outer_ns = duet_fiber_shield(loop, BUDGET_NS);
	ck_assert_int_eq(duet_fiber_check(loop), 0);
	ck_assert_int_eq(duet_fiber_sleep_until(loop, duet_loop_now_ns(loop) + 1), 0);
	ck_assert_int_eq(duet_fiber_yield(loop), 0);
	duet_fiber_unshield(loop, outer_ns);
	ck_assert_int_eq(duet_fiber_check(loop), visit->expected);
	visit->reached = 2;
	return visit->expected;
}

static void scene_open(uint32_t stacks)
{
	pair_open(pair);
	listener_open(&listener, &address);
	fibers_open(stacks);
}

static void scene_close(void)
{
	fibers_close();
	pair_close(pair);
}

START_TEST(a_cancel_arrives_at_each_place_and_is_heard_at_each_entry_from_then_on)
{
	scene_open(2);
	for (unsigned place = 0; place < PLACES; place++) {
		struct visit visit = { .place = place, .expected = -ECANCELED };

		fibers_spawn(&fiber, visit_place, &visit, NULL);
		turn_until(visit.reached);
		stage_settle(3);
		duet_task_cancel(&fiber.task);
		duet_task_cancel(&fiber.task);
		turn_until(!fiber_is_live(&fiber));
		ck_assert_uint_eq(visit.reached, 2);
	}
	scene_close();
}
END_TEST

START_TEST(a_scopes_deadline_arrives_likewise)
{
	struct duet_scope scope;

	scene_open(2);
	for (unsigned place = 0; place < PLACES; place++) {
		struct visit visit = { .place = place, .expected = -ETIMEDOUT };

		ck_assert_int_eq(duet_fiber_open(stage.loop, &scope, NULL), 0);
		fibers_spawn(&fiber, visit_place, &visit, &scope);
		turn_until(visit.reached);
		ck_assert_int_eq(duet_scope_within(&scope, MS), 0);
		ck_assert_int_eq(duet_fiber_join(&scope), -ETIMEDOUT);
		ck_assert_uint_eq(visit.reached, 2);
	}
	scene_close();
}
END_TEST

static int see_the_request(struct duet_loop *loop, void *argument)
{
	(void)argument;
	try_all(loop, -ECANCELED);
	return 5;
}

START_TEST(a_cancel_before_the_first_step_is_heard_in_it)
{
	scene_open(1);
	fibers_spawn(&fiber, see_the_request, NULL, NULL);
	duet_task_cancel(&fiber.task);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 5);
	scene_close();
}
END_TEST

static int time_out_once(struct duet_loop *loop, void *argument)
{
	(void)argument;
	ck_assert_int_eq(stuck_in_recv(loop), -ETIMEDOUT);
	/* No request, but the time of what it waited for: later is possible. */
	duet_fiber_self(loop)->task.deadline_ns = DUET_NO_DEADLINE;
	return duet_fiber_sleep_until(loop, duet_loop_now_ns(loop) + 1);
}

START_TEST(its_own_deadline_ends_a_wait)
{
	scene_open(1);
	duet_fiber_init(&fiber, time_out_once, NULL);
	fiber.task.deadline_ns = duet_loop_now_ns(stage.loop) + 2 * MS;
	ck_assert_int_eq(
		duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber), 0);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 0);
	scene_close();
}
END_TEST

/* Beside its waker nothing is left of a wait that is over. */
static int park_in_time(struct duet_loop *loop, void *argument)
{
	struct duet_task *task = &duet_fiber_self(loop)->task;
	const uint64_t due_ns = task->deadline_ns;
	uint64_t outer_ns;

	(void)argument;
	ck_assert_int_eq(duet_fiber_park(loop), -ETIMEDOUT);
	ck_assert_uint_ge(duet_loop_now_ns(loop), due_ns);
	ck_assert_uint_eq(duet_loop_pending(loop), 0);
	/* Woken in time; and what came before the wait isn't lost. */
	task->deadline_ns = DUET_NO_DEADLINE - 1;
	duet_waker_wake(duet_fiber_waker(loop));
	ck_assert_int_eq(duet_fiber_park(loop), 0);
	ck_assert_uint_eq(duet_loop_pending(loop), 0);
	outer_ns = duet_fiber_shield(loop, MS);
	ck_assert_int_eq(duet_fiber_park(loop), -ETIMEDOUT);
	duet_fiber_unshield(loop, outer_ns);
	ck_assert_int_eq(duet_fiber_park(loop), -ECANCELED);
	ck_assert_uint_eq(duet_loop_pending(loop), 0);
	return duet_fiber_park(loop);
}

START_TEST(its_own_deadline_and_a_cancel_are_heard_by_who_is_parked)
{
	fibers_open(1);
	duet_fiber_init(&fiber, park_in_time, NULL);
	fiber.task.deadline_ns = duet_loop_now_ns(stage.loop) + 2 * MS;
	ck_assert_int_eq(
		duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber), 0);
	turn_until(fiber.task.deadline_ns == DUET_NO_DEADLINE - 1 && fiber.task.shields);
	/* In the shield it hears nothing of that. */
	duet_task_cancel(&fiber.task);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, -ECANCELED);
	fibers_close();
}
END_TEST

static int park_once(struct duet_loop *loop, void *argument)
{
	(void)argument;
	return duet_fiber_park(loop);
}

static void park_spawn(void)
{
	duet_fiber_init(&fiber, park_once, NULL);
	fiber.task.deadline_ns = DUET_NO_DEADLINE - 1;
	ck_assert_int_eq(
		duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber), 0);
	turn_until(fiber.task.state == DUET_TASK_PARKED);
}

START_TEST(who_is_parked_in_time_is_woken_and_cancelled_as_without)
{
	fibers_open(1);
	park_spawn();
	duet_waker_wake(&fiber.task.waker);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 0);
	park_spawn();
	duet_task_cancel(&fiber.task);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, -ECANCELED);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
	fibers_close();
}
END_TEST

/* Who waits for operations hears of it as well, in a shield it is the shield's time alone. */
static int park_in_a_shield(struct duet_loop *loop, void *argument)
{
	uint64_t outer_ns = duet_fiber_shield(loop, 20 * MS * patience_factor());
	int result = duet_fiber_park(loop);

	(void)argument;
	duet_fiber_unshield(loop, outer_ns);
	return result;
}

START_TEST(a_shutdown_ends_a_wait_with_a_deadline_but_in_a_shield)
{
	struct duet_fiber other;

	fibers_open(2);
	fibers_spawn(&other, park_in_a_shield, NULL, NULL);
	park_spawn();
	ck_assert(fiber_is_live(&other));
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(fiber.task.result, -ECANCELED);
	ck_assert_int_eq(other.task.result, -ETIMEDOUT);
	fibers_close();
}
END_TEST

/* ---- What came is handed over. ---- */

static int keep_what_came(struct duet_loop *loop, void *argument)
{
	unsigned *reached = argument;
	int n;

	*reached = 1;
	n = stuck_in_recv_whole(loop);
	ck_assert_int_eq(stuck_in_recv_whole(loop), -ECANCELED);
	return n;
}

START_TEST(a_transfer_cut_short_gives_what_it_has_moved)
{
	unsigned reached = 0;

	scene_open(1);
	fibers_spawn(&fiber, keep_what_came, &reached, NULL);
	turn_until(reached);
	stream_send(pair[0], "abc", 3);
	stage_settle(5);
	duet_task_cancel(&fiber.task);
	turn_until(!fiber_is_live(&fiber));
	/* Where it had not been received yet, it is in the socket still. */
	if (fiber.task.result == -ECANCELED)
		stream_recv(pair[1], text, 3);
	else
		ck_assert_int_eq(fiber.task.result, 3);
	ck_assert(memcmp(text, "abc", 3) == 0);
	scene_close();
}
END_TEST

/* ---- Cleanup. ---- */

static int say_goodbye(struct duet_loop *loop, void *argument)
{
	unsigned *reached = argument;
	uint64_t outer_ns;
	int result;

	*reached = 1;
	result = stuck_in_recv(loop);
	outer_ns = duet_fiber_shield(loop, BUDGET_NS);
	ck_assert_int_eq(duet_fiber_send(loop, pair[1], "bye", 3, DUET_WHOLE), 3);
	duet_fiber_unshield(loop, outer_ns);
	ck_assert_int_eq(duet_fiber_send(loop, pair[1], "?", 1, 0), -ECANCELED);
	/* To close needs no shield. */
	ck_assert_int_eq(duet_fiber_close(loop, pair[1]), 0);
	return result;
}

START_TEST(cleanup_waits_in_a_shield_and_a_close_is_always_done)
{
	unsigned reached = 0;

	scene_open(1);
	fibers_spawn(&fiber, say_goodbye, &reached, NULL);
	turn_until(reached);
	stage_settle(2);
	duet_task_cancel(&fiber.task);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, -ECANCELED);
	ck_assert_uint_eq(stream_drain(pair[0], (unsigned char *)text, sizeof(text)), 3);
	handle_close(pair[0]);
	fibers_close();
}
END_TEST

static int clean_for_too_long(struct duet_loop *loop, void *argument)
{
	uint64_t outer_ns = duet_fiber_shield(loop, 2 * MS);
	int result = stuck_in_recv(loop);

	(void)argument;
	duet_fiber_unshield(loop, outer_ns);
	return result;
}

START_TEST(a_shield_has_its_time)
{
	scene_open(1);
	fibers_spawn(&fiber, clean_for_too_long, NULL, NULL);
	duet_task_cancel(&fiber.task);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, -ETIMEDOUT);
	scene_close();
}
END_TEST

static char order[16];

static int note_and_sleep(struct duet_loop *loop, void *argument)
{
	int result = stuck_in_sleep(loop);
	uint64_t outer_ns = duet_fiber_shield(loop, BUDGET_NS);

	/* The end takes its time. */
	ck_assert_int_eq(duet_fiber_sleep_until(loop, duet_loop_now_ns(loop) + MS), 0);
	duet_fiber_unshield(loop, outer_ns);
	strncat(order, argument, 1);
	return result;
}

static int two_scopes(struct duet_loop *loop, void *argument)
{
	struct duet_scope outer, inner;
	struct duet_fiber first, second;
	int result;

	ck_assert_int_eq(duet_fiber_open(loop, &outer, NULL), 0);
	fibers_spawn(&first, note_and_sleep, "1", &outer);
	ck_assert_int_eq(duet_fiber_open(loop, &inner, NULL), 0);
	fibers_spawn(&second, note_and_sleep, "2", &inner);
	*(unsigned *)argument = 1;
	result = duet_fiber_join(&inner);
	ck_assert(!fiber_is_live(&second));
	strncat(order, "i", 2);
	ck_assert_int_eq(duet_fiber_join(&outer), -ECANCELED);
	ck_assert(!fiber_is_live(&first));
	strncat(order, "o", 2);
	return result;
}

/* Asked itself and by its parent: the same way out. */
START_TEST(a_request_unwinds_scope_after_scope_and_no_join_returns_early)
{
	for (unsigned by_parent = 0; by_parent < 2; by_parent++) {
		struct duet_scope parent;
		unsigned reached = 0;

		order[0] = '\0';
		fibers_open(3);
		ck_assert_int_eq(duet_fiber_open(stage.loop, &parent, NULL), 0);
		fibers_spawn(&fiber, two_scopes, &reached, &parent);
		turn_until(reached);
		stage_settle(2);
		if (by_parent)
			duet_scope_cancel(&parent);
		else
			duet_task_cancel(&fiber.task);
		duet_fiber_join(&parent);
		ck_assert_int_eq(fiber.task.result, -ECANCELED);
		ck_assert_uint_eq(strlen(order), 4);
		ck_assert_int_eq(order[3], 'o');
		ck_assert(strchr(order, '2') < strchr(order, 'i'));
		fibers_close();
	}
}
END_TEST

static int add_up(struct duet_loop *loop, void *argument)
{
	ck_assert_int_eq(duet_fiber_sleep_until(loop, duet_loop_now_ns(loop) + 1), 0);
	++*(unsigned *)argument;
	return 0;
}

static int clean_with_helpers(struct duet_loop *loop, void *argument)
{
	struct duet_scope scope;
	struct duet_fiber helpers[2];
	uint64_t outer_ns;

	ck_assert_int_eq(stuck_in_sleep(loop), -ECANCELED);
	outer_ns = duet_fiber_shield(loop, BUDGET_NS);
	ck_assert_int_eq(duet_fiber_open(loop, &scope, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		fibers_spawn(&helpers[i], add_up, argument, &scope);
	ck_assert_int_eq(duet_fiber_join(&scope), 0);
	duet_fiber_unshield(loop, outer_ns);
	return 0;
}

/* Its open fails as every wait does; who joins it all the same is told. */
static int join_what_did_not_open(struct duet_loop *loop, void *argument)
{
	struct duet_scope scope;

	(void)argument;
	memset(&scope, 0xff, sizeof(scope));
	ck_assert_int_eq(stuck_in_sleep(loop), -ECANCELED);
	ck_assert_int_eq(duet_fiber_open(loop, &scope, NULL), -ECANCELED);
	ck_assert_int_eq(duet_fiber_join(&scope), -ESHUTDOWN);
	return 0;
}

START_TEST(a_scope_that_did_not_open_is_not_joined)
{
	scene_open(1);
	fibers_spawn(&fiber, join_what_did_not_open, NULL, NULL);
	stage_settle(2);
	duet_task_cancel(&fiber.task);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 0);
	fibers_close();
}
END_TEST

START_TEST(a_scope_in_a_shield_is_one)
{
	struct duet_scope parent;
	unsigned sum = 0;

	fibers_open(3);
	ck_assert_int_eq(duet_fiber_open(stage.loop, &parent, NULL), 0);
	fibers_spawn(&fiber, clean_with_helpers, &sum, &parent);
	stage_settle(3);
	duet_scope_cancel(&parent);
	ck_assert_int_eq(duet_fiber_join(&parent), 0);
	ck_assert_uint_eq(sum, 2);
	fibers_close();
}
END_TEST

/* ---- Many. ---- */

enum { DEPTH = 1000, CROWD = 10000 };

static unsigned reached_depth, unwound;

static int nest(struct duet_loop *loop, void *argument)
{
	const unsigned *below = argument;
	unsigned left = *below - 1;
	struct duet_scope scope;
	struct duet_fiber child;

	reached_depth++;
	if (*below) {
		ck_assert_int_eq(duet_fiber_open(loop, &scope, NULL), 0);
		fibers_spawn(&child, nest, &left, &scope);
		ck_assert_int_eq(duet_fiber_join(&scope), -ECANCELED);
	}
	ck_assert_int_eq(duet_fiber_park(loop), -ECANCELED);
	unwound++;
	return -ECANCELED;
}

START_TEST(a_request_to_the_first_of_a_thousand_unwinds_all)
{
	unsigned depth = fibers_many(DEPTH);

	reached_depth = unwound = 0;
	fibers_open(depth + 1);
	fibers_spawn(&fiber, nest, &depth, NULL);
	turn_until(reached_depth == depth + 1);
	stage_settle(2);
	ck_assert_uint_eq(unwound, 0);
	duet_task_cancel(&fiber.task);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_uint_eq(unwound, depth + 1);
	fibers_close();
}
END_TEST

static int park_until_asked(struct duet_loop *loop, void *argument)
{
	(void)argument;
	return stuck_in_park(loop);
}

START_TEST(a_scope_ends_ten_thousand)
{
	const uint32_t count = fibers_many(CROWD);
	struct duet_fiber *crowd = calloc(count, sizeof(*crowd));
	struct duet_scope scope;

	fibers_open(count);
	ck_assert_int_eq(duet_fiber_open(stage.loop, &scope, NULL), 0);
	for (uint32_t i = 0; i < count; i++)
		fibers_spawn(&crowd[i], i % 2 ? park_until_asked : see_the_request, NULL,
			&scope);
	for (uint32_t i = 0; i < count; i += 2)
		duet_task_cancel(&crowd[i].task);
	listener_open(&listener, &address);
	pair_open(pair);
	turn_until(fibers_scheduler.live == count / 2);
	duet_scope_cancel(&scope);
	ck_assert_int_eq(duet_fiber_join(&scope), -ECANCELED);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_eq(crowd[i].task.result, i % 2 ? -ECANCELED : 5);
	fibers_close();
	free(crowd);
	pair_close(pair);
}
END_TEST

START_TEST(a_shutdown_of_the_loop_reaches_what_fibers_wait_for)
{
	struct duet_scope scope;

	scene_open(2);
	ck_assert_int_eq(duet_fiber_open(stage.loop, &scope, NULL), 0);
	fibers_spawn(&fiber, say_goodbye, &(unsigned){ 0 }, &scope);
	stage_settle(3);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop,
				 clock_ns() + 100 * MS * patience_factor()), -EBUSY);
	ck_assert(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, -ECANCELED);
	fibers_close();
	ck_assert_int_eq(duet_fiber_join(&scope), -ECANCELED);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
}
END_TEST

int main(void)
{
	return contract_run("fiber_cancel",
		CASES(a_cancel_arrives_at_each_place_and_is_heard_at_each_entry_from_then_on,
			a_scopes_deadline_arrives_likewise,
			a_cancel_before_the_first_step_is_heard_in_it, its_own_deadline_ends_a_wait,
			its_own_deadline_and_a_cancel_are_heard_by_who_is_parked,
			who_is_parked_in_time_is_woken_and_cancelled_as_without,
			a_shutdown_ends_a_wait_with_a_deadline_but_in_a_shield,
			a_transfer_cut_short_gives_what_it_has_moved,
			cleanup_waits_in_a_shield_and_a_close_is_always_done, a_shield_has_its_time,
			a_request_unwinds_scope_after_scope_and_no_join_returns_early,
			a_scope_that_did_not_open_is_not_joined, a_scope_in_a_shield_is_one,
			a_request_to_the_first_of_a_thousand_unwinds_all,
			a_scope_ends_ten_thousand,
			a_shutdown_of_the_loop_reaches_what_fibers_wait_for),
		NULL);
}
