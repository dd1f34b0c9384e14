/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H

#include <duet/scope.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/mutant.h"

/* What a callback is given stands in what it is about. */
#define CORE_CONTAINER(type, field, pointer)                                                       \
	((type *)(void *)((char *)(pointer)-offsetof(type, field)))

/* The states of a scope: see the picture in <duet/scope.h>. In this order: what comes later is nearer to
 * the end. */
enum core_scope_state {
	SCOPE_IDLE,
	SCOPE_OPEN,
	SCOPE_ASKED,    /* a request has come: starts fail at their entry */
	SCOPE_JOINING,  /* the body is over: when the last member ends, so does the scope */
	SCOPE_LEAVING,  /* both */
	SCOPE_CLEANING, /* no member is left but those of the cleanup's steps */
	SCOPE_OVERDUE,  /* the same when their time is over */
	SCOPE_ENDED,    /* all is done; to be told */
	SCOPE_STATE_COUNT
};

/* For each state, the states that may follow it, as bits. */
static const uint16_t core_scope_moves[SCOPE_STATE_COUNT] = {
	[SCOPE_IDLE] = 1 << SCOPE_OPEN,
	[SCOPE_OPEN] = 1 << SCOPE_ASKED | 1 << SCOPE_JOINING,
	[SCOPE_ASKED] = 1 << SCOPE_LEAVING,
	[SCOPE_JOINING] = 1 << SCOPE_LEAVING | 1 << SCOPE_CLEANING,
	[SCOPE_LEAVING] = 1 << SCOPE_CLEANING,
	[SCOPE_CLEANING] = 1 << SCOPE_OVERDUE | 1 << SCOPE_ENDED,
	[SCOPE_OVERDUE] = 1 << SCOPE_ENDED,
	[SCOPE_ENDED] = 1 << SCOPE_IDLE,
};

static inline bool core_scope_may(unsigned from, unsigned to)
{
	if (MUTANT(scope_move_missing) && from == SCOPE_CLEANING && to == SCOPE_OVERDUE)
		return false;
	if (MUTANT(scope_move_added) && from == SCOPE_LEAVING && to == SCOPE_ENDED)
		return true;
	return core_scope_moves[from] >> to & 1;
}

const char *core_scope_state_name(enum core_scope_state state);

/* The one place where a scope's state changes. */
void core_scope_set_state(struct duet_scope *scope, enum core_scope_state to);

/* Are they options that a scope can be opened with? */
bool core_scope_options_hold(const struct duet_scope_options *options);

/* Requests the end of all in it, in the name of cause, if its end still depends on that. */
void core_scope_ask(struct duet_scope *scope, enum duet_cause cause);

/* Does op stand for a scope in its loop? */
bool core_scope_is_presence(const struct duet_op *op);

/* The scope that op is a member of, or NULL. */
const struct duet_scope *core_scope_of(const struct duet_op *op);

/* Does no request come into the scope from outside: is it a shield, or in its cleanup? */
bool core_scope_is_shelter(const struct duet_scope *scope);

/* Is op a scope's, into which no request comes from outside: a shield's, or a cleanup's? */
bool core_scope_shelters(const struct duet_op *op);

/* op is abandoned: if it is a member it leaves at once, without a say in what becomes of the scope. */
void core_scope_forsake(const struct duet_op *op);

/* Names the scope for which op stands in its loop: for people. 0, and nothing is written, if op stands
 * for none. */
size_t core_scope_describe(const struct duet_op *op, char *text, size_t size);

/* What debug builds say before they stop. */
void core_abort_outside(const struct duet_member *member) __attribute__((noreturn));
void core_abort_if_registered(const struct duet_scope *scope, const struct duet_cleanup *cleanup);

/* What failed in an open scope so far is not to count. */
void core_scope_forgive(struct duet_scope *scope);

#endif
