/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reference/twins/examine.h"

/*
 * Delta debugging: leaves out ever smaller runs of steps as long as something is still found, then
 * whatever nothing refers to any more. Bounded in time: a script that hangs costs seconds a try.
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

static void strip_unused(struct shrinker *shrinker)
{
	struct script candidate = *shrinker->script;

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

void shrink(struct script *script, const struct cast *cast, struct finding *finding)
{
	struct shrinker shrinker = { script, cast, finding, time(NULL) + SHRINK_SECONDS };
	bool shorter = true;

	while (shorter) {
		shorter = false;
		for (uint32_t count = script->step_count / 2; count; count /= 2)
			shorter = leave_out(&shrinker, count) || shorter;
	}
	strip_unused(&shrinker);
}
