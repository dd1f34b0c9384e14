/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <poll.h>

#include "reference/judge.h"

/* Bytes are conserved: what was received is what was sent, in that order, and nothing is missing
 * unless an end was closed. What each send moved is known from its end, so the whole stream can be
 * computed and laid beside what came out of it. */

struct cursor {
	const struct judge *judge;
	struct object sender;
	uint32_t next;  /* place in the order of starts */
	uint32_t place; /* within that send */
	bool blurred;   /* behind a send that was abandoned, or a receive: what comes isn't known */
};

/* The bytes that it may have moved beyond those that were told of. */
static uint32_t untold(const struct record *record)
{
	return record->abandoned ? record->step->length_bytes : 0;
}

static const struct record *cursor_send(const struct cursor *cursor, uint32_t next)
{
	const struct record *record = &cursor->judge->records[cursor->judge->order[next]];

	return kind_sends(record->step->kind) && (record->moved || record->abandoned) &&
	       object_same(record->step->object, cursor->sender) ? record : NULL;
}

/* The next byte of the stream, or -1 behind its end. */
static int cursor_byte(struct cursor *cursor)
{
	for (; cursor->next < cursor->judge->order_count; cursor->next++, cursor->place = 0) {
		const struct record *record = cursor_send(cursor, cursor->next);

		if (record && record->abandoned)
			cursor->blurred = true;
		if (cursor->blurred)
			return 0;
		if (record && cursor->place < record->moved)
			return pattern_sent(record->step->id, cursor->place++);
	}
	return -1;
}

static uint64_t sent_bytes(const struct cursor *cursor)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < cursor->judge->order_count; i++) {
		const struct record *record = cursor_send(cursor, i);

		bytes += record ? record->moved : 0;
	}
	return bytes;
}

static uint64_t untold_bytes(const struct judge *judge, enum duet_kind kind, struct object end)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *record = &judge->records[judge->order[i]];

		if (record->step->kind == kind && object_same(record->step->object, end))
			bytes += untold(record) + (record->abandoned && !untold(record));
	}
	return bytes;
}

static bool arrived_at(const struct judge *judge, const struct event *event,
		       struct object receiver)
{
	const struct step *step;

	if (event->what == EVENT_DRAINED)
		return object_same(event->object, receiver);
	if (event->what != EVENT_ITEM && event->what != EVENT_END)
		return false;
	step = judge->records[event->id].step;
	return kind_receives(step->kind) && object_same(step->object, receiver);
}

static void check_chunk(struct judge *judge, struct cursor *cursor, const struct event *event,
			uint64_t received)
{
	uint64_t hash = HASH_BEGIN;
	char name[OBJECT_TEXT];

	object_name(object_peer(cursor->sender), name);
	for (uint32_t i = 0; i < event->moved; i++) {
		int byte = cursor_byte(cursor);

		if (byte < 0) {
			judge_complain(judge, "%s received more than was sent to it: %llu bytes",
				name, (unsigned long long)(received + event->moved));
			return;
		}
		hash = hash_byte(hash, (unsigned char)byte);
	}
	if (event->moved && hash != event->hash && !cursor->blurred)
		judge_complain(judge, "%s received %u bytes after the first %llu that are not those "
			"that were sent", name, event->moved, (unsigned long long)received);
}

/* From here on that receive may have taken bytes of which nobody is told. */
static bool abandons(const struct judge *judge, const struct event *event, struct object receiver)
{
	const struct step *step = judge->records[event->id].step;

	return event->what == EVENT_ABANDON && !event->result && step->kind == DUET_RECV &&
	       object_same(step->object, receiver);
}

static void check_direction(struct judge *judge, struct object receiver)
{
	struct cursor cursor = { .judge = judge, .sender = object_peer(receiver) };
	uint64_t received = 0, sent = sent_bytes(&cursor);
	uint64_t more = untold_bytes(judge, DUET_SEND, cursor.sender) +
			untold_bytes(judge, DUET_SEND_ZERO_COPY, cursor.sender);
	bool taken = untold_bytes(judge, DUET_RECV, receiver) != 0;
	char name[OBJECT_TEXT];

	for (uint32_t i = 0; i < judge->trace->count && !judge->failed; i++) {
		const struct event *event = &judge->trace->events[i];

		if (abandons(judge, event, receiver))
			cursor.blurred = true;
		if (!arrived_at(judge, event, receiver))
			continue;
		check_chunk(judge, &cursor, event, received);
		received += event->moved;
	}
	object_name(receiver, name);
	if (received > sent + more)
		judge_complain(judge, "%s received %llu bytes, %llu were sent to it", name,
			(unsigned long long)received, (unsigned long long)(sent + more));
	if (received >= sent || judge_lost(judge, receiver) || judge_lost(judge, cursor.sender))
		return;
	if (taken)
		judge->missing += sent - received;
	else
		judge_complain(judge, "%llu bytes were sent to %s, %llu were received or left",
			(unsigned long long)sent, name, (unsigned long long)received);
}

/* ---- Polls. ---- */

void judge_events_told(struct judge *judge, const struct record *record, const struct event *event)
{
	uint32_t asked = record->step->value | POLLERR | POLLHUP;

	if (event->result <= 0 || (uint32_t)event->result & ~asked || event->moved)
		judge_complain(judge, "an interim poll of operation %u: result %d, moved %u", event->id,
			event->result, event->moved);
	if (record->cancelled)
		judge_complain(judge, "poll %u tells of events after it was cancelled", event->id);
}

/* At most so much had been sent to an end before that event. */
static uint64_t sent_before(const struct judge *judge, struct object sender, uint32_t number)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *record = &judge->records[judge->order[i]];

		if (kind_sends(record->step->kind) && record->started < number &&
		    object_same(record->step->object, sender))
			bytes += record->moved + untold(record);
	}
	return bytes;
}

static uint64_t received_before(const struct judge *judge, struct object receiver, uint32_t number)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i + 1 < number; i++) {
		const struct event *event = &judge->trace->events[i];

		bytes += arrived_at(judge, event, receiver) ? event->moved : 0;
	}
	return bytes;
}

/* Readiness has a reason: a byte, an end, a loss. */
static void check_poll(struct judge *judge, const struct record *record, const struct event *told,
		       uint32_t number)
{
	struct object end = record->step->object, peer = object_peer(end);
	uint32_t events = (uint32_t)told->result;
	uint32_t peer_over = judge_over(judge, peer), end_over = judge_over(judge, end);
	bool over = peer_over && peer_over < number;
	bool shut = over || (end_over && end_over < number);

	if ((events & POLLIN) && !over && sent_before(judge, peer, number) <=
					  received_before(judge, end, record->started))
		judge_complain(judge, "poll %u says that there is input, and nothing had arrived",
			told->id);
	if ((events & (POLLERR | POLLHUP)) && !shut)
		judge_complain(judge, "poll %u answers %u, and both ends are open", told->id, events);
}

/* Who is told of events: by its end, or, of a multishot one, by an item. */
static bool tells_events(const struct record *record, const struct event *event)
{
	if (record->step->kind != DUET_POLL || record->step->object.kind != OBJECT_END)
		return false;
	return event->what == EVENT_ITEM ||
	       (event->what == EVENT_END && event->disposition == DUET_COMPLETED);
}

static void check_polls(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->trace->count; i++) {
		const struct event *event = &judge->trace->events[i];
		const struct record *record;

		if (event->what != EVENT_ITEM && event->what != EVENT_END)
			continue;
		record = &judge->records[event->id];
		if (tells_events(record, event))
			check_poll(judge, record, event, i + 1);
	}
}

void judge_streams(struct judge *judge)
{
	for (uint8_t i = 0; i < SCRIPT_CONNECTIONS * 2; i++) {
		struct object receiver = { OBJECT_END, i };

		if (object_declared(judge->script, receiver))
			check_direction(judge, receiver);
	}
	check_polls(judge);
}
