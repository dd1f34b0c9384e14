/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>

#include "reference/judge.h"

/*
 * Timers and deadlines against the player's own clock, which stands still within a turn. A busy
 * machine makes any turn late, so nothing is late by itself; but in the turn whose time has
 * reached it, what was due happens, and what comes in a later turn came after it.
 */

/* No machine is as busy as that. */
#define LATE_NS 5000000000u

static uint64_t due_in_script(const struct step *step, uint64_t at_ns)
{
	if (step->kind == DUET_TIMEOUT)
		return at_ns + step->value * 1000ull;
	return step->deadline_us == SCRIPT_NO_DEADLINE ? 0 : at_ns + step->deadline_us * 1000ull;
}

static void check_clock(struct judge *judge)
{
	uint64_t latest_ns = 0;

	for (uint32_t i = 0; i < judge->trace->count; i++) {
		const struct event *event = &judge->trace->events[i];

		if (event->at_ns && event->at_ns < latest_ns)
			judge_complain(judge, "event %u of the trace: the clock runs backwards, from "
				"%llu to %llu", i + 1, (unsigned long long)latest_ns,
				(unsigned long long)event->at_ns);
		if (event->at_ns)
			latest_ns = event->at_ns;
	}
}

static uint64_t time_of(const struct judge *judge, uint32_t number)
{
	return judge->trace->events[number - 1].at_ns;
}

static uint16_t id_of(const struct record *record)
{
	return record->step->id;
}

/* Has a whole turn gone by between its start and that moment, whose time had reached its due? */
static bool turn_passed(const struct judge *judge, const struct record *record, uint64_t moment_ns)
{
	uint64_t started_ns = time_of(judge, record->started);

	for (uint32_t i = record->started; i < record->ended; i++) {
		uint64_t at_ns = judge->trace->events[i].at_ns;

		if (at_ns > started_ns && at_ns >= record->due_ns && at_ns < moment_ns)
			return true;
	}
	return false;
}

/* What is asked for outside of completions comes when the turn of that time is over. */
static bool due_before(const struct judge *judge, const struct record *record, uint32_t request,
		       bool inside)
{
	uint64_t at_ns = time_of(judge, request);

	return turn_passed(judge, record, at_ns) ||
	       (!inside && at_ns >= record->due_ns && at_ns > time_of(judge, record->started));
}

/* The earliest request counts. */
static void check_earliest(struct judge *judge, const struct record *record, uint32_t request,
			   bool inside, const char *what)
{
	bool by_deadline = record->end->cause == DUET_CAUSE_DEADLINE;

	if (!judge_before_end(record, request))
		return;
	if (by_deadline && time_of(judge, request) < judge_due(judge, record))
		judge_complain(judge, "operation %u ended by its deadline, but its %s came first",
			id_of(record), what);
	if (!by_deadline && due_before(judge, record, request, inside))
		judge_complain(judge, "operation %u ended by its %s, but it was due before", id_of(record),
			what);
}

static bool closed_inside(const struct judge *judge, uint32_t closed)
{
	return closed && judge->records[judge->trace->events[closed - 1].id].started_inside;
}

static bool stopped(const struct event *end)
{
	return end->cause == DUET_CAUSE_DEADLINE || end->cause == DUET_CAUSE_CANCEL ||
	       end->cause == DUET_CAUSE_CLOSE;
}

static void check_requests(struct judge *judge, const struct record *record)
{
	uint32_t closed = judge_closing(judge, record);

	if (!stopped(record->end))
		return;
	if (record->end->cause != DUET_CAUSE_CLOSE)
		check_earliest(judge, record, record->cancelled, record->cancelled_inside, "cancel");
	if (record->end->cause != DUET_CAUSE_CANCEL)
		check_earliest(judge, record, closed, closed_inside(judge, closed), "close");
}

static void check_late(struct judge *judge, const struct record *record)
{
	const struct event *end = record->end;

	if (end->at_ns > record->due_ns + LATE_NS)
		judge_complain(judge, "operation %u ended %llu ms after it was due", end->id,
			(unsigned long long)(end->at_ns - record->due_ns) / 1000000);
	if (record->step->kind == DUET_TIMEOUT && end->disposition == DUET_COMPLETED &&
	    turn_passed(judge, record, end->at_ns))
		judge_complain(judge, "timeout %u, due at %llu, fired at %llu, and not in the turn "
			"before that it was due in", end->id, (unsigned long long)record->due_ns,
			(unsigned long long)end->at_ns);
}

static void check_due(struct judge *judge, const struct record *record)
{
	uint64_t started_ns = time_of(judge, record->started);
	uint64_t due_ns = due_in_script(record->step, started_ns);

	if (due_ns != record->due_ns)
		judge_complain(judge, "operation %u was due at %llu, by the script at %llu",
			id_of(record), (unsigned long long)record->due_ns,
			(unsigned long long)due_ns);
	if (!due_ns || judge->failed || !record->end)
		return;
	if (!started_ns || !record->end->at_ns ||
	    (record->cancelled && !time_of(judge, record->cancelled)))
		judge_complain(judge, "operation %u has a due time, and its start, cancel or end has "
			"no time", id_of(record));
	/* A close has no deadline. */
	if (judge->failed || record->step->kind == DUET_CLOSE)
		return;
	check_late(judge, record);
	check_requests(judge, record);
}

void judge_times(struct judge *judge)
{
	check_clock(judge);
	for (uint32_t i = 0; i < judge->order_count && !judge->failed; i++)
		check_due(judge, &judge->records[judge->order[i]]);
}
