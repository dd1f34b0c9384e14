/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/acceptor.h"

#include <duet/operation.h>
#include <errno.h>

#include "reference/judge.h"

void judge_complain(struct judge *judge, const char *format, ...)
{
	va_list list;

	if (judge->failed)
		return;
	judge->failed = true;
	va_start(list, format);
	vsnprintf(judge->complaint, judge->size, format, list);
	va_end(list);
}

static uint32_t started_on(const struct judge *judge, struct object object, enum duet_kind kind)
{
	uint32_t earliest = 0;

	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *record = &judge->records[judge->order[i]];

		if (record->step->kind == kind && object_same(record->step->object, object) &&
		    (!earliest || record->started < earliest))
			earliest = record->started;
	}
	return earliest;
}

uint32_t judge_closed(const struct judge *judge, struct object object)
{
	return started_on(judge, object, DUET_CLOSE);
}

uint32_t judge_closing(const struct judge *judge, const struct record *record)
{
	return script_on_names(record->step->kind) ? 0 : judge_closed(judge, record->step->object);
}

static uint32_t first_of(uint32_t one, uint32_t other)
{
	return one && (!other || one < other) ? one : other;
}

uint32_t judge_silenced(const struct judge *judge, struct object object)
{
	return first_of(judge_closed(judge, object), started_on(judge, object, DUET_SHUTDOWN));
}

static bool resets(const struct script *script, uint8_t kind)
{
	for (uint32_t i = 0; i < script->fault_count; i++) {
		if (script->faults[i].kind == kind && script->faults[i].error == ECONNRESET)
			return kind_receives(kind) || kind_sends(kind);
	}
	return false;
}

uint32_t judge_reset(const struct judge *judge, struct object end)
{
	uint32_t earliest = 0;

	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *record = &judge->records[judge->order[i]];

		if (resets(judge->script, record->step->kind) &&
		    (object_same(record->step->object, end) ||
		     object_same(record->step->object, object_peer(end))) &&
		    (!earliest || record->started < earliest))
			earliest = record->started;
	}
	return earliest;
}

uint32_t judge_lost(const struct judge *judge, struct object end)
{
	return first_of(judge_closed(judge, end), judge_reset(judge, end));
}

uint32_t judge_over(const struct judge *judge, struct object end)
{
	return first_of(judge_silenced(judge, end), judge_reset(judge, end));
}

/* ---- One terminal completion, and nothing before the start or after the end. ---- */

static void event_start(struct judge *judge, struct record *record, const struct event *event,
			uint32_t number)
{
	uint32_t closed = judge_closing(judge, record);

	if (record->started || record->refused)
		judge_complain(judge, "operation %u was started twice", event->id);
	if (closed && record->step->object.kind != OBJECT_NONE)
		judge_complain(judge, "operation %u was started on a closing handle", event->id);
	record->started = record->latest = number;
	record->due_ns = event->due_ns;
	judge->order[judge->order_count++] = event->id;
	if (script_takes_buffer(record->step))
		judge_taken(judge, record, event);
	if (record->step->scope)
		judge_member(judge, record, event);
}

static void event_refuse(struct judge *judge, struct record *record, const struct event *event,
			 uint32_t number)
{
	record->refused = number;
	if (event->result == -ENOBUFS && script_takes_buffer(record->step)) {
		judge_taken(judge, record, event);
		return;
	}
	if (event->result == -EBADF ? !judge_closing(judge, record) : !record->step->scope)
		judge_complain(judge, "the start of operation %u was refused with %s", event->id,
			duet_error_name(event->result));
	else if (event->result != -EBADF)
		judge_member(judge, record, event);
}

static void event_item(struct judge *judge, struct record *record, const struct event *event)
{
	bool starved = record->step->flags & DUET_POOLED && event->result == -ENOBUFS;

	if (starved)
		judge_starved(judge, record, event);
	/* A single receive from an empty pool says so too, and waits in line. */
	if (!(record->step->flags & DUET_MULTISHOT) && !starved)
		judge_complain(judge, "operation %u is no multishot and had an interim completion",
			event->id);
	if (record->step->kind == DUET_POLL)
		judge_events_told(judge, record, event);
	if (record->step->kind == DUET_ACCEPT && (event->result || !event->made))
		judge_complain(judge, "an interim accept of operation %u brought result %d and %s",
			event->id, event->result, event->made ? "a handle" : "no handle");
	if (record->step->kind == DUET_RECV && !starved &&
	    (event->result <= 0 || event->moved != (uint32_t)event->result))
		judge_complain(judge, "an interim receive of operation %u: result %d, moved %u",
			event->id, event->result, event->moved);
}

static void event_end(struct judge *judge, struct record *record, const struct event *event,
		      uint32_t number)
{
	bool writes = kind_sends(record->step->kind) || record->step->kind == DUET_CONNECT ||
		      record->step->kind == DUET_SHUTDOWN;

	record->ended = number;
	record->end = event;
	record->broke = writes && event->disposition != DUET_COMPLETED &&
			event->disposition != DUET_UNTOUCHED;
	judge_end(judge, record);
	if (event->what == EVENT_RESULT)
		return;
	if (record->step->kind == DUET_SEND_ZERO_COPY && event->moved && !event->at_once)
		judge_complain(judge, "operation %u has moved bytes, and was not told so before its end",
			event->id);
	record->released = number;
	if (record->step->scope)
		judge_member_ended(judge, record, event);
}

/* The memory is back of what has told its result: the same is said again. */
static void event_release(struct judge *judge, struct record *record, const struct event *event,
			  uint32_t number)
{
	const struct event *told = record->end;

	if (event->what != EVENT_END || event->result != told->result ||
	    event->moved != told->moved || event->disposition != told->disposition ||
	    event->cause != told->cause)
		judge_complain(judge, "the end of operation %u is not the result that it told",
			event->id);
	record->released = number;
	if (record->step->scope)
		judge_member_ended(judge, record, event);
}

static void event_result(struct judge *judge, struct record *record, const struct event *event,
			 uint32_t number)
{
	if (record->step->kind != DUET_SEND_ZERO_COPY || !event->moved)
		judge_complain(judge, "operation %u tells a result before its end, %s", event->id,
			event->moved ? "and keeps no memory" : "and has moved nothing");
	else
		event_end(judge, record, event, number);
}

/* Only the runtime's own are given up, and they are never heard of again. */
static void event_abandon(struct judge *judge, struct record *record, const struct event *event,
			  uint32_t number)
{
	int result = record->step->memory == MEMORY_PINNED ? -EINVAL : 0;

	if (!judge_pending(record) && !judge_held(record))
		judge_complain(judge, "operation %u was abandoned %s", event->id,
			record->ended ? "after its end" : "and wasn't pending");
	if (event->result != result)
		judge_complain(judge, "operation %u (%s) was abandoned, and the answer is %s", event->id,
			result ? "the player's own" : "the runtime's",
			event->result ? duet_error_name(event->result) : "that it was");
	if (event->result || judge->failed)
		return;
	if (judge_held(record))
		record->released = number;
	else
		record->abandoned = number;
	if (record->step->scope)
		judge_member_ended(judge, record, event);
}

static void event_cancel(struct judge *judge, struct record *record, const struct event *event,
			 uint32_t number)
{
	if (!judge_pending(record) && !judge_held(record))
		judge_complain(judge, "operation %u was cancelled %s", event->id,
			record->ended ? "after its end" : "before it was started");
	if (!record->cancelled && !record->ended)
		record->cancelled = number;
}

/* A field that means nothing on this line isn't there. */
static const char *stray_field(const struct step *step, const struct event *event)
{
	bool receives = kind_receives(step->kind) || step->kind == DUET_READ;
	bool transfers = receives || kind_sends(step->kind) || step->kind == DUET_WRITE;

	if (event->made && step->kind != DUET_ACCEPT && step->kind != DUET_OPEN &&
	    step->kind != DUET_SOCKET)
		return "a handle";
	if (event->moved && !transfers)
		return "bytes";
	return event->hash && !(receives && event->moved) ? "the hash of nothing" : NULL;
}

static void event_completion(struct judge *judge, struct record *record,
			     const struct event *event, uint32_t number)
{
	const char *stray = stray_field(record->step, event);

	if (!judge_pending(record) && !judge_held(record))
		judge_complain(judge, "operation %u was completed %s", event->id,
			record->ended ? "again after its end" : "before it was started");
	if (stray)
		judge_complain(judge, "operation %u (%s) brought %s", event->id,
			duet_kind_name((enum duet_kind)record->step->kind), stray);
	if (judge_held(record)) {
		event_release(judge, record, event, number);
		return;
	}
	record->moved += event->moved;
	record->accepted += event->made;
	judge_buffer(judge, record, event);
	if (event->what == EVENT_ITEM)
		event_item(judge, record, event);
	else if (event->what == EVENT_RESULT)
		event_result(judge, record, event, number);
	else if (!judge->failed)
		event_end(judge, record, event, number);
	record->latest = number;
}

/* What concerns one operation. */
static void event_operation(struct judge *judge, const struct event *event, uint32_t number)
{
	struct record *record = &judge->records[event->id];

	if (!record->step) {
		judge_complain(judge, "operation %u is not in the script", event->id);
		return;
	}
	if (event->what == EVENT_START)
		event_start(judge, record, event, number);
	if (event->what == EVENT_REFUSE)
		event_refuse(judge, record, event, number);
	if (event->what == EVENT_CANCEL)
		event_cancel(judge, record, event, number);
	if (event->what == EVENT_ABANDON)
		event_abandon(judge, record, event, number);
	if (event->what >= EVENT_ITEM && event->what <= EVENT_END)
		event_completion(judge, record, event, number);
}

static void judge_events(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->trace->count && !judge->failed; i++) {
		const struct event *event = &judge->trace->events[i];

		if (event->at_ns)
			judge->now_ns = event->at_ns;
		if (event->what <= EVENT_END)
			event_operation(judge, event, i + 1);
		else if (event->what == EVENT_CLEANUP || event->what == EVENT_FIRST ||
			 event->what == EVENT_JOINED ||
			 (event->what >= EVENT_DEFER && event->what <= EVENT_JOIN))
			judge_scope(judge, event, i + 1);
		else if (event->what == EVENT_RETURN)
			judge_return(judge, event, i + 1);
		else
			judge_account_line(judge, event);
	}
}

static void judge_all_ended(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *record = &judge->records[judge->order[i]];

		if (!record->ended && !record->abandoned)
			judge_complain(judge, "operation %u (%s) was started and never ended",
				judge->order[i], duet_kind_name(record->step->kind));
		if (judge_held(record))
			judge_complain(judge, "operation %u has told its result and never ended",
				judge->order[i]);
	}
	for (unsigned i = 0; i < SCRIPT_SCOPES; i++) {
		if (judge->scopes[i].opened && !judge->scopes[i].joined)
			judge_complain(judge, "scope s%u was opened and has never joined", i);
	}
}

static void judge_begin(struct judge *judge, const struct script *script,
			const struct trace *trace)
{
	judge->script = script;
	judge->trace = trace;
	for (uint32_t i = 0; i < script->step_count; i++) {
		if (script->steps[i].what == STEP_START)
			judge->records[script->steps[i].id].step = &script->steps[i];
		if (script->steps[i].what == STEP_SCOPE)
			judge->scopes[script->steps[i].object.index].step = &script->steps[i];
	}
}

static void (*const books[])(struct judge *judge) = { judge_lines, judge_streams, judge_follow,
	judge_times, judge_account };

int acceptor_judge(const struct script *script, const struct trace *trace, char *complaint,
		   size_t size)
{
	struct judge judge = { .complaint = complaint, .size = size };

	judge_begin(&judge, script, trace);
	if (!*trace->player)
		judge_complain(&judge, "it does not say who played: \"player NAME\"");
	judge_events(&judge);
	if (trace->truncated)
		judge_complain(&judge, "more than %d events: the trace is cut off", TRACE_EVENTS);
	if (!judge.failed)
		judge_all_ended(&judge);
	for (unsigned i = 0; i < sizeof(books) / sizeof(books[0]) && !judge.failed; i++)
		books[i](&judge);
	return judge.failed ? -1 : 0;
}
