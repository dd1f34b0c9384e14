/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/against.h"

#include <stdio.h>
#include <string.h>

#include "compare/laboratory/matrix.h"
#include "compare/report/store.h"

/* A difference is a class that a quarter of the runs have now and that none had then. What is rarer now
 * may have been missed then; and one that is gone left its runs to another, which is new or was there:
 * how often is a matter of load. */
enum { FREQUENT = 4 };

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static bool says(const json_t *object, const char *key, const char *value)
{
	return !strcmp(text_at(object, key), value);
}

/* ---- One cell. ---- */

/* Who asks is a matter of the phase, and of nothing else. */
static const char *asker(const json_t *cell)
{
	return says(cell, "phase", "cleanup") ? "scope" : "cancel";
}

static void add_class(json_t *classes, const json_t *outcome, const char *asked_by)
{
	bool asked = says(outcome, "cause", "cancel") || says(outcome, "cause", "scope");
	json_int_t count = json_integer_value(json_object_get(outcome, "count"));
	char key[128];

	snprintf(key, sizeof(key), "%.40s/%.40s/%.40s", text_at(outcome, "disposition"),
		 asked ? asked_by : text_at(outcome, "cause"), text_at(outcome, "result"));
	count += json_integer_value(json_object_get(classes, key));
	json_object_set_new(classes, key, json_integer(count));
}

/* "untouched/cancel/ECANCELED" -> count; "unreachable" alone. Runs that were missed say nothing. */
static void add_classes(json_t *classes, const json_t *cell, const char *asked_by)
{
	json_t *outcome;
	size_t i;

	if (json_object_get(cell, "unreachable"))
		json_object_set_new(classes, "unreachable", json_integer(1));
	json_array_foreach(json_object_get(cell, "outcomes"), i, outcome)
		add_class(classes, outcome, asked_by);
}

static bool stops_only_before(const json_t *matrix, const char *kind)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(matrix, "kinds"), i, one) {
		if (says(one, "name", kind))
			return says(one, "cancel_class", "not once issued");
	}
	return false;
}

/* What runs to its end once it has begun is raced for, with whoever is to begin it: by load, any phase
 * of it is any other. */
static void add_other_phases(json_t *classes, const json_t *recorded, const json_t *now)
{
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(recorded, "cells"), i, cell) {
		if (says(cell, "kind", text_at(now, "kind")) &&
		    says(cell, "mechanism", text_at(now, "mechanism")) &&
		    !json_object_get(cell, "unreachable"))
			add_classes(classes, cell, asker(now));
	}
}

static bool exceeds(json_t *one, json_int_t runs, const json_t *other)
{
	const char *key;
	json_t *count;

	json_object_foreach(one, key, count) {
		if (json_integer_value(count) * FREQUENT >= runs && !json_object_get(other, key))
			return true;
	}
	return false;
}

static json_t *difference(const json_t *recorded, const json_t *before, const json_t *now)
{
	json_t *old = json_object(), *new = json_object(), *known, *json = NULL;

	add_classes(old, before, asker(before));
	add_classes(new, now, asker(now));
	known = json_copy(old);
	if (json_object_size(old) && stops_only_before(recorded, text_at(now, "kind")))
		add_other_phases(known, recorded, now);
	if (json_object_size(old) &&
	    exceeds(new, json_integer_value(json_object_get(now, "runs")), known))
		json = json_pack("{s:O, s:O, s:O, s:O, s:O}", "kind", json_object_get(now, "kind"),
				 "phase", json_object_get(now, "phase"), "mechanism",
				 json_object_get(now, "mechanism"), "before", old, "now", new);
	json_decref(known);
	json_decref(old);
	json_decref(new);
	return json;
}

/* ---- The whole. ---- */

void against_compare(json_t *matrix, const json_t *recorded, const char *path)
{
	json_t *differences = json_array(), *cell;
	json_int_t compared = 0;
	size_t i;

	json_array_foreach(json_object_get(matrix, "cells"), i, cell) {
		json_t *before = matrix_cell(recorded, text_at(cell, "kind"),
					     text_at(cell, "phase"), text_at(cell, "mechanism"));
		json_t *found = before ? difference(recorded, before, cell) : NULL;

		compared += before != NULL;
		if (found)
			json_array_append_new(differences, found);
	}
	json_object_set_new(matrix, "against", json_pack(
		"{s:o, s:o, s:I, s:o}", "file", store_string(path), "kernel_release",
		store_string(text_at(json_object_get(recorded, "environment"), "kernel_release")),
		"compared", compared, "differences", differences));
}

bool against_differs(const json_t *matrix, const json_t *cell)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(matrix, "against"), "differences"), i,
			   one) {
		if (says(one, "kind", text_at(cell, "kind")) &&
		    says(one, "phase", text_at(cell, "phase")) &&
		    says(one, "mechanism", text_at(cell, "mechanism")))
			return true;
	}
	return false;
}
