/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <stdio.h>
#include <string.h>

#include "reference/acceptor.h"

/* Agreement: what two players of one calm script made of it, whoever they are. */

struct sums {
	uint32_t moved[SCRIPT_IDS];
	uint32_t made[SCRIPT_IDS];
	const struct event *end[SCRIPT_IDS];
	uint32_t drained[SCRIPT_CONNECTIONS * 2];
	uint32_t waiting[SCRIPT_LISTENERS];
	int32_t refused[SCRIPT_IDS];
	const struct event *joined[SCRIPT_SCOPES];
};

static void sum(struct sums *sums, const struct trace *trace)
{
	memset(sums, 0, sizeof(*sums));
	for (uint32_t i = 0; i < trace->count; i++) {
		const struct event *event = &trace->events[i];

		if (event->what == EVENT_DRAINED && event->object.kind == OBJECT_END)
			sums->drained[event->object.index] += event->moved;
		if (event->what == EVENT_WAITING && event->object.kind == OBJECT_LISTENER)
			sums->waiting[event->object.index] += event->moved;
		if (event->what == EVENT_REFUSE)
			sums->refused[event->id] = event->result;
		if (event->what == EVENT_JOINED && event->object.kind == OBJECT_SCOPE)
			sums->joined[event->object.index] = event;
		if (event->what != EVENT_ITEM && event->what != EVENT_RESULT &&
		    event->what != EVENT_END)
			continue;
		/* Told twice: when its memory is back is nobody's to compare. */
		if (event->what == EVENT_END && sums->end[event->id])
			continue;
		sums->moved[event->id] += event->moved;
		sums->made[event->id] += event->made;
		if (event->what != EVENT_ITEM)
			sums->end[event->id] = event;
	}
}

static int compare_operation(uint16_t id, const struct sums *one, const struct sums *other,
			     char *complaint, size_t size)
{
	const struct event *a = one->end[id], *b = other->end[id];

	if (one->refused[id] != other->refused[id]) {
		snprintf(complaint, size, "the start of operation %u was answered %s, against %s", id,
			duet_error_name(one->refused[id]), duet_error_name(other->refused[id]));
		return -1;
	}
	if (!a && !b)
		return 0;
	if (a && b && a->disposition == b->disposition && a->cause == b->cause &&
	    a->result == b->result && one->moved[id] == other->moved[id] && one->made[id] == other->made[id])
		return 0;
	snprintf(complaint, size, "operation %u: %s by %s, %u bytes, result %d, against %s by "
		"%s, %u bytes, result %d", id,
		a ? duet_disposition_name(a->disposition) : "not ended",
		a ? duet_cause_name(a->cause) : "-", one->moved[id], a ? a->result : 0,
		b ? duet_disposition_name(b->disposition) : "not ended",
		b ? duet_cause_name(b->cause) : "-", other->moved[id], b ? b->result : 0);
	return -1;
}

static int compare_scope(unsigned index, const struct sums *one, const struct sums *other,
			 char *complaint, size_t size)
{
	const struct event *a = one->joined[index], *b = other->joined[index];

	if ((!a && !b) || (a && b && a->result == b->result && a->cause == b->cause))
		return 0;
	snprintf(complaint, size, "scope s%u: joined with %d by %s, against %d by %s", index,
		a ? a->result : 0, a ? duet_cause_name(a->cause) : "nothing", b ? b->result : 0,
		b ? duet_cause_name(b->cause) : "nothing");
	return -1;
}

static int compare_left(struct object object, const char *noun, uint32_t one, uint32_t other,
			char *complaint, size_t size)
{
	char name[OBJECT_TEXT];

	if (one == other)
		return 0;
	object_name(object, name);
	snprintf(complaint, size, "%u against %u %s were left at %s", one, other, noun, name);
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
	for (unsigned i = 0; i < SCRIPT_SCOPES; i++) {
		if (compare_scope(i, &sums[0], &sums[1], complaint, size))
			return -1;
	}
	for (uint8_t i = 0; i < SCRIPT_CONNECTIONS * 2; i++) {
		if (compare_left((struct object){ OBJECT_END, i }, "bytes", sums[0].drained[i],
			    sums[1].drained[i], complaint, size))
			return -1;
	}
	for (uint8_t i = 0; i < SCRIPT_LISTENERS; i++) {
		if (compare_left((struct object){ OBJECT_LISTENER, i }, "connections",
			    sums[0].waiting[i], sums[1].waiting[i], complaint, size))
			return -1;
	}
	return 0;
}
