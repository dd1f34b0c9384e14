/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <duet/scope.h>
#include <errno.h>

#include "reference/judge.h"

/*
 * Scopes. What the script asks of one is seen, and from then on nothing comes in; what its policy or the
 * clock asks is not seen, only that it may have been asked. A scope joins when nothing in it is alive,
 * when what was registered with it has run, last in first out, and with the verdict of its policy.
 */

/* The budget of every cleanup. */
#define BUDGET_NS 1000000000u

static struct record_scope *scope_of(struct judge *judge, uint8_t scope)
{
	return &judge->scopes[scope - 1];
}

/* The scope from which requests come in, NULL if none does. */
static const struct record_scope *outside(const struct judge *judge,
					  const struct record_scope *scope)
{
	bool shielded = !scope->step || scope->step->flags & SCRIPT_SHIELD;

	return shielded || !scope->step->scope ? NULL : &judge->scopes[scope->step->scope - 1];
}

static bool due(const struct judge *judge, const struct record_scope *scope)
{
	for (; scope; scope = outside(judge, scope)) {
		if (scope->due_ns && judge->now_ns >= scope->due_ns)
			return true;
	}
	return false;
}

static bool policy_asks(const struct record_scope *scope)
{
	if (scope->step->value == DUET_RACE)
		return scope->completed || scope->blurred;
	return scope->step->value == DUET_FAIL_FAST &&
	       (scope->failure || scope->doubts || scope->blurred);
}

/* By the script, or by a policy? */
static bool may_be_asked(const struct judge *judge, const struct record_scope *scope)
{
	for (; scope; scope = outside(judge, scope)) {
		if (scope->opened && (scope->asked || scope->perhaps || policy_asks(scope)))
			return true;
	}
	return false;
}

/* When its last member has ended it may clean up, and lets in what that needs. */
static bool refuses(const struct record_scope *scope)
{
	return scope->asked && !scope->drained;
}

static void leave(struct record_scope *scope)
{
	scope->members--;
	scope->drained = scope->drained || (scope->joining && !scope->members);
}

static bool overdue(const struct judge *judge, const struct record_scope *scope)
{
	return scope->cleaning_ns && judge->now_ns >= scope->cleaning_ns + BUDGET_NS;
}

static bool is_over(const struct record_scope *scope)
{
	return !scope->opened || scope->joined;
}

/* ---- Who comes in, and who doesn't. ---- */

static bool may_refuse(const struct judge *judge, const struct record_scope *scope, int error)
{
	if (error == -ESHUTDOWN)
		return is_over(scope) || scope->drained;
	if (error == -ECANCELED)
		return may_be_asked(judge, scope);
	return error == -ETIMEDOUT && (due(judge, scope) || overdue(judge, scope));
}

void judge_member(struct judge *judge, struct record *record, const struct event *event)
{
	struct record_scope *scope = scope_of(judge, record->step->scope);
	unsigned index = record->step->scope - 1u;

	if (event->result && !may_refuse(judge, scope, event->result))
		judge_complain(judge, "operation %u was refused by scope s%u with %s", event->id, index,
			duet_error_name(event->result));
	if (event->result)
		return;
	if (is_over(scope))
		judge_complain(judge, "operation %u was started in scope s%u, which isn't open",
			event->id, index);
	if (refuses(scope))
		judge_complain(judge, "operation %u was started in scope s%u, which had been asked to "
			"end", event->id, index);
	record->late = record->step->cleanup || scope->drained;
	scope->blurred = scope->blurred || (record->late && !record->step->cleanup);
	scope->members++;
}

/* ---- What an end says. ---- */

enum { STOPPED_CANCELED = 1, STOPPED_TIMEDOUT = 2 };

static uint8_t stop_of(int error)
{
	if (error == -ECANCELED)
		return STOPPED_CANCELED;
	return error == -ETIMEDOUT ? STOPPED_TIMEDOUT : 0;
}

static bool races(const struct record_scope *scope)
{
	return scope->step->value == DUET_RACE || scope->step->value == DUET_FIRST;
}

static void count_failure(struct record_scope *scope, int error)
{
	if (races(scope) || !scope->failure)
		scope->failure = error;
}

static void count_end(struct record_scope *scope, const struct event *end)
{
	scope->ended++;
	if (end->disposition == DUET_COMPLETED ||
	    (end->cause == DUET_CAUSE_ITSELF && end->result >= 0))
		scope->completed++;
	else if (end->cause == DUET_CAUSE_ITSELF)
		count_failure(scope, end->result);
	/* Its own deadline is a failure, the scope's is none. */
	else if (end->cause == DUET_CAUSE_DEADLINE)
		scope->doubts |= STOPPED_TIMEDOUT;
	else
		scope->stops |= STOPPED_CANCELED;
}

/* A scope in it: whether it failed or was stopped isn't told. */
static void count_child(struct record_scope *scope, const struct event *joined)
{
	scope->ended++;
	if (!joined->result)
		scope->completed++;
	else if (stop_of(joined->result))
		scope->doubts |= stop_of(joined->result);
	else
		count_failure(scope, joined->result);
}

void judge_member_ended(struct judge *judge, struct record *record, const struct event *event)
{
	struct record_scope *scope = scope_of(judge, record->step->scope);

	leave(scope);
	if (event->what == EVENT_END && !record->late)
		count_end(scope, event);
}

/* ---- Requests. ---- */

bool judge_scope_stops(const struct judge *judge, const struct record *record, uint8_t cause)
{
	const struct record_scope *scope;

	if (!record->step->scope)
		return false;
	scope = &judge->scopes[record->step->scope - 1];
	if (cause == DUET_CAUSE_DEADLINE)
		return (record->late && overdue(judge, scope)) ||
		       (!record->step->cleanup && due(judge, scope));
	return cause == DUET_CAUSE_SCOPE && !record->step->cleanup && may_be_asked(judge, scope);
}

uint64_t judge_due(const struct judge *judge, const struct record *record)
{
	const struct record_scope *scope = NULL;
	uint64_t due_ns = record->due_ns;

	if (record->step->scope)
		scope = &judge->scopes[record->step->scope - 1];
	for (; scope; scope = outside(judge, scope)) {
		if (scope->due_ns && (!due_ns || scope->due_ns < due_ns))
			due_ns = scope->due_ns;
	}
	return due_ns;
}

static void mark_members(struct judge *judge, unsigned index, uint32_t number)
{
	for (uint32_t i = 0; i < judge->order_count; i++) {
		struct record *record = &judge->records[judge->order[i]];

		if (record->step->scope == index + 1 && judge_pending(record) && !record->late &&
		    !record->scoped)
			record->scoped = number;
	}
}

/* Down to all that listens. What was asked before, by whom nobody has seen, isn't asked again. */
static void ask(struct judge *judge, unsigned index, uint32_t number)
{
	struct record_scope *scope = &judge->scopes[index];
	bool first = !may_be_asked(judge, scope) && !due(judge, scope);

	scope->perhaps = true;
	if (is_over(scope) || scope->asked || scope->drained)
		return;
	if (first)
		mark_members(judge, index, number);
	for (unsigned i = 0; i < SCRIPT_SCOPES; i++) {
		if (judge->scopes[i].opened && outside(judge, &judge->scopes[i]) == scope)
			ask(judge, i, number);
	}
	scope->asked = number;
}

/* ---- From open to joined. ---- */

static void scope_opened(struct judge *judge, struct record_scope *scope,
			 const struct event *event, uint32_t number)
{
	struct record_scope *parent = scope->step->scope ? scope_of(judge, scope->step->scope) : NULL;
	uint64_t due_ns = scope->step->deadline_us == SCRIPT_NO_DEADLINE
				  ? 0
				  : event->at_ns + scope->step->deadline_us * 1000ull;
	bool refused = event->result != 0;

	/* In one that was never opened none can be. */
	if (refused && !(parent && (!parent->opened || may_refuse(judge, parent, event->result))))
		judge_complain(judge, "scope s%u couldn't be opened: %s", event->object.index,
			duet_error_name(event->result));
	if (event->due_ns != due_ns)
		judge_complain(judge, "scope s%u has another deadline than the script says",
			event->object.index);
	if (refused)
		return;
	if (parent && (is_over(parent) || refuses(parent)))
		judge_complain(judge, "scope s%u was opened in scope s%u, which had been asked to end "
			"or isn't open", event->object.index, scope->step->scope - 1u);
	scope->opened = number;
	scope->due_ns = due_ns;
	if (parent) {
		parent->blurred = parent->blurred || parent->drained;
		parent->members++;
	}
}

static void scope_due(struct judge *judge, struct record_scope *scope, const struct event *event)
{
	bool refused = event->result != 0;

	if (refused && (event->result != -ESHUTDOWN || !scope->drained))
		judge_complain(judge, "the deadline of scope s%u was refused: %s", event->object.index,
			duet_error_name(event->result));
	if (!refused && (!scope->due_ns || event->due_ns < scope->due_ns))
		scope->due_ns = event->due_ns;
}

static void scope_join(struct judge *judge, struct record_scope *scope, const struct event *event,
		       uint32_t number)
{
	bool legal = scope->joining ? event->result == -EALREADY : event->result == 0;

	if (scope->joining && scope->drained)
		legal = legal || event->result == -ESHUTDOWN;
	if (!legal || (scope->joined && event->result != -ESHUTDOWN))
		judge_complain(judge, "the join of scope s%u was answered %d", event->object.index,
			event->result);
	if (!scope->joining)
		scope->joining = number;
	scope->drained = scope->drained || !scope->members;
}

static bool legal_result(const struct record_scope *scope, int result)
{
	uint8_t stops = scope->failure ? scope->doubts : scope->doubts | scope->stops;

	if (races(scope) ? scope->completed > 0 : scope->completed == scope->ended)
		return result == 0;
	/* A race that had nobody: nobody won. */
	if (races(scope) && !scope->ended)
		return stop_of(result) != 0;
	return (result && result == scope->failure) || (stop_of(result) & stops);
}

static bool legal_cause(const struct judge *judge, const struct record_scope *scope, uint8_t cause)
{
	const struct record_scope *parent = outside(judge, scope);

	switch (cause) {
	case DUET_CAUSE_ITSELF:
		return !scope->asked || policy_asks(scope) || due(judge, scope);
	case DUET_CAUSE_CANCEL:
		return scope->asked || scope->perhaps;
	case DUET_CAUSE_SCOPE:
		return parent && may_be_asked(judge, parent);
	default:
		return cause == DUET_CAUSE_DEADLINE && due(judge, scope);
	}
}

/* Told once, of one that there is; and the others go on, for nobody has asked them. */
static void scope_first(struct judge *judge, struct record_scope *scope, const struct event *event,
			uint32_t number)
{
	if (scope->step->value != DUET_FIRST || scope->first || scope->joined)
		judge_complain(judge, "scope s%u tells of its first, and %s", event->object.index,
			scope->first ? "has told before" : "isn't one that does");
	if (!scope->completed && !scope->blurred)
		judge_complain(judge, "scope s%u tells of its first, and nobody has completed",
			event->object.index);
	scope->first = number;
}

static void scope_joined(struct judge *judge, struct record_scope *scope,
			 const struct event *event, uint32_t number)
{
	unsigned index = event->object.index;

	if (!scope->joining || scope->joined)
		judge_complain(judge, "scope s%u has joined %s", index,
			scope->joined ? "a second time" : "before anybody asked it to");
	if (scope->members)
		judge_complain(judge, "scope s%u has joined, and %u of its members are alive", index,
			scope->members);
	if (scope->cleanup_count)
		judge_complain(judge, "scope s%u has joined, and operation %u of its cleanup has not "
			"run", index, scope->cleanups[scope->cleanup_count - 1]);
	if (scope->step->value == DUET_FIRST && scope->completed && !scope->first &&
	    !scope->blurred)
		judge_complain(judge, "scope s%u has joined, and never told who was first", index);
	if (!scope->blurred && !legal_result(scope, event->result))
		judge_complain(judge, "scope s%u has joined with %d: %u of %u members completed",
			index, event->result, scope->completed, scope->ended);
	if (!legal_cause(judge, scope, event->cause))
		judge_complain(judge, "scope s%u has joined with cause %s, and nobody asked", index,
			duet_cause_name(event->cause));
	scope->joined = number;
	if (!scope->step->scope || judge->failed)
		return;
	leave(scope_of(judge, scope->step->scope));
	count_child(scope_of(judge, scope->step->scope), event);
}

/* ---- Cleanup. ---- */

static void cleanup_registered(struct judge *judge, struct record_scope *scope,
			       const struct event *event)
{
	if (event->result ? event->result != -ESHUTDOWN || !is_over(scope) : is_over(scope))
		judge_complain(judge, "the cleanup by operation %u was answered %d", event->id,
			event->result);
	if (!event->result && scope->cleanup_count < SCRIPT_IDS)
		scope->cleanups[scope->cleanup_count++] = event->id;
}

static void cleanup_run(struct judge *judge, struct record_scope *scope, const struct event *event)
{
	uint16_t top = scope->cleanup_count ? scope->cleanups[scope->cleanup_count - 1] : SCRIPT_IDS;

	if (!scope->joining || scope->members)
		judge_complain(judge, "the cleanup by operation %u began with %u members alive%s",
			event->id, scope->members, scope->joining ? "" : ", and before the join");
	if (top != event->id)
		judge_complain(judge, "the cleanup by operation %u began, and it wasn't the last that "
			"was registered", event->id);
	else
		scope->cleanup_count--;
	if (!scope->cleaning_ns)
		scope->cleaning_ns = judge->now_ns;
}

static void judge_cleanup(struct judge *judge, const struct event *event)
{
	const struct step *step = judge->records[event->id].step;

	if (!step || !step->cleanup)
		judge_complain(judge, "operation %u is of no cleanup in the script", event->id);
	else if (event->what == EVENT_DEFER)
		cleanup_registered(judge, scope_of(judge, step->scope), event);
	else
		cleanup_run(judge, scope_of(judge, step->scope), event);
}

void judge_scope(struct judge *judge, const struct event *event, uint32_t number)
{
	struct record_scope *scope;

	if (event->what == EVENT_DEFER || event->what == EVENT_CLEANUP) {
		judge_cleanup(judge, event);
		return;
	}
	scope = &judge->scopes[event->object.index];
	if (event->object.kind != OBJECT_SCOPE || !scope->step)
		judge_complain(judge, "event %u of the trace is of a scope that is not in the script",
			number);
	else if (event->what == EVENT_SCOPE)
		scope_opened(judge, scope, event, number);
	else if (is_over(scope) && event->what != EVENT_JOIN && event->what != EVENT_JOINED &&
		 event->what != EVENT_FIRST)
		judge_complain(judge, "scope s%u isn't open", event->object.index);
	else if (event->what == EVENT_ASK)
		ask(judge, event->object.index, number);
	else if (event->what == EVENT_DUE)
		scope_due(judge, scope, event);
	else if (event->what == EVENT_JOIN)
		scope_join(judge, scope, event, number);
	else if (event->what == EVENT_FIRST)
		scope_first(judge, scope, event, number);
	else
		scope_joined(judge, scope, event, number);
}
