/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "core/backend.h"
#include "core/operation.h"
#include "core/scope.h"

/* The state of a scope: how it changes, and what people are told of it. */

const char *core_scope_state_name(enum core_scope_state state)
{
	static const char *const names[SCOPE_STATE_COUNT] = {
		"idle",    "open",     "asked",   "joining",
		"leaving", "cleaning", "overdue", "ended"};

	return state < SCOPE_STATE_COUNT ? names[state] : "?";
}

void core_scope_set_state(struct duet_scope *scope, enum core_scope_state to)
{
	if (!core_scope_may(scope->state, to)) {
		fprintf(stderr,
			"duet: scope %p: %s -> %s is no legal move: it was overwritten while lent, "
			"or never opened\n",
			(const void *)scope,
			core_scope_state_name((enum core_scope_state)scope->state),
			core_scope_state_name(to));
		abort();
	}
	CORE_MOVES_COUNT(scope->loop, scope, scope->state, to);
	scope->state = (uint8_t)to;
}

size_t core_scope_describe(const struct duet_op *op, char *text, size_t size)
{
	const struct duet_scope *scope = op->context;
	uint64_t due_ns;
	int length;

	if (!(op->flags & FLAG_PLACE))
		return 0;
	due_ns = op->deadline_ns;
	if (op->args.timeout.due_ns < due_ns)
		due_ns = op->args.timeout.due_ns;
	length = snprintf(text, size, "scope %p %s, %u member%s%s", (const void *)scope,
			  core_scope_state_name((enum core_scope_state)scope->state), scope->count,
			  scope->count == 1 ? "" : "s",
			  scope->state < SCOPE_JOINING ? ", not joined" : "");
	if (due_ns != DUET_NO_DEADLINE)
		length += snprintf(text + length, size - (size_t)length, ", %s in %lld us",
				   scope->budgeted ? "overdue" : "deadline",
				   (long long)(int64_t)(due_ns - core_now_ns(scope->loop)) / 1000);
	if (scope->cause)
		length += snprintf(text + length, size - (size_t)length, ", asked to end by %s",
				   duet_cause_name((enum duet_cause)scope->cause));
	return (size_t)length;
}
