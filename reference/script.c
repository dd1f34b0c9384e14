/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/script.h"

#include <duet/operation.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char object_letters[] = "-cldf";
static const char *const families[] = { "none", "unix", "tcp" };
static const char *const tries[TRY_COUNT] = { "", "never", "always" };

void object_name(struct object object, char *text)
{
	if (object.kind == OBJECT_NONE)
		snprintf(text, OBJECT_TEXT, "nowhere");
	else if (object.kind == OBJECT_END)
		snprintf(text, OBJECT_TEXT, "c%u%c", object.index / 2u, "ab"[object.index & 1]);
	else
		snprintf(text, OBJECT_TEXT, "%c%u", object_letters[object.kind], object.index);
}

static uint32_t object_bound(enum object_kind kind)
{
	static const uint8_t bounds[] = { [OBJECT_END] = SCRIPT_CONNECTIONS,
		[OBJECT_LISTENER] = SCRIPT_LISTENERS, [OBJECT_DIALER] = SCRIPT_DIALERS,
		[OBJECT_FILE] = SCRIPT_FILES };

	return bounds[kind];
}

bool object_parse(const char *text, struct object *object)
{
	const char *letter = *text ? strchr(object_letters + 1, *text) : NULL;
	char *end;
	unsigned long index;

	*object = (struct object){ OBJECT_NONE, 0 };
	if (strcmp(text, "nowhere") == 0)
		return true;
	if (!letter || text[1] < '0' || text[1] > '9')
		return false;
	object->kind = (uint8_t)(letter - object_letters);
	index = strtoul(text + 1, &end, 10);
	if (index >= object_bound((enum object_kind)object->kind))
		return false;
	object->index = (uint8_t)index;
	if (object->kind != OBJECT_END)
		return !*end;
	object->index = (uint8_t)(index * 2 + (*end == 'b'));
	return (*end == 'a' || *end == 'b') && !end[1];
}

bool object_declared(const struct script *script, struct object object)
{
	switch (object.kind) {
	case OBJECT_END:
		return script->connections[object.index / 2] != FAMILY_NONE;
	case OBJECT_LISTENER:
		return script->listeners[object.index] != FAMILY_NONE;
	case OBJECT_DIALER:
		return script->dialers[object.index] != FAMILY_NONE;
	case OBJECT_FILE:
		return script->file_bytes[object.index] != 0;
	default:
		return false;
	}
}

const struct step *script_start(const struct script *script, uint16_t id)
{
	for (uint32_t i = 0; i < script->step_count; i++) {
		if (script->steps[i].what == STEP_START && script->steps[i].id == id)
			return &script->steps[i];
	}
	return NULL;
}

/* ---- Writing. ---- */

static void write_transfer(const struct step *step, FILE *out)
{
	if (step->flags & DUET_POOLED)
		fprintf(out, " pool p%u", step->pool);
	else
		fprintf(out, " %u", step->length_bytes);
	if (step->kind == DUET_READ || step->kind == DUET_WRITE)
		fprintf(out, " at %u", step->offset_bytes);
}

static void write_details(const struct step *step, FILE *out)
{
	char name[OBJECT_TEXT];

	switch (step->kind) {
	case DUET_RECV:
	case DUET_SEND:
	case DUET_READ:
	case DUET_WRITE:
		write_transfer(step, out);
		break;
	case DUET_CONNECT:
		object_name(step->target, name);
		fprintf(out, " %s", name);
		break;
	case DUET_POLL:
		fprintf(out, step->value == POLLIN ? " in" : " out");
		break;
	case DUET_TIMEOUT:
		fprintf(out, " %u", step->value);
		break;
	case DUET_SOCKET:
		fprintf(out, " %s", families[step->value]);
		break;
	default:
		break;
	}
}

static void write_after(const struct step *step, FILE *out)
{
	if (step->after != SCRIPT_AFTER_NOTHING)
		fprintf(out, " after %u", step->after);
	fputc('\n', out);
}

static void write_start(const struct step *step, FILE *out)
{
	char name[OBJECT_TEXT];

	fprintf(out, "start %u %s", step->id, duet_kind_name((enum duet_kind)step->kind));
	object_name(step->object, name);
	if (step->object.kind != OBJECT_NONE || step->kind == DUET_OPEN)
		fprintf(out, " %s", name);
	write_details(step, out);
	if (step->flags & DUET_MULTISHOT)
		fprintf(out, " multishot");
	if (step->flags & DUET_WHOLE)
		fprintf(out, " whole");
	if (step->flags & DUET_DATA_ONLY)
		fprintf(out, " data");
	if (step->flags & DUET_INLINE)
		fprintf(out, " inline");
	if (step->pieces)
		fprintf(out, " pieces %u", step->pieces);
	if (step->deadline_us != SCRIPT_NO_DEADLINE)
		fprintf(out, " deadline %u", step->deadline_us);
	write_after(step, out);
}

static void write_step(const struct step *step, FILE *out)
{
	switch (step->what) {
	case STEP_START:
		write_start(step, out);
		break;
	case STEP_CANCEL:
		fprintf(out, "cancel %u", step->id);
		write_after(step, out);
		break;
	case STEP_RETURN:
		fprintf(out, "return p%u %u%s\n", step->pool, step->value,
			step->flags & SCRIPT_TWICE ? " twice" : "");
		break;
	case STEP_TURN:
		fprintf(out, "turn %u\n", step->value);
		break;
	case STEP_SETTLE:
		fprintf(out, "settle\n");
		break;
	case STEP_POST:
		fprintf(out, "post");
		write_after(step, out);
		break;
	case STEP_WAKE:
		fprintf(out, "wake\n");
		break;
	case STEP_DESTROY:
		fprintf(out, "destroy\n");
		break;
	default:
		fprintf(out, "wait %u\n", step->value);
		break;
	}
}

static void write_families(const char *word, char letter, const uint8_t *list, unsigned count,
			   FILE *out)
{
	for (unsigned i = 0; i < count; i++) {
		if (list[i] != FAMILY_NONE)
			fprintf(out, "%s %c%u %s\n", word, letter, i, families[list[i]]);
	}
}

static void write_connections(const struct script *script, FILE *out)
{
	for (unsigned i = 0; i < SCRIPT_CONNECTIONS; i++) {
		if (script->connections[i] != FAMILY_NONE)
			fprintf(out, "connection c%u %s%s%s%s\n", i,
				families[script->connections[i]], script->small[i] ? " small" : "",
				script->tries[i] ? " " : "", tries[script->tries[i]]);
	}
}

void script_write(const struct script *script, FILE *out)
{
	fprintf(out, "duet-script 1\nseed %llu\n%s\n", (unsigned long long)script->seed,
		script->calm ? "calm" : "racy");
	write_connections(script, out);
	write_families("listener", 'l', script->listeners, SCRIPT_LISTENERS, out);
	write_families("dialer", 'd', script->dialers, SCRIPT_DIALERS, out);
	for (unsigned i = 0; i < SCRIPT_FILES; i++) {
		if (script->file_bytes[i])
			fprintf(out, "file f%u %u\n", i, script->file_bytes[i]);
	}
	for (unsigned i = 0; i < SCRIPT_POOLS; i++) {
		if (script->pool_count[i])
			fprintf(out, "pool p%u %u %u\n", i, script->pool_count[i],
				script->pool_bytes[i]);
	}
	for (uint32_t i = 0; i < script->fault_count; i++)
		fprintf(out, "fault %s %u %s\n",
			duet_kind_name((enum duet_kind)script->faults[i].kind),
			script->faults[i].number, duet_error_name(script->faults[i].error));
	for (uint32_t i = 0; i < script->step_count; i++)
		write_step(&script->steps[i], out);
}

/* ---- Reading: words of a line, taken one after the other. ---- */

struct reader {
	char *rest;
	unsigned line;
	char *complaint;
	size_t size;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void complain(struct reader *reader,
							   const char *format, ...)
{
	va_list list;
	int used;

	if (reader->failed)
		return;
	reader->failed = true;
	used = snprintf(reader->complaint, reader->size, "line %u: ", reader->line);
	va_start(list, format);
	if (used > 0 && (size_t)used < reader->size)
		vsnprintf(reader->complaint + used, reader->size - (size_t)used, format, list);
	va_end(list);
}

/* "" at the end of the line. */
static const char *next_word(struct reader *reader)
{
	char *word = strtok_r(NULL, " \t\n", &reader->rest);

	return word ? word : "";
}

static uint32_t number_of(struct reader *reader, const char *word, uint32_t max)
{
	char *end;
	unsigned long long number = strtoull(word, &end, 10);

	if (*word && !*end && number <= max)
		return (uint32_t)number;
	/* Never out of the bounds of what it is an index of. */
	complain(reader, "\"%s\" is not a number up to %u", word, max);
	return 0;
}

static uint32_t next_number(struct reader *reader, uint32_t max)
{
	return number_of(reader, next_word(reader), max);
}

static struct object next_object(struct reader *reader)
{
	const char *word = next_word(reader);
	struct object object = {0};

	if (!object_parse(word, &object))
		complain(reader, "\"%s\" names no connection end, listener, dialer or file", word);
	return object;
}

/* "p0" gives 0. */
static uint8_t next_index(struct reader *reader, char letter, uint32_t bound)
{
	const char *word = next_word(reader);

	if (*word != letter) {
		complain(reader, "\"%s\" should be %c0 to %c%u", word, letter, letter, bound - 1);
		return 0;
	}
	return (uint8_t)number_of(reader, word + 1, bound - 1);
}

static uint8_t next_family(struct reader *reader)
{
	const char *word = next_word(reader);

	for (uint8_t i = FAMILY_UNIX; i <= FAMILY_TCP; i++) {
		if (strcmp(word, families[i]) == 0)
			return i;
	}
	complain(reader, "\"%s\" is neither unix nor tcp", word);
	return FAMILY_UNIX;
}

static enum duet_kind next_kind(struct reader *reader)
{
	const char *word = next_word(reader);

	for (unsigned i = 0; i < DUET_KIND_COUNT; i++) {
		if (strcmp(word, duet_kind_name((enum duet_kind)i)) == 0)
			return (enum duet_kind)i;
	}
	complain(reader, "\"%s\" is no kind of operation", word);
	return DUET_NOP;
}

static void read_transfer(struct reader *reader, struct step *step)
{
	const char *word = next_word(reader);

	if (strcmp(word, "pool") == 0 && step->kind == DUET_RECV) {
		step->flags |= DUET_POOLED;
		step->pool = next_index(reader, 'p', SCRIPT_POOLS);
		return;
	}
	step->length_bytes = number_of(reader, word, 1u << 24);
	if (step->kind != DUET_READ && step->kind != DUET_WRITE)
		return;
	if (strcmp(next_word(reader), "at") != 0)
		complain(reader, "the offset is missing: \"at BYTES\"");
	step->offset_bytes = next_number(reader, 1u << 24);
}

static void read_details(struct reader *reader, struct step *step)
{
	switch (step->kind) {
	case DUET_RECV:
	case DUET_SEND:
	case DUET_READ:
	case DUET_WRITE:
		read_transfer(reader, step);
		break;
	case DUET_CONNECT:
		step->target = next_object(reader);
		break;
	case DUET_POLL:
		step->value = strcmp(next_word(reader), "in") == 0 ? POLLIN : POLLOUT;
		break;
	case DUET_TIMEOUT:
		step->value = next_number(reader, 1000000000u);
		break;
	case DUET_SOCKET:
		step->value = next_family(reader);
		break;
	default:
		break;
	}
}

static void read_options(struct reader *reader, struct step *step)
{
	for (const char *word; *(word = next_word(reader));) {
		if (strcmp(word, "multishot") == 0)
			step->flags |= DUET_MULTISHOT;
		else if (strcmp(word, "whole") == 0)
			step->flags |= DUET_WHOLE;
		else if (strcmp(word, "data") == 0)
			step->flags |= DUET_DATA_ONLY;
		else if (strcmp(word, "inline") == 0)
			step->flags |= DUET_INLINE;
		else if (strcmp(word, "pieces") == 0)
			step->pieces = (uint8_t)next_number(reader, DUET_OP_IOVECS);
		else if (strcmp(word, "deadline") == 0)
			step->deadline_us = next_number(reader, 1000000000u);
		else if (strcmp(word, "after") == 0)
			step->after = (uint8_t)next_number(reader, SCRIPT_IDS - 1);
		else
			complain(reader, "\"%s\" is no option of a step", word);
	}
}

static void read_start(struct reader *reader, struct step *step)
{
	step->what = STEP_START;
	step->id = (uint16_t)next_number(reader, SCRIPT_IDS - 1);
	step->deadline_us = SCRIPT_NO_DEADLINE;
	step->kind = (uint8_t)next_kind(reader);
	if (step->kind != DUET_NOP && step->kind != DUET_TIMEOUT && step->kind != DUET_SOCKET)
		step->object = next_object(reader);
	read_details(reader, step);
	read_options(reader, step);
}

static bool read_step(struct reader *reader, const char *word, struct step *step)
{
	*step = (struct step){ .deadline_us = SCRIPT_NO_DEADLINE,
		.after = SCRIPT_AFTER_NOTHING };
	if (strcmp(word, "start") == 0) {
		read_start(reader, step);
	} else if (strcmp(word, "cancel") == 0) {
		step->what = STEP_CANCEL;
		step->id = (uint16_t)next_number(reader, SCRIPT_IDS - 1);
		read_options(reader, step);
	} else if (strcmp(word, "return") == 0) {
		step->what = STEP_RETURN;
		step->pool = next_index(reader, 'p', SCRIPT_POOLS);
		step->value = next_number(reader, 1u << 15);
		step->flags = strcmp(next_word(reader), "twice") == 0 ? SCRIPT_TWICE : 0;
	} else if (strcmp(word, "settle") == 0) {
		step->what = STEP_SETTLE;
	} else if (strcmp(word, "wake") == 0) {
		step->what = STEP_WAKE;
	} else if (strcmp(word, "post") == 0) {
		step->what = STEP_POST;
		read_options(reader, step);
	} else if (strcmp(word, "destroy") == 0) {
		step->what = STEP_DESTROY;
	} else if (strcmp(word, "turn") == 0 || strcmp(word, "wait") == 0) {
		step->what = *word == 't' ? STEP_TURN : STEP_WAIT;
		step->value = next_number(reader, 1000000);
	} else {
		return false;
	}
	return true;
}

static void read_connection(struct reader *reader, struct script *script)
{
	uint8_t index = next_index(reader, 'c', SCRIPT_CONNECTIONS);

	script->connections[index] = next_family(reader);
	for (const char *word; *(word = next_word(reader));) {
		if (strcmp(word, "small") == 0)
			script->small[index] = true;
		else if (strcmp(word, tries[TRY_NEVER]) == 0)
			script->tries[index] = TRY_NEVER;
		else if (strcmp(word, tries[TRY_ALWAYS]) == 0)
			script->tries[index] = TRY_ALWAYS;
		else
			complain(reader, "\"%s\" is neither small nor never nor always", word);
	}
}

static uint16_t next_error(struct reader *reader)
{
	const char *word = next_word(reader);

	for (uint16_t error = 1; error < 134; error++) {
		if (strcmp(word, duet_error_name(error)) == 0)
			return error;
	}
	complain(reader, "\"%s\" is no error, as ECONNRESET is", word);
	return 0;
}

static void read_fault(struct reader *reader, struct script *script)
{
	struct script_fault fault = { .kind = (uint8_t)next_kind(reader) };

	fault.number = next_number(reader, UINT32_MAX);
	fault.error = next_error(reader);
	if (fault.kind == DUET_TIMEOUT || !fault.number)
		complain(reader, "a fault strikes the first or a later operation, and no timeout");
	if (script->fault_count == SCRIPT_FAULTS)
		complain(reader, "more than %d faults", SCRIPT_FAULTS);
	else
		script->faults[script->fault_count++] = fault;
}

static bool read_declaration(struct reader *reader, const char *word, struct script *script)
{
	struct object object;
	uint8_t index;

	if (strcmp(word, "seed") == 0) {
		script->seed = strtoull(next_word(reader), NULL, 10);
	} else if (strcmp(word, "calm") == 0 || strcmp(word, "racy") == 0) {
		script->calm = *word == 'c';
	} else if (strcmp(word, "connection") == 0) {
		read_connection(reader, script);
	} else if (strcmp(word, "listener") == 0) {
		object = next_object(reader);
		script->listeners[object.index % SCRIPT_LISTENERS] = next_family(reader);
	} else if (strcmp(word, "dialer") == 0) {
		object = next_object(reader);
		script->dialers[object.index % SCRIPT_DIALERS] = next_family(reader);
	} else if (strcmp(word, "file") == 0) {
		index = next_index(reader, 'f', SCRIPT_FILES);
		script->file_bytes[index] = next_number(reader, SCRIPT_FILE_BYTES_MAX);
	} else if (strcmp(word, "pool") == 0) {
		index = next_index(reader, 'p', SCRIPT_POOLS);
		script->pool_count[index] = next_number(reader, 1024);
		if (script->pool_count[index] & (script->pool_count[index] - 1))
			complain(reader, "the buffers of a pool are a power of two");
		script->pool_bytes[index] = next_number(reader, 1u << 16);
	} else if (strcmp(word, "fault") == 0) {
		read_fault(reader, script);
	} else {
		return false;
	}
	return true;
}

static void check_step(struct reader *reader, const struct script *script,
		       const struct step *step)
{
	bool loose = step->kind == DUET_NOP || step->kind == DUET_TIMEOUT ||
		     step->kind == DUET_OPEN || step->kind == DUET_SOCKET;

	if (step->what == STEP_START && script_start(script, step->id))
		complain(reader, "operation %u is started twice", step->id);
	if (step->pieces && (step->kind != DUET_SEND || step->pieces > step->length_bytes))
		complain(reader, "only a send has pieces, of a byte at least");
	if (step->what == STEP_START && !loose && !object_declared(script, step->object))
		complain(reader, "what operation %u works on is not declared", step->id);
	if (((step->flags & DUET_POOLED) || step->what == STEP_RETURN) &&
		!script->pool_count[step->pool])
		complain(reader, "pool p%u is not declared", step->pool);
}

static void read_line(struct reader *reader, char *line, struct script *script)
{
	struct step step;
	char *word = strtok_r(line, " \t\n", &reader->rest);

	if (!word || *word == '#' || (reader->line == 1 && strcmp(word, "duet-script") == 0))
		return;
	if (read_declaration(reader, word, script))
		return;
	if (!read_step(reader, word, &step)) {
		complain(reader, "\"%s\" is no step and no declaration", word);
		return;
	}
	check_step(reader, script, &step);
	if (script->step_count == SCRIPT_STEPS)
		complain(reader, "more than %d steps", SCRIPT_STEPS);
	else
		script->steps[script->step_count++] = step;
}

int script_read(struct script *script, FILE *in, char *complaint, size_t size)
{
	struct reader reader = { .complaint = complaint, .size = size };
	char line[256];

	memset(script, 0, sizeof(*script));
	while (!reader.failed && fgets(line, sizeof(line), in)) {
		reader.line++;
		if (reader.line == 1 && strncmp(line, "duet-script 1", 13) != 0)
			complain(&reader, "a script begins with \"duet-script 1\"");
		read_line(&reader, line, script);
	}
	if (!reader.line)
		complain(&reader, "it is empty");
	return reader.failed ? -1 : 0;
}
