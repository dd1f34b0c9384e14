/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <execinfo.h>
#include <fcntl.h>
#include <fenv.h>
#include <duet/futures.h>
#include <stdio.h>

#include "tests/support/datagram.h"
#include "tests/support/fibers.h"

/* Fibers: what they give, how they end, and what is kept while they wait. Requests to end them are in
 * fiber_cancel.c. */

#define MS UINT64_C(1000000)

static duet_handle pair[2];
static struct duet_fiber fiber, other;

/* ---- Results. ---- */

static int give(struct duet_loop *loop, void *argument)
{
	ck_assert(duet_fiber_self(loop) != NULL);
	return *(int *)argument;
}

static unsigned ended;

static void count_end(struct duet_task *task)
{
	(void)task;
	ended++;
}

START_TEST(what_its_function_returns_is_the_result_of_a_fiber)
{
	int value = 7;

	fibers_open(1);
	ended = 0;
	duet_fiber_init(&fiber, give, &value);
	fiber.task.ended = count_end;
	ck_assert_int_eq(
		duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber), 0);
	ck_assert_uint_eq(ended, 0);
	turn_until(ended);
	ck_assert_int_eq(fiber.task.result, 7);
	ck_assert(duet_fiber_self(stage.loop) == NULL);
	fibers_close();
}
END_TEST

static int fail_late(struct duet_loop *loop, void *argument)
{
	(void)argument;
	duet_fiber_yield(loop);
	return -EPROTO;
}

static int wait_for_ever(struct duet_loop *loop, void *argument)
{
	int result = duet_fiber_sleep_until(loop, DUET_NO_DEADLINE);

	(void)argument;
	return result;
}

static int parent_of_two(struct duet_loop *loop, void *argument)
{
	struct duet_scope_options options;
	struct duet_scope scope;

	(void)argument;
	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	ck_assert_int_eq(duet_fiber_open(loop, &scope, &options), 0);
	fibers_spawn(&fiber, wait_for_ever, NULL, &scope);
	fibers_spawn(&other, fail_late, NULL, &scope);
	return duet_fiber_join(&scope);
}

START_TEST(the_error_of_a_fiber_is_its_scopes_to_judge)
{
	struct duet_fiber parent;

	fibers_open(3);
	fibers_spawn(&parent, parent_of_two, NULL, NULL);
	turn_until(!fiber_is_live(&parent));
	ck_assert_int_eq(parent.task.result, -EPROTO);
	ck_assert_int_eq(fiber.task.result, -ECANCELED);
	fibers_close();
}
END_TEST

/* The same from outside of a fiber: what is joined is waited for by turns. */
START_TEST(a_scope_is_joined_outside_of_a_fiber_as_inside)
{
	fibers_open(2);
	ck_assert_int_eq(parent_of_two(stage.loop, NULL), -EPROTO);
	ck_assert(!fiber_is_live(&fiber));
	ck_assert(!fiber_is_live(&other));
	fibers_close();
}
END_TEST

/* ---- No colour. ---- */

static const char greeting[] = "which of us waits?";

/* Knows nothing of where it runs. */
static int talk(struct duet_loop *loop, void *argument)
{
	const duet_handle *ends = argument;
	char text[sizeof(greeting)];
	int n = duet_fiber_send(loop, ends[0], greeting, sizeof(greeting), DUET_WHOLE);

	ck_assert_int_eq(n, sizeof(greeting));
	n = duet_fiber_recv(loop, ends[1], text, sizeof(text), DUET_WHOLE);
	ck_assert_int_eq(n, sizeof(greeting));
	ck_assert_str_eq(text, greeting);
	ck_assert_int_eq(
		duet_fiber_sleep_until(loop, duet_loop_now_ns(loop) + MS), 0);
	ck_assert_int_eq(duet_fiber_yield(loop), 0);
	ck_assert_int_eq(duet_fiber_check(loop), 0);
	return n;
}

START_TEST(the_same_function_waits_in_a_fiber_and_outside)
{
	pair_open(pair);
	fibers_open(1);
	ck_assert_int_eq(talk(stage.loop, pair), sizeof(greeting));
	fibers_spawn(&fiber, talk, pair, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, sizeof(greeting));
	fibers_close();
	pair_close(pair);
}
END_TEST

static int serve_one(struct duet_loop *loop, void *argument)
{
	const duet_handle *listener = argument;
	duet_handle peer;
	char text[8];
	int n;

	ck_assert_int_eq(duet_fiber_accept(loop, *listener, &peer), 0);
	n = duet_fiber_recv(loop, peer, text, sizeof(text), 0);
	ck_assert_int_eq(n, 3);
	ck_assert_int_eq(duet_fiber_close(loop, peer), 0);
	return n;
}

struct call {
	struct sockaddr_in address;
};

static int call_up(struct duet_loop *loop, void *argument)
{
	const struct call *call = argument;
	duet_handle peer;

	ck_assert_int_eq(duet_fiber_socket(loop, AF_INET, SOCK_STREAM, 0, &peer), 0);
	ck_assert_int_eq(duet_fiber_connect(loop, peer, (const void *)&call->address,
				 sizeof(call->address)), 0);
	ck_assert_int_eq(duet_fiber_send(loop, peer, "abc", 3, DUET_WHOLE), 3);
	ck_assert_int_eq(duet_fiber_shutdown(loop, peer, SHUT_WR), 0);
	return duet_fiber_close(loop, peer);
}

START_TEST(a_conversation_is_written_as_with_calls_that_block)
{
	duet_handle listener;
	struct call call;

	listener_open(&listener, &call.address);
	fibers_open(2);
	fibers_spawn(&fiber, serve_one, &listener, NULL);
	fibers_spawn(&other, call_up, &call, NULL);
	turn_until(!fiber_is_live(&fiber) && !fiber_is_live(&other));
	ck_assert_int_eq(fiber.task.result, 3);
	ck_assert_int_eq(other.task.result, 0);
	fibers_close();
}
END_TEST

/* A socket that asks itself, as it is the only one it knows. */
static int echo_to_itself(struct duet_loop *loop, void *argument)
{
	struct duet_msghdr header = { 0 };
	struct station *station = argument;
	char text[8];

	station_address(station, &header);
	ck_assert_int_eq(duet_fiber_sendto(loop, station->handle, "abc", 3, &header), 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(duet_fiber_recvfrom(loop, station->handle, text, 8, &header), 3);
		ck_assert(station_is(station, &header));
		ck_assert_int_eq(duet_fiber_sendto(loop, station->handle, text, 3, &header), 3);
	}
	return memcmp(text, "abc", 3);
}

START_TEST(an_echo_of_datagrams_is_two_calls)
{
	struct station station;

	ck_assert(station_open(AF_INET, &station));
	fibers_open(1);
	fibers_spawn(&fiber, echo_to_itself, &station, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 0);
	fibers_close();
}
END_TEST

static int use_a_file(struct duet_loop *loop, void *argument)
{
	char text[8];
	duet_handle file;

	ck_assert_int_eq(duet_fiber_open_file(loop, AT_FDCWD, argument, O_RDWR | O_CREAT,
				 0600, &file), 0);
	ck_assert_int_eq(duet_fiber_write(loop, file, "12345", 5, 0), 5);
	ck_assert_int_eq(duet_fiber_fsync(loop, file, DUET_DATA_ONLY), 0);
	ck_assert_int_eq(duet_fiber_read(loop, file, text, sizeof(text), 2), 3);
	ck_assert(memcmp(text, "345", 3) == 0);
	return duet_fiber_close(loop, file);
}

START_TEST(files_are_used_likewise)
{
	char path[300];

	snprintf(path, sizeof(path), "%s", file_path("fiber"));
	fibers_open(1);
	fibers_spawn(&fiber, use_a_file, path, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 0);
	fibers_close();
}
END_TEST

static int open_what_is_not_there(struct duet_loop *loop, void *argument)
{
	duet_handle made = { 1, 1 };
	int result = duet_fiber_open_file(loop, AT_FDCWD, argument, O_RDONLY, 0, &made);

	ck_assert_uint_eq(made.slot, 0);
	ck_assert_uint_eq(made.generation, 0);
	return result;
}

START_TEST(what_could_not_be_made_is_no_handle)
{
	char path[300];

	snprintf(path, sizeof(path), "%s", file_path("nothing"));
	fibers_open(1);
	fibers_spawn(&fiber, open_what_is_not_there, path, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, -ENOENT);
	fibers_close();
}
END_TEST

static int wait_elsewhere(struct duet_loop *loop, void *argument)
{
	struct duet_loop *elsewhere = argument;
	uint64_t due_ns = duet_loop_now_ns(elsewhere) + MS;

	ck_assert(duet_fiber_self(loop) != NULL);
	ck_assert(duet_fiber_self(elsewhere) == NULL);
	return duet_fiber_sleep_until(elsewhere, due_ns);
}

/* It runs on one loop, and blocks on the other: whose fiber it is says each loop for itself. */
START_TEST(a_fiber_of_one_loop_is_none_of_another)
{
	struct duet_loop *elsewhere;

	ck_assert_int_eq(duet_loop_create(&elsewhere, stage.arm->backend(), NULL), 0);
	fibers_open(1);
	fibers_spawn(&fiber, wait_elsewhere, elsewhere, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 0);
	ck_assert_int_eq(duet_loop_destroy(elsewhere), 0);
	fibers_close();
}
END_TEST

/* ---- Parked. ---- */

static struct duet_waker *to_wake;
static unsigned woken_times;

static int park_for_two(struct duet_loop *loop, void *argument)
{
	unsigned *asked = argument;

	to_wake = duet_fiber_waker(loop);
	while (++*asked, woken_times < 2)
		ck_assert_int_eq(duet_fiber_park(loop), 0);
	return 0;
}

static void wake(void)
{
	woken_times++;
	duet_waker_wake(to_wake);
}

START_TEST(who_is_parked_asks_again_when_it_is_woken_and_not_before)
{
	unsigned asked = 0;

	woken_times = 0;
	to_wake = NULL;
	fibers_open(1);
	fibers_spawn(&fiber, park_for_two, &asked, NULL);
	turn_until(to_wake);
	stage_settle(3);
	ck_assert_uint_eq(asked, 1);
	wake();
	ck_assert_uint_eq(asked, 1);
	turn_until(asked == 2);
	wake();
	turn_until(!fiber_is_live(&fiber));
	ck_assert_uint_eq(asked, 3);
	fibers_close();
}
END_TEST

/* What is asked whether it is there, and wakes who asked last when it may be. */
struct alarm {
	struct duet_op op;
	struct duet_waker *waker;
	unsigned asked;
};

static void ring(struct duet_op *op)
{
	struct alarm *alarm = op->context;

	duet_waker_wake(alarm->waker);
}

static bool has_rung(struct alarm *alarm, struct duet_waker *waker)
{
	alarm->waker = waker;
	alarm->asked++;
	return !duet_op_pending(&alarm->op);
}

static int await_an_alarm(struct duet_loop *loop, void *argument)
{
	struct alarm alarm = { .asked = 0 };

	(void)argument;
	duet_op_init(&alarm.op, ring, &alarm);
	duet_op_timeout(&alarm.op, duet_loop_now_ns(loop) + MS);
	ck_assert_int_eq(duet_op_start(loop, &alarm.op), 0);
	while (!has_rung(&alarm, duet_fiber_waker(loop)))
		ck_assert_int_eq(duet_fiber_park(loop), 0);
	return (int)alarm.asked;
}

START_TEST(what_wakes_is_waited_for_in_a_fiber_and_outside)
{
	fibers_open(1);
	ck_assert_int_ge(await_an_alarm(stage.loop, NULL), 2);
	fibers_spawn(&fiber, await_an_alarm, NULL, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 2);
	fibers_close();
}
END_TEST

static int await_a_future(struct duet_loop *loop, void *argument)
{
	struct duet_op_future future;
	struct duet_future now;

	(void)argument;
	duet_ready_future_init(&now, 5);
	for (unsigned i = 0; i < 40; i++)
		ck_assert_int_eq(duet_fiber_await_future(loop, &now), 5);
	duet_timer_future_init(&future, duet_loop_now_ns(loop) + MS);
	ck_assert_int_eq(duet_future_claim(&future.future), 0);
	duet_future_release(&future.future);
	ck_assert_int_eq(duet_fiber_await_future(loop, &future.future), 0);
	return 3;
}

START_TEST(a_future_is_awaited_in_a_fiber_and_outside)
{
	fibers_open(1);
	ck_assert_int_eq(await_a_future(stage.loop, NULL), 3);
	fibers_spawn(&fiber, await_a_future, NULL, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 3);
	/* What is ready at once is taken so many times, and then it is the others' turn. */
	ck_assert_uint_ge(fibers_scheduler.stats.yielded, 2);
	fibers_close();
}
END_TEST

static int wake_itself(struct duet_loop *loop, void *argument)
{
	(void)argument;
	duet_waker_wake(duet_fiber_waker(loop));
	return duet_fiber_park(loop);
}

START_TEST(a_wake_before_the_wait_is_not_lost)
{
	fibers_open(1);
	ck_assert_int_eq(wake_itself(stage.loop, NULL), 0);
	fibers_spawn(&fiber, wake_itself, NULL, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 0);
	fibers_close();
}
END_TEST

static char said[16];

static int say_twice(struct duet_loop *loop, void *argument)
{
	strncat(said, argument, 1);
	duet_fiber_yield(loop);
	strncat(said, argument, 1);
	return 0;
}

START_TEST(who_yields_is_behind_who_stands_in_line)
{
	said[0] = '\0';
	fibers_open(2);
	fibers_spawn(&fiber, say_twice, "a", NULL);
	fibers_spawn(&other, say_twice, "b", NULL);
	turn_until(!fiber_is_live(&fiber) && !fiber_is_live(&other));
	ck_assert_str_eq(said, "abab");
	fibers_close();
}
END_TEST

static struct duet_site stalled_from;

static void note_stall(struct duet_scheduler *scheduler, const struct duet_task *task,
	const struct duet_site *from, uint64_t held_ns)
{
	(void)scheduler;
	(void)held_ns;
	if (from && !stalled_from.file)
		stalled_from = *from;
	ck_assert_str_eq(task->model->name, "fiber");
}

enum { YIELD_LINE = __LINE__ + 5 };

static int hold_the_loop(struct duet_loop *loop, void *argument)
{
	(void)argument;
	duet_fiber_yield(loop);
	clock_pass(clock_ns() + 2 * MS);
	return duet_fiber_yield(loop);
}

/* On a real clock alone: the other doesn't move while a step runs. */
START_TEST(who_holds_the_loop_is_told_by_its_place_in_the_source)
{
	struct duet_scheduler_options options;

	stalled_from.file = NULL;
	fibers_open(1);
	duet_scheduler_options_init(&options);
	options.step_limit_ns = MS;
	options.stalled = note_stall;
	ck_assert_int_eq(duet_scheduler_init(&fibers_scheduler, stage.loop, &options), 0);
	fibers_spawn(&fiber, hold_the_loop, NULL, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_uint_ge(fibers_scheduler.stats.stalled, 1);
	ck_assert(strstr(stalled_from.file, "contract/fiber.c") != NULL);
	ck_assert_int_eq(stalled_from.line, YIELD_LINE);
	fibers_close();
}
END_TEST

/* ---- What is kept. ---- */

static int keep_modes(struct duet_loop *loop, void *argument)
{
	const int *mode = argument;
	volatile double third = 3;
	volatile long double long_third = 3;
	double before;
	long double long_before;

	fesetround(*mode);
	before = 1 / third;
	long_before = 1 / long_third;
	for (int round = 0; round < 3; round++) {
		errno = *mode + round;
		duet_fiber_yield(loop);
		ck_assert_int_eq(errno, *mode + round);
		ck_assert_int_eq(fegetround(), *mode);
		ck_assert(1 / third == before);
		ck_assert(1 / long_third == long_before);
	}
	return 0;
}

/* Each is entered with the modes of whoever spawned it, and leaves nobody with its own. */
START_TEST(rounding_and_errno_are_each_fibers_own)
{
	int modes[2] = { FE_UPWARD, FE_DOWNWARD };
	const int outside = fegetround();

	fibers_open(2);
	fibers_spawn(&fiber, keep_modes, &modes[0], NULL);
	fibers_spawn(&other, keep_modes, &modes[1], NULL);
	while (fiber_is_live(&fiber) || fiber_is_live(&other)) {
		stage_turn();
		ck_assert_int_eq(fegetround(), outside);
	}
	fibers_close();
}
END_TEST

/* Variables in what a function keeps in registers, and in frames: all are there when it returns. */
static uint64_t descend(struct duet_loop *loop, unsigned depth, uint64_t seed)
{
	volatile uint64_t here[4] = { seed, seed * 3, seed * 5, seed * 7 };
	uint64_t below;

	if (depth == 0) {
		duet_fiber_yield(loop);
		return seed;
	}
	below = descend(loop, depth - 1, seed * UINT64_C(6364136223846793005) + depth);
	if (depth % 16 == 0)
		duet_fiber_yield(loop);
	return below + here[0] + here[1] + here[2] + here[3];
}

struct descent {
	uint64_t seed;
	uint64_t sum;
};

static int descend_from(struct duet_loop *loop, void *argument)
{
	struct descent *descent = argument;

	descent->sum = descend(loop, 60, descent->seed);
	return 0;
}

START_TEST(a_wait_deep_in_calls_keeps_all_of_them)
{
	struct descent descents[3] = { { .seed = 11 }, { .seed = 12 }, { .seed = 11 } };
	struct duet_fiber fibers[3];

	fibers_open(3);
	for (unsigned i = 0; i < 3; i++)
		fibers_spawn(&fibers[i], descend_from, &descents[i], NULL);
	turn_until(fibers_scheduler.live == 0);
	ck_assert_uint_eq(descents[0].sum, descents[2].sum);
	ck_assert_uint_ne(descents[0].sum, descents[1].sum);
	ck_assert_uint_eq(descents[1].sum, descend(stage.loop, 60, 12));
	fibers_close();
}
END_TEST

static int look_back(struct duet_loop *loop, void *argument)
{
	void *frames[64];

	(void)loop;
	(void)argument;
	return backtrace(frames, 64);
}

/* Above its stack there is the guard of the next, in which looking further would end. */
START_TEST(a_backtrace_ends_where_the_fiber_begins)
{
	fibers_open(2);
	fibers_spawn(&fiber, look_back, NULL, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_ge(fiber.task.result, 2);
	ck_assert_int_le(fiber.task.result, 8);
	fibers_close();
}
END_TEST

/* ---- Many. ---- */

enum { DEPTH = 1000, CROWD = 10000 };

static int nest(struct duet_loop *loop, void *argument)
{
	const unsigned *below = argument;
	unsigned left = *below - 1;
	struct duet_scope scope;
	struct duet_fiber child;
	int error;

	if (*below == 0)
		return duet_fiber_yield(loop);
	ck_assert_int_eq(duet_fiber_open(loop, &scope, NULL), 0);
	fibers_spawn(&child, nest, &left, &scope);
	error = duet_fiber_join(&scope);
	return error ? error : child.task.result + 1;
}

START_TEST(fibers_that_spawn_and_join_fibers_a_thousand_deep)
{
	unsigned depth = fibers_many(DEPTH);

	fibers_open(depth + 1);
	fibers_spawn(&fiber, nest, &depth, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, (int)depth);
	fibers_close();
}
END_TEST

static int sleep_a_little(struct duet_loop *loop, void *argument)
{
	const uint64_t *due_ns = argument;

	return duet_fiber_sleep_until(loop, *due_ns);
}

START_TEST(ten_thousand_wait_at_once)
{
	const uint32_t count = fibers_many(CROWD);
	struct duet_fiber *crowd = calloc(count, sizeof(*crowd));
	struct duet_stack_stats stats;
	uint64_t due_ns;

	fibers_open_crowd(count, CROWD + 100);
	due_ns = duet_loop_now_ns(stage.loop) + 20 * MS * patience_factor();
	for (uint32_t i = 0; i < count; i++)
		fibers_spawn(&crowd[i], sleep_a_little, &due_ns, NULL);
	turn_until(fibers_scheduler.live == 0);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_eq(crowd[i].task.result, 0);
	duet_stacks_stats(fibers_stacks, &stats);
	ck_assert_uint_eq(stats.live_max, count);
	fibers_close();
	free(crowd);
}
END_TEST

START_TEST(without_a_stack_nothing_is_spawned)
{
	int value = 1;

	fibers_open(1);
	fibers_spawn(&fiber, give, &value, NULL);
	duet_fiber_init(&other, give, &value);
	ck_assert_int_eq(
		duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber), -EBUSY);
	ck_assert_int_eq(
		duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &other), -ENOBUFS);
	ck_assert_int_eq(duet_stacks_destroy(fibers_stacks), -EBUSY);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(
		duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &other), 0);
	turn_until(!fiber_is_live(&other));
	fibers_close();
}
END_TEST

int main(void)
{
	return contract_run("fiber",
		CASES(what_its_function_returns_is_the_result_of_a_fiber,
			the_error_of_a_fiber_is_its_scopes_to_judge,
			a_scope_is_joined_outside_of_a_fiber_as_inside,
			the_same_function_waits_in_a_fiber_and_outside,
			a_conversation_is_written_as_with_calls_that_block,
			an_echo_of_datagrams_is_two_calls,
			files_are_used_likewise, what_could_not_be_made_is_no_handle,
			a_fiber_of_one_loop_is_none_of_another,
			who_is_parked_asks_again_when_it_is_woken_and_not_before,
			what_wakes_is_waited_for_in_a_fiber_and_outside,
			a_future_is_awaited_in_a_fiber_and_outside,
			a_wake_before_the_wait_is_not_lost, who_yields_is_behind_who_stands_in_line,
			rounding_and_errno_are_each_fibers_own,
			a_wait_deep_in_calls_keeps_all_of_them, a_backtrace_ends_where_the_fiber_begins,
			fibers_that_spawn_and_join_fibers_a_thousand_deep, ten_thousand_wait_at_once,
			without_a_stack_nothing_is_spawned),
		CASES(who_holds_the_loop_is_told_by_its_place_in_the_source));
}
