/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare/report/store.h"

/* ---- Outcomes. ---- */

static const char *operation_of(const struct duet_lab_outcome *outcome)
{
	if (!outcome->point)
		return "none";
	return outcome->op_kind < DUET_KIND_COUNT
		? duet_kind_name((enum duet_kind)outcome->op_kind) : "wait";
}

static json_t *outcome_json(const struct duet_lab_outcome *outcome)
{
	static const char *const VERDICTS[] = { "ok", "partial", "unreached", "violation" };
	enum duet_lab_invariant invariant = (enum duet_lab_invariant)outcome->invariant;
	json_t *json = json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:s}", "point", (int)outcome->point,
		"phase", duet_lab_phase_name((enum duet_lab_phase)outcome->phase), "kind",
		duet_lab_kind_name((enum duet_lab_kind)outcome->kind), "operation",
		operation_of(outcome), "verdict", VERDICTS[outcome->verdict], "invariant",
		outcome->invariant ? duet_lab_invariant_name(invariant) : NULL, "disposition",
		duet_disposition_name((enum duet_disposition)outcome->disposition), "cause",
		duet_cause_name((enum duet_cause)outcome->cause), "text", outcome->text);

	json_object_update_new(json, json_pack(
		"{s:i, s:i, s:I, s:i, s:s}", "turns", (int)outcome->turns, "lent_turns",
		(int)outcome->lent_turns, "joined_ns", (json_int_t)outcome->joined_ns, "orders",
		(int)outcome->orders, "order", outcome->order));
	return json;
}

static json_t *outcomes_json(const struct duet_lab_sweep *sweep)
{
	json_t *outcomes = json_array();

	for (uint32_t i = 0; i < sweep->outcome_count; i++)
		json_array_append_new(outcomes, outcome_json(&sweep->outcomes[i]));
	return outcomes;
}

/* The violation that is told of, and where to see it again. */
static json_t *first_json(const struct duet_lab_sweep *sweep)
{
	char spot[80];

	if (sweep->first == sweep->outcome_count)
		return json_null();
	spot_write(&sweep->outcomes[sweep->first], spot, sizeof(spot));
	return json_pack("{s:i, s:s, s:s, s:s, s:s}", "outcome", (int)sweep->first, "at", spot,
			 "operation", operation_of(&sweep->outcomes[sweep->first]), "invariant",
			 duet_lab_invariant_name((enum duet_lab_invariant)
				sweep->outcomes[sweep->first].invariant), "text",
			 sweep->outcomes[sweep->first].text);
}

static void fill(json_t *json, const struct duet_lab_sweep *sweep)
{
	json_object_update_new(json, json_pack(
		"{s:i, s:i, s:i, s:i, s:i, s:i}", "orders_depth", (int)sweep->orders_depth, "points",
		(int)sweep->points, "runs", (int)sweep->runs, "violations", (int)sweep->violations,
		"partial", (int)sweep->partials, "unreached", (int)sweep->unreached));
	json_object_update_new(json, json_pack(
		"{s:i, s:i, s:I, s:o, s:o}", "turns_worst", (int)sweep->turns_worst,
		"lent_turns_worst", (int)sweep->lent_turns_worst, "joined_ns_worst",
		(json_int_t)sweep->joined_ns_worst, "first", first_json(sweep), "outcomes",
		outcomes_json(sweep)));
}

/* ---- Runs. ---- */

/* The run at one place alone, as if it were all of the sweep. */
static int run_at(struct duet_lab_sweep *sweep, const struct spot *spot)
{
	struct duet_lab_outcome *outcome = calloc(1, sizeof(*outcome));
	int error;

	if (!outcome)
		return -ENOMEM;
	sweep->order = spot->order;
	sweep->outcomes = outcome;
	error = duet_lab_replay(sweep, spot->point, spot->phase, spot->kind, outcome);
	sweep->outcome_count = sweep->runs = 1;
	sweep->points = spot->point;
	sweep->violations = outcome->verdict == DUET_LAB_VIOLATION;
	sweep->first = !sweep->violations;
	sweep->partials = outcome->verdict == DUET_LAB_PARTIAL;
	sweep->unreached = outcome->verdict == DUET_LAB_UNREACHED;
	sweep->turns_worst = outcome->turns;
	sweep->lent_turns_worst = outcome->lent_turns;
	sweep->joined_ns_worst = outcome->joined_ns;
	if (error) {
		sweep->points = outcome->point;
		free(outcome);
	}
	return error;
}

/* Of the backend's own words, where it is the backend. */
static json_t *refusal_json(const struct mechanism *mechanism, int error, uint32_t points)
{
	struct duet_probe answer;

	if (error == -ERANGE)
		return json_sprintf("there are %u points", points);

	if (duet_backend_probe(mechanism->backend, mechanism->tuning, &answer))
		return store_string(answer.reason);
	return json_string(strerror(-error));
}

json_t *tally(const struct tally_plan *plan)
{
	const struct swept *workload = plan->workload;
	struct duet_lab_workload made;
	struct duet_lab_sweep sweep = { .workload = &made, .backend = plan->mechanism->backend,
					.tuning = plan->mechanism->tuning,
					.turns_max = workload->turns_max,
					.orders_depth = plan->mechanism->can_order
						? plan->orders_depth : 0 };
	json_t *json = json_pack("{s:s, s:s, s:s, s:n}", "workload", workload->name, "policy",
				 plan->policy->name, "mechanism", plan->mechanism->name, "refused");
	int error;

	(plan->mechanism->native ? workload->make_native : workload->make)(plan->policy, &made);
	error = plan->spot ? run_at(&sweep, plan->spot) : duet_lab_run(&sweep);
	if (error) {
		json_object_set_new(json, "refused", refusal_json(plan->mechanism, error,
								    sweep.points));
		if (error == -ERANGE)
			json_object_set_new(json, "points", json_integer(sweep.points));
		return json;
	}
	fill(json, &sweep);
	free(sweep.outcomes);
	return json;
}
