/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_MAILBOX_H
#define DUET_MAILBOX_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/waiters.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_letter;
struct duet_mailbox;

/*
 * A mailbox: what makes a task an actor. Letters come in by tell and ask from any task on any loop, and
 * the actor takes them one by one, in the order in which they came, and answers each. See
 * <duet/waiters.h> for what is common to all primitives; after C. Hewitt, "A Universal Modular Actor
 * Formalism for Artificial Intelligence" (1973), with bounds.
 *
 * A letter is the head of a struct of the sender's. It is lent from the start of the tell or ask
 * until it was answered, or the operation ended without having been delivered:
 *
 *	        tell, ask             the actor takes it           it answers
 *	idle -----------> in line ------> in the box ------> taken ----------> idle
 *	  ^                  |                 |
 *	  +------------------+-----------------+  stopped (ask), closed, refused
 *
 * The box has a bound: who finds it full waits, which is the flow control.
 */
enum duet_letter_state {
	DUET_LETTER_IDLE,
	DUET_LETTER_BOXED,
	DUET_LETTER_TAKEN,
};

struct duet_letter {
	/* The sender's, before the start. */
	uint32_t kind; /* what the letter is about, for the actor; never read here */
	/* Of a letter that was told: called on the mailbox's loop when it was answered, and the letter is
	 * the sender's again; or NULL. */
	void (*answered)(struct duet_letter *letter);
	/* The actor's, set when it has taken the letter: called once if nobody wants the answer any more, so
	 * that it may stop what it does for it, and answer early; or NULL. */
	void (*unwanted)(struct duet_letter *letter);

	int32_t answer;    /* after the end: what it was answered */
	uint8_t state;     /* enum duet_letter_state */
	uint8_t withdrawn; /* taken, and nobody wants the answer: see `unwanted` */

	/* The mailbox's. */
	struct duet_mailbox *mailbox;
	struct duet_letter *next; /* in a circle: in the box, or of those that were taken */
	struct duet_letter *prev;
	struct duet_op *asker; /* the ask; NULL if it was told */
};

struct duet_mailbox {
	struct duet_waiters waiters; /* who sends, or who receives: never both */
	/* Read by the caller. */
	uint32_t capacity;
	uint32_t count; /* letters in the box */
	uint32_t taken; /* letters that were taken and not answered */
	uint8_t closed;
	/* Its own. */
	struct duet_letter *letters; /* the oldest first */
	struct duet_letter *answering;
};

/* capacity: letters in the box, at least 1. 0, or -EINVAL. */
DUET_API int duet_mailbox_init(struct duet_mailbox *mailbox, struct duet_loop *loop,
			       uint32_t capacity);

/* 0, or -EBUSY while it has letters, or somebody is in line; debug builds stop there. */
DUET_API int duet_mailbox_fini(struct duet_mailbox *mailbox);

/*
 * Delivers a letter. Result 0: it is in the box, or was taken. A stop before that (class total) leaves
 * the letter the sender's; after it the letter is on loan until it was answered, whoever was asked to
 * end. -EPIPE: the mailbox is closed. -EINVAL: the letter isn't idle.
 */
DUET_API void duet_op_tell(struct duet_op *op, struct duet_mailbox *mailbox,
			   struct duet_letter *letter);

/*
 * Delivers a letter and waits for the answer, which is the result. A stop takes a letter that was not
 * taken out again; one that was is on loan until the actor has answered, which is told that nobody
 * wants it (`unwanted`, `withdrawn`); what it answers is then the result, as ever. So how soon such an ask
 * ends is the actor's to say.
 */
DUET_API void duet_op_ask(struct duet_op *op, struct duet_mailbox *mailbox,
			  struct duet_letter *letter);

/* Takes the oldest letter: result 1, and *letter, which is lent, is it; 0: the mailbox is closed and
 * empty. On the mailbox's own loop. */
DUET_API void duet_op_take_letter(struct duet_op *op, struct duet_mailbox *mailbox,
				  struct duet_letter **letter);

/* The same without waiting: 0 if it was delivered, 1 if one was taken; or -EAGAIN, -EPIPE, -EINVAL. */
DUET_API int duet_mailbox_try_tell(struct duet_mailbox *mailbox, struct duet_letter *letter);
DUET_API int duet_mailbox_try_take(struct duet_mailbox *mailbox, struct duet_letter **letter);

/* Gives a letter that was taken back, with an answer: 0 and more, or a negative error. Now, or in any
 * later step, in any order. On the mailbox's loop. Of one that wasn't taken, or was answered before,
 * nothing happens; debug builds stop there. */
DUET_API void duet_letter_answer(struct duet_letter *letter, int32_t answer);

/* Nothing more comes in: who is in line to deliver fails with -EPIPE. What is in the box can still be
 * taken. Repeatable. */
DUET_API void duet_mailbox_close(struct duet_mailbox *mailbox);

/* Letters come in again. To others it is the mailbox that it was, also to those on other loops, who may start
 * an operation on it at any time: for them it can't be initialised a second time. */
DUET_API void duet_mailbox_reopen(struct duet_mailbox *mailbox);

/* As close, and everything that is in the box, or was taken and not answered, is answered with error:
 * what an actor does last of all. */
DUET_API void duet_mailbox_refuse(struct duet_mailbox *mailbox, int32_t error);

#ifdef __cplusplus
}
#endif

#endif
