/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* Mailboxes: what is told and asked, in order, bounded, and answered once. */

static struct duet_mailbox mailbox;

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

static unsigned unwanted;

static void answer_early(struct duet_letter *letter)
{
	unwanted++;
	ck_assert_uint_eq(letter->withdrawn, 1);
	duet_letter_answer(letter, 9);
}

START_TEST(who_has_taken_a_letter_hears_that_nobody_wants_it)
{
	struct duet_letter letter = letter_of(0);
	struct trial trial;

	unwanted = 0;
	mailbox_open(1);
	ask(&trial, &letter);
	take()->unwanted = answer_early;
	trial_cancel(&trial);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, 9, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(unwanted, 1);
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

int main(void)
{
	return contract_run("mailbox",
		CASES(letters_are_taken_in_the_order_in_which_they_came_also_past_a_full_box,
			who_waits_for_a_letter_is_given_it_without_the_box,
			who_asks_has_the_answer_as_result,
			an_ask_that_is_stopped_takes_its_letter_out_again_unless_it_was_taken,
			who_has_taken_a_letter_hears_that_nobody_wants_it,
			a_letter_that_is_taken_out_makes_room,
			a_closed_mailbox_gives_what_is_inside_and_takes_nothing,
			a_refused_mailbox_answers_everything,
			what_is_no_idle_letter_and_no_mailbox_is_refused,
			no_letter_is_lost_or_answered_twice_whoever_is_stopped),
		NULL);
}
