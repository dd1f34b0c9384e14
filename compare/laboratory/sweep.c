/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/sweep.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/policy.h"
#include "compare/laboratory/workload.h"
#include "compare/options.h"
#include "compare/report/store.h"
#include "compare/say.h"

struct values {
	struct option_list policies, backends;
	const char *json, *at;
	bool quiet;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "policy", OPTION_LIST, AT(policies), 0, 0, "NAME",
	  "what is done with an operation that was asked to end: await, copy-through, "
	  "move-and-reap, poll-drop, scope" },
	{ "backend", OPTION_LIST, AT(backends), 0, 0, "NAME",
	  "only this: completion, completion/deferred, completion/plain, polling" },
	{ "at", OPTION_TEXT, AT(at), 0, 0, "POINT,PHASE,KIND",
	  "one run only, in this process, as 3,posted,scope; for a debugger" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE", "all of it, for programs; - is stdout" },
	{ "quiet", OPTION_FLAG, AT(quiet), 0, 0, "", "no table" },
	{ 0 },
};

static const struct option_set SET = {
	"cancel sweep", "[WORKLOAD...]",
	"Runs a workload once for each of its operations, each phase and each kind of "
	"cancel, with a cancel there, and checks what must hold. Without a WORKLOAD: all.",
	ROWS,
};

/* Where --at puts the one cancel; point 0: everywhere. */
struct place {
	uint32_t point;
	enum duet_lab_phase phase;
	enum duet_lab_kind kind;
};

/* ---- One sweep. ---- */

static json_t *outcome_json(const struct duet_lab_outcome *outcome)
{
	static const char *const VERDICTS[] = { "ok", "partial", "unreached", "violation" };
	enum duet_lab_invariant invariant = (enum duet_lab_invariant)outcome->invariant;

	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:i, s:s}", "point",
			 (int)outcome->point, "phase",
			 duet_lab_phase_name((enum duet_lab_phase)outcome->phase), "kind",
			 duet_lab_kind_name((enum duet_lab_kind)outcome->kind), "operation",
			 outcome->point ? duet_kind_name((enum duet_kind)outcome->op_kind) : "none",
			 "verdict", VERDICTS[outcome->verdict], "invariant",
			 outcome->invariant ? duet_lab_invariant_name(invariant) : NULL,
			 "disposition",
			 duet_disposition_name((enum duet_disposition)outcome->disposition),
			 "cause", duet_cause_name((enum duet_cause)outcome->cause), "turns",
			 (int)outcome->turns, "text", outcome->text);
}

static json_t *outcomes_json(const struct duet_lab_sweep *sweep)
{
	json_t *outcomes = json_array();

	for (uint32_t i = 0; i < sweep->outcome_count; i++)
		json_array_append_new(outcomes, outcome_json(&sweep->outcomes[i]));
	return outcomes;
}

/* The run at one place alone, as if it were all of the sweep. */
static int run_at(struct duet_lab_sweep *sweep, const struct place *place)
{
	int error;

	sweep->outcomes = calloc(1, sizeof(*sweep->outcomes));
	if (!sweep->outcomes)
		return -ENOMEM;
	error = duet_lab_replay(sweep, place->point, place->phase, place->kind, sweep->outcomes);
	sweep->outcome_count = sweep->runs = 1;
	sweep->points = place->point;
	sweep->violations = sweep->outcomes->verdict == DUET_LAB_VIOLATION;
	sweep->partials = sweep->outcomes->verdict == DUET_LAB_PARTIAL;
	sweep->unreached = sweep->outcomes->verdict == DUET_LAB_UNREACHED;
	sweep->turns_worst = sweep->outcomes->turns;
	if (error)
		free(sweep->outcomes);
	return error;
}

static json_t *sweep_json(const struct workload *workload, const struct policy *policy,
			  const struct mechanism *mechanism, const struct place *place)
{
	struct duet_lab_workload made;
	struct duet_lab_sweep sweep = { .workload = &made, .backend = mechanism->backend,
					.tuning = mechanism->tuning };
	json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "workload", workload->name,
				 "policy", policy->name, "does", policy->does, "mechanism",
				 mechanism->name);
	int error;

	workload->make(policy, &made);
	say_progress("%s, %s, %s", workload->name, policy->name, mechanism->name);
	error = place->point ? run_at(&sweep, place) : duet_lab_run(&sweep);
	if (error) {
		json_object_set_new(json, "refused", json_string(strerror(-error)));
		return json;
	}
	json_object_update_new(json, json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "points",
					       (int)sweep.points, "runs", (int)sweep.runs,
					       "violations", (int)sweep.violations, "partial",
					       (int)sweep.partials, "unreached",
					       (int)sweep.unreached, "turns_worst",
					       (int)sweep.turns_worst, "outcomes",
					       outcomes_json(&sweep)));
	free(sweep.outcomes);
	return json;
}

/* ---- What is asked for. ---- */

static bool is_among(const struct option_list *list, const char *name)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (!strcmp(list->texts[i], name))
			return true;
	}
	return !list->count;
}

static int check_names(const struct values *values, int count, char **names)
{
	struct mechanism found[MECHANISMS_MAX];

	for (uint32_t i = 0; i < values->policies.count; i++) {
		if (!policy_find(values->policies.texts[i]))
			return say_failure(SAY_USAGE, "cancel sweep: --policy %s: there is await, "
					   "copy-through, move-and-reap, poll-drop and scope",
					   values->policies.texts[i]);
	}
	for (uint32_t i = 0; i < values->backends.count; i++) {
		if (!mechanism_find(values->backends.texts[i], found))
			return say_failure(SAY_USAGE, "cancel sweep: --backend %s: there is "
					   "completion, completion/deferred, completion/plain and "
					   "polling", values->backends.texts[i]);
	}
	for (int i = 0; i < count; i++) {
		if (!workload_find(names[i]))
			return say_failure(SAY_USAGE, "cancel sweep: there is no workload '%s'; "
					   "there is conversation and race", names[i]);
	}
	return SAY_OK;
}

/* Names of several words are written with dashes. */
static bool is_name(const char *text, size_t length, const char *name)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] != name[i] && !(text[i] == '-' && name[i] == ' '))
			return false;
	}
	return !name[length];
}

static int read_place(const char *text, struct place *place)
{
	const char *phase, *kind;
	char *end;
	unsigned long point = strtoul(text, &end, 10);
	int found = 0;

	phase = *end == ',' ? end + 1 : "";
	kind = strchr(phase, ',');
	for (int i = 0; kind && i < DUET_LAB_PHASE_COUNT; i++) {
		if (!is_name(phase, (size_t)(kind - phase),
			     duet_lab_phase_name((enum duet_lab_phase)i)))
			continue;
		place->phase = (enum duet_lab_phase)i;
		found |= 1;
	}
	for (int i = 0; kind && i < DUET_LAB_KIND_COUNT; i++) {
		if (strcmp(kind + 1, duet_lab_kind_name((enum duet_lab_kind)i)) != 0)
			continue;
		place->kind = (enum duet_lab_kind)i;
		found |= 2;
	}
	place->point = (uint32_t)point;
	if (point >= 1 && point <= 1000000 && found == 3)
		return SAY_OK;
	return say_failure(SAY_USAGE, "cancel sweep: --at %s: give POINT,PHASE,KIND: a number from 1; "
			   "same-batch, in-flight, satisfied, posted or dispatched; operation, scope, "
			   "deadline or shutdown", text);
}

static bool is_wanted(const struct values *values, const struct mechanism *mechanism)
{
	for (uint32_t i = 0; i < values->backends.count; i++) {
		struct mechanism found[MECHANISMS_MAX];
		size_t count = mechanism_find(values->backends.texts[i], found);

		while (count--) {
			if (!strcmp(found[count].name, mechanism->name))
				return true;
		}
	}
	return !values->backends.count;
}

static void sweep_mechanisms(const struct values *values, const struct place *place,
			     const struct workload *workload, const struct policy *policy, json_t *sweeps)
{
	struct mechanism all[MECHANISMS_MAX];
	size_t count = mechanism_find(NULL, all);

	for (size_t i = 0; i < count; i++) {
		if (is_wanted(values, &all[i]))
			json_array_append_new(sweeps, sweep_json(workload, policy, &all[i],
								 place));
	}
}

static bool is_named(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static json_t *sweep_all(const struct values *values, const struct place *place, int count,
			 char **names)
{
	json_t *sweeps = json_array();

	for (const struct workload *workload = WORKLOADS; workload->name; workload++) {
		if (count && !is_named(workload->name, count, names))
			continue;
		for (const struct policy *policy = POLICIES; policy->name; policy++) {
			if (is_among(&values->policies, policy->name) && !workload_why_not(workload, policy->name))
				sweep_mechanisms(values, place, workload, policy, sweeps);
		}
	}
	say_progress_end();
	return json_pack("{s:i, s:s, s:o}", "schema", 1, "result", "cancel sweep", "sweeps", sweeps);
}

/* ---- What came of it. ---- */

static int judge(const json_t *result)
{
	bool any = false;
	json_t *sweep;
	size_t i;

	json_array_foreach(json_object_get(result, "sweeps"), i, sweep) {
		any |= !json_object_get(sweep, "refused");
		if (json_integer_value(json_object_get(sweep, "violations")) > 0)
			return say_failure(SAY_WRONG_BYTE, "cancel sweep: what must hold whatever "
					   "is cancelled was violated");
	}
	return any ? SAY_OK : say_failure(SAY_UNMEASURED, "cancel sweep: no mechanism is to be "
					  "had here; duet doctor says why");
}

int sweep_command(int argc, char **argv)
{
	struct values values = { 0 };
	struct place place = { 0 };
	int first, code = options_read(&SET, argc, argv, &values, &first);
	json_t *result;

	if (code != OPTIONS_READ)
		return code;
	code = check_names(&values, argc - first, argv + first);
	if (!code && values.at)
		code = read_place(values.at, &place);
	if (!code && values.json)
		code = store_check(values.json, "cancel sweep");
	if (code)
		return code;
	result = sweep_all(&values, &place, argc - first, argv + first);
	if (!values.quiet && !(values.json && !strcmp(values.json, "-")))
		sweep_print(result, stdout);
	if (values.json)
		code = store_write(result, values.json);
	if (!code)
		code = judge(result);
	json_decref(result);
	return code;
}
