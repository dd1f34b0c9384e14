/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_WAITS_H
#define CORE_WAITS_H

#include <duet/waiters.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Operations on primitives: carried out by core, on the thread of the primitive's loop. What
 * primitives have in common is in waits.c; each of their files says how its own are satisfied.
 */

/* No raw result of any operation. */
enum { CORE_WAIT_HELD = INT32_MIN };

/* Where a wait is while it lasts: args.wait.in_line. */
enum core_wait_place { WAIT_NOWHERE, WAIT_IN_LINE, WAIT_HELD };

/* What is particular to one kind. All of it is called on the thread of the primitive's loop. */
struct core_wait {
	const char *noun; /* what it works on, for people */

	/* Has its effect, if it can be had now: the raw result; or -EAGAIN: it stands in line; or
	 * CORE_WAIT_HELD: the primitive has it elsewhere, and calls core_wait_end(). */
	int (*attempt)(struct duet_op *op);

	/* Of those that may be held: takes one back that is, without effect. False: it ends later. */
	bool (*withdraw)(struct duet_op *op);

	/* May be NULL. One has left the line without having got anything: whose turn is it? */
	void (*left)(struct duet_waiters *waiters);

	/* May be NULL. Why it can't be started, beyond what is common: 0 or a negative error. */
	int (*refuse)(const struct duet_loop *loop, const struct duet_op *op);

	bool crosses; /* may be started on another loop than the primitive's */
	bool lends;   /* args.wait.with is where something is, or is to come: not NULL */
};

extern const struct core_wait core_wait_acquire, core_wait_release, core_wait_lock,
	core_wait_channel_send, core_wait_channel_recv, core_wait_channel_close,
	core_wait_oneshot_send, core_wait_oneshot_recv, core_wait_notify, core_wait_notified,
	core_wait_barrier, core_wait_wait_group, core_wait_tell, core_wait_ask,
	core_wait_take_letter, core_wait_join, core_wait_join_scope;

static inline void core_waiters_init(struct duet_waiters *waiters, struct duet_loop *loop)
{
	*waiters = (struct duet_waiters){.loop = loop};
}

/* The end of a primitive: 0, or -EBUSY while somebody is in line, with a stop in debug builds. */
int core_waiters_fini(struct duet_waiters *waiters, const char *noun);

/* op, which stands in line, is held from here on. */
void core_wait_hold(struct duet_op *op);

/* The wait of op, which stands in line or is held, ends. Nobody is called back from inside this. */
void core_wait_end(struct duet_op *op, int raw);

/* Of all who stand in line. */
void core_wait_end_all(struct duet_waiters *waiters, int raw);

/* An idle operation of that kind on `on`; false, and nothing is changed, if it isn't idle. */
bool core_prepare_wait(struct duet_op *op, enum duet_kind kind, void *on);

/* ---- For struct core_kind. ---- */

/* The attempt, and a place in line if it is to wait: the raw result, as of attempt(). */
int core_wait_enter(struct duet_op *op);

int core_wait_check(const struct duet_op *op);
int core_wait_begin(struct duet_loop *loop, struct duet_op *op);
void core_wait_stop(struct duet_loop *loop, struct duet_op *op);

int core_join_begin(struct duet_loop *loop, struct duet_op *op);
void core_join_stop(struct duet_loop *loop, struct duet_op *op);
int core_join_scope_begin(struct duet_loop *loop, struct duet_op *op);
void core_join_scope_stop(struct duet_loop *loop, struct duet_op *op);

/* Begins op, as its kind says, and tells who watches. */
int core_wait_begun(struct duet_loop *loop, struct duet_op *op);

/* Why op, a wait, can't be started on loop: 0 or a negative error. */
int core_wait_refusal(const struct duet_loop *loop, const struct duet_op *op);

/* Names what op works on, for people; the characters written. */
size_t core_wait_describe(const struct duet_op *op, char *text, size_t size);

/* What debug builds say before they stop. */
struct duet_mailbox;
void core_abort_has_letters(const struct duet_mailbox *mailbox) __attribute__((noreturn));
struct duet_letter;
void core_abort_not_taken(const struct duet_letter *letter) __attribute__((noreturn));
void core_abort_waited_for(const struct duet_waiters *waiters, const char *noun)
	__attribute__((noreturn));
void core_abort_not_owner(const void *mutex, const void *owner, const void *caller)
	__attribute__((noreturn));
void core_abort_nothing_under_way(const void *group) __attribute__((noreturn));

#endif
