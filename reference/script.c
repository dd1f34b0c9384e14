/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/script_words.h"

#include <duet/operation.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const char object_letters[] = "-cldfsn";
const char *const script_families[] = { "none", "unix", "tcp" };
const char *const script_policies[] = { "wait-all", "fail-fast", "race", "first" };
const char *const script_memories[MEMORY_COUNT] = { "", "owned", "copied", "given", "through" };
const char *const script_tries[TRY_COUNT] = { "", "never", "always" };

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
		[OBJECT_FILE] = SCRIPT_FILES,
		[OBJECT_SCOPE] = SCRIPT_SCOPES, [OBJECT_NAME] = SCRIPT_NAMES };

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
	case OBJECT_NAME:
		return true;
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

enum duet_regime script_regime(const struct script *script, const struct step *step)
{
	switch (step->memory) {
	case MEMORY_COPIED:
	case MEMORY_THROUGH:
		return DUET_REGIME_COPIED;
	case MEMORY_GIVEN:
		return (enum duet_regime)script->pool_regimes[step->pool];
	default:
		return step->flags & DUET_POOLED ? DUET_REGIME_POOLED : DUET_REGIME_LENT;
	}
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
	case DUET_RECVMSG:
	case DUET_SENDMSG:
	case DUET_SEND_ZERO_COPY:
	case DUET_READ:
	case DUET_WRITE:
		write_transfer(step, out);
		break;
	case DUET_UNLINK:
		fprintf(out, step->value ? " directory" : " file");
		break;
	case DUET_CONNECT:
	case DUET_RENAME:
	case DUET_LINK:
	case DUET_SYMLINK:
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
		fprintf(out, " %s", script_families[step->value]);
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
	if (step->memory)
		fprintf(out, " %s", script_memories[step->memory]);
	if (script_takes_buffer(step))
		fprintf(out, " p%u", step->pool);
	if (step->scope)
		fprintf(out, " %s s%u", step->cleanup ? "cleanup" : "in", step->scope - 1u);
	if (step->deadline_us != SCRIPT_NO_DEADLINE)
		fprintf(out, " deadline %u", step->deadline_us);
	write_after(step, out);
}

static void write_scope(const struct step *step, FILE *out)
{
	fprintf(out, "scope s%u %s", step->object.index, script_policies[step->value]);
	if (step->flags & SCRIPT_SHIELD)
		fprintf(out, " shield");
	if (step->scope)
		fprintf(out, " in s%u", step->scope - 1u);
	if (step->deadline_us != SCRIPT_NO_DEADLINE)
		fprintf(out, " deadline %u", step->deadline_us);
	write_after(step, out);
}

/* "cancel 3", "join s0". */
static void write_request(const char *word, const struct step *step, FILE *out)
{
	if (step->object.kind == OBJECT_SCOPE)
		fprintf(out, "%s s%u", word, step->object.index);
	else
		fprintf(out, "%s %u", word, step->id);
	if (step->what == STEP_DUE)
		fprintf(out, " %u", step->deadline_us);
	write_after(step, out);
}

static void write_step(const struct step *step, FILE *out)
{
	switch (step->what) {
	case STEP_START:
		write_start(step, out);
		break;
	case STEP_CANCEL:
	case STEP_ASK:
		write_request("cancel", step, out);
		break;
	case STEP_ABANDON:
		write_request("abandon", step, out);
		break;
	case STEP_SCOPE:
		write_scope(step, out);
		break;
	case STEP_DUE:
		write_request("deadline", step, out);
		break;
	case STEP_JOIN:
		write_request("join", step, out);
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
			fprintf(out, "%s %c%u %s\n", word, letter, i, script_families[list[i]]);
	}
}

static void write_connections(const struct script *script, FILE *out)
{
	for (unsigned i = 0; i < SCRIPT_CONNECTIONS; i++) {
		if (script->connections[i] != FAMILY_NONE)
			fprintf(out, "connection c%u %s%s%s%s\n", i,
				script_families[script->connections[i]], script->small[i] ? " small" : "",
				script->tries[i] ? " " : "", script_tries[script->tries[i]]);
	}
}

const char *script_unplayable(uint8_t kind)
{
	switch (kind) {
	case DUET_SIGNAL:
		return "signals are the process's, and players share one";
	case DUET_WAIT_PROCESS:
		return "a process ends in its own time, and not in a player's";
	case DUET_SPLICE:
		return "a splice has a pipe on one side, and no script has one";
	default:
		return NULL;
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
			fprintf(out, "pool p%u %u %u %s\n", i, script->pool_count[i],
				script->pool_bytes[i],
				duet_regime_name((enum duet_regime)script->pool_regimes[i]));
	}
	for (uint32_t i = 0; i < script->fault_count; i++)
		fprintf(out, "fault %s %u %s\n",
			duet_kind_name((enum duet_kind)script->faults[i].kind),
			script->faults[i].number, duet_error_name(script->faults[i].error));
	for (uint32_t i = 0; i < script->step_count; i++)
		write_step(&script->steps[i], out);
}
