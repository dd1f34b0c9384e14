/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/spot.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/say.h"

enum { POINT_MAX = 1000000 };

static const char *phase_name(int index)
{
	return index < DUET_LAB_PHASE_COUNT ? duet_lab_phase_name((enum duet_lab_phase)index) : NULL;
}

static const char *kind_name(int index)
{
	return index < DUET_LAB_KIND_COUNT ? duet_lab_kind_name((enum duet_lab_kind)index) : NULL;
}

static bool is_name(const char *text, size_t length, const char *name)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] != name[i] && !(text[i] == '-' && name[i] == ' '))
			return false;
	}
	return !name[length];
}

/* The one that the text begins with, up to a comma; what follows that is left in *text, NULL if nothing
 * does. -1: there is none. */
static int read_name(const char **text, const char *(*name)(int index))
{
	size_t length = strcspn(*text, ",");

	for (int i = 0; name(i); i++) {
		if (!is_name(*text, length, name(i)))
			continue;
		*text = (*text)[length] ? *text + length + 1 : NULL;
		return i;
	}
	return -1;
}

static void list(char *names, size_t size, const char *(*name)(int index))
{
	size_t used = 0;

	for (int i = 0; name(i) && used < size; i++)
		used += (size_t)snprintf(names + used, size - used, "%s%s", i ? ", " : "", name(i));
	for (size_t i = 1; i < strlen(names); i++) {
		if (names[i] == ' ' && names[i - 1] != ',')
			names[i] = '-';
	}
}

static int refuse(const char *text)
{
	char phases[160], kinds[160];

	list(phases, sizeof(phases), phase_name);
	list(kinds, sizeof(kinds), kind_name);
	return say_failure(SAY_USAGE, "cancel sweep: --at %s: give POINT,PHASE,KIND: a number from 1, 0 "
			   "without a cancel; one of %s; one of %s; then, on the reference, the order "
			   "that was printed", text, phases, kinds);
}

int spot_read(const char *text, struct spot *spot)
{
	char *end;
	unsigned long point = strtoul(text, &end, 10);
	const char *rest = end + 1;
	int phase, kind;

	if (end == text || *text == '-' || point > POINT_MAX || *end != ',')
		return refuse(text);
	phase = read_name(&rest, phase_name);
	if (phase < 0 || !rest)
		return refuse(text);
	kind = read_name(&rest, kind_name);
	if (kind < 0)
		return refuse(text);
	if (rest && (strspn(rest, "0123456789abcdefghijklmnopqrstuvwxyz") != strlen(rest) ||
		     strlen(rest) > DUET_LAB_ORDERS_DEPTH_MAX))
		return refuse(text);
	*spot = (struct spot){ (uint32_t)point, (enum duet_lab_phase)phase,
			       (enum duet_lab_kind)kind, rest };
	return SAY_OK;
}

void spot_write(const struct duet_lab_outcome *outcome, char *text, size_t size)
{
	snprintf(text, size, "%u,%s,%s%s%s", outcome->point,
		 duet_lab_phase_name((enum duet_lab_phase)outcome->phase),
		 duet_lab_kind_name((enum duet_lab_kind)outcome->kind), *outcome->order ? "," : "",
		 outcome->order);
	for (; *text; text++)
		*text = *text == ' ' ? '-' : *text;
}
