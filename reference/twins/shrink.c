/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reference/twins/examine.h"

/*
 * Delta debugging: leaves out ever smaller runs of steps as long as the same is still found, makes
 * simpler what remains of each, then leaves out whatever nothing refers to any more. Bounded in time:
 * a script that hangs costs seconds a try.
 */

#define SHRINK_SECONDS 20

struct shrinker {
	struct script *script;
	const struct cast *cast;
	struct finding *finding;
	time_t until;
};

/* The same trouble: the words, but not the numbers, of the same complaint. */
static bool same_finding(const struct finding *a, const struct finding *b)
{
	const char *x = a->text, *y = b->text;

	while (*x || *y) {
		x += strspn(x, "0123456789");
		y += strspn(y, "0123456789");
		if (*x != *y)
			return false;
		x += *x != 0;
		y += *y != 0;
	}
	return true;
}

/* Keeps the candidate if it still fails in that way. */
static bool try_candidate(struct shrinker *shrinker, const struct script *candidate)
{
	struct finding finding;

	if (time(NULL) >= shrinker->until)
		return false;
	examine_apart(candidate, shrinker->cast, &finding);
	if (!finding.found || !same_finding(&finding, shrinker->finding))
		return false;
	*shrinker->script = *candidate;
	*shrinker->finding = finding;
	return true;
}

static bool try_without(struct shrinker *shrinker, uint32_t first, uint32_t count)
{
	struct script candidate = *shrinker->script;
	uint32_t left = candidate.step_count - first - count;

	memmove(&candidate.steps[first], &candidate.steps[first + count],
		left * sizeof(candidate.steps[0]));
	candidate.step_count -= count;
	return try_candidate(shrinker, &candidate);
}

static bool leave_out(struct shrinker *shrinker, uint32_t count)
{
	bool shorter = false;

	for (uint32_t first = 0; first + count <= shrinker->script->step_count;) {
		if (try_without(shrinker, first, count))
			shorter = true;
		else
			first += count;
	}
	return shorter;
}

static bool uses(const struct script *script, enum object_kind kind, unsigned index)
{
	for (uint32_t i = 0; i < script->step_count; i++) {
		const struct step *step = &script->steps[i];

		if ((step->object.kind == kind && step->object.index == index) ||
		    (step->target.kind == kind && step->target.index == index))
			return true;
	}
	return false;
}

static bool uses_pool(const struct script *script, unsigned index)
{
	for (uint32_t i = 0; i < script->step_count; i++) {
		const struct step *step = &script->steps[i];

		bool takes = (step->what == STEP_START && step->flags & DUET_POOLED) ||
			     script_takes_buffer(step);

		if ((takes || step->what == STEP_RETURN) && step->pool == index)
			return true;
	}
	return false;
}

static void strip_unused(struct shrinker *shrinker)
{
	struct script candidate = *shrinker->script;

	for (unsigned i = 0; i < SCRIPT_POOLS; i++) {
		if (!uses_pool(&candidate, i))
			candidate.pool_count[i] = candidate.pool_bytes[i] = candidate.pool_regimes[i] = 0;
	}
	for (unsigned i = 0; i < SCRIPT_CONNECTIONS; i++) {
		if (!uses(&candidate, OBJECT_END, i * 2) &&
		    !uses(&candidate, OBJECT_END, i * 2 + 1))
			candidate.connections[i] = FAMILY_NONE;
	}
	for (unsigned i = 0; i < SCRIPT_LISTENERS; i++) {
		if (!uses(&candidate, OBJECT_LISTENER, i))
			candidate.listeners[i] = FAMILY_NONE;
	}
	for (unsigned i = 0; i < SCRIPT_DIALERS; i++) {
		if (!uses(&candidate, OBJECT_DIALER, i))
			candidate.dialers[i] = FAMILY_NONE;
	}
	for (unsigned i = 0; i < SCRIPT_FILES; i++) {
		if (!uses(&candidate, OBJECT_FILE, i))
			candidate.file_bytes[i] = 0;
	}
	try_candidate(shrinker, &candidate);
}

/* ---- Simpler steps. Each says whether it made a difference. ---- */

static bool drop_deadline(struct step *step)
{
	bool needed = step->what == STEP_DUE || (step->what == STEP_SCOPE && step->flags);
	bool had = step->deadline_us != SCRIPT_NO_DEADLINE && !needed;

	if (had)
		step->deadline_us = SCRIPT_NO_DEADLINE;
	return had;
}

static bool drop_after(struct step *step)
{
	bool had = step->after != SCRIPT_AFTER_NOTHING;

	step->after = SCRIPT_AFTER_NOTHING;
	return had;
}

/* Out of its scope, or its cleanup; an open one has none around it. */
static bool drop_scope(struct step *step)
{
	bool had = step->scope != 0;

	step->scope = 0;
	step->cleanup = false;
	return had;
}

/* The player's own memory. */
static bool drop_memory(struct step *step)
{
	bool had = step->memory != MEMORY_PINNED;

	step->memory = MEMORY_PINNED;
	return had;
}

static bool drop_flag(struct step *step, uint16_t flag)
{
	bool had = step->flags & flag;

	step->flags &= (uint16_t)~flag;
	return had;
}

static bool drop_whole(struct step *step)
{
	return step->what == STEP_START && drop_flag(step, DUET_WHOLE);
}

static bool drop_multishot(struct step *step)
{
	return step->what == STEP_START && drop_flag(step, DUET_MULTISHOT);
}

static bool drop_pool(struct step *step)
{
	if (step->what != STEP_START || !drop_flag(step, DUET_POOLED))
		return false;
	step->flags &= (uint16_t)~DUET_MULTISHOT;
	step->length_bytes = 1;
	return true;
}

static bool drop_data_only(struct step *step)
{
	return step->kind == DUET_FSYNC && drop_flag(step, DUET_DATA_ONLY);
}

static bool drop_shield(struct step *step)
{
	return step->what == STEP_SCOPE && drop_flag(step, SCRIPT_SHIELD);
}

static bool drop_twice(struct step *step)
{
	return step->what == STEP_RETURN && drop_flag(step, SCRIPT_TWICE);
}

static bool drop_pieces(struct step *step)
{
	bool had = step->pieces != 0;

	step->pieces = 0;
	return had;
}

static bool drop_offset(struct step *step)
{
	bool had = step->offset_bytes != 0;

	step->offset_bytes = 0;
	return had;
}

static bool halve_length(struct step *step)
{
	bool more = step->length_bytes > 1;

	step->length_bytes -= more ? (step->length_bytes + 1) / 2 : 0;
	return more;
}

/* Of turns, waits, timers and returns. */
static bool halve_value(struct step *step)
{
	bool more = step->value > 1 && step->kind != DUET_POLL && step->what != STEP_SCOPE;

	step->value -= more ? (step->value + 1) / 2 : 0;
	return more;
}

static bool (*const simpler[])(struct step *step) = { drop_deadline, drop_after, drop_scope,
	drop_memory, drop_pool, drop_multishot, drop_whole, drop_data_only, drop_shield, drop_twice,
	drop_pieces, drop_offset, halve_length, halve_value };

static void simplify_steps(struct shrinker *shrinker)
{
	for (uint32_t i = 0; i < shrinker->script->step_count; i++) {
		for (unsigned k = 0; k < sizeof(simpler) / sizeof(simpler[0]); k++) {
			struct script candidate = *shrinker->script;

			/* Again while it goes: lengths are halved more than once. */
			while (simpler[k](&candidate.steps[i]) &&
			       try_candidate(shrinker, &candidate))
				continue;
		}
	}
}

static void strip_faults(struct shrinker *shrinker)
{
	for (uint32_t i = 0; i < shrinker->script->fault_count;) {
		struct script candidate = *shrinker->script;

		candidate.faults[i] = candidate.faults[--candidate.fault_count];
		if (!try_candidate(shrinker, &candidate))
			i++;
	}
}

static void strip_connections(struct shrinker *shrinker)
{
	for (unsigned i = 0; i < SCRIPT_CONNECTIONS; i++) {
		struct script candidate = *shrinker->script;

		candidate.small[i] = false;
		if (shrinker->script->small[i])
			try_candidate(shrinker, &candidate);
		candidate = *shrinker->script;
		candidate.tries[i] = TRY_AS_LOOP;
		if (shrinker->script->tries[i])
			try_candidate(shrinker, &candidate);
	}
}

static void shorten(struct shrinker *shrinker)
{
	bool shorter = true;

	while (shorter) {
		shorter = false;
		/* Of a single step the half is none: there the whole is tried. */
		for (uint32_t count = (shrinker->script->step_count + 1) / 2; count; count /= 2)
			shorter = leave_out(shrinker, count) || shorter;
	}
}

void shrink(struct script *script, const struct cast *cast, struct finding *finding)
{
	struct shrinker shrinker = { script, cast, finding, time(NULL) + SHRINK_SECONDS };

	shorten(&shrinker);
	simplify_steps(&shrinker);
	/* What is no longer in a scope needs none. */
	shorten(&shrinker);
	strip_faults(&shrinker);
	strip_connections(&shrinker);
	strip_unused(&shrinker);
}
