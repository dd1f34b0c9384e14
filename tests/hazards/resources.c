/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/reference.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/owned.h"
#include "tests/support/wire.h"

/* Descriptors and places that others lost, and work that nobody could stop: hazards 22 to 28. The stage
 * counts the descriptors after each case. */

#define MS UINT64_C(1000000)

static unsigned char data[4096];
static struct wire wire;

/* Also of a world without a kernel. */
static unsigned descriptors(void)
{
	return stage.arm->kernel ? descriptors_open() : duet_reference_descriptors(stage.loop);
}

/* Somebody who connects, without the loop where there is a kernel. */
struct caller {
	int raw;
	struct trial trial;
};

static void caller_come(struct caller *caller)
{
	if (stage.arm->kernel) {
		caller->raw = raw_connect();
		return;
	}
	trial_init(&caller->trial);
	duet_op_socket(&caller->trial.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&caller->trial);
	caller->trial.ends = 0;
	duet_op_connect(&caller->trial.op, caller->trial.op.made,
		(struct sockaddr *)&stage.address, sizeof(stage.address));
	trial_start(&caller->trial);
}

static void caller_go(struct caller *caller)
{
	if (stage.arm->kernel) {
		close(caller->raw);
		return;
	}
	await(&caller->trial);
	handle_close(caller->trial.op.handle);
}

static void made_close(struct trial *trial)
{
	if (trial->op.result == 0)
		handle_close(trial->op.made);
}

enum { ROUNDS = 48 };

/*
 * 22. tokio-rs/tokio-uring#129, tokio-rs/tokio-uring#207, tokio-rs/tokio#7979, tokio-rs/tokio#7983,
 * Thomasdezeeuw/a10#10, compio-rs/compio#315, moonbitlang/async#458: the descriptor comes after the
 * cancel. Each connection is with the cancelled accept or in the backlog, each file told or not opened.
 */
START_TEST(no_descriptor_is_lost_when_what_makes_one_is_cancelled)
{
	static struct caller callers[ROUNDS];
	const char *path = file_path("data");
	unsigned accepted = 0;

	file_make(path, 1);
	listener_open(&stage.listener, &stage.address);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct trial accepting;
		struct trial opening;

		trial_init(&accepting);
		duet_op_accept(&accepting.op, stage.listener, 0);
		trial_start(&accepting);
		trial_init(&opening);
		duet_op_open(&opening.op, AT_FDCWD, path, O_RDONLY, 0);
		trial_start(&opening);
		stage_settle(i & 1);
		caller_come(&callers[i]);
		stage_settle(i & 2 ? 1 : 0);
		trial_cancel(&accepting);
		trial_cancel(&opening);
		turn_until(accepting.ends && opening.ends);
		accepted += accepting.op.result == 0;
		made_close(&accepting);
		made_close(&opening);
	}
	for (; accepted < ROUNDS; accepted++) {
		struct trial accepting;

		trial_init(&accepting);
		duet_op_accept(&accepting.op, stage.listener, 0);
		trial_run(&accepting);
		expect(&accepting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		made_close(&accepting);
	}
	for (unsigned i = 0; i < ROUNDS; i++)
		caller_go(&callers[i]);
}
END_TEST

/* Opens a file for nobody: without a callback, or given up at a moment of its life. */
static void open_for_nobody(const char *path, unsigned i)
{
	struct duet_op op, *given_up;

	if (i & 1) {
		given_up = take();
		duet_op_open(given_up, AT_FDCWD, path, O_RDONLY, 0);
		ck_assert_int_eq(duet_op_copy_through(given_up), 0);
		start(given_up);
		stage_settle(i % 3);
		if (called)
			handle_close(given_up->made);
		called = 0;
		ck_assert_int_eq(duet_op_abandon(given_up), 0);
	} else {
		duet_op_init(&op, NULL, NULL);
		duet_op_open(&op, AT_FDCWD, path, O_RDONLY, 0);
		ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
		stage_settle(i % 3);
		if (i & 2)
			duet_op_cancel(&op);
		turn_until(!duet_op_pending(&op));
	}
	turn_until(duet_loop_pending(stage.loop) == 0);
}

static void accept_for_nobody(struct caller *caller, unsigned i)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_accept(&op, stage.listener, 0);
	ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
	stage_settle(1);
	caller_come(caller);
	if (i & 1)
		duet_op_cancel(&op);
	turn_until(!duet_op_pending(&op));
}

/* 23. true-async/php-async#111: a helper has its result, and nobody comes for it: it is closed. */
START_TEST(what_nobody_comes_for_is_closed)
{
	static struct caller callers[8];
	const char *path = file_path("data");
	unsigned before;

	owned_open();
	file_make(path, 1);
	listener_open(&stage.listener, &stage.address);
	before = descriptors();
	for (unsigned i = 0; i < 24; i++)
		open_for_nobody(path, i);
	stage_settle(3);
	ck_assert_uint_eq(descriptors(), before);
	for (unsigned i = 0; i < 8; i++)
		accept_for_nobody(&callers[i], i);
	for (unsigned i = 0; i < 8; i++)
		caller_go(&callers[i]);
	handle_close(stage.listener);
	stage.listener = DUET_HANDLE_NONE;
	stage_settle(3);
	ck_assert_uint_eq(descriptors(), before - 1);
}
END_TEST

enum { PLACES = 8 };

/* How many handles can still be made: makes them, and closes them again. */
static unsigned places_free(void)
{
	struct trial trials[PLACES];
	unsigned count = 0;

	for (;; count++) {
		ck_assert_uint_lt(count, PLACES);
		trial_init(&trials[count]);
		duet_op_socket(&trials[count].op, AF_INET, SOCK_STREAM, 0);
		if (trial_run(&trials[count]) < 0)
			break;
	}
	ck_assert_int_eq(trials[count].op.result, -ENFILE);
	for (unsigned i = 0; i < count; i++)
		handle_close(trials[i].op.made);
	return count;
}

/*
 * 24. microsoft/vs-threading#521, microsoft/vs-threading#955, typelevel/cats-effect#403,
 * typelevel/cats-effect#3549, Effect-TS/effect#6910: the permit of a cancelled waiter is lost, or given
 * out twice. What is limited here are a table's places, of which an accept keeps one, and a loop's
 * operations: free + kept + held is the same at every step.
 */
START_TEST(places_that_cancelled_waiters_kept_are_given_back_once)
{
	struct duet_loop_options options;
	unsigned all;

	duet_loop_options_init(&options);
	options.handles_max = PLACES;
	options.operations_max = PLACES;
	stage_reopen(&options, NULL);
	listener_open(&stage.listener, &stage.address);
	all = places_free();
	for (unsigned round = 0; round < 16; round++) {
		struct trial waiters[2];
		struct caller caller;
		unsigned held = 0;

		for (unsigned i = 0; i < 2; i++) {
			trial_init(&waiters[i]);
			duet_op_accept(&waiters[i].op, stage.listener, 0);
			trial_start(&waiters[i]);
		}
		ck_assert_uint_eq(places_free(), all - 1);
		trial_cancel(&waiters[round & 1]);
		await(&waiters[round & 1]);
		ck_assert_uint_eq(places_free(), all - 1);
		caller_come(&caller);
		stage_settle(round % 3);
		trial_cancel(&waiters[!(round & 1)]);
		await(&waiters[!(round & 1)]);
		held = waiters[!(round & 1)].op.result == 0;
		ck_assert_uint_eq(places_free() + held + !stage.arm->kernel, all);
		made_close(&waiters[!(round & 1)]);
		caller_go(&caller);
		if (!held) {
			/* Still in the backlog. */
			trial_init(&waiters[0]);
			duet_op_accept(&waiters[0].op, stage.listener, 0);
			trial_run(&waiters[0]);
			made_close(&waiters[0]);
		}
		ck_assert_uint_eq(places_free(), all);
		ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
	}
}
END_TEST

struct release {
	pthread_t thread;
	char *path;
};

/* Whoever waits in a worker for a writer is released by one. */
static void *release_readers(void *argument)
{
	struct release *release = argument;
	int writer = open(release->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	return (void *)(intptr_t)writer;
}

static int released(struct release *release)
{
	void *writer;

	ck_assert_int_eq(pthread_join(release->thread, &writer), 0);
	return (int)(intptr_t)writer;
}

/* The path is the operation's until its end, and gone with it. */
static void free_path(struct trial *trial)
{
	char *path = trial->context;

	memset(path, 'x', strlen(path));
	free(path);
}

/* A close under a read that a worker or a device carries out: the read is over first. */
static void close_under_a_read(const char *path, unsigned turns)
{
	unsigned char *block = aligned_alloc(4096, 1 << 20);
	struct trial reading;
	struct trial closing;
	duet_handle file = file_open(path, O_RDONLY | O_DIRECT);

	trial_init(&reading);
	duet_op_read(&reading.op, file, block, 1 << 20, 0);
	trial_start(&reading);
	stage_settle(turns);
	trial_cancel(&reading);
	trial_init(&closing);
	duet_op_close(&closing.op, file);
	trial_start(&closing);
	await(&closing);
	ck_assert_uint_eq(reading.ends, 1);
	ck_assert_uint_lt(reading.rank, closing.rank);
	ck_assert(pattern_holds(block, reading.op.transferred, 0));
	free(block);
}

/*
 * 26. tokio-rs/tokio#4853, tokio-rs/tokio#8265, libuv/libuv#2481, curl/curl#18540: blocking work goes
 * on after its cancel. An open of a FIFO without a writer is the kernel's own trap: 30 of 30 answers
 * there were EALREADY and -512. The path is lent, and the loop busy, until the worker is back.
 */
START_TEST(what_blocking_work_uses_is_lent_until_the_worker_is_back)
{
	const char *path = file_path("fifo");
	const char *file = file_path("data");

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	for (unsigned i = 0; i < 6; i++) {
		struct release release = { .path = strdup(path) };
		struct trial trial;
		int writer;

		trial_init(&trial);
		trial.then = free_path;
		trial.context = strdup(path);
		duet_op_open(&trial.op, AT_FDCWD, trial.context, O_RDONLY, 0);
		trial_start(&trial);
		stage_settle(i);
		trial_cancel(&trial);
		stage_settle(3);
		if (!trial.ends)
			ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
		ck_assert_int_eq(
			pthread_create(&release.thread, NULL, release_readers, &release), 0);
		await(&trial);
		writer = released(&release);
		ck_assert_int_ge(writer, 0);
		if (trial.op.result == 0)
			handle_close(trial.op.made);
		else
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		close(writer);
		free(release.path);
	}
	file_make(file, 1 << 20);
	for (unsigned i = 0; i < 4; i++)
		close_under_a_read(file, i);
}
END_TEST

static struct duet_scope scope;
static unsigned joins;

/* The descriptor has gone when the scope says that it is over. */
static void joined(struct duet_scope *ended)
{
	const struct duet_closing *closing = ended->context;

	joins++;
	ck_assert_int_eq(closing->op.result, 0);
	ck_assert_int_eq(duet_handle_fd(stage.loop, closing->handle), -EBADF);
}

/* With a receive under way on what is to be closed. */
static void close_with_a_scope(unsigned turns)
{
	struct duet_closing closing;
	struct duet_member member = { 0 };
	struct trial recv;

	wire_open(&wire);
	joins = 0;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	scope.context = &closing;
	ck_assert_int_eq(duet_scope_defer_close(&scope, &closing, wire.near), 0);
	trial_init(&recv);
	duet_op_recv(&recv.op, wire.near, data, 5, 0);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &recv.op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	stage_settle(turns);
	duet_scope_cancel(&scope);
	turn_until(joins);
	expect(&recv, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	wire_cut(&wire);
}

/*
 * 27. monoio-rs/monoio#229, rust-lang/wg-async#59: a close that was queued and never handed over; a
 * handle that closes later than its scope. A run doesn't end before the last close, nor a scope.
 */
START_TEST(what_is_to_be_closed_is_closed_before_anything_says_that_it_is_over)
{
	struct trial closing;
	unsigned before;

	wire_open(&wire);
	before = descriptors();
	trial_init(&closing);
	duet_op_close(&closing.op, wire.near);
	trial_start(&closing);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	ck_assert_uint_eq(closing.ends, 1);
	ck_assert_uint_eq(descriptors(), before - 1);
	wire_cut(&wire);
	for (unsigned turns = 0; turns < 4; turns++)
		close_with_a_scope(turns);
}
END_TEST

enum moment { BEFORE_THE_HAND_OVER, IN_FLIGHT, SATISFIED, BEFORE_REGISTERING, AFTER_REGISTERING,
	MOMENTS };

struct acquire {
	struct trial accepting;
	struct duet_member member;
	struct duet_closing closing;
	enum moment moment;
};

/* The step that acquires, in which also what gives back is registered. */
static void acquired(struct trial *trial)
{
	struct acquire *acquire = trial->context;

	if (trial->op.result < 0)
		return;
	if (acquire->moment == BEFORE_REGISTERING)
		duet_scope_cancel(&scope);
	ck_assert_int_eq(duet_scope_defer_close(&scope, &acquire->closing, trial->op.made), 0);
	if (acquire->moment == AFTER_REGISTERING)
		duet_scope_cancel(&scope);
}

static void count_join(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

/*
 * 28. Effect-TS/effect#8390: something is taken in one step, and what gives it back is registered in the
 * next: a cancel between the two loses it. Here it is one step, also in a scope that was asked to end.
 */
START_TEST(between_acquiring_and_registering_there_is_no_gap)
{
	static struct acquire acquire;
	struct caller caller;
	unsigned before;

	listener_open(&stage.listener, &stage.address);
	before = descriptors();
	for (unsigned round = 0; round < 2 * MOMENTS; round++) {
		memset(&acquire, 0, sizeof(acquire));
		acquire.moment = (enum moment)(round % MOMENTS);
		joins = 0;
		ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
		trial_init(&acquire.accepting);
		acquire.accepting.then = acquired;
		acquire.accepting.context = &acquire;
		duet_op_accept(&acquire.accepting.op, stage.listener, 0);
		ck_assert_int_eq(
			duet_scope_start(&scope, &acquire.member, &acquire.accepting.op), 0);
		ck_assert_int_eq(duet_scope_join(&scope, count_join), 0);
		if (acquire.moment == BEFORE_THE_HAND_OVER)
			duet_scope_cancel(&scope);
		stage_settle(2);
		if (acquire.moment == IN_FLIGHT)
			duet_scope_cancel(&scope);
		caller_come(&caller);
		if (acquire.moment == SATISFIED)
			duet_scope_cancel(&scope);
		turn_until(joins);
		caller_go(&caller);
		if (acquire.accepting.op.result < 0) {
			trial_init(&acquire.accepting);
			duet_op_accept(&acquire.accepting.op, stage.listener, 0);
			trial_run(&acquire.accepting);
			made_close(&acquire.accepting);
		}
		ck_assert_uint_eq(descriptors(), before);
	}
}
END_TEST

int main(void)
{
	return hazards_run("resources",
		CASES(no_descriptor_is_lost_when_what_makes_one_is_cancelled,
			what_nobody_comes_for_is_closed,
			places_that_cancelled_waiters_kept_are_given_back_once,
			what_is_to_be_closed_is_closed_before_anything_says_that_it_is_over,
			between_acquiring_and_registering_there_is_no_gap),
		CASES(what_blocking_work_uses_is_lent_until_the_worker_is_back), NULL);
}
