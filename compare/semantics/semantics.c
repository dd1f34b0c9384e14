/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/semantics/semantics.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "compare/report/environment.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/semantics/moments.h"

/* How long each attempt waits for what may not come. */
static const unsigned int PATIENCE_MS[] = { 5, 50, 250 };

enum { ATTEMPTS = sizeof(PATIENCE_MS) / sizeof(*PATIENCE_MS) };

struct source {
	bool (*name)(unsigned int number, char *name, size_t size);
	int (*play)(unsigned int number, unsigned int patience_ms, char *outcome, size_t size);
};

static const struct source SOURCES[] = { { rules_name, rules_play }, { moments_name, moments_play } };

static const char *recorded_of(const struct semantics_record *recorded, const char *name)
{
	for (; recorded->name; recorded++) {
		if (!strcmp(recorded->name, name))
			return recorded->outcome;
	}
	return "";
}

/* Of a race that was not seen, or was, neither is a difference. */
static bool is_race(const char *outcome)
{
	return !strncmp(outcome, "not seen", 8) || !strncmp(outcome, "seen ", 5);
}

/* What may come out differently from one time to the next is recorded with a bar between. */
static bool agrees(const char *recorded, const char *outcome)
{
	size_t length = strlen(outcome);
	const char *at = recorded;

	if (is_race(recorded))
		return is_race(outcome);
	while ((at = strstr(at, outcome))) {
		bool begins = at == recorded || !strncmp(at - 3, " | ", 3);
		bool ends = !at[length] || !strncmp(at + length, " | ", 3);

		if (begins && ends)
			return true;
		at++;
	}
	return false;
}

static int play_one(const struct source *source, unsigned int number, struct semantics_found *row)
{
	int error = 0;

	for (int i = 0; i < ATTEMPTS && !error && !row->same; i++) {
		error = source->play(number, PATIENCE_MS[i], row->outcome, sizeof(row->outcome));
		row->same = agrees(row->recorded, row->outcome);
	}
	return error;
}

int semantics_play(const struct semantics_record *recorded, struct semantics_result *result)
{
	char name[SEMANTICS_TEXT_MAX];
	int error = 0;

	*result = (struct semantics_result){ .count = 0 };
	for (size_t i = 0; i < sizeof(SOURCES) / sizeof(*SOURCES); i++) {
		for (unsigned int n = 0; SOURCES[i].name(n, name, sizeof(name)) && !error; n++) {
			struct semantics_found *row = &result->rows[result->count];

			if (result->count == SEMANTICS_CASES_MAX)
				return -ENOSPC;
			memcpy(row->name, name, sizeof(name));
			snprintf(row->recorded, sizeof(row->recorded), "%s",
				 recorded_of(recorded, name));
			error = play_one(&SOURCES[i], n, row);
			result->count++;
			result->differing += !row->same;
		}
	}
	return error;
}

void semantics_print(const struct semantics_result *result, FILE *out)
{
	struct utsname names;
	char text[160];

	uname(&names);
	snprintf(text, sizeof(text), "recorded on Linux %s, found on %s: what a cancel says / what "
		 "became of its target", SEMANTICS_KERNEL, names.release);
	say_wrapped(out, text, 0, 0);
	for (unsigned int i = 0; i < result->count; i++) {
		const struct semantics_found *row = &result->rows[i];

		fprintf(out, "%-9s  %-42s ", row->same ? "same" : "DIFFERS", row->name);
		say_wrapped(out, row->outcome, 54, 13);
		if (!row->same)
			say_wrapped(out, *row->recorded ? row->recorded : "not recorded",
				    fprintf(out, "           recorded: "), 13);
	}
	fprintf(out, "%u cases, %u differ%s\n", result->count, result->differing,
		result->differing == 1 ? "s" : "");
}

json_t *semantics_json(const struct semantics_result *result)
{
	json_t *cases = json_array();

	for (unsigned int i = 0; i < result->count; i++) {
		const struct semantics_found *row = &result->rows[i];

		json_array_append_new(cases, json_pack("{s:s, s:s, s:s, s:b}", "name", row->name,
						       "recorded", row->recorded, "found",
						       row->outcome, "same", row->same));
	}
	return json_pack("{s:i, s:s, s:o, s:o, s:s, s:o, s:i}", "schema", STORE_SCHEMA, "kind",
			 "doctor kernel", "tool", environment_tool_json(), "environment",
			 environment_json(), "recorded_on", SEMANTICS_KERNEL, "cases", cases,
			 "differing", (int)result->differing);
}
