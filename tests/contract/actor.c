/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>

#include "tests/support/harness.h"

/* Mailboxes, actors and their supervisors. */

static struct duet_scheduler scheduler;
static struct duet_scope root;
static struct duet_mailbox mailbox;
static unsigned joins;

static void joined(struct duet_scope *scope)
{
	(void)scope;
	joins++;
}

static void root_open(void)
{
	joins = 0;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&root, stage.loop, NULL, NULL), 0);
}

static int root_join(void)
{
	ck_assert_int_eq(duet_scope_join(&root, joined), 0);
	turn_until(joins == 1);
	return root.result;
}

/* ---- The mailbox. ---- */

static unsigned answered;

static void count_answer(struct duet_letter *letter)
{
	ck_assert_int_eq(letter->state, DUET_LETTER_IDLE);
	answered++;
}

static struct duet_letter letter_of(uint32_t kind)
{
	return (struct duet_letter){ .kind = kind, .answered = count_answer };
}

static void tell(struct trial *trial, struct duet_letter *letter)
{
	trial_init(trial);
	duet_op_tell(&trial->op, &mailbox, letter);
	trial_start(trial);
}

static void ask(struct trial *trial, struct duet_letter *letter)
{
	trial_init(trial);
	duet_op_ask(&trial->op, &mailbox, letter);
	trial_start(trial);
}

static struct duet_letter *take(void)
{
	struct duet_letter *letter = NULL;

	ck_assert_int_eq(duet_mailbox_try_take(&mailbox, &letter), 1);
	return letter;
}

static void mailbox_open(uint32_t capacity)
{
	answered = 0;
	ck_assert_int_eq(duet_mailbox_init(&mailbox, stage.loop, capacity), 0);
}

START_TEST(letters_are_taken_in_the_order_in_which_they_came_also_past_a_full_box)
{
	struct duet_letter letters[5];
	struct trial trials[5];

	mailbox_open(2);
	for (unsigned i = 0; i < 5; i++) {
		letters[i] = letter_of(i);
		tell(&trials[i], &letters[i]);
	}
	stage_settle(3);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_uint_eq(trials[i].ends, i < 2);
	for (unsigned i = 0; i < 5; i++) {
		struct duet_letter *letter = take();

		ck_assert_ptr_eq(letter, &letters[i]);
		ck_assert_uint_eq(mailbox.count, i < 3 ? 2 : 4 - i);
		duet_letter_answer(letter, 0);
	}
	stage_settle(3);
	for (unsigned i = 0; i < 5; i++)
		expect(&trials[i], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(answered, 5);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
}
END_TEST

START_TEST(who_waits_for_a_letter_is_given_it_without_the_box)
{
	struct duet_letter letter = letter_of(7), *got = NULL;
	struct trial taker, teller;

	mailbox_open(1);
	trial_init(&taker);
	duet_op_take_letter(&taker.op, &mailbox, &got);
	trial_start(&taker);
	stage_settle(2);
	ck_assert_uint_eq(taker.ends, 0);
	tell(&teller, &letter);
	await(&taker);
	ck_assert_ptr_eq(got, &letter);
	ck_assert_uint_eq(mailbox.count, 0);
	ck_assert_uint_eq(mailbox.taken, 1);
	duet_letter_answer(got, 0);
	await(&teller);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
}
END_TEST

/* In any order, and now or later; what it was answered is the result. */
START_TEST(who_asks_has_the_answer_as_result)
{
	static const int32_t answers[4] = { 42, 0, -ENOENT, INT32_MAX };
	struct duet_letter letters[4];
	struct trial trials[4];

	mailbox_open(4);
	for (unsigned i = 0; i < 4; i++) {
		letters[i] = letter_of(i);
		ask(&trials[i], &letters[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		take();
	stage_settle(3);
	for (unsigned i = 4; i-- > 0;) {
		ck_assert_uint_eq(trials[i].ends, 0);
		duet_letter_answer(&letters[i], answers[i]);
	}
	stage_settle(3);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(trials[i].ends, 1);
		ck_assert_int_eq(trials[i].op.result, answers[i]);
		ck_assert_int_eq(letters[i].answer, answers[i]);
		ck_assert_int_eq(trials[i].op.cause, DUET_CAUSE_ITSELF);
	}
	/* It was waited for: nobody else is told. */
	ck_assert_uint_eq(answered, 0);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
}
END_TEST

START_TEST(an_ask_that_is_stopped_takes_its_letter_out_again_unless_it_was_taken)
{
	struct duet_letter letters[3];
	struct trial trials[3];

	mailbox_open(2);
	for (unsigned i = 0; i < 3; i++) {
		letters[i] = letter_of(i);
		ask(&trials[i], &letters[i]);
	}
	ck_assert_ptr_eq(take(), &letters[0]);
	for (unsigned i = 0; i < 3; i++)
		trial_cancel(&trials[i]);
	stage_settle(3);
	ck_assert_uint_eq(trials[0].ends, 0);
	ck_assert_uint_eq(letters[0].withdrawn, 1);
	for (unsigned i = 1; i < 3; i++) {
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		ck_assert_int_eq(letters[i].state, DUET_LETTER_IDLE);
	}
	ck_assert_uint_eq(mailbox.count, 0);
	duet_letter_answer(&letters[0], 5);
	await(&trials[0]);
	expect(&trials[0], 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
}
END_TEST

/* The place of a letter that goes is for who stands in line, in order. */
START_TEST(a_letter_that_is_taken_out_makes_room)
{
	struct duet_letter letters[4];
	struct trial trials[4];

	mailbox_open(1);
	for (unsigned i = 0; i < 4; i++) {
		letters[i] = letter_of(i);
		if (i == 2)
			tell(&trials[i], &letters[i]);
		else
			ask(&trials[i], &letters[i]);
	}
	trial_cancel(&trials[1]); /* in line */
	trial_cancel(&trials[0]); /* in the box */
	stage_settle(3);
	ck_assert_uint_eq(trials[2].ends, 1);
	ck_assert_ptr_eq(take(), &letters[2]);
	ck_assert_ptr_eq(take(), &letters[3]);
	duet_letter_answer(&letters[2], 0);
	duet_letter_answer(&letters[3], 1);
	await(&trials[3]);
	ck_assert_int_eq(trials[3].op.result, 1);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
}
END_TEST

START_TEST(a_closed_mailbox_gives_what_is_inside_and_takes_nothing)
{
	struct duet_letter letters[3], *got = NULL;
	struct trial trials[3], taker;

	mailbox_open(1);
	for (unsigned i = 0; i < 3; i++) {
		letters[i] = letter_of(i);
		tell(&trials[i], &letters[i]);
	}
	duet_mailbox_close(&mailbox);
	stage_settle(3);
	for (unsigned i = 1; i < 3; i++)
		expect(&trials[i], -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_mailbox_try_tell(&mailbox, &letters[1]), -EPIPE);
	duet_letter_answer(take(), 0);
	trial_init(&taker);
	duet_op_take_letter(&taker.op, &mailbox, &got);
	ck_assert_int_eq(trial_run(&taker), 0);
	ck_assert_ptr_null(got);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
}
END_TEST

START_TEST(a_refused_mailbox_answers_everything)
{
	struct duet_letter letters[4];
	struct trial trials[4];

	mailbox_open(2);
	for (unsigned i = 0; i < 4; i++) {
		letters[i] = letter_of(i);
		ask(&trials[i], &letters[i]);
	}
	take();
	duet_mailbox_refuse(&mailbox, -EPIPE);
	stage_settle(3);
	for (unsigned i = 0; i < 4; i++)
		expect(&trials[i], -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
}
END_TEST

START_TEST(what_is_no_idle_letter_and_no_mailbox_is_refused)
{
	struct duet_letter letter = letter_of(0), others[2] = { letter_of(1), letter_of(2) };
	struct trial trial;

	ck_assert_int_eq(duet_mailbox_init(&mailbox, stage.loop, 0), -EINVAL);
	mailbox_open(2);
	trial_init(&trial);
	duet_op_tell(&trial.op, &mailbox, NULL);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	ck_assert_int_eq(duet_mailbox_try_tell(&mailbox, &letter), 0);
	ck_assert_int_eq(duet_mailbox_try_tell(&mailbox, &letter), -EINVAL);
	tell(&trial, &letter);
	await(&trial);
	expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_mailbox_try_tell(&mailbox, &others[0]), 0);
	ck_assert_int_eq(duet_mailbox_try_tell(&mailbox, &others[1]), -EAGAIN);
	ck_assert_int_eq(others[1].state, DUET_LETTER_IDLE);
#ifndef DUET_DEBUG
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), -EBUSY);
#endif
	duet_letter_answer(take(), 0);
	duet_letter_answer(take(), 0);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
}
END_TEST

/* ---- Letters to all, at random: each is answered once, or was never in. ---- */

enum { CROWD = 12, ROUNDS = 4000 };

struct sender {
	struct trial trial;
	struct duet_letter letter;
	bool asks;
};

static uint64_t dice;

static unsigned throw(unsigned sides)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(dice >> 33) % sides;
}

static unsigned delivered, given_back;

static void count_given_back(struct duet_letter *letter)
{
	(void)letter;
	given_back++;
}

static void sender_ended(struct trial *trial)
{
	struct sender *sender = (struct sender *)trial;

	if (trial->op.result < 0) {
		ck_assert_int_eq(trial->op.result, -ECANCELED);
		ck_assert_int_eq(sender->letter.state, DUET_LETTER_IDLE);
		return;
	}
	delivered++;
	if (sender->asks)
		given_back++;
}

static void send_at_random(struct sender *sender)
{
	if (duet_op_pending(&sender->trial.op)) {
		if (throw(3) == 0)
			trial_cancel(&sender->trial);
		return;
	}
	/* One that was told is on loan until it was answered. */
	if (sender->letter.state != DUET_LETTER_IDLE)
		return;
	sender->asks = throw(2);
	trial_init(&sender->trial);
	sender->trial.then = sender_ended;
	sender->letter = (struct duet_letter){ .answered = count_given_back };
	if (sender->asks)
		duet_op_ask(&sender->trial.op, &mailbox, &sender->letter);
	else
		duet_op_tell(&sender->trial.op, &mailbox, &sender->letter);
	trial_start(&sender->trial);
}

START_TEST(no_letter_is_lost_or_answered_twice_whoever_is_stopped)
{
	struct sender *crowd = calloc(CROWD, sizeof(*crowd));
	const char *seed = getenv("DUET_TEST_SEED");
	struct duet_letter *letter;

	ck_assert_ptr_nonnull(crowd);
	dice = seed ? strtoull(seed, NULL, 0) : 1;
	delivered = given_back = 0;
	mailbox_open(3);
	for (unsigned i = 0; i < CROWD; i++)
		trial_init(&crowd[i].trial);
	for (unsigned round = 0; round < ROUNDS; round++) {
		send_at_random(&crowd[throw(CROWD)]);
		if (throw(2) == 0)
			duet_mailbox_try_take(&mailbox, &letter);
		if (mailbox.answering && throw(3) == 0)
			duet_letter_answer(mailbox.answering, 1);
		if (throw(4) == 0)
			stage_settle(1);
		ck_assert_uint_le(mailbox.count, mailbox.capacity);
	}
	do {
		while (mailbox.answering)
			duet_letter_answer(mailbox.answering, 1);
		stage_settle(2);
	} while (duet_mailbox_try_take(&mailbox, &letter) == 1);
	stage_settle(2);
	ck_assert_uint_gt(delivered, ROUNDS / 20);
	ck_assert_uint_eq(delivered, given_back);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
	free(crowd);
}
END_TEST

/* ---- Actors. ---- */

enum { COUNT_UP, FAIL, STOP, KEEP };

struct counter {
	struct duet_actor actor; /* first */
	int32_t value;
	struct duet_letter *kept;
	unsigned ends;
};

static int count_receive(struct duet_actor *actor, struct duet_letter *letter)
{
	struct counter *counter = (struct counter *)actor;

	switch (letter->kind) {
	case FAIL:
		return -EIO;
	case STOP:
		duet_letter_answer(letter, 0);
		return 1;
	case KEEP:
		counter->kept = letter;
		return 0;
	default:
		duet_letter_answer(letter, ++counter->value);
		return 0;
	}
}

static void counter_ended(struct duet_task *task)
{
	((struct counter *)task)->ends++;
}

static void counter_spawn(struct counter *counter)
{
	*counter = (struct counter){ .value = 0 };
	ck_assert_int_eq(duet_actor_init(&counter->actor, &scheduler, 4, count_receive), 0);
	counter->actor.task.name = "counter";
	counter->actor.task.ended = counter_ended;
	ck_assert_int_eq(duet_task_spawn(&scheduler, &root, &counter->actor.task), 0);
}

static int ask_counter(struct counter *counter, uint32_t kind)
{
	struct duet_letter letter = { .kind = kind };
	struct trial trial;

	trial_init(&trial);
	duet_op_ask(&trial.op, &counter->actor.mailbox, &letter);
	return trial_run(&trial);
}

START_TEST(an_actor_answers_one_letter_after_the_other)
{
	struct counter counter;

	root_open();
	counter_spawn(&counter);
	for (int i = 1; i <= 100; i++)
		ck_assert_int_eq(ask_counter(&counter, COUNT_UP), i);
	duet_mailbox_close(&counter.actor.mailbox);
	ck_assert_int_eq(root_join(), 0);
	ck_assert_uint_eq(counter.ends, 1);
	ck_assert_int_eq(ask_counter(&counter, COUNT_UP), -EPIPE);
}
END_TEST

START_TEST(the_failure_of_an_actor_is_its_scopes_and_nobody_waits_for_an_answer_in_vain)
{
	struct counter counter;
	struct duet_letter letters[2] = { { .kind = KEEP }, { .kind = COUNT_UP } };
	struct trial trials[2];

	root_open();
	counter_spawn(&counter);
	trial_init(&trials[0]);
	duet_op_ask(&trials[0].op, &counter.actor.mailbox, &letters[0]);
	trial_start(&trials[0]);
	turn_until(counter.kept != NULL);
	ck_assert_int_eq(ask_counter(&counter, FAIL), -EPIPE);
	await(&trials[0]);
	ck_assert_int_eq(trials[0].op.result, -EPIPE);
	ck_assert_int_eq(root_join(), -EIO);
	ck_assert_int_eq(counter.actor.task.result, -EIO);
	ck_assert_int_eq(ask_counter(&counter, COUNT_UP), -EPIPE);
}
END_TEST

START_TEST(an_actor_that_has_done_its_work_ends_well)
{
	struct counter counter;

	root_open();
	counter_spawn(&counter);
	ck_assert_int_eq(ask_counter(&counter, STOP), 0);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

START_TEST(a_request_ends_an_actor_between_two_letters)
{
	struct counter counter;

	root_open();
	counter_spawn(&counter);
	ck_assert_int_eq(ask_counter(&counter, COUNT_UP), 1);
	duet_scope_cancel(&root);
	ck_assert_int_eq(root_join(), -ECANCELED);
	ck_assert_uint_eq(counter.ends, 1);
	ck_assert_int_eq(ask_counter(&counter, COUNT_UP), -EPIPE);
}
END_TEST

/* ---- Supervisors. ---- */

enum { WORKERS = 3 };

struct worker {
	struct duet_supervised child; /* first */
	struct counter counter;
	unsigned prepared;
	int refuses; /* what prepare() says the next time */
};

static struct duet_supervisor supervisor;
static struct worker workers[WORKERS];

static int prepare(struct duet_supervised *child)
{
	struct worker *worker = (struct worker *)child;
	struct counter *counter = &worker->counter;

	worker->prepared++;
	if (worker->refuses)
		return worker->refuses;
	*counter = (struct counter){ .value = 0 };
	child->task = &counter->actor.task;
	return duet_actor_init(&counter->actor, &scheduler, 4, count_receive);
}

static void supervise(enum duet_strategy strategy)
{
	struct duet_supervisor_options options;

	root_open();
	duet_supervisor_options_init(&options);
	options.strategy = strategy;
	options.restarts_max = 3;
	options.within_ns = UINT64_C(1000000000000);
	ck_assert_int_eq(duet_supervisor_open(&supervisor, &scheduler, &root, &options), 0);
	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].child.prepare = prepare;
		ck_assert_int_eq(duet_supervisor_add(&supervisor, &workers[i].child), 0);
	}
}

static int supervisor_join(void)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_join_scope(&trial.op, &supervisor.scope);
	return trial_run(&trial);
}

static void expect_prepared(unsigned first, unsigned others)
{
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_uint_eq(workers[i].prepared, i ? others : first);
}

START_TEST(who_fails_is_started_again_and_the_others_go_on)
{
	supervise(DUET_ONE_FOR_ONE);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
		turn_until(workers[0].prepared == i + 1);
		ck_assert_int_eq(ask_counter(&workers[1].counter, COUNT_UP), (int)i);
	}
	expect_prepared(4, 1);
	ck_assert_uint_eq(supervisor.restarts, 3);
	/* The memory of before is gone. */
	ck_assert_int_eq(ask_counter(&workers[0].counter, COUNT_UP), 1);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_int_eq(ask_counter(&workers[i].counter, STOP), 0);
	ck_assert_int_eq(supervisor_join(), 0);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

START_TEST(a_failure_too_many_is_the_scopes_and_ends_all)
{
	supervise(DUET_ONE_FOR_ONE);
	for (unsigned i = 1; i <= 4; i++) {
		ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
		turn_until(i == 4 || workers[0].prepared == i + 1);
	}
	ck_assert_int_eq(supervisor_join(), -EIO);
	expect_prepared(4, 1);
	ck_assert_int_eq(workers[1].counter.actor.task.result, -ECANCELED);
	ck_assert_int_eq(duet_supervisor_add(&supervisor, &workers[0].child), -ESHUTDOWN);
	ck_assert_int_eq(root_join(), -EIO);
}
END_TEST

START_TEST(one_for_all_starts_all_again_but_who_has_done_its_work)
{
	supervise(DUET_ONE_FOR_ALL);
	ck_assert_int_eq(ask_counter(&workers[2].counter, STOP), 0);
	ck_assert_int_eq(ask_counter(&workers[1].counter, COUNT_UP), 1);
	ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
	turn_until(workers[1].prepared == 2);
	ck_assert_int_eq(ask_counter(&workers[1].counter, COUNT_UP), 1);
	ck_assert_uint_eq(workers[0].prepared, 2);
	ck_assert_uint_eq(workers[2].prepared, 1);
	duet_scope_cancel(&root);
	ck_assert_int_eq(supervisor_join(), -ECANCELED);
	ck_assert_int_eq(root_join(), -ECANCELED);
}
END_TEST

#define for_each_strategy(strategy)                                                                \
	for (enum duet_strategy strategy = 0; strategy < DUET_STRATEGY_COUNT; strategy++)

START_TEST(who_is_asked_to_end_is_not_started_again)
{
	for_each_strategy(strategy) {
		supervise(strategy);
		stage_settle(2);
		duet_scope_cancel(&supervisor.scope);
		ck_assert_int_eq(supervisor_join(), -ECANCELED);
		expect_prepared(1, 1);
		/* Not a request of its own: somebody inside was stopped. */
		ck_assert_int_eq(root_join(), -ECANCELED);
	}
}
END_TEST

START_TEST(what_cannot_be_started_again_is_a_failure)
{
	for_each_strategy(strategy) {
		supervise(strategy);
		workers[0].refuses = -ENOMEM;
		ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
		ck_assert_int_eq(supervisor_join(), -ENOMEM);
		ck_assert_int_eq(root_join(), -ENOMEM);
	}
}
END_TEST

START_TEST(a_shutdown_ends_the_supervisor_and_its_tasks)
{
	for_each_strategy(strategy) {
		supervise(strategy);
		stage_settle(2);
		ck_assert_int_eq(duet_scope_join(&supervisor.scope, NULL), 0);
		ck_assert_int_eq(duet_scope_join(&root, joined), 0);
		ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) +
					UINT64_C(3000000000) * patience_factor()), 0);
		ck_assert_uint_eq(joins, 1);
		expect_prepared(1, 1);
		stage_reopen(NULL, NULL);
	}
}
END_TEST

/* ---- Placement: the actor here, who asks on another loop. ---- */

enum { ASKED = 200 };

struct elsewhere {
	const struct arm *arm;
	struct duet_mailbox *mailbox;
	_Atomic unsigned answers;
	_Atomic bool over;
	int error;
};

static void ask_from(struct elsewhere *elsewhere, struct duet_loop *loop)
{
	for (int i = 0; i < ASKED; i++) {
		struct duet_letter letter = { .kind = COUNT_UP };
		struct duet_op op;

		duet_op_init(&op, NULL, NULL);
		duet_op_ask(&op, elsewhere->mailbox, &letter);
		if (duet_op_start(loop, &op) < 0 || duet_loop_run(loop) < 0)
			elsewhere->error = 1;
		elsewhere->answers += op.result > 0;
	}
}

static void *live_elsewhere(void *argument)
{
	struct elsewhere *elsewhere = argument;
	struct duet_loop_options options;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	options.tuning = elsewhere->arm->tuning;
	if (duet_loop_create(&loop, elsewhere->arm->backend(), &options)) {
		elsewhere->error = 1;
	} else {
		ask_from(elsewhere, loop);
		elsewhere->error |= duet_loop_destroy(loop);
	}
	elsewhere->over = true;
	duet_loop_wake(stage.loop);
	return NULL;
}

START_TEST(an_actor_is_asked_from_other_loops)
{
	struct elsewhere elsewhere[2];
	pthread_t threads[2];
	struct counter counter;

	root_open();
	counter_spawn(&counter);
	for (int i = 0; i < 2; i++) {
		elsewhere[i] = (struct elsewhere){ .arm = stage.arm,
						   .mailbox = &counter.actor.mailbox };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, live_elsewhere,
					&elsewhere[i]), 0);
	}
	/* They wake us: how many turns that takes nobody knows. */
	while (!elsewhere[0].over || !elsewhere[1].over)
		ck_assert_int_ge(duet_loop_turn(stage.loop, -1), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(elsewhere[i].error, 0);
		ck_assert_uint_eq(elsewhere[i].answers, ASKED);
	}
	ck_assert_int_eq(counter.value, 2 * ASKED);
	duet_mailbox_close(&counter.actor.mailbox);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

int main(void)
{
	return contract_run("actor",
		CASES(letters_are_taken_in_the_order_in_which_they_came_also_past_a_full_box,
			who_waits_for_a_letter_is_given_it_without_the_box,
			who_asks_has_the_answer_as_result,
			an_ask_that_is_stopped_takes_its_letter_out_again_unless_it_was_taken,
			a_letter_that_is_taken_out_makes_room,
			a_closed_mailbox_gives_what_is_inside_and_takes_nothing,
			a_refused_mailbox_answers_everything,
			what_is_no_idle_letter_and_no_mailbox_is_refused,
			no_letter_is_lost_or_answered_twice_whoever_is_stopped,
			an_actor_answers_one_letter_after_the_other,
			the_failure_of_an_actor_is_its_scopes_and_nobody_waits_for_an_answer_in_vain,
			an_actor_that_has_done_its_work_ends_well,
			a_request_ends_an_actor_between_two_letters,
			who_fails_is_started_again_and_the_others_go_on,
			a_failure_too_many_is_the_scopes_and_ends_all,
			one_for_all_starts_all_again_but_who_has_done_its_work,
			who_is_asked_to_end_is_not_started_again,
			what_cannot_be_started_again_is_a_failure,
			a_shutdown_ends_the_supervisor_and_its_tasks,
			an_actor_is_asked_from_other_loops),
		NULL);
}
