/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R22: a foreign loop carries this one by a descriptor, a deadline and turns that don't wait. */

static duet_handle pair[2];
static unsigned char data[64];
static unsigned rounds;

/* One round of a foreign loop, which sleeps for a second at most. */
static int foreign_round(void)
{
	struct pollfd watched = { duet_loop_fd(stage.loop), POLLIN, 0 };
	int64_t wait = duet_loop_prepare(stage.loop);
	int timeout = wait < 0 || wait > 1000000000 ? 1000 : (int)((wait + 999999) / 1000000);
	int ready;

	rounds++;
	ready = poll(&watched, 1, timeout);
	ck_assert_int_ge(ready, 0);
	ck_assert_int_ge(duet_loop_turn(stage.loop, 0), 0);
	return ready;
}

static void foreign_until(const unsigned *counter, unsigned value)
{
	uint64_t began = clock_ns();

	while (*counter < value) {
		foreign_round();
		ck_assert_msg(clock_ns() - began < UINT64_C(900000000) * patience_factor(),
			"on %s: the foreign loop slept through it", stage.arm->name);
	}
}

START_TEST(a_foreign_loop_sleeps_until_there_is_something_to_do)
{
	struct trial trial;
	int raw;

	raw_pair(&pair[1], &raw);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, DUET_WHOLE);
	trial_start(&trial);
	raw_send(raw, "hel", 3);
	foreign_round();
	raw_send(raw, "lo", 2);
	foreign_until(&trial.ends, 1);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

START_TEST(prepare_tells_the_next_deadline)
{
	struct trial timer;
	int64_t wait;

	ck_assert_int_lt(duet_loop_prepare(stage.loop), 0);
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop) + 5000000);
	trial_start(&timer);
	wait = duet_loop_prepare(stage.loop);
	ck_assert_int_ge(wait, 0);
	ck_assert_int_le(wait, 5000000);
	foreign_until(&timer.ends, 1);
	expect(&timer, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(prepare_says_not_to_wait_if_something_is_there_already)
{
	struct trial nop;

	trial_init(&nop);
	duet_op_nop(&nop.op);
	trial_start(&nop);
	foreign_until(&nop.ends, 1);
	ck_assert_uint_le(rounds, 3);
}
END_TEST

START_TEST(an_echo_between_two_handles_runs_in_a_foreign_loop)
{
	struct trial send;
	struct trial recv;

	pair_open(pair);
	for (unsigned i = 0; i < 20; i++) {
		trial_init(&send);
		trial_init(&recv);
		duet_op_recv(&recv.op, pair[1], data, 5, DUET_WHOLE);
		trial_start(&recv);
		duet_op_send(&send.op, pair[0], "hello", 5, DUET_WHOLE);
		trial_start(&send);
		foreign_until(&recv.ends, 1);
		foreign_until(&send.ends, 1);
	}
}
END_TEST

static struct duet_loop *target;
static unsigned heard;

static void hear(struct duet_message *message)
{
	(void)message;
	heard++;
}

static void *post_later(void *argument)
{
	clock_pass(clock_ns() + 5000000);
	duet_loop_post(target, argument);
	return NULL;
}

START_TEST(a_post_from_a_thread_ends_the_foreign_sleep)
{
	struct duet_message message = { hear, NULL };
	pthread_t thread;

	target = stage.loop;
	ck_assert_int_eq(pthread_create(&thread, NULL, post_later, &message), 0);
	foreign_until(&heard, 1);
	pthread_join(thread, NULL);
}
END_TEST

/* Each when the one before was heard: the loop is asleep again, or about to be. */
static _Atomic unsigned acknowledged;
static void (*send_one)(void);

static void *send_many(void *nothing)
{
	for (unsigned i = 0; i < 5; i++) {
		send_one();
		while (acknowledged <= i)
			sched_yield();
	}
	return nothing;
}

static void hear_many(void (*way)(void))
{
	pthread_t thread;

	target = stage.loop;
	acknowledged = 0;
	send_one = way;
	ck_assert_int_eq(pthread_create(&thread, NULL, send_many, NULL), 0);
	for (unsigned i = 1; i <= 5; i++) {
		foreign_until(&heard, i);
		acknowledged = i;
	}
	pthread_join(thread, NULL);
}

static struct duet_message note = { hear, NULL };

static void post_note(void)
{
	duet_loop_post(target, &note);
}

static void hear_wake(struct duet_loop *loop, void *context)
{
	ck_assert_ptr_eq(loop, target);
	(void)context;
	heard++;
}

static void wake(void)
{
	duet_loop_wake(target);
}

START_TEST(a_foreign_loop_hears_every_post_and_every_wake)
{
	struct duet_loop_options options;

	hear_many(post_note);
	duet_loop_options_init(&options);
	options.woken = hear_wake;
	stage_reopen(&options, NULL);
	heard = 0;
	hear_many(wake);
}
END_TEST

static int bell;
static uint64_t rung;
static struct trial listening;

static void ring_bell(void)
{
	uint64_t one = 1;

	ck_assert_int_eq(write(bell, &one, sizeof(one)), sizeof(one));
}

static void listen_again(struct trial *trial)
{
	heard++;
	duet_op_recv(&trial->op, pair[0], &rung, sizeof(rung), 0);
	if (heard < 5)
		trial_start(trial);
}

/* An eventfd of the program's own among the handles. */
START_TEST(a_foreign_loop_hears_every_write_to_an_eventfd)
{
	bell = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, bell, 0, &pair[0]), 0);
	heard = 0;
	trial_init(&listening);
	listening.then = listen_again;
	duet_op_recv(&listening.op, pair[0], &rung, sizeof(rung), 0);
	trial_start(&listening);
	hear_many(ring_bell);
}
END_TEST

/* What was received from before and is gone doesn't count as one, nor against one. */
START_TEST(connections_that_are_gone_make_no_eventfd_unheard)
{
	duet_handle others[2];

	pair_open(others);
	stream_send(others[0], "x", 1);
	stream_recv(others[1], data, 1);
	pair_close(others);
	bell = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, bell, 0, &pair[0]), 0);
	heard = 0;
	trial_init(&listening);
	listening.then = listen_again;
	duet_op_recv(&listening.op, pair[0], &rung, sizeof(rung), 0);
	trial_start(&listening);
	hear_many(ring_bell);
}
END_TEST

START_TEST(file_io_wakes_a_foreign_loop)
{
	const char *path = file_path("data");
	struct trial trial;
	duet_handle file;

	file_make(path, 64);
	file = file_open(path, 0);
	trial_init(&trial);
	duet_op_fsync(&trial.op, file, 0);
	trial_start(&trial);
	foreign_until(&trial.ends, 1);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(file);
}
END_TEST

int main(void)
{
	return contract_run("embedding", NULL,
		CASES(a_foreign_loop_sleeps_until_there_is_something_to_do,
			prepare_tells_the_next_deadline,
			prepare_says_not_to_wait_if_something_is_there_already,
			an_echo_between_two_handles_runs_in_a_foreign_loop,
			a_post_from_a_thread_ends_the_foreign_sleep,
			a_foreign_loop_hears_every_post_and_every_wake,
			a_foreign_loop_hears_every_write_to_an_eventfd,
			connections_that_are_gone_make_no_eventfd_unheard, file_io_wakes_a_foreign_loop));
}
