/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <duet/scope.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reference/script_words.h"

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
		complain(reader, "\"%s\" names no connection end, listener, dialer, file or name", word);
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
		if (strcmp(word, script_families[i]) == 0)
			return i;
	}
	complain(reader, "\"%s\" is neither unix nor tcp", word);
	return FAMILY_UNIX;
}

static enum duet_kind next_kind(struct reader *reader)
{
	const char *word = next_word(reader);

	for (unsigned i = 0; i < DUET_IO_KIND_COUNT; i++) {
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
	case DUET_RECVMSG:
	case DUET_SENDMSG:
	case DUET_SEND_ZERO_COPY:
	case DUET_READ:
	case DUET_WRITE:
		read_transfer(reader, step);
		break;
	case DUET_UNLINK:
		step->value = strcmp(next_word(reader), "directory") == 0;
		break;
	case DUET_CONNECT:
	case DUET_RENAME:
	case DUET_LINK:
	case DUET_SYMLINK:
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

/* A flag of the operation that a word stands for; false: none does. */
static bool read_flag(const char *word, struct step *step)
{
	static const struct {
		const char *word;
		uint16_t flag;
	} flags[] = { { "multishot", DUET_MULTISHOT }, { "whole", DUET_WHOLE },
		{ "data", DUET_DATA_ONLY }, { "inline", DUET_INLINE } };

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(word, flags[i].word) != 0)
			continue;
		step->flags |= flags[i].flag;
		return true;
	}
	return false;
}

static bool read_membership(struct reader *reader, const char *word, struct step *step)
{
	step->cleanup = step->cleanup || strcmp(word, "cleanup") == 0;
	if (strcmp(word, "cleanup") != 0 && strcmp(word, "in") != 0)
		return false;
	step->scope = (uint8_t)(next_index(reader, 's', SCRIPT_SCOPES) + 1);
	return true;
}

static bool read_memory(struct reader *reader, const char *word, struct step *step)
{
	for (uint8_t i = MEMORY_PINNED + 1; i < MEMORY_COUNT; i++) {
		if (strcmp(word, script_memories[i]) != 0)
			continue;
		step->memory = i;
		if (i >= MEMORY_GIVEN)
			step->pool = next_index(reader, 'p', SCRIPT_POOLS);
		return true;
	}
	return false;
}

static void read_options(struct reader *reader, struct step *step)
{
	for (const char *word; *(word = next_word(reader));) {
		if (read_flag(word, step) || read_membership(reader, word, step) ||
		    read_memory(reader, word, step))
			continue;
		if (strcmp(word, "pieces") == 0)
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
	if (script_unplayable(step->kind))
		complain(reader, "no script has a %s: %s",
			duet_kind_name((enum duet_kind)step->kind),
			script_unplayable(step->kind));
	if (step->kind != DUET_NOP && step->kind != DUET_TIMEOUT && step->kind != DUET_SOCKET)
		step->object = next_object(reader);
	read_details(reader, step);
	read_options(reader, step);
}

/* After the word "scope". */
static void read_scope(struct reader *reader, struct step *step)
{
	step->what = STEP_SCOPE;
	step->object = (struct object){ OBJECT_SCOPE, next_index(reader, 's', SCRIPT_SCOPES) };
	for (const char *word; *(word = next_word(reader));) {
		uint32_t policy = 0;

		while (policy < DUET_POLICY_COUNT && strcmp(word, script_policies[policy]) != 0)
			policy++;
		if (policy < DUET_POLICY_COUNT)
			step->value = policy;
		else if (strcmp(word, "shield") == 0)
			step->flags = SCRIPT_SHIELD;
		else if (strcmp(word, "in") == 0)
			step->scope = (uint8_t)(next_index(reader, 's', SCRIPT_SCOPES) + 1);
		else if (strcmp(word, "deadline") == 0)
			step->deadline_us = next_number(reader, 1000000000u);
		else if (strcmp(word, "after") == 0)
			step->after = (uint8_t)next_number(reader, SCRIPT_IDS - 1);
		else
			complain(reader, "\"%s\" is no option of a scope", word);
	}
}

/* Of an operation or of a scope, by what comes next. */
static void read_request(struct reader *reader, struct step *step, enum step_what of_operation,
			 enum step_what of_scope)
{
	const char *word = next_word(reader);

	step->what = (uint8_t)(*word == 's' ? of_scope : of_operation);
	if (*word == 's') {
		step->object.kind = OBJECT_SCOPE;
		step->object.index = (uint8_t)number_of(reader, word + 1, SCRIPT_SCOPES - 1);
	} else {
		step->id = (uint16_t)number_of(reader, word, SCRIPT_IDS - 1);
	}
	if (step->what == STEP_DUE)
		step->deadline_us = next_number(reader, 1000000000u);
	read_options(reader, step);
}

static bool read_request_word(struct reader *reader, const char *word, struct step *step)
{
	if (strcmp(word, "cancel") == 0)
		read_request(reader, step, STEP_CANCEL, STEP_ASK);
	else if (strcmp(word, "abandon") == 0)
		read_request(reader, step, STEP_ABANDON, STEP_ABANDON);
	else if (strcmp(word, "deadline") == 0)
		read_request(reader, step, STEP_DUE, STEP_DUE);
	else if (strcmp(word, "join") == 0)
		read_request(reader, step, STEP_JOIN, STEP_JOIN);
	else
		return false;
	if (step->what >= STEP_ABANDON &&
	    (step->what == STEP_ABANDON) != (step->object.kind == OBJECT_NONE))
		complain(reader, "an operation is abandoned, a scope is joined and has a deadline");
	return true;
}

static bool read_step(struct reader *reader, const char *word, struct step *step)
{
	*step = (struct step){ .deadline_us = SCRIPT_NO_DEADLINE,
		.after = SCRIPT_AFTER_NOTHING };
	if (read_request_word(reader, word, step))
		return true;
	if (strcmp(word, "start") == 0) {
		read_start(reader, step);
	} else if (strcmp(word, "scope") == 0) {
		read_scope(reader, step);
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
		else if (strcmp(word, script_tries[TRY_NEVER]) == 0)
			script->tries[index] = TRY_NEVER;
		else if (strcmp(word, script_tries[TRY_ALWAYS]) == 0)
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

/* Received into, unless it says otherwise. */
static void read_pool(struct reader *reader, struct script *script)
{
	uint8_t index = next_index(reader, 'p', SCRIPT_POOLS);
	const char *word;

	script->pool_count[index] = next_number(reader, 1024);
	if (script->pool_count[index] & (script->pool_count[index] - 1))
		complain(reader, "the buffers of a pool are a power of two");
	script->pool_bytes[index] = next_number(reader, 1u << 16);
	script->pool_regimes[index] = DUET_REGIME_POOLED;
	word = next_word(reader);
	if (strcmp(word, duet_regime_name(DUET_REGIME_MOVED)) == 0)
		script->pool_regimes[index] = DUET_REGIME_MOVED;
	else if (strcmp(word, duet_regime_name(DUET_REGIME_REGISTERED)) == 0)
		script->pool_regimes[index] = DUET_REGIME_REGISTERED;
	else if (*word && strcmp(word, duet_regime_name(DUET_REGIME_POOLED)) != 0)
		complain(reader, "\"%s\" is no regime of a pool: pooled, moved, registered", word);
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
		read_pool(reader, script);
	} else if (strcmp(word, "fault") == 0) {
		read_fault(reader, script);
	} else {
		return false;
	}
	return true;
}

static bool scope_opened(const struct script *script, uint8_t index)
{
	for (uint32_t i = 0; i < script->step_count; i++) {
		if (script->steps[i].what == STEP_SCOPE && script->steps[i].object.index == index)
			return true;
	}
	return false;
}

/* What concerns scopes, and what is the runtime's own. */
static void check_owner(struct reader *reader, const struct script *script,
			const struct step *step)
{
	bool transfers = step->kind == DUET_RECV || kind_sends(step->kind) ||
			 step->kind == DUET_READ || step->kind == DUET_WRITE;

	if (step->what == STEP_SCOPE && scope_opened(script, step->object.index))
		complain(reader, "scope s%u is opened twice", step->object.index);
	if (step->what == STEP_SCOPE && step->flags & SCRIPT_SHIELD &&
	    step->deadline_us == SCRIPT_NO_DEADLINE)
		complain(reader, "a shield has a deadline of its own: \"deadline N\"");
	if (step->memory && step->kind == DUET_CLOSE)
		complain(reader, "nobody gives up a close: it is neither owned nor copied");
	if (step->memory && (step->kind == DUET_RECVMSG || step->kind == DUET_SENDMSG))
		complain(reader, "a message's header is the player's: it is neither owned nor copied");
	if (step->memory == MEMORY_COPIED && (!transfers || step->flags & DUET_POOLED))
		complain(reader, "only what moves bytes of the player's is copied");
	if (step->memory == MEMORY_COPIED && step->kind == DUET_READ && step->pieces)
		complain(reader, "what is read in pieces isn't copied");
	if (step->memory && !script_takes_buffer(step) && transfers &&
	    step->length_bytes > SCRIPT_OWNED_BYTES)
		complain(reader, "the runtime's own buffers have %u bytes", SCRIPT_OWNED_BYTES);
}

/* What is started with a pool: of which regime, and how long. */
static void check_pool(struct reader *reader, const struct script *script, const struct step *step)
{
	bool pooled = step->what == STEP_START && step->flags & DUET_POOLED;
	bool takes = script_takes_buffer(step);

	if (!pooled && !takes && step->what != STEP_RETURN)
		return;
	if (!script->pool_count[step->pool])
		complain(reader, "pool p%u is not declared", step->pool);
	if (takes && (pooled || step->pieces ||
		      duet_kind_regimes((enum duet_kind)step->kind) >> DUET_REGIME_MOVED == 0))
		complain(reader, "operation %u can't have a buffer of a pool", step->id);
	if (takes && step->length_bytes > script->pool_bytes[step->pool])
		complain(reader, "the buffers of pool p%u have %u bytes", step->pool,
			script->pool_bytes[step->pool]);
	if (step->what == STEP_START &&
	    pooled != (script->pool_regimes[step->pool] == DUET_REGIME_POOLED))
		complain(reader, "pool p%u is %s received into", step->pool,
			pooled ? "not" : "only");
}

static bool has_pieces(uint8_t kind)
{
	return kind == DUET_SEND || kind == DUET_SEND_ZERO_COPY || kind == DUET_READ ||
	       kind == DUET_WRITE;
}

/* Names are where only names may be, or a file's; and a handle's work is on no name. */
static void check_names(struct reader *reader, const struct script *script, const struct step *step)
{
	bool two = step->kind >= DUET_RENAME && step->kind <= DUET_SYMLINK;
	bool one = script_on_names(step->kind) && step->kind != DUET_OPEN;

	if (step->object.kind == OBJECT_NAME && !one)
		complain(reader, "a name is nothing that operation %u could work on", step->id);
	if (one && step->object.kind != OBJECT_NAME &&
	    (step->object.kind != OBJECT_FILE || (step->kind != DUET_STATX && step->kind != DUET_LINK)))
		complain(reader, "operation %u is asked of a name", step->id);
	if (two && step->target.kind != OBJECT_NAME)
		complain(reader, "the other name of operation %u is none", step->id);
	if (step->kind == DUET_LINK && !object_declared(script, step->object))
		complain(reader, "what operation %u works on is not declared", step->id);
}

static void check_step(struct reader *reader, const struct script *script,
		       const struct step *step)
{
	bool loose = step->kind == DUET_NOP || step->kind == DUET_TIMEOUT ||
		     step->kind == DUET_OPEN || step->kind == DUET_SOCKET;

	if (step->what == STEP_START && script_start(script, step->id))
		complain(reader, "operation %u is started twice", step->id);
	if (step->pieces && (!has_pieces(step->kind) || step->pieces > step->length_bytes))
		complain(reader, "only a send, read or write has pieces, of a byte at least");
	if (step->what == STEP_START && !loose && !object_declared(script, step->object))
		complain(reader, "what operation %u works on is not declared", step->id);
	check_owner(reader, script, step);
	if (step->what == STEP_START)
		check_names(reader, script, step);
	check_pool(reader, script, step);
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
