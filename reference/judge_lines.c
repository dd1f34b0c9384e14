/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>

#include "reference/judge.h"

/* The rules between operations: order on a line, no hole in a stream, close after all others,
 * timers, accepted connections. */

enum line { LINE_NONE, LINE_READS, LINE_WRITES };

static enum line line_of(const struct step *step)
{
	switch (step->kind) {
	case DUET_RECV:
	case DUET_RECVMSG:
	case DUET_ACCEPT:
		return LINE_READS;
	case DUET_SEND:
	case DUET_SENDMSG:
	case DUET_SEND_ZERO_COPY:
	case DUET_CONNECT:
	case DUET_SHUTDOWN:
		return LINE_WRITES;
	default:
		return LINE_NONE;
	}
}

static bool same_line(const struct record *a, const struct record *b)
{
	return line_of(a->step) != LINE_NONE && line_of(a->step) == line_of(b->step) &&
	       object_same(a->step->object, b->step->object);
}

/* It has a step of its own: the records are by id. */
static uint32_t end_id(const struct record *record)
{
	return record->step->id;
}

/* The first moment at which it had an effect; 0 if it never had one. */
static uint32_t first_effect(const struct judge *judge, const struct record *record)
{
	uint32_t last = record->ended ? record->ended : record->abandoned;

	for (uint32_t i = record->started; i < last; i++) {
		const struct event *event = &judge->trace->events[i];

		if (event->id == end_id(record) && event->what == EVENT_ITEM &&
		    (event->moved || event->made))
			return i + 1;
	}
	return !record->end || record->end->disposition == DUET_UNTOUCHED ? 0 : record->ended;
}

static void check_pair(struct judge *judge, const struct record *front,
		       const struct record *behind)
{
	uint32_t effect = first_effect(judge, behind);
	uint32_t known = front->cancelled ? front->cancelled : front->ended;

	if (!effect)
		return;
	if (effect < front->ended)
		judge_complain(judge, "operation %u had its effect before operation %u, which was "
			"started first on the same line, had ended", end_id(behind), end_id(front));
	/* One that was started after the request came too late to be behind it; only bytes make a
	 * hole. When a scope's own request comes isn't seen. */
	if (front->step->scope && !front->cancelled)
		known = 0;
	if (front->broke && behind->started < known && behind->moved)
		judge_complain(judge, "operation %u went on behind operation %u, which had ended "
			"short: the stream has a hole", end_id(behind), end_id(front));
}

static void check_closes(struct judge *judge, const struct record *close,
			 const struct record *other)
{
	if (other != close && !script_on_names(other->step->kind) &&
	    object_same(close->step->object, other->step->object) && other->started < close->started &&
	    other->ended > close->ended)
		judge_complain(judge, "close %u ended before operation %u on the same handle",
			end_id(close), end_id(other));
}

static bool fired(const struct record *record)
{
	return record->step->kind == DUET_TIMEOUT && record->end && record->end->disposition == DUET_COMPLETED;
}

static void check_timers(struct judge *judge, const struct record *first,
			 const struct record *second)
{
	if (first->due_ns <= second->due_ns && first->ended > second->ended &&
	    first->started < second->ended)
		judge_complain(judge, "timeout %u, due at %llu, fired after timeout %u, due at %llu",
			end_id(first), (unsigned long long)first->due_ns, end_id(second),
			(unsigned long long)second->due_ns);
}

/* front was started before behind. */
static void check_two(struct judge *judge, const struct record *front, const struct record *behind)
{
	if (same_line(front, behind))
		check_pair(judge, front, behind);
	if (behind->step->kind == DUET_CLOSE)
		check_closes(judge, behind, front);
	if (fired(front) && fired(behind)) {
		check_timers(judge, front, behind);
		/* Of two due at once the one started first goes first: only a tie is one-sided. */
		if (behind->due_ns < front->due_ns)
			check_timers(judge, behind, front);
	}
}

/* Every connection that was made is accepted, or still waits. */
static void check_accepts(struct judge *judge, uint8_t index)
{
	struct object listener = { OBJECT_LISTENER, index };
	uint32_t made = 0, maybe = 0, accepted = 0, unknown = 0;

	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *record = &judge->records[judge->order[i]];

		if (object_same(record->step->object, listener))
			accepted += record->accepted;
		/* What became of what nobody is told of isn't known. */
		if (record->abandoned) {
			bool about = object_same(record->step->target, listener) ||
				     object_same(record->step->object, listener);

			unknown += about;
		} else if (record->step->kind == DUET_CONNECT && object_same(record->step->target, listener)) {
			made += record->end->disposition == DUET_COMPLETED;
			maybe += record->end->disposition == DUET_TAINTED;
		}
	}
	for (uint32_t i = 0; i < judge->trace->count; i++) {
		if (judge->trace->events[i].what == EVENT_WAITING &&
		    object_same(judge->trace->events[i].object, listener))
			accepted += judge->trace->events[i].moved;
	}
	if (accepted > made + maybe + unknown ||
	    (!unknown && accepted < made && !judge_closed(judge, listener)))
		judge_complain(judge, "%u connections to l%u were made, %u were accepted or left",
			made, index, accepted);
}

void judge_lines(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->order_count; i++) {
		for (uint32_t k = i + 1; k < judge->order_count; k++)
			check_two(judge, &judge->records[judge->order[i]],
				&judge->records[judge->order[k]]);
	}
	for (uint8_t i = 0; i < SCRIPT_LISTENERS; i++)
		check_accepts(judge, i);
}
