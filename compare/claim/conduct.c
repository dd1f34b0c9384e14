/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/conduct.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "compare/claim/sample.h"
#include "compare/measure/process.h"
#include "compare/measure/rounds.h"
#include "compare/measure/verdict.h"
#include "compare/progress.h"
#include "compare/report/conclude.h"
#include "compare/say.h"
#include "compare/workloads/player.h"

/* Repeats of a group. */
enum { PATIENCE_MS = 60000, REPEATS_MAX = 5 };

/* ---- One play. ---- */

static void fill_arguments(const struct claim_conduct *conduct, const struct claim_group *group,
			   const struct claim_arm *arm, uint64_t seed, struct arguments *arguments)
{
	arguments_begin(arguments);
	arguments_add(arguments, "play-claim");
	arguments_add(arguments, "%s", conduct->claim->name);
	arguments_add(arguments, "--backend=%s",
		      arm->mechanism ? arm->mechanism : group->mechanism);
	arguments_add(arguments, "--arm=%s", arm->name);
	arguments_add(arguments, "--size=%" PRIu32, group->size);
	arguments_add(arguments, "--seed=%" PRIu64, seed);
	if (conduct->plan->quick)
		arguments_add(arguments, "--quick");
}

/* What doesn't apply is absent there. */
static void take_figures(const struct claim *claim, const json_t *slot, double *figures)
{
	for (int i = 0; claim->figures[i]; i++) {
		const json_t *figure =
			json_object_get(json_object_get(slot, "figures"), claim->figures[i]);

		figures[i] = figure ? json_number_value(figure) : NAN;
	}
}

static int play_arm(const struct claim_conduct *conduct, const struct claim_group *group,
		    const struct claim_arm *arm, uint64_t seed, double *figures, json_t *slots)
{
	struct arguments arguments;
	json_t *slot;
	int code;

	fill_arguments(conduct, group, arm, seed, &arguments);
	code = player_run(&arguments, arm->name, PATIENCE_MS, &slot);
	if (slot) {
		take_figures(conduct->claim, slot, figures);
		json_array_append_new(slots, slot);
	}
	return code;
}

/* ---- Rounds. ---- */

/* All arms of a round meet the same pattern. */
static int play_round(struct claim_conduct *conduct, const struct claim_group *group,
		      struct progress *progress, struct claim_plays *plays, json_t *round)
{
	double(*figures)[CLAIM_FIGURES_MAX] = plays->figures[plays->rounds];
	unsigned int order[CLAIM_ARMS_MAX + 1];
	unsigned int slots = rounds_shuffle(order, group->count, &conduct->random);
	uint64_t seed = rounds_random(&conduct->random) >> 1;
	bool seen = false;
	int code = SAY_OK;

	process_continued(); /* before the round it disturbed nothing */
	for (unsigned int i = 0; i < slots && !code; i++) {
		unsigned int slot = order[i] || !seen ? order[i] : group->count;

		seen |= !order[i];
		progress_slot(progress, plays->rounds, i, plays->repeated);
		code = play_arm(conduct, group, &group->arms[order[i]], seed, figures[slot],
				json_object_get(round, "slots"));
	}
	if (process_continued())
		json_object_set_new(round, "stopped", json_true());
	return code;
}

int claim_play_group(struct claim_conduct *conduct, unsigned int index, struct claim_plays *plays)
{
	const struct claim_group *group = &conduct->plan->groups[index];
	struct rounds_repeats repeats = { .max = conduct->plan->quick ? 0 : REPEATS_MAX };
	char what[2 * CLAIM_NAME_MAX];
	struct progress progress = { .what = what, .index = index, .count = conduct->plan->count,
				     .rounds = conduct->rounds, .slots = group->count + 1 };
	int code = SAY_OK;

	snprintf(what, sizeof(what), "%s: %s", conduct->claim->name, group->name);
	plays->rounds = plays->repeated = plays->disturbed = 0;
	while (!code && plays->rounds < conduct->rounds) {
		json_t *round = json_pack("{s:[]}", "slots");
		bool disturbed, again;

		code = play_round(conduct, group, &progress, plays, round);
		disturbed = !code && conclude_disturbance(round);
		json_decref(round);
		again = rounds_again(&repeats, disturbed);
		plays->repeated = repeats.made;
		plays->disturbed += disturbed && !again;
		plays->rounds += !code && !again;
	}
	return code;
}

/* ---- What came of it. ---- */

static double median(const struct claim_plays *plays, unsigned int arm, int figure)
{
	double values[CLAIM_ROUNDS_MAX];

	for (unsigned int i = 0; i < plays->rounds; i++)
		values[i] = plays->figures[i][arm][figure];
	return sample_median(values, plays->rounds);
}

/* The ratio of one figure; the floor is that of the group's first arm in the same rounds. Of
 * what is set against the first arm both plays of it count, by their geometric mean. */
static json_t *ratio_json(const struct claim_group *group, const struct claim_plays *plays,
			  unsigned int arm, int figure)
{
	double ratios[CLAIM_ROUNDS_MAX], floors[CLAIM_ROUNDS_MAX];
	struct verdict_evidence evidence = { ratios, floors, plays->rounds, true, false };
	struct verdict_result result;

	for (unsigned int i = 0; i < plays->rounds; i++) {
		const double first = plays->figures[i][0][figure];
		const double second = plays->figures[i][group->count][figure];
		const double other = plays->figures[i][group->arms[arm].against][figure];

		floors[i] = second / first;
		ratios[i] = plays->figures[i][arm][figure] /
			    (group->arms[arm].against ? other : sqrt(first * second));
		evidence.measured &= isfinite(log(ratios[i])) && isfinite(log(floors[i]));
	}
	verdict_decide(&evidence, &result);
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:s}", "ratio", result.ratio, "low", result.low,
			 "high", result.high, "floor", result.floor, "detectable",
			 result.detectable, "verdict", verdict_word(result.verdict));
}

json_t *claim_figures_json(const struct claim *claim, const double *figures)
{
	json_t *json = json_object();

	for (int i = 0; claim->figures[i]; i++) {
		if (isfinite(figures[i]))
			json_object_set_new(json, claim->figures[i], json_real(figures[i]));
	}
	return json;
}

static json_t *arm_json(const struct claim *claim, const struct claim_group *group,
			const struct claim_plays *plays, unsigned int arm)
{
	const unsigned int against = group->arms[arm].against;
	double medians[CLAIM_FIGURES_MAX];
	json_t *json;

	for (int i = 0; claim->figures[i]; i++)
		medians[i] = median(plays, arm, i);
	json = json_pack("{s:s, s:o}", "name", group->arms[arm].name, "figures",
			 claim_figures_json(claim, medians));
	if (against == arm)
		return json;
	json_object_set_new(json, "against", json_string(group->arms[against].name));
	json_object_set_new(json, "cpu", ratio_json(group, plays, arm, 0));
	json_object_set_new(json, "latency", ratio_json(group, plays, arm, 1));
	return json;
}

static json_t *rounds_json(const struct claim *claim, const struct claim_group *group,
			   const struct claim_plays *plays)
{
	json_t *rounds = json_array();

	for (unsigned int i = 0; i < plays->rounds; i++) {
		json_t *slots = json_array();

		for (unsigned int k = 0; k <= group->count; k++)
			json_array_append_new(
				slots,
				json_pack("{s:s, s:o}", "arm", group->arms[k % group->count].name,
					  "figures", claim_figures_json(claim, plays->figures[i][k])));
		json_array_append_new(rounds, slots);
	}
	return rounds;
}

json_t *claim_group_json(const struct claim *claim, const struct claim_group *group,
			 const struct claim_plays *plays)
{
	json_t *arms = json_array();

	for (unsigned int i = 0; i < group->count; i++)
		json_array_append_new(arms, arm_json(claim, group, plays, i));
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "name", group->name, "mechanism",
			 group->mechanism ? group->mechanism : "several", claim->varies,
			 (json_int_t)group->size, "repeated", (json_int_t)plays->repeated,
			 "disturbed", (json_int_t)plays->disturbed, "arms", arms, "rounds",
			 rounds_json(claim, group, plays));
}
