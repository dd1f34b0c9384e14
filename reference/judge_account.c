/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <errno.h>

#include "reference/judge.h"

/* Nothing is lost and nothing is kept: buffers of pools while they are out, and the account at the
 * end. A player that leaves out a line of it hides something. */

/* What was given is back with the end, and what stood in for the player's memory only if a cancel had
 * freed that before bytes came. */
static const char *wrong_buffer(const struct record *record, const struct event *event)
{
	bool brought = event->index != TRACE_NO_BUFFER;
	bool incoming = kind_receives(record->step->kind) || record->step->kind == DUET_READ;

	switch (record->step->memory) {
	case MEMORY_GIVEN:
		return event->index == record->given ? NULL : "didn't bring back the buffer that it got";
	case MEMORY_THROUGH:
		return brought == (incoming && record->cancelled && event->moved)
			       ? NULL
			       : brought ? "kept the buffer that was copied through"
					 : "has bytes for memory that a cancel has freed";
	default:
		return !brought && record->step->flags & DUET_POOLED && event->moved
			       ? "received bytes without a buffer"
			       : NULL;
	}
}

void judge_buffer(struct judge *judge, const struct record *record, const struct event *event)
{
	const char *wrong = wrong_buffer(record, event);
	bool has_pool = record->step->flags & DUET_POOLED || script_takes_buffer(record->step);
	uint8_t *held;

	if (wrong)
		judge_complain(judge, "operation %u, %u bytes moved, %s", event->id, event->moved, wrong);
	if (event->index == TRACE_NO_BUFFER)
		return;
	if (!has_pool || event->pool != record->step->pool ||
	    event->index >= judge->script->pool_count[event->pool]) {
		judge_complain(judge, "operation %u got buffer %u of pool %u, which isn't its own",
			event->id, event->index, event->pool);
		return;
	}
	held = &judge->held[event->pool][event->index];
	if (*held)
		judge_complain(judge, "operation %u got buffer %u, which is still held", event->id,
			event->index);
	if ((!event->moved && record->step->memory != MEMORY_GIVEN) ||
	    event->moved > judge->script->pool_bytes[event->pool])
		judge_complain(judge, "operation %u: %u bytes in a buffer of %u", event->id,
			event->moved, judge->script->pool_bytes[event->pool]);
	judge->held_count[event->pool] += !*held;
	*held = 1;
}

/* May another receive have had buffers of this pool that no event shows? */
static bool others_took(const struct judge *judge, const struct record *record)
{
	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *other = &judge->records[judge->order[i]];

		if (other != record && other->step->flags & DUET_POOLED &&
		    other->step->pool == record->step->pool &&
		    (!other->ended || other->ended > record->latest))
			return true;
	}
	return false;
}

/* All free at the moment is no lie yet: the news may be older than the last return. */
void judge_starved(struct judge *judge, const struct record *record, const struct event *event)
{
	unsigned pool = record->step->pool;

	if (event->moved || event->index != TRACE_NO_BUFFER)
		judge_complain(judge, "operation %u found pool %u empty, and brought a buffer",
			event->id, pool);
	if (!judge->held_count[pool] && judge->all_free[pool] < record->latest &&
	    !others_took(judge, record))
		judge_complain(judge, "operation %u found pool %u empty, but all its buffers were "
			"free", event->id, pool);
}

/* Of that pool: with operations, and, of what was abandoned, perhaps. */
static uint32_t count_given(const struct judge *judge, const struct record *record,
			    uint32_t *perhaps)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *other = &judge->records[judge->order[i]];

		if (other == record || !script_takes_buffer(other->step) ||
		    other->step->pool != record->step->pool)
			continue;
		count += judge_pending(other);
		*perhaps += other->abandoned != 0;
	}
	return count;
}

/* An end gives its buffer back before anybody is told, and then it is held, or free: never both. */
void judge_taken(struct judge *judge, struct record *record, const struct event *event)
{
	unsigned pool = record->step->pool;
	uint32_t perhaps = 0, out = count_given(judge, record, &perhaps) + judge->held_count[pool];
	bool refused = event->what == EVENT_REFUSE;

	record->given = event->index;
	if (refused && out + perhaps < judge->script->pool_count[pool])
		judge_complain(judge, "operation %u found pool %u empty, of which %u of %u were out",
			event->id, pool, out, judge->script->pool_count[pool]);
	if (!refused && out >= judge->script->pool_count[pool])
		judge_complain(judge, "operation %u got a buffer of pool %u, of which none was left",
			event->id, pool);
	if (!refused && record->step->memory == MEMORY_GIVEN &&
	    (event->pool != pool || event->index >= judge->script->pool_count[pool] ||
	     judge->held[pool][event->index]))
		judge_complain(judge, "operation %u was given buffer %u of pool %u, which wasn't free",
			event->id, event->index, event->pool);
}

void judge_return(struct judge *judge, const struct event *event, uint32_t number)
{
	uint8_t *held;

	if (event->pool >= SCRIPT_POOLS ||
	    event->index >= judge->script->pool_count[event->pool]) {
		judge_complain(judge, "buffer %u of pool %u was returned, and there is none",
			event->index, event->pool);
		return;
	}
	held = &judge->held[event->pool][event->index];
	if (event->result != (*held ? 0 : -EINVAL))
		judge_complain(judge, "the return of buffer %u of pool %u, %s, was answered %d",
			event->index, event->pool, *held ? "held" : "not held", event->result);
	judge->held_count[event->pool] -= *held;
	if (*held && !judge->held_count[event->pool])
		judge->all_free[event->pool] = number;
	*held = 0;
}

/* ---- The account. ---- */

void judge_account_line(struct judge *judge, const struct event *event)
{
	static const char *const nouns[EVENT_COUNT] = { [EVENT_HELD] = "buffers held",
		[EVENT_OPEN] = "descriptors open", [EVENT_PENDING] = "operations pending",
		[EVENT_DESTROY] = "as the answer to destroy" };

	if (event->what == EVENT_STUCK && event->result)
		judge_complain(judge, "the player's clearing up never ended");
	else if (event->what == EVENT_STUCK)
		judge_complain(judge, "operation %u was waited for in vain", event->id);
	else if (event->hash && !event->moved)
		judge_complain(judge, "\"%s\" brought the hash of nothing", event_word(event->what));
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

static uint32_t count_lines(const struct judge *judge, enum event_what what, struct object object,
			    unsigned pool)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < judge->trace->count; i++) {
		const struct event *event = &judge->trace->events[i];

		count += event->what == what && object_same(event->object, object) &&
			 event->pool == pool;
	}
	return count;
}

/* Everywhere else such a line says what can't be: that nothing was there to be left. */
static void check_left(struct judge *judge, enum event_what what, struct object object)
{
	bool there = object_declared(judge->script, object) && !judge_closed(judge, object);
	uint32_t count = count_lines(judge, what, object, 0);
	char name[OBJECT_TEXT];

	object_name(object, name);
	if (count != there)
		judge_complain(judge, "what was left at %s, %s, is told %u times", name,
			there ? "open at the end" : "which wasn't open at the end", count);
}

static void check_lefts(struct judge *judge)
{
	for (uint8_t i = 0; i < SCRIPT_CONNECTIONS * 2; i++)
		check_left(judge, EVENT_DRAINED, (struct object){ OBJECT_END, i });
	for (uint8_t i = 0; i < SCRIPT_LISTENERS; i++)
		check_left(judge, EVENT_WAITING, (struct object){ OBJECT_LISTENER, i });
}

static void check_pool(struct judge *judge, unsigned pool)
{
	uint32_t lines = count_lines(judge, EVENT_FREE, (struct object){ OBJECT_NONE, 0 }, pool);

	for (unsigned i = 0; i < judge->script->pool_count[pool]; i++) {
		if (judge->held[pool][i])
			judge_complain(judge, "buffer %u of pool %u was never returned", i, pool);
	}
	if (lines != (judge->script->pool_count[pool] != 0))
		judge_complain(judge, "the account says %u times how many buffers of pool %u are "
			"free", lines, pool);
}

static bool may_discard(const struct judge *judge)
{
	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *record = &judge->records[judge->order[i]];

		if (record->abandoned &&
		    (record->step->kind == DUET_RECV || record->step->kind == DUET_READ))
			return true;
	}
	return false;
}

/* Bytes for which nobody cared any more are counted, not forgotten. No line: there were none. */
static void check_discarded(struct judge *judge)
{
	uint64_t discarded = 0;

	for (uint32_t i = 0; i < judge->trace->count; i++) {
		if (judge->trace->events[i].what == EVENT_DISCARDED)
			discarded += judge->trace->events[i].moved;
	}
	if (discarded && !may_discard(judge))
		judge_complain(judge, "%llu bytes were discarded, and nothing that brings any was "
			"abandoned", (unsigned long long)discarded);
	if (discarded < judge->missing)
		judge_complain(judge, "%llu bytes are missing where a receive was abandoned, %llu were "
			"discarded", (unsigned long long)judge->missing,
			(unsigned long long)discarded);
}

void judge_account(struct judge *judge)
{
	static const uint8_t once[] = { EVENT_LENT, EVENT_HELD, EVENT_OPEN, EVENT_PENDING,
		EVENT_DESTROY };

	for (unsigned i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		uint32_t lines = count_lines(judge, once[i], (struct object){ OBJECT_NONE, 0 }, 0);

		if (lines != 1)
			judge_complain(judge, "the account has %u lines \"%s\"", lines,
				event_word(once[i]));
	}
	for (unsigned i = 0; i < SCRIPT_POOLS; i++)
		check_pool(judge, i);
	check_lefts(judge);
	check_discarded(judge);
}
