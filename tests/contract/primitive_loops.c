/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tests/support/harness.h"

/* Operations on the primitives of another loop: first of one on the same thread, whose turns are taken by
 * hand, so that each moment can be had; then of threads that know of no such thing. */

static struct duet_loop *other;
static struct duet_semaphore semaphore;
static struct duet_channel channel;
static struct duet_oneshot oneshot;
static struct duet_notify notify;

static void other_open(void)
{
	ck_assert_int_eq(duet_loop_create(&other, stage.arm->backend(), NULL), 0);
	duet_semaphore_init(&semaphore, other, 0);
}

static void other_turn(void)
{
	ck_assert_int_ge(duet_loop_turn(other, 0), 0);
}

/* Until both have had every message. */
static void settle(void)
{
	for (unsigned i = 0; i < 4; i++) {
		other_turn();
		stage_settle(1);
	}
}

static void other_close(void)
{
	settle();
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
}

static void acquire_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_acquire(&trial->op, &semaphore, 1);
	trial_start(trial);
}

/* ---- Each moment. ---- */

START_TEST(a_wait_travels_and_ends_at_home)
{
	struct trial trial;

	other_open();
	acquire_start(&trial);
	ck_assert_ptr_null(semaphore.waiters.first);
	other_turn();
	ck_assert_ptr_eq(semaphore.waiters.first, &trial.op);
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 1), 0);
	other_turn();
	ck_assert_uint_eq(trial.ends, 0);
	stage_settle(1);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(semaphore.permits, 0);
	other_close();
}
END_TEST

/* What happens between the start and the end: t a turn of the other loop, c the cancel, g the grant, then
 * the turns that are left. Granted as soon as it stands there before the stop comes. */
static const struct {
	const char *moments;
	bool granted;
} orders[] = {
	{ "c", false },    /* the stop overtakes nothing */
	{ "ct", false },
	{ "tc", false },   /* in line */
	{ "tct", false },
	{ "tcg", true },   /* the stop is under way, and finds it gone */
	{ "tcgt", true },
	{ "tgc", true },   /* the grant is under way */
	{ "tgtc", true },
	{ "gc", true },    /* it is there before the operation is */
	{ "cg", true },
	{ "gtc", true },
	{ "cc", false },   /* and again */
	{ "tcc", false },
	{ "tcgc", true },
	{ "tctg", false }, /* too late */
};

static void carry_out(const char *moments, struct trial *trial)
{
	for (; *moments; moments++) {
		if (*moments == 't')
			other_turn();
		else if (*moments == 'c')
			trial_cancel(trial);
		else
			ck_assert_int_eq(duet_semaphore_release(&semaphore, 1), 0);
	}
}

START_TEST(a_grant_and_a_cancel_never_both_happen_and_nothing_is_lost)
{
	struct trial trial;

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		bool gives = strchr(orders[i].moments, 'g');

		other_open();
		acquire_start(&trial);
		carry_out(orders[i].moments, &trial);
		ck_assert_uint_eq(trial.ends, 0);
		settle();
		ck_assert_msg(trial.ends == 1, "%s: %u ends", orders[i].moments, trial.ends);
		if (orders[i].granted)
			expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		else
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		ck_assert_msg(semaphore.permits == (gives && !orders[i].granted), "%s: %u permits",
			orders[i].moments, semaphore.permits);
		other_close();
	}
}
END_TEST

START_TEST(who_stands_behind_a_stopped_wait_is_served_in_its_place)
{
	struct trial many, few;

	other_open();
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 2), 0);
	trial_init(&many);
	duet_op_acquire(&many.op, &semaphore, 3);
	trial_start(&many);
	acquire_start(&few);
	settle();
	ck_assert_uint_eq(few.ends, 0);
	trial_cancel(&many);
	settle();
	expect(&many, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(&few, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(semaphore.permits, 1);
	other_close();
}
END_TEST

START_TEST(waits_of_both_loops_stand_in_one_line)
{
	struct duet_op local;
	struct trial first, last;

	other_open();
	acquire_start(&first);
	other_turn();
	duet_op_init(&local, NULL, NULL);
	duet_op_acquire(&local, &semaphore, 1);
	ck_assert_int_eq(duet_op_start(other, &local), 0);
	acquire_start(&last);
	other_turn();
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 2), 0);
	settle();
	expect(&first, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(!duet_op_pending(&local));
	ck_assert_int_eq(local.result, 0);
	ck_assert_uint_eq(last.ends, 0);
	trial_cancel(&last);
	settle();
	expect(&last, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	other_close();
}
END_TEST

START_TEST(a_deadline_reaches_a_wait_that_is_away)
{
	struct trial trial;

	other_open();
	trial_init(&trial);
	duet_op_acquire(&trial.op, &semaphore, 1);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 100000);
	trial_start(&trial);
	while (!trial.ends) {
		other_turn();
		stage_turn();
	}
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	other_close();
}
END_TEST

START_TEST(a_shutdown_waits_until_what_is_away_is_home)
{
	struct trial trial;

	other_open();
	acquire_start(&trial);
	other_turn();
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, 0), -EBUSY);
	ck_assert_uint_eq(trial.ends, 0);
	other_turn();
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
}
END_TEST

static void keep_line(void *context, const char *text)
{
	strncat(context, text, 300);
}

START_TEST(a_loop_is_busy_while_another_s_operation_waits_there)
{
	char text[1000] = "";
	struct trial trial;

	other_open();
	acquire_start(&trial);
	ck_assert_int_eq(duet_loop_destroy(other), -EBUSY);
	other_turn();
	ck_assert_int_eq(duet_loop_destroy(other), -EBUSY);
	duet_loop_dump(other, keep_line, text);
	ck_assert_ptr_nonnull(strstr(text, "other loops"));
	ck_assert_int_eq(duet_loop_shutdown(other, 0), -EBUSY);
	ck_assert_uint_eq(duet_loop_pending(other), 0);
	trial_cancel(&trial);
	ck_assert_int_eq(duet_loop_shutdown(other, DUET_NO_DEADLINE), 0);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
}
END_TEST

/* The grant is under way: nothing of it comes there any more, and so no request follows it there. */
START_TEST(what_was_granted_comes_home_though_its_loop_has_gone)
{
	struct trial trial;

	other_open();
	acquire_start(&trial);
	other_turn();
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 1), 0);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	memset(&semaphore, 0xa5, sizeof(semaphore));
	ck_assert_int_eq(duet_loop_shutdown(other, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* Debug builds stop there: tests/fault/misuse.c. */
static void expect_kept(void)
{
#ifndef DUET_DEBUG
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), -EBUSY);
#endif
	ck_assert_uint_eq(semaphore.waiters.visitors, 1);
	ck_assert_int_eq(duet_loop_destroy(other), -EBUSY);
}

START_TEST(a_primitive_is_kept_until_all_are_served_and_its_loop_until_nothing_comes)
{
	struct trial trial;

	other_open();
	acquire_start(&trial);
	expect_kept();
	other_turn();
	expect_kept();
	/* The stop is under way when the permit is granted: it is for the loop alone. */
	trial_cancel(&trial);
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 1), 0);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	memset(&semaphore, 0xa5, sizeof(semaphore));
	stage_settle(1);
	ck_assert_uint_eq(trial.ends, 0);
	ck_assert_int_eq(duet_loop_destroy(other), -EBUSY);
	other_turn();
	ck_assert_int_eq(duet_loop_destroy(other), 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

struct borrower {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	bool holds;
};

static DUET_COROUTINE(borrow_and_give_back)
{
	DUET_BEGIN(struct borrower, self);
	duet_op_acquire(&self->op, &semaphore, 1);
	DUET_AWAIT(&self->op);
	self->holds = DUET_RESULT == 0;
	duet_op_timeout(&self->op, DUET_NO_DEADLINE);
	DUET_AWAIT(&self->op);
	DUET_FINALLY(UINT64_C(10000000000));
	duet_op_release(&self->op, &semaphore, 1);
	DUET_AWAIT(&self->op);
	self->holds = DUET_RESULT != 0;
	DUET_END_FINALLY;
}

START_TEST(a_cleanup_gives_back_across_while_its_loop_shuts_down)
{
	struct borrower borrower = { .holds = false };
	struct duet_scheduler scheduler;

	other_open();
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 1), 0);
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	duet_op_init(&borrower.op, NULL, NULL);
	duet_coroutine_init(&borrower.coroutine, borrow_and_give_back);
	duet_coroutine_task_init(&borrower.task, &borrower.coroutine);
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &borrower.task.task), 0);
	settle();
	ck_assert(borrower.holds);
	ck_assert_uint_eq(semaphore.permits, 0);
	while (duet_loop_shutdown(stage.loop, 0) == -EBUSY)
		other_turn();
	ck_assert(!borrower.holds);
	ck_assert_uint_eq(semaphore.permits, 1);
	ck_assert_uint_eq(scheduler.live, 0);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
}
END_TEST

/* ---- Each primitive that reaches across. ---- */

static void say_and_settle(struct trial *trial)
{
	trial_start(trial);
	settle();
}

START_TEST(a_channel_passes_elements_across_in_order_and_is_closed_across)
{
	int memory[2], sent[3] = { 1, 2, 3 }, got[4] = { 0 };
	struct trial senders[3], receivers[4], closer;

	other_open();
	ck_assert_int_eq(duet_channel_init(&channel, other, memory, 2, sizeof(int)), 0);
	for (unsigned i = 0; i < 3; i++) {
		trial_init(&senders[i]);
		duet_op_channel_send(&senders[i].op, &channel, &sent[i]);
		say_and_settle(&senders[i]);
		ck_assert_uint_eq(senders[i].ends, i < 2);
	}
	trial_init(&closer);
	for (unsigned i = 0; i < 4; i++) {
		trial_init(&receivers[i]);
		duet_op_channel_recv(&receivers[i].op, &channel, &got[i]);
		say_and_settle(&receivers[i]);
		if (i == 3) {
			ck_assert_uint_eq(receivers[i].ends, 0);
			duet_op_channel_close(&closer.op, &channel);
			say_and_settle(&closer);
			expect(&closer, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		}
		expect(&receivers[i], i < 3, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	ck_assert_mem_eq(got, sent, sizeof(sent));
	expect(&senders[2], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_channel_fini(&channel), 0);
	other_close();
}
END_TEST

START_TEST(a_one_shot_passes_its_value_across)
{
	struct trial sender, receiver;
	void *value = NULL;
	int thing;

	other_open();
	duet_oneshot_init(&oneshot, other);
	trial_init(&receiver);
	duet_op_oneshot_recv(&receiver.op, &oneshot, &value);
	say_and_settle(&receiver);
	ck_assert_uint_eq(receiver.ends, 0);
	trial_init(&sender);
	duet_op_oneshot_send(&sender.op, &oneshot, &thing);
	say_and_settle(&sender);
	expect(&sender, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&receiver, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_ptr_eq(value, &thing);
	ck_assert_int_eq(duet_oneshot_fini(&oneshot), 0);
	other_close();
}
END_TEST

START_TEST(wakes_go_across_and_a_stopped_one_eats_none)
{
	struct trial stopped, woken, waker;

	other_open();
	duet_notify_init(&notify, other);
	trial_init(&stopped);
	duet_op_notified(&stopped.op, &notify);
	say_and_settle(&stopped);
	trial_init(&woken);
	duet_op_notified(&woken.op, &notify);
	say_and_settle(&woken);
	trial_cancel(&stopped);
	trial_init(&waker);
	duet_op_notify_one(&waker.op, &notify);
	say_and_settle(&waker);
	expect(&stopped, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(&waker, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&woken, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(notify.kept, 0);
	trial_init(&stopped);
	duet_op_notified(&stopped.op, &notify);
	say_and_settle(&stopped);
	trial_init(&woken);
	duet_op_notified(&woken.op, &notify);
	say_and_settle(&woken);
	trial_init(&waker);
	duet_op_notify_all(&waker.op, &notify);
	say_and_settle(&waker);
	expect(&waker, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&stopped, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&woken, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(notify.kept, 0);
	ck_assert_int_eq(duet_notify_fini(&notify), 0);
	other_close();
}
END_TEST

/* ---- Threads. ---- */

enum { THREADS = 3, LANES = 6, ROUNDS = 60, PERMITS = 2, CAPACITY = 3 };

/* A worker does one thing after the other, each of which may be cancelled at any moment. */
struct lane {
	struct duet_op op;
	uint32_t element;
	bool holds; /* a permit */
};

struct worker {
	pthread_t thread;
	unsigned number;
	struct duet_loop *loop;
	struct lane lanes[LANES];
	uint32_t random;
	uint32_t rounds;
	/* What it did, by what its operations said. */
	uint64_t sent, received, sum_sent, sum_received, stopped;
};

static uint32_t memory[CAPACITY];
static atomic_uint working, holding;

static uint32_t draw(struct worker *worker, uint32_t bound)
{
	worker->random = worker->random * 1664525u + 1013904223u;
	return (worker->random >> 8) % bound;
}

static void choose(struct worker *worker, struct lane *lane)
{
	if (lane->holds) {
		duet_op_release(&lane->op, &semaphore, 1);
		return;
	}
	switch (draw(worker, 4)) {
	case 0:
		lane->element = 1 + draw(worker, 1000);
		duet_op_channel_send(&lane->op, &channel, &lane->element);
		break;
	case 1: duet_op_channel_recv(&lane->op, &channel, &lane->element); break;
	default: duet_op_acquire(&lane->op, &semaphore, 1); break;
	}
}

static void account(struct worker *worker, struct lane *lane)
{
	const struct duet_op *op = &lane->op;

	if (op->disposition != DUET_COMPLETED) {
		worker->stopped++;
		return;
	}
	if (op->kind == DUET_ACQUIRE) {
		lane->holds = true;
		ck_assert_uint_le(atomic_fetch_add(&holding, 1) + 1, PERMITS);
	} else if (op->kind == DUET_CHANNEL_SEND) {
		worker->sent++;
		worker->sum_sent += lane->element;
	} else if (op->kind == DUET_CHANNEL_RECV) {
		worker->received++;
		worker->sum_received += lane->element;
	}
}

/* Counted down first: from then on the permit may be another's. A release is done also if it was asked
 * to end too late; else it is tried again. */
static void step(struct worker *worker, struct lane *lane)
{
	if (!duet_op_pending(&lane->op)) {
		choose(worker, lane);
		if (lane->holds)
			atomic_fetch_sub(&holding, 1);
		ck_assert_int_eq(duet_op_start(worker->loop, &lane->op), 0);
		worker->rounds--;
	} else if (lane->op.kind != DUET_RELEASE) {
		duet_op_cancel(&lane->op);
	}
}

static void ended(struct duet_op *op)
{
	struct lane *lane = (struct lane *)(void *)op;

	lane->holds = lane->holds && op->kind != DUET_RELEASE;
	account(op->context, lane);
}

/* All that is left is stopped, and what is held is given back. */
static void finish(struct worker *worker)
{
	for (unsigned i = 0; i < LANES; i++) {
		struct lane *lane = &worker->lanes[i];

		if (lane->op.kind != DUET_RELEASE)
			duet_op_cancel(&lane->op);
		while (duet_op_pending(&lane->op))
			duet_loop_turn(worker->loop, -1);
		if (!lane->holds)
			continue;
		choose(worker, lane);
		atomic_fetch_sub(&holding, 1);
		ck_assert_int_eq(duet_op_start(worker->loop, &lane->op), 0);
		while (duet_op_pending(&lane->op))
			duet_loop_turn(worker->loop, -1);
	}
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	ck_assert_int_eq(duet_loop_create(&worker->loop, stage.arm->backend(), NULL), 0);
	for (unsigned i = 0; i < LANES; i++)
		duet_op_init(&worker->lanes[i].op, ended, worker);
	while (worker->rounds) {
		step(worker, &worker->lanes[draw(worker, LANES)]);
		if (draw(worker, 3) == 0)
			duet_loop_turn(worker->loop, 0);
	}
	finish(worker);
	ck_assert_int_eq(duet_loop_shutdown(worker->loop, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(duet_loop_destroy(worker->loop), 0);
	atomic_fetch_sub(&working, 1);
	duet_loop_wake(stage.loop);
	return NULL;
}

static uint32_t the_seed(void)
{
	const char *text = getenv("DUET_TEST_SEED");

	return text ? (uint32_t)strtoul(text, NULL, 10) : 1;
}

START_TEST(threads_share_permits_and_elements_and_lose_none)
{
	struct worker workers[THREADS] = { 0 };
	uint64_t sent = 0, received = 0, sum = 0, stopped = 0;
	uint32_t element;

	duet_semaphore_init(&semaphore, stage.loop, PERMITS);
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, memory, CAPACITY, 4), 0);
	atomic_store(&holding, 0);
	atomic_store(&working, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].number = i;
		workers[i].rounds = ROUNDS;
		workers[i].random = the_seed() * 7919u + i;
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	/* They wake us: how many turns that takes nobody knows. */
	while (atomic_load(&working))
		ck_assert_int_ge(duet_loop_turn(stage.loop, -1), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		sent += workers[i].sent;
		received += workers[i].received;
		sum += workers[i].sum_sent - workers[i].sum_received;
		stopped += workers[i].stopped;
	}
	while (duet_channel_try_recv(&channel, &element) == 1) {
		received++;
		sum -= element;
	}
	ck_assert_msg(sent == received && sum == 0,
		"on %s, seed %u: %llu sent, %llu received, %llu stopped", stage.arm->name,
		the_seed(), (unsigned long long)sent, (unsigned long long)received,
		(unsigned long long)stopped);
	ck_assert_uint_eq(semaphore.permits, PERMITS);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	ck_assert_int_eq(duet_channel_fini(&channel), 0);
}
END_TEST

/* ---- A loop that goes as soon as nobody is there. ---- */

/* Stops what it waits for, in time or not, and says how that ended. */
static void *ask_and_stop(void *argument)
{
	struct worker *worker = argument;
	struct lane *lane = &worker->lanes[0];

	ck_assert_int_eq(duet_loop_create(&worker->loop, stage.arm->backend(), NULL), 0);
	duet_op_init(&lane->op, NULL, NULL);
	duet_op_acquire(&lane->op, &semaphore, 1);
	ck_assert_int_eq(duet_op_start(worker->loop, &lane->op), 0);
	atomic_fetch_sub(&working, 1);
	for (uint32_t spins = worker->rounds; spins; spins--)
		sched_yield();
	duet_op_cancel(&lane->op);
	while (duet_op_pending(&lane->op))
		duet_loop_turn(worker->loop, -1);
	worker->received = lane->op.disposition == DUET_COMPLETED;
	ck_assert_int_eq(duet_loop_destroy(worker->loop), 0);
	return NULL;
}

static void grant_and_go(struct worker *worker)
{
	ck_assert_int_eq(duet_loop_create(&other, stage.arm->backend(), NULL), 0);
	duet_semaphore_init(&semaphore, other, 0);
	atomic_store(&working, 1);
	worker->rounds = draw(worker, 200);
	ck_assert_int_eq(pthread_create(&worker->thread, NULL, ask_and_stop, worker), 0);
	while (atomic_load(&working))
		sched_yield();
	for (uint32_t turns = draw(worker, 3); turns; turns--)
		ck_assert_int_ge(duet_loop_turn(other, 0), 0);
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 1), 0);
	ck_assert_int_eq(duet_loop_shutdown(other, DUET_NO_DEADLINE), 0);
	worker->sent = semaphore.permits;
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
}

START_TEST(a_loop_that_goes_with_its_last_visitor_loses_no_permit)
{
	struct worker worker = { .random = the_seed() };

	for (unsigned i = 0; i < 40; i++) {
		grant_and_go(&worker);
		pthread_join(worker.thread, NULL);
		ck_assert_uint_eq(worker.sent + worker.received, 1);
	}
}
END_TEST

int main(void)
{
	printf("seed %u (DUET_TEST_SEED)\n", the_seed());
	return contract_run("primitive_loops",
		CASES(a_wait_travels_and_ends_at_home,
			a_grant_and_a_cancel_never_both_happen_and_nothing_is_lost,
			who_stands_behind_a_stopped_wait_is_served_in_its_place,
			waits_of_both_loops_stand_in_one_line,
			a_deadline_reaches_a_wait_that_is_away,
			a_shutdown_waits_until_what_is_away_is_home,
			a_loop_is_busy_while_another_s_operation_waits_there,
			what_was_granted_comes_home_though_its_loop_has_gone,
			a_primitive_is_kept_until_all_are_served_and_its_loop_until_nothing_comes,
			a_cleanup_gives_back_across_while_its_loop_shuts_down,
			a_channel_passes_elements_across_in_order_and_is_closed_across,
			a_one_shot_passes_its_value_across,
			wakes_go_across_and_a_stopped_one_eats_none,
			threads_share_permits_and_elements_and_lose_none,
			a_loop_that_goes_with_its_last_visitor_loses_no_permit),
		NULL);
}
