/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R14: post and wake, the only calls from elsewhere. */

#define SENDERS 4
#define MESSAGES 500

struct note {
	struct duet_message message;
	unsigned sender;
	unsigned number;
};

static struct note notes[SENDERS][MESSAGES];
static unsigned heard[SENDERS];
static unsigned woken_count;
static struct duet_loop *the_loop;

static void hear(struct duet_message *message)
{
	struct note *note = (struct note *)message;

	ck_assert_uint_eq(note->number, heard[note->sender]);
	heard[note->sender]++;
}

static void *send_notes(void *argument)
{
	unsigned sender = (unsigned)(uintptr_t)argument;

	for (unsigned i = 0; i < MESSAGES; i++) {
		notes[sender][i] = (struct note){ { hear, NULL }, sender, i };
		duet_loop_post(the_loop, &notes[sender][i].message);
	}
	return NULL;
}

static void woken(struct duet_loop *which, void *context)
{
	ck_assert_ptr_eq(which, stage.loop);
	ck_assert_ptr_eq(context, &woken_count);
	woken_count++;
}

static void loop_with_woken(const char *ring_tuning)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = 200000;
	options.woken = woken;
	options.woken_context = &woken_count;
	stage_reopen(&options, ring_tuning);
	the_loop = stage.loop;
}

START_TEST(messages_of_a_thread_arrive_once_and_in_order)
{
	pthread_t threads[SENDERS];

	the_loop = stage.loop;
	for (uintptr_t i = 0; i < SENDERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, send_notes, (void *)i), 0);
	for (unsigned i = 0; i < SENDERS; i++)
		turn_until(heard[i] == MESSAGES);
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	stage_settle(3);
	for (unsigned i = 0; i < SENDERS; i++)
		ck_assert_uint_eq(heard[i], MESSAGES);
}
END_TEST

START_TEST(a_message_posted_on_the_loop_s_own_thread_arrives_in_a_turn)
{
	struct note note = { { hear, NULL }, 0, 0 };

	the_loop = stage.loop;
	duet_loop_post(stage.loop, &note.message);
	ck_assert_uint_eq(heard[0], 0);
	turn_until(heard[0] == 1);
}
END_TEST

static void post_again(struct duet_message *message)
{
	struct note *note = (struct note *)message;

	if (++note->number < 100)
		duet_loop_post(the_loop, message);
}

START_TEST(a_message_may_be_posted_again_from_its_own_call)
{
	struct note note = { { post_again, NULL }, 0, 0 };

	the_loop = stage.loop;
	duet_loop_post(stage.loop, &note.message);
	turn_until(note.number == 100);
}
END_TEST

START_TEST(deferred_messages_keep_their_order)
{
	struct note many[10];

	for (unsigned i = 0; i < 10; i++) {
		many[i] = (struct note){ { hear, NULL }, 0, i };
		duet_loop_defer(stage.loop, &many[i].message);
	}
	ck_assert_uint_eq(heard[0], 0);
	turn_until(heard[0] == 10);
}
END_TEST

START_TEST(any_number_of_wakes_before_the_loop_notices_count_as_one)
{
	loop_with_woken(NULL);
	for (unsigned i = 0; i < 1000; i++)
		duet_loop_wake(stage.loop);
	ck_assert_uint_eq(woken_count, 0);
	turn_until(woken_count > 0);
	stage_settle(5);
	ck_assert_uint_eq(woken_count, 1);
	duet_loop_wake(stage.loop);
	turn_until(woken_count == 2);
}
END_TEST

START_TEST(a_wake_of_an_awake_loop_costs_no_system_call)
{
	struct duet_stats before;
	struct duet_stats after;

	loop_with_woken(NULL);
	stage_settle(2);
	duet_loop_stats(stage.loop, &before);
	for (unsigned i = 0; i < 100; i++)
		duet_loop_wake(stage.loop);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(after.system_calls, before.system_calls);
	turn_until(woken_count == 1);
}
END_TEST

static void *wake_later(void *argument)
{
	(void)argument;
	clock_pass(clock_ns() + 5000000);
	duet_loop_wake(the_loop);
	return NULL;
}

/* The reference backend's waits are virtual: only a mechanism can sleep. */
START_TEST(a_wake_from_another_thread_ends_a_sleep)
{
	uint64_t began = clock_ns();
	pthread_t thread;

	loop_with_woken(NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, wake_later, NULL), 0);
	while (woken_count == 0)
		ck_assert_int_ge(duet_loop_turn(stage.loop, 60000000000), 0);
	ck_assert_uint_lt(clock_ns() - began, 30000000000u);
	pthread_join(thread, NULL);
}
END_TEST

static void on_alarm(int signal)
{
	(void)signal;
	duet_loop_wake(the_loop);
}

START_TEST(a_wake_from_a_signal_handler_ends_a_sleep_and_keeps_errno)
{
	struct itimerval once = { { 0, 0 }, { 0, 5000 } };
	struct sigaction action = { .sa_handler = on_alarm };

	loop_with_woken(NULL);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &once, NULL), 0);
	while (woken_count == 0)
		ck_assert_int_ge(duet_loop_turn(stage.loop, 60000000000), 0);
	errno = 77;
	duet_loop_wake(stage.loop);
	ck_assert_int_eq(errno, 77);
	turn_until(woken_count == 2);
}
END_TEST

static void on_nothing(int signal)
{
	(void)signal;
}

/* The turns before it hand over all that the loop starts by itself, so that the sleep is nothing but
 * a sleep. The signal is repeated, in case the first one comes before it. */
static void sleep_until_a_signal(void)
{
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_nothing };
	uint64_t began = clock_ns();

	stage_settle(3);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	ck_assert_int_eq(duet_loop_turn(stage.loop, 60000000000), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	ck_assert_uint_lt(clock_ns() - began, 30000000000u);
	ck_assert_uint_eq(woken_count, 0);
}

START_TEST(a_signal_without_a_wake_ends_a_sleep_with_0)
{
	loop_with_woken(NULL);
	sleep_until_a_signal();
}
END_TEST

START_TEST(a_signal_ends_nothing_but_the_sleep)
{
	struct trial timer;
	struct trial poll;
	duet_handle pair[2];

	loop_with_woken(NULL);
	pair_open(pair);
	trial_init(&poll);
	duet_op_poll(&poll.op, pair[1], 1);
	trial_start(&poll);
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop) + 3600000000000u);
	trial_start(&timer);
	sleep_until_a_signal();
	ck_assert_uint_eq(poll.ends + timer.ends, 0);
	stream_send(pair[0], "x", 1);
	await(&poll);
	expect(&poll, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_cancel(&timer);
	await(&timer);
}
END_TEST

/* The thread that wakes while more is being started than the queue to the kernel holds. */
static void *wake_often(void *argument)
{
	atomic_uint *stop = argument;

	while (!*stop)
		duet_loop_wake(the_loop);
	duet_loop_wake(the_loop);
	return NULL;
}

START_TEST(no_wake_is_lost_while_the_queue_is_full)
{
	atomic_uint stop = 0;
	struct trial *nops;
	pthread_t thread;
	unsigned before;

	loop_with_woken("entries=8");
	nops = calloc(2000, sizeof(*nops));
	ck_assert_int_eq(pthread_create(&thread, NULL, wake_often, &stop), 0);
	for (unsigned round = 0; round < 10; round++) {
		before = woken_count;
		for (unsigned i = 0; i < 200; i++) {
			trial_init(&nops[round * 200 + i]);
			duet_op_nop(&nops[round * 200 + i].op);
			trial_start(&nops[round * 200 + i]);
		}
		turn_until(stage.ends == (round + 1) * 200);
		turn_until(woken_count > before);
	}
	stop = 1;
	pthread_join(thread, NULL);
	stage_settle(3);
	before = woken_count;
	duet_loop_wake(stage.loop);
	turn_until(woken_count == before + 1);
	free(nops);
}
END_TEST

/* Each wake finds the queue full of polls: it must end this sleep and the ones after it. */
START_TEST(a_wake_that_meets_a_full_queue_ends_every_sleep)
{
	struct trial *polls = calloc(300, sizeof(*polls));
	duet_handle pair[2];
	pthread_t thread;

	loop_with_woken("entries=8");
	pair_open(pair);
	for (unsigned round = 0; round < 3; round++) {
		unsigned before = woken_count;

		for (unsigned i = 0; i < 100; i++) {
			trial_init(&polls[round * 100 + i]);
			duet_op_poll(&polls[round * 100 + i].op, pair[1], 1);
			trial_start(&polls[round * 100 + i]);
		}
		ck_assert_int_eq(pthread_create(&thread, NULL, wake_later, NULL), 0);
		turn_until(woken_count > before);
		pthread_join(thread, NULL);
	}
	handle_close(pair[1]);
	free(polls);
}
END_TEST

START_TEST(the_end_of_a_worker_s_job_is_no_wake)
{
	const char *path = file_path("data");
	struct duet_stats stats;
	unsigned char byte;
	duet_handle file;

	file_make(path, 1);
	loop_with_woken(NULL);
	file = file_open(path, 0);
	for (unsigned i = 0; i < 10; i++) {
		struct trial syncing;

		trial_init(&syncing);
		duet_op_fsync(&syncing.op, file, 0);
		trial_run(&syncing);
		file_read(file, &byte, 1, 0);
	}
	ck_assert_uint_eq(woken_count, 0);
	duet_loop_stats(stage.loop, &stats);
	ck_assert_uint_eq(stats.wakes, 0);
	handle_close(file);
}
END_TEST

int main(void)
{
	return contract_run("post",
		CASES(messages_of_a_thread_arrive_once_and_in_order,
			a_message_posted_on_the_loop_s_own_thread_arrives_in_a_turn,
			a_message_may_be_posted_again_from_its_own_call,
			deferred_messages_keep_their_order,
			any_number_of_wakes_before_the_loop_notices_count_as_one,
			a_wake_of_an_awake_loop_costs_no_system_call,
			no_wake_is_lost_while_the_queue_is_full,
			a_wake_that_meets_a_full_queue_ends_every_sleep),
		CASES(a_wake_from_another_thread_ends_a_sleep,
			a_wake_from_a_signal_handler_ends_a_sleep_and_keeps_errno,
			a_signal_without_a_wake_ends_a_sleep_with_0,
			a_signal_ends_nothing_but_the_sleep,
			the_end_of_a_worker_s_job_is_no_wake));
}
