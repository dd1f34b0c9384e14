/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/trace.h"

#include <duet/operation.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[EVENT_COUNT] = { "start", "refuse", "cancel", "abandon",
	"item", "result", "end", "cleanup", "first", "joined", "message", "turn", "return", "defer", "scope", "ask",
	"deadline", "join", "drained", "waiting", "lent", "held", "discarded", "free", "open", "pending", "destroy", "busy", "stuck" };

struct event *trace_add(struct trace *trace, enum event_what what)
{
	struct event *event = &trace->events[trace->count];

	if (trace->count < TRACE_EVENTS - 1)
		trace->count++;
	else
		trace->truncated = true;
	memset(event, 0, sizeof(*event));
	event->what = (uint8_t)what;
	event->index = TRACE_NO_BUFFER;
	return event;
}

/*
 * One line: the word, then "name=value" pairs of the fields that aren't at their default. Names
 * make it readable without a table, and let other players leave out what they don't have.
 */

static void write_place(const struct event *event, FILE *out)
{
	char name[OBJECT_TEXT];

	if (event->object.kind != OBJECT_NONE) {
		object_name(event->object, name);
		fprintf(out, " object=%s", name);
	}
	if (event->index != TRACE_NO_BUFFER || event->what == EVENT_FREE)
		fprintf(out, " pool=%u", event->pool);
	if (event->index != TRACE_NO_BUFFER)
		fprintf(out, " buffer=%u", event->index);
}

static bool has_id(const struct event *event)
{
	return event->what == EVENT_STUCK || event->what == EVENT_DEFER ||
	       (event->what <= EVENT_MESSAGE && event->what != EVENT_JOINED &&
		event->what != EVENT_FIRST);
}

void event_write(const struct event *event, FILE *out)
{
	fprintf(out, "%s", words[event->what]);
	if (has_id(event))
		fprintf(out, " id=%u", event->id);
	write_place(event, out);
	if (event->result)
		fprintf(out, " result=%d", event->result);
	if (event->moved)
		fprintf(out, " moved=%u", event->moved);
	if (event->what == EVENT_END || event->what == EVENT_RESULT)
		fprintf(out, " disposition=%s cause=%s",
			duet_disposition_name((enum duet_disposition)event->disposition),
			duet_cause_name((enum duet_cause)event->cause));
	if (event->what == EVENT_JOINED)
		fprintf(out, " cause=%s", duet_cause_name((enum duet_cause)event->cause));
	if (event->made)
		fprintf(out, " made=1");
	if (event->at_once)
		fprintf(out, " inline=1");
	if (event->hash)
		fprintf(out, " hash=%016llx", (unsigned long long)event->hash);
	if (event->at_ns)
		fprintf(out, " at=%llu", (unsigned long long)event->at_ns);
	if (event->due_ns)
		fprintf(out, " due=%llu", (unsigned long long)event->due_ns);
	fputc('\n', out);
}

void trace_write(const struct trace *trace, FILE *out)
{
	fprintf(out, "duet-trace 1\nplayer %s\n", trace->player);
	for (uint32_t i = 0; i < trace->count; i++)
		event_write(&trace->events[i], out);
	if (trace->truncated)
		fprintf(out, "truncated\n");
}

static int find_word(const char *word, const char *(*name)(unsigned), unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(word, name(i)) == 0)
			return (int)i;
	}
	return -1;
}

const char *event_word(unsigned what)
{
	return words[what];
}

static const char *disposition_word(unsigned i)
{
	return duet_disposition_name((enum duet_disposition)i);
}

static const char *cause_word(unsigned i)
{
	return duet_cause_name((enum duet_cause)i);
}

static bool read_named(struct event *event, const char *name, const char *value)
{
	int found;

	if (strcmp(name, "object") == 0)
		return object_parse(value, &event->object);
	if (strcmp(name, "disposition") == 0) {
		found = find_word(value, disposition_word, DUET_DISPOSITION_COUNT);
		event->disposition = (uint8_t)found;
		return found >= 0;
	}
	if (strcmp(name, "cause") == 0) {
		found = find_word(value, cause_word, DUET_CAUSE_COUNT);
		event->cause = (uint8_t)found;
		return found >= 0;
	}
	return false;
}

static bool read_number(struct event *event, const char *name, const char *value)
{
	char *end;
	unsigned long long number = strtoull(value, &end, strcmp(name, "hash") == 0 ? 16 : 10);

	if (!*value || *end)
		return false;
	if (strcmp(name, "id") == 0)
		event->id = (uint16_t)number;
	else if (strcmp(name, "pool") == 0)
		event->pool = (uint16_t)number;
	else if (strcmp(name, "buffer") == 0)
		event->index = (uint16_t)number;
	else if (strcmp(name, "result") == 0)
		event->result = (int32_t)number;
	else if (strcmp(name, "moved") == 0)
		event->moved = (uint32_t)number;
	else if (strcmp(name, "made") == 0)
		event->made = number != 0;
	else if (strcmp(name, "inline") == 0)
		event->at_once = number != 0;
	else if (strcmp(name, "hash") == 0)
		event->hash = number;
	else if (strcmp(name, "at") == 0)
		event->at_ns = number;
	else if (strcmp(name, "due") == 0)
		event->due_ns = number;
	else
		return false;
	return true;
}

static bool read_event(struct trace *trace, char *line)
{
	char *rest, *pair, *value, *word = strtok_r(line, " \t\n", &rest);
	struct event *event;
	int what;

	if (!word || *word == '#')
		return true;
	if (strcmp(word, "truncated") == 0)
		return trace->truncated = true;
	what = find_word(word, event_word, EVENT_COUNT);
	if (what < 0)
		return false;
	event = trace_add(trace, (enum event_what)what);
	while ((pair = strtok_r(NULL, " \t\n", &rest))) {
		value = strchr(pair, '=');
		if (!value)
			return false;
		*value++ = 0;
		if (!read_named(event, pair, value) && !read_number(event, pair, value))
			return false;
	}
	return event->id < SCRIPT_IDS;
}

static bool read_player(struct trace *trace, const char *line)
{
	return sscanf(line, "player %47[^\n]", trace->player) == 1;
}

int trace_read(struct trace *trace, FILE *in, char *complaint, size_t size)
{
	char line[512];
	unsigned number = 0;
	bool good = true;

	memset(trace, 0, sizeof(*trace));
	while (good && fgets(line, sizeof(line), in)) {
		if (++number == 1)
			good = strncmp(line, "duet-trace 1", 12) == 0;
		else
			good = read_player(trace, line) || read_event(trace, line);
	}
	if (good && number)
		return 0;
	snprintf(complaint, size, "line %u: not a line of a trace that begins with \"duet-trace 1\"",
		number);
	return -1;
}
