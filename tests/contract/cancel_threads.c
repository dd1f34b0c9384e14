/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/support/harness.h"

/* R3, R14: a cancel from another thread is a message to the owner. Several threads ask for the end of the
 * same operations and scopes, again and again, while bytes arrive for them. */

enum { ASKERS = 3, TARGETS = 8, ROUNDS = 25 };

struct request {
	struct duet_message message;
	struct duet_op *op;
	_Atomic bool taken; /* by the loop: its memory is the sender's again */
};

static duet_handle pair[2];
static unsigned char data[TARGETS];
static struct trial targets[TARGETS];
static struct duet_loop *the_loop;
static _Atomic unsigned askers;

/* On the owner's thread. One that has ended, or was asked, is left alone. */
static void cancel_here(struct duet_message *message)
{
	struct request *request = (struct request *)message;

	duet_op_cancel(request->op);
	atomic_store(&request->taken, true);
}

static void *ask_for_operations(void *argument)
{
	static struct request requests[ASKERS][TARGETS];
	unsigned asker = (unsigned)(uintptr_t)argument;

	for (unsigned i = 0; i < TARGETS; i++) {
		struct request *request = &requests[asker][(i + asker) % TARGETS];

		request->message.fn = cancel_here;
		request->op = &targets[(i + asker) % TARGETS].op;
		atomic_store(&request->taken, false);
		duet_loop_post(the_loop, &request->message);
	}
	for (unsigned i = 0; i < TARGETS; i++)
		while (!atomic_load(&requests[asker][i].taken))
			sched_yield();
	atomic_fetch_sub(&askers, 1);
	return NULL;
}

static void targets_start(struct duet_scope *scope, struct duet_member *members)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		trial_init(&targets[i]);
		duet_op_recv(&targets[i].op, pair[1], &data[i], 1, 0);
		if (scope)
			ck_assert_int_eq(duet_scope_start(scope, &members[i], &targets[i].op), 0);
		else
			trial_start(&targets[i]);
	}
}

/* Each has ended once, and as many have a byte as bytes are gone. */
static void targets_judge(unsigned sent, enum duet_cause cause)
{
	unsigned got = 0;

	for (unsigned i = 0; i < TARGETS; i++) {
		ck_assert_uint_eq(targets[i].ends, 1);
		got += targets[i].op.result == 1;
		if (targets[i].op.result != 1)
			expect(&targets[i], -ECANCELED, DUET_UNTOUCHED, cause);
	}
	ck_assert_uint_le(got, sent);
	for (; got < sent; got++)
		stream_recv(pair[1], data, 1);
}

static void askers_start(pthread_t *threads, void *(*ask)(void *argument))
{
	the_loop = stage.loop;
	atomic_store(&askers, ASKERS);
	for (uintptr_t i = 0; i < ASKERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, (void *)i), 0);
}

static void askers_end(pthread_t *threads)
{
	turn_until(!atomic_load(&askers));
	for (unsigned i = 0; i < ASKERS; i++)
		pthread_join(threads[i], NULL);
}

START_TEST(operations_are_cancelled_from_other_threads_while_bytes_arrive)
{
	pthread_t threads[ASKERS];

	pair_open(pair);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned bytes = 1 + round % TARGETS;

		targets_start(NULL, NULL);
		askers_start(threads, ask_for_operations);
		stream_send(pair[0], "12345678", bytes);
		askers_end(threads);
		for (unsigned i = 0; i < TARGETS; i++)
			await(&targets[i]);
		targets_judge(bytes, DUET_CAUSE_CANCEL);
	}
}
END_TEST

/* ---- Scopes. ---- */

static struct duet_scope scope;
static struct duet_scope_request scope_requests[ASKERS];
static unsigned joins;

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

static void *ask_for_the_scope(void *argument)
{
	duet_scope_post_cancel(&scope, &scope_requests[(uintptr_t)argument]);
	atomic_fetch_sub(&askers, 1);
	return NULL;
}

START_TEST(a_scope_is_cancelled_from_other_threads_while_bytes_arrive)
{
	struct duet_member members[TARGETS];
	pthread_t threads[ASKERS];

	pair_open(pair);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned bytes = 1 + round % TARGETS;

		joins = 0;
		ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
		targets_start(&scope, members);
		askers_start(threads, ask_for_the_scope);
		stream_send(pair[0], "12345678", bytes);
		/* The sender sees to it that the scope is there until all are taken. */
		askers_end(threads);
		for (unsigned i = 0; i < ASKERS; i++)
			turn_until(duet_scope_request_taken(&scope_requests[i]));
		ck_assert_int_eq(duet_scope_check(&scope), -ECANCELED);
		ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
		turn_until(joins);
		ck_assert_uint_eq(scope.cause, DUET_CAUSE_CANCEL);
		targets_judge(bytes, DUET_CAUSE_SCOPE);
	}
}
END_TEST

int main(void)
{
	return contract_run("cancel_threads",
		CASES(operations_are_cancelled_from_other_threads_while_bytes_arrive,
			a_scope_is_cancelled_from_other_threads_while_bytes_arrive),
		NULL);
}
