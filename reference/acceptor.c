/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/acceptor.h"

#include <duet/operation.h>
#include <errno.h>
#include <string.h>

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

uint32_t judge_silenced(const struct judge *judge, struct object object)
{
	uint32_t closed = judge_closed(judge, object);
	uint32_t shut = started_on(judge, object, DUET_SHUTDOWN);

	return closed && (!shut || closed < shut) ? closed : shut;
}

/* ---- One terminal completion, and nothing before the start or after the end. ---- */

static void event_start(struct judge *judge, struct record *record, const struct event *event,
			uint32_t number)
{
	uint32_t closed = judge_closed(judge, record->step->object);

	if (record->started || record->refused)
		judge_complain(judge, "operation %u was started twice", event->id);
	if (closed && record->step->object.kind != OBJECT_NONE)
		judge_complain(judge, "operation %u was started on a closing handle", event->id);
	record->started = number;
	record->due_ns = event->due_ns;
	judge->order[judge->order_count++] = event->id;
}

static void event_refuse(struct judge *judge, struct record *record, const struct event *event,
			 uint32_t number)
{
	if (event->result != -EBADF || !judge_closed(judge, record->step->object))
		judge_complain(judge, "the start of operation %u was refused with %s", event->id,
			duet_error_name(event->result));
	record->refused = number;
}

static void hold_buffer(struct judge *judge, const struct record *record,
			const struct event *event)
{
	bool pooled = record->step->flags & DUET_POOLED;
	uint8_t *held;

	if (event->index == TRACE_NO_BUFFER) {
		if (pooled && event->moved)
			judge_complain(judge, "operation %u received %u bytes without a buffer",
				event->id, event->moved);
		return;
	}
	if (!pooled || event->pool != record->step->pool || event->index >= JUDGE_BUFFERS) {
		judge_complain(judge, "operation %u got buffer %u of pool %u, which isn't its own",
			event->id, event->index, event->pool);
		return;
	}
	held = &judge->held[event->pool][event->index];
	if (*held)
		judge_complain(judge, "operation %u got buffer %u, which is still held", event->id,
			event->index);
	if (!event->moved || event->moved > judge->script->pool_bytes[event->pool])
		judge_complain(judge, "operation %u: %u bytes in a buffer of %u", event->id,
			event->moved, judge->script->pool_bytes[event->pool]);
	*held = 1;
}

static void event_item(struct judge *judge, struct record *record, const struct event *event)
{
	bool starved = record->step->flags & DUET_POOLED && event->result == -ENOBUFS;

	/* A single receive from an empty pool says so too, and waits in line. */
	if (!(record->step->flags & DUET_MULTISHOT) && !starved)
		judge_complain(judge, "operation %u is no multishot and had an interim completion",
			event->id);
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
	bool writes = record->step->kind == DUET_SEND || record->step->kind == DUET_CONNECT ||
		      record->step->kind == DUET_SHUTDOWN;

	record->ended = number;
	record->end = event;
	record->broke = writes && event->disposition != DUET_COMPLETED &&
			event->disposition != DUET_UNTOUCHED;
	judge_end(judge, record);
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
	if (event->what == EVENT_CANCEL && !record->cancelled)
		record->cancelled = number;
	if (event->what != EVENT_ITEM && event->what != EVENT_END)
		return;
	if (!record->started || record->ended)
		judge_complain(judge, "operation %u was completed %s", event->id,
			record->ended ? "again after its end" : "before it was started");
	record->moved += event->moved;
	record->accepted += event->made;
	hold_buffer(judge, record, event);
	if (event->what == EVENT_ITEM)
		event_item(judge, record, event);
	else if (!judge->failed)
		event_end(judge, record, event, number);
}

/* ---- The account at the end. ---- */

static void event_return(struct judge *judge, const struct event *event)
{
	uint8_t *held;

	if (event->pool >= SCRIPT_POOLS || event->index >= JUDGE_BUFFERS)
		return;
	held = &judge->held[event->pool][event->index];
	if ((event->result == 0) != (*held == 1))
		judge_complain(judge, "the return of buffer %u of pool %u, %s, was answered %d",
			event->index, event->pool, *held ? "held" : "not held", event->result);
	*held = 0;
}

static void event_account(struct judge *judge, const struct event *event)
{
	static const char *const nouns[EVENT_COUNT] = { [EVENT_HELD] = "buffers held",
		[EVENT_OPEN] = "descriptors open", [EVENT_PENDING] = "operations pending",
		[EVENT_DESTROY] = "as the answer to destroy" };

	if (event->what == EVENT_STUCK && event->result)
		judge_complain(judge, "the player's clearing up never ended");
	else if (event->what == EVENT_STUCK)
		judge_complain(judge, "operation %u was waited for in vain", event->id);
	else if (event->what == EVENT_LENT && (event->moved || event->result))
		judge_complain(judge, "at the end %d loans of %u bytes are not back", event->result,
			event->moved);
	else if (event->what == EVENT_FREE && event->pool < SCRIPT_POOLS &&
		 event->moved != judge->script->pool_count[event->pool])
		judge_complain(judge, "at the end %u of %u buffers of pool %u are free",
			event->moved, judge->script->pool_count[event->pool], event->pool);
	else if (event->what == EVENT_BUSY && event->result != -EBUSY)
		judge_complain(judge, "destroy with %u operations pending was answered %d",
			event->moved, event->result);
	else if (event->what != EVENT_BUSY && nouns[event->what] && event->result)
		judge_complain(judge, "at the end: %d %s", event->result, nouns[event->what]);
}

static void judge_events(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->trace->count && !judge->failed; i++) {
		const struct event *event = &judge->trace->events[i];

		if (event->what <= EVENT_END)
			event_operation(judge, event, i + 1);
		else if (event->what == EVENT_RETURN)
			event_return(judge, event);
		else
			event_account(judge, event);
	}
}

static void judge_all_ended(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *record = &judge->records[judge->order[i]];

		if (!record->ended)
			judge_complain(judge, "operation %u (%s) was started and never ended",
				judge->order[i], duet_kind_name(record->step->kind));
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
	}
}

int acceptor_judge(const struct script *script, const struct trace *trace, char *complaint,
		   size_t size)
{
	struct judge judge = { .complaint = complaint, .size = size };

	judge_begin(&judge, script, trace);
	judge_events(&judge);
	if (!judge.failed)
		judge_all_ended(&judge);
	if (!judge.failed && trace->truncated)
		judge_complain(&judge, "more than %d events: the trace is cut off", TRACE_EVENTS);
	if (!judge.failed)
		judge_lines(&judge);
	if (!judge.failed)
		judge_streams(&judge);
	return judge.failed ? -1 : 0;
}

/* ---- Agreement. ---- */

struct sums {
	uint32_t moved[SCRIPT_IDS];
	uint32_t made[SCRIPT_IDS];
	const struct event *end[SCRIPT_IDS];
	uint32_t drained[SCRIPT_CONNECTIONS * 2];
};

static void sum(struct sums *sums, const struct trace *trace)
{
	memset(sums, 0, sizeof(*sums));
	for (uint32_t i = 0; i < trace->count; i++) {
		const struct event *event = &trace->events[i];

		if (event->what == EVENT_DRAINED && event->object.kind == OBJECT_END)
			sums->drained[event->object.index] += event->moved;
		if (event->what != EVENT_ITEM && event->what != EVENT_END)
			continue;
		sums->moved[event->id] += event->moved;
		sums->made[event->id] += event->made;
		if (event->what == EVENT_END)
			sums->end[event->id] = event;
	}
}

static int compare_operation(uint16_t id, const struct sums *one, const struct sums *other,
			     char *complaint, size_t size)
{
	const struct event *a = one->end[id], *b = other->end[id];

	if (!a && !b)
		return 0;
	if (a && b && a->disposition == b->disposition && a->cause == b->cause &&
	    one->moved[id] == other->moved[id] && one->made[id] == other->made[id])
		return 0;
	snprintf(complaint, size, "operation %u: %s by %s, %u bytes, against %s by %s, %u bytes",
		id, a ? duet_disposition_name(a->disposition) : "not ended",
		a ? duet_cause_name(a->cause) : "-", one->moved[id],
		b ? duet_disposition_name(b->disposition) : "not ended",
		b ? duet_cause_name(b->cause) : "-", other->moved[id]);
	return -1;
}

int acceptor_compare(const struct script *script, const struct trace *one,
		     const struct trace *other, char *complaint, size_t size)
{
	struct sums sums[2];

	sum(&sums[0], one);
	sum(&sums[1], other);
	for (uint16_t id = 0; id < SCRIPT_IDS; id++) {
		if (script_start(script, id) &&
		    compare_operation(id, &sums[0], &sums[1], complaint, size))
			return -1;
	}
	for (unsigned i = 0; i < SCRIPT_CONNECTIONS * 2; i++) {
		if (sums[0].drained[i] == sums[1].drained[i])
			continue;
		snprintf(complaint, size, "%u against %u bytes were left at c%u%c",
			sums[0].drained[i], sums[1].drained[i], i / 2, "ab"[i & 1]);
		return -1;
	}
	return 0;
}
