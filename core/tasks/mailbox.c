/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/mailbox.h>
#include <errno.h>

#include "core/lifecycle.h"
#include "core/queue.h"
#include "core/waits.h"

/* ---- Letters in a circle: *ring is the oldest. ---- */

static void append(struct duet_letter **ring, struct duet_letter *letter)
{
	struct duet_letter *oldest = *ring;

	if (!oldest) {
		letter->next = letter->prev = letter;
		*ring = letter;
		return;
	}
	letter->next = oldest;
	letter->prev = oldest->prev;
	oldest->prev->next = letter;
	oldest->prev = letter;
}

static void take_out(struct duet_letter **ring, struct duet_letter *letter)
{
	letter->prev->next = letter->next;
	letter->next->prev = letter->prev;
	if (*ring == letter)
		*ring = letter->next == letter ? NULL : letter->next;
}

/* The one place where a letter's state changes; it hangs on the circle of its state. */
static void letter_move(struct duet_letter *letter, enum duet_letter_state to)
{
	struct duet_mailbox *mailbox = letter->mailbox;

	if (letter->state == DUET_LETTER_BOXED) {
		take_out(&mailbox->letters, letter);
		mailbox->count--;
	} else if (letter->state == DUET_LETTER_TAKEN) {
		take_out(&mailbox->answering, letter);
		mailbox->taken--;
	}
	letter->state = (uint8_t)to;
	if (to == DUET_LETTER_BOXED) {
		append(&mailbox->letters, letter);
		mailbox->count++;
	} else if (to == DUET_LETTER_TAKEN) {
		append(&mailbox->answering, letter);
		mailbox->taken++;
	}
}

/* ---- From idle to idle. ---- */

int duet_mailbox_init(struct duet_mailbox *mailbox, struct duet_loop *loop, uint32_t capacity)
{
	if (!capacity)
		return -EINVAL;
	*mailbox = (struct duet_mailbox){.capacity = capacity};
	core_waiters_init(&mailbox->waiters, loop);
	return 0;
}

int duet_mailbox_fini(struct duet_mailbox *mailbox)
{
	if (mailbox->count || mailbox->taken) {
#ifdef DUET_DEBUG
		core_abort_has_letters(mailbox);
#endif
		return -EBUSY;
	}
	return core_waiters_fini(&mailbox->waiters, "mailbox");
}

/* The first in line, if it takes letters, or if it brings one: there are never both. */
static struct duet_op *first(const struct duet_mailbox *mailbox, bool takes)
{
	struct duet_op *op = mailbox->waiters.first;

	return op && (op->kind == DUET_TAKE_LETTER) == takes ? op : NULL;
}

/* ---- Delivery. ---- */

/* asker: who waits for the answer; NULL: nobody. 0: in the box; 1: it was taken. */
static int deliver(struct duet_mailbox *mailbox, struct duet_letter *letter, struct duet_op *asker)
{
	struct duet_op *taker = first(mailbox, true);

	if (mailbox->closed)
		return -EPIPE;
	if (letter->state != DUET_LETTER_IDLE)
		return -EINVAL;
	if (!taker && mailbox->count == mailbox->capacity)
		return -EAGAIN;
	letter->mailbox = mailbox;
	letter->asker = asker;
	letter->withdrawn = 0;
	letter->unwanted = NULL;
	letter_move(letter, taker ? DUET_LETTER_TAKEN : DUET_LETTER_BOXED);
	if (!taker)
		return 0;
	*(struct duet_letter **)taker->args.wait.with = letter;
	core_wait_end(taker, 1);
	return 1;
}

int duet_mailbox_try_tell(struct duet_mailbox *mailbox, struct duet_letter *letter)
{
	core_check_owner(mailbox->waiters.loop);
	return deliver(mailbox, letter, NULL);
}

static int attempt_tell(struct duet_op *op)
{
	int raw = deliver(op->args.wait.on, op->args.wait.with, NULL);

	return raw < 0 ? raw : 0;
}

static int attempt_ask(struct duet_op *op)
{
	int raw = deliver(op->args.wait.on, op->args.wait.with, op);

	return raw < 0 ? raw : CORE_WAIT_HELD;
}

/* There is room in the box: who stands in line first brings his letter in. */
static void let_in(struct duet_mailbox *mailbox)
{
	struct duet_op *op = first(mailbox, false);
	int raw;

	if (!op || mailbox->count == mailbox->capacity)
		return;
	raw = deliver(mailbox, op->args.wait.with, op->kind == DUET_ASK ? op : NULL);
	if (raw >= 0 && op->kind == DUET_ASK)
		core_wait_hold(op);
	else
		core_wait_end(op, raw);
}

static bool withdraw_ask(struct duet_op *op)
{
	struct duet_letter *letter = op->args.wait.with;
	struct duet_mailbox *mailbox = letter->mailbox;

	if (letter->state != DUET_LETTER_BOXED && !MUTANT(taken_letter_withdrawn)) {
		letter->withdrawn = 1;
		if (letter->unwanted)
			letter->unwanted(letter);
		return false;
	}
	letter_move(letter, DUET_LETTER_IDLE);
	let_in(mailbox);
	return true;
}

const struct core_wait core_wait_tell = {
	.noun = "mailbox", .attempt = attempt_tell, .lends = true, .crosses = true};

const struct core_wait core_wait_ask = {
	.noun = "mailbox", .attempt = attempt_ask, .withdraw = withdraw_ask, .lends = true,
	.crosses = true};

void duet_op_tell(struct duet_op *op, struct duet_mailbox *mailbox, struct duet_letter *letter)
{
	if (core_prepare_wait(op, DUET_TELL, mailbox))
		op->args.wait.with = letter;
}

void duet_op_ask(struct duet_op *op, struct duet_mailbox *mailbox, struct duet_letter *letter)
{
	if (core_prepare_wait(op, DUET_ASK, mailbox))
		op->args.wait.with = letter;
}

/* ---- Taking, and answering. ---- */

static int take(struct duet_mailbox *mailbox, struct duet_letter **letter)
{
	struct duet_letter *oldest = mailbox->letters;

	if (!oldest)
		return mailbox->closed ? 0 : -EAGAIN;
	letter_move(oldest, DUET_LETTER_TAKEN);
	*letter = oldest;
	let_in(mailbox);
	return 1;
}

int duet_mailbox_try_take(struct duet_mailbox *mailbox, struct duet_letter **letter)
{
	core_check_owner(mailbox->waiters.loop);
	return take(mailbox, letter);
}

static int attempt_take(struct duet_op *op)
{
	return take(op->args.wait.on, op->args.wait.with);
}

const struct core_wait core_wait_take_letter = {
	.noun = "mailbox", .attempt = attempt_take, .lends = true};

void duet_op_take_letter(struct duet_op *op, struct duet_mailbox *mailbox,
			 struct duet_letter **letter)
{
	if (core_prepare_wait(op, DUET_TAKE_LETTER, mailbox))
		op->args.wait.with = letter;
}

/* From here on the letter may be gone: its sender may be on another loop. */
static void give_back(struct duet_letter *letter, int32_t answer)
{
	struct duet_op *asker = letter->asker;

	letter_move(letter, DUET_LETTER_IDLE);
	letter->answer = answer;
	if (asker)
		core_wait_end(asker, answer);
	else if (letter->answered)
		letter->answered(letter);
}

void duet_letter_answer(struct duet_letter *letter, int32_t answer)
{
	if (letter->state != DUET_LETTER_TAKEN) {
#ifdef DUET_DEBUG
		core_abort_not_taken(letter);
#endif
		return;
	}
	core_check_owner(letter->mailbox->waiters.loop);
	give_back(letter, answer);
}

/* ---- The end. ---- */

void duet_mailbox_close(struct duet_mailbox *mailbox)
{
	core_check_owner(mailbox->waiters.loop);
	mailbox->closed = 1;
	core_wait_end_all(&mailbox->waiters, first(mailbox, true) ? 0 : -EPIPE);
}

void duet_mailbox_reopen(struct duet_mailbox *mailbox)
{
	core_check_owner(mailbox->waiters.loop);
	mailbox->closed = 0;
}

void duet_mailbox_refuse(struct duet_mailbox *mailbox, int32_t error)
{
	duet_mailbox_close(mailbox);
	while (mailbox->answering)
		give_back(mailbox->answering, error);
	while (mailbox->letters)
		give_back(mailbox->letters, error);
}
