/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <errno.h>
#include <string.h>

#include "reference/judge.h"

/*
 * The script, followed through the trace. What a player does is given by the script and by what
 * has ended so far; only what completes in its turns is not. So each step finds its line next in
 * the trace, completions stand only where turns were taken, and nothing else is there.
 */

struct follower {
	struct judge *judge;
	uint32_t next; /* in the events */
	bool pending[SCRIPT_IDS];
	bool scopes[SCRIPT_SCOPES]; /* are open */
	bool left;                  /* something was abandoned since the last settle */
	bool due[SCRIPT_STEPS]; /* waits for an end */
	bool inside;            /* of a completion */
	uint32_t posted;        /* messages, and how many of them have run */
	uint32_t told;
	bool settled;           /* nothing was done since: who hasn't ended by now is pending */
	/* Of each pool what is held, the longest first. */
	uint16_t held[SCRIPT_POOLS][JUDGE_BUFFERS];
	uint32_t held_count[SCRIPT_POOLS];
};

/* NULL at the end of the trace. */
static const struct event *follow_next(const struct follower *follower)
{
	const struct trace *trace = follower->judge->trace;

	return follower->next < trace->count ? &trace->events[follower->next] : NULL;
}

static bool is_next(const struct follower *follower, enum event_what what, uint16_t id)
{
	const struct event *event = follow_next(follower);

	return event && event->what == what && event->id == id;
}

static unsigned number_of(const struct event *event)
{
	if (event->object.kind == OBJECT_SCOPE)
		return event->object.index;
	return event->what <= EVENT_CLEANUP || event->what == EVENT_DEFER ? event->id : event->moved;
}

/* What the script has here isn't what the trace has. */
static void follow_complain(struct follower *follower, const char *wanted, unsigned number)
{
	const struct event *event = follow_next(follower);

	if (!event)
		judge_complain(follower->judge, "the script goes on with \"%s %u\", the trace ends",
			wanted, number);
	else
		judge_complain(follower->judge, "event %u of the trace: the script has \"%s %u\" "
			"here, the trace \"%s %u\"", follower->next + 1, wanted, number,
			event_word(event->what), number_of(event));
}

/* ---- Steps that leave a line. ---- */

static void follow_buffer(struct follower *follower, const struct event *event)
{
	uint32_t *count;

	if (event->index == TRACE_NO_BUFFER)
		return;
	count = &follower->held_count[event->pool];
	if (*count < JUDGE_BUFFERS)
		follower->held[event->pool][(*count)++] = event->index;
}

/* It ended inside its start: only where that was allowed. */
static void follow_inline(struct follower *follower, const struct step *step)
{
	if (!follow_next(follower)->at_once)
		return;
	if (!(step->flags & DUET_INLINE))
		judge_complain(follower->judge, "operation %u ended inside its start, and the script "
			"doesn't allow it", step->id);
	follower->pending[step->id] = false;
	follow_buffer(follower, follow_next(follower));
	follower->next++;
}

static void follow_start(struct follower *follower, const struct step *step)
{
	bool started = is_next(follower, EVENT_START, step->id);

	if (!started && !is_next(follower, EVENT_REFUSE, step->id)) {
		follow_complain(follower, "start", step->id);
		return;
	}
	follower->settled = false;
	follower->pending[step->id] = started;
	follower->judge->records[step->id].started_inside = follower->inside;
	follower->next++;
	if (started && is_next(follower, EVENT_END, step->id))
		follow_inline(follower, step);
}

static void follow_cancel(struct follower *follower, uint16_t id)
{
	struct record *record = &follower->judge->records[id];

	if (!follower->pending[id])
		return;
	if (!is_next(follower, EVENT_CANCEL, id)) {
		follow_complain(follower, "cancel", id);
		return;
	}
	if (record->cancelled == follower->next + 1)
		record->cancelled_inside = follower->inside;
	follower->settled = false;
	follower->next++;
}

static void follow_abandon(struct follower *follower, uint16_t id)
{
	if (!follower->pending[id])
		return;
	if (!is_next(follower, EVENT_ABANDON, id)) {
		follow_complain(follower, "abandon", id);
		return;
	}
	follower->pending[id] = follow_next(follower)->result != 0;
	follower->left = true;
	follower->settled = false;
	follower->next++;
}

/* ---- Scopes. ---- */

/* The line of something that is done to a scope; NULL, and a complaint, if another is there. */
static const struct event *follow_scope(struct follower *follower, enum event_what what,
					unsigned index)
{
	const struct event *event = follow_next(follower);

	if (!event || event->what != what || event->object.kind != OBJECT_SCOPE ||
	    event->object.index != index) {
		follow_complain(follower, event_word(what), index);
		return NULL;
	}
	follower->settled = false;
	follower->next++;
	return event;
}

static void follow_scope_step(struct follower *follower, const struct step *step)
{
	static const uint8_t lines[] = { [STEP_SCOPE] = EVENT_SCOPE, [STEP_ASK] = EVENT_ASK,
		[STEP_DUE] = EVENT_DUE, [STEP_JOIN] = EVENT_JOIN };
	unsigned index = step->object.index;
	const struct event *event;
	bool known = step->what == STEP_JOIN ? follower->judge->scopes[index].opened != 0 &&
					       follower->next >= follower->judge->scopes[index].opened
					     : follower->scopes[index];

	if (step->what != STEP_SCOPE && !known)
		return;
	event = follow_scope(follower, lines[step->what], index);
	if (event && step->what == STEP_SCOPE)
		follower->scopes[index] = event->result == 0;
}

/* Registered with its scope, which will start it. */
static void follow_defer(struct follower *follower, const struct step *step)
{
	const struct record_scope *scope = &follower->judge->scopes[step->scope - 1];

	if (!scope->opened || follower->next < scope->opened)
		return;
	if (is_next(follower, EVENT_DEFER, step->id))
		follower->next++;
	else
		follow_complain(follower, "defer", step->id);
}

static bool next_returns(const struct follower *follower, unsigned pool, unsigned index)
{
	const struct event *event = follow_next(follower);

	return event && event->what == EVENT_RETURN && event->pool == pool && event->index == index;
}

static void follow_return(struct follower *follower, const struct step *step)
{
	uint16_t *held = follower->held[step->pool];
	uint32_t *count = &follower->held_count[step->pool];

	for (uint32_t i = 0; i < step->value && *count; i++) {
		uint16_t index = held[0];

		if (!next_returns(follower, step->pool, index)) {
			follow_complain(follower, "return", index);
			return;
		}
		follower->settled = false;
		follower->next++;
		memmove(held, held + 1, --*count * sizeof(*held));
		/* A player whose runtime stops at misuse leaves it out. */
		if (step->flags & SCRIPT_TWICE && next_returns(follower, step->pool, index))
			follower->next++;
	}
}

/* An operation may have ended, and its caller not have heard: then it isn't pending any more. Each
 * open scope is pending as one, and nobody is told when what was abandoned no longer is. */
static void follow_destroy(struct follower *follower)
{
	const struct event *event = follow_next(follower);
	uint32_t pending = 0;

	for (unsigned i = 0; i < SCRIPT_IDS; i++)
		pending += follower->pending[i];
	for (unsigned i = 0; i < SCRIPT_SCOPES; i++)
		pending += follower->scopes[i];
	if (follower->left && event && event->what == EVENT_BUSY)
		follower->next++;
	else if (event && event->what == EVENT_BUSY && event->moved && event->moved <= pending &&
	    (event->moved == pending || !follower->settled))
		follower->next++;
	else if (pending && follower->settled)
		follow_complain(follower, "busy", pending);
}

/* ---- Turns. ---- */

static void follow_turns(struct follower *follower);

static void follow_step(struct follower *follower, const struct step *step)
{
	switch (step->what) {
	case STEP_START:
		if (step->cleanup)
			follow_defer(follower, step);
		else
			follow_start(follower, step);
		break;
	case STEP_ABANDON:
		follow_abandon(follower, step->id);
		break;
	case STEP_SCOPE:
	case STEP_ASK:
	case STEP_DUE:
	case STEP_JOIN:
		follow_scope_step(follower, step);
		break;
	case STEP_CANCEL:
		follow_cancel(follower, step->id);
		break;
	case STEP_RETURN:
		follow_return(follower, step);
		break;
	case STEP_DESTROY:
		follow_destroy(follower);
		break;
	case STEP_POST:
		follower->posted++;
		break;
	case STEP_WAKE:
		break;
	default:
		follow_turns(follower);
		follower->settled = step->what == STEP_SETTLE;
		follower->left = follower->left && !follower->settled;
		break;
	}
}

/* What was to be done inside this end. */
static void follow_after(struct follower *follower, uint16_t id)
{
	const struct script *script = follower->judge->script;

	follower->inside = true;
	for (uint32_t i = 0; i < script->step_count; i++) {
		if (!follower->due[i] || script->steps[i].after != id)
			continue;
		follower->due[i] = false;
		follow_step(follower, &script->steps[i]);
	}
	follower->inside = false;
}

/* Messages run in the order in which they were posted. */
static void follow_message(struct follower *follower, const struct event *event)
{
	if (follower->told == follower->posted || event->id != follower->told)
		judge_complain(follower->judge, "message %u has run, after %u of %u that were posted",
			event->id, follower->told, follower->posted);
	follower->told++;
}

/* What a scope registered begins: behind the line that says so. */
static void follow_cleanup(struct follower *follower, const struct event *event)
{
	const struct step *step = follower->judge->records[event->id].step;

	follower->inside = true;
	follow_start(follower, step);
	follower->inside = false;
}

/* over: the steps are done, and what was to follow an end no longer does. */
static void follow_completions(struct follower *follower, bool over)
{
	const struct event *event;

	while ((event = follow_next(follower)) && !follower->judge->failed &&
	       event->what >= EVENT_ITEM && event->what <= EVENT_MESSAGE && !event->at_once) {
		follower->next++;
		if (event->what == EVENT_MESSAGE)
			follow_message(follower, event);
		else if (event->what == EVENT_CLEANUP)
			follow_cleanup(follower, event);
		else if (event->what == EVENT_JOINED)
			follower->scopes[event->object.index] = false;
		if (event->what > EVENT_END)
			continue;
		follow_buffer(follower, event);
		if (event->what != EVENT_END)
			continue;
		follower->pending[event->id] = false;
		if (!over)
			follow_after(follower, event->id);
	}
}

static void follow_turns(struct follower *follower)
{
	uint32_t posted = follower->posted;
	const struct event *event;

	follow_completions(follower, false);
	if (follower->told < posted)
		judge_complain(follower->judge, "message %u was posted and has not run in the turns "
			"that followed", follower->told);
	event = follow_next(follower);
	if (event && event->what == EVENT_TURN)
		follower->next++;
	else
		follow_complain(follower, "turn", 0);
}

/* ---- The end: what is pending is cancelled, what is held goes back, the account. ---- */

static void follow_clearing(struct follower *follower)
{
	const struct event *event;

	while ((event = follow_next(follower)) &&
	       (event->what == EVENT_CANCEL || event->what == EVENT_ASK ||
		event->what == EVENT_JOIN)) {
		follower->next++;
		follow_completions(follower, true);
	}
	while ((event = follow_next(follower)) && event->what == EVENT_RETURN)
		follower->next++;
	while ((event = follow_next(follower)) &&
	       (event->what == EVENT_DRAINED || event->what == EVENT_WAITING))
		follower->next++;
	while ((event = follow_next(follower)) && event->what > EVENT_WAITING &&
	       event->what != EVENT_BUSY)
		follower->next++;
	if (event)
		judge_complain(follower->judge, "event %u of the trace: \"%s %u\" is not in the "
			"script", follower->next + 1, event_word(event->what),
			number_of(event));
}

void judge_follow(struct judge *judge)
{
	static struct follower follower;
	const struct script *script = judge->script;

	follower = (struct follower){ .judge = judge };
	for (uint32_t i = 0; i < script->step_count && !judge->failed; i++) {
		const struct step *step = &script->steps[i];

		follower.due[i] = step->after < SCRIPT_IDS && follower.pending[step->after];
		if (!follower.due[i])
			follow_step(&follower, step);
	}
	if (!judge->failed)
		follow_turns(&follower);
	if (!judge->failed)
		follow_clearing(&follower);
}
