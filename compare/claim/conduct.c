/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/conduct.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "compare/measure/noise.h"
#include "compare/measure/process.h"
#include "compare/measure/rounds.h"
#include "compare/measure/verdict.h"
#include "compare/claim/sample.h"
#include "compare/report/field.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/workloads/workload.h"

/* A round is repeated twice in a row at most, and so many are of a group: a neighbour that stays
 * would be waited for without end. */
enum { PATIENCE_MS = 60000, REPEATS_MAX = 5, REPEATS_IN_A_ROW_MAX = 2 };

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

static int complain(const struct process *player, const char *arm, int code)
{
	char line[256];

	process_complaint(player, line, sizeof(line));
	if (*line)
		return say_failure(code == SAY_WRONG_BYTE ? code : SAY_UNMEASURED, "%s: %s", arm,
				   line);
	return say_failure(SAY_UNMEASURED, "%s: the process that plays it ended with %s %d", arm,
			   code > 128 ? "signal" : "exit code", code > 128 ? code - 128 : code);
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

static bool was_disturbed(const json_t *slot)
{
	const json_t *noise = json_object_get(slot, "noise");
	const struct noise what = {
		.elapsed_ns = (uint64_t)field_integer(noise, "elapsed_ns"),
		.wait_ns = (uint64_t)field_integer(noise, "wait_ns"),
		.steal_ns = (uint64_t)field_integer(noise, "steal_ns"),
		.others_cpu_ns = (uint64_t)field_integer(noise, "others_cpu_ns"),
	};

	return noise_cause(&what) != NULL;
}

static int play_arm(const struct claim_conduct *conduct, const struct claim_group *group,
		    const struct claim_arm *arm, uint64_t seed, double *figures, bool *disturbed)
{
	struct arguments arguments;
	struct process player;
	json_t *slot = NULL;
	int status, code;

	fill_arguments(conduct, group, arm, seed, &arguments);
	status = process_start(&player, arguments.list, PROCESS_ANYWHERE);
	if (status)
		return say_failure(SAY_UNMEASURED, "can't start a process: %s", strerror(-status));
	status = process_rest(&player, PATIENCE_MS);
	code = process_end(&player, status ? SIGKILL : 0);
	if (!status && !code)
		slot = json_loads(player.text ? player.text : "", 0, NULL);
	if (process_interrupted())
		code = WORKLOAD_INTERRUPTED;
	else if (!slot)
		code = complain(&player, arm->name, code);
	process_forget(&player);
	if (slot) {
		take_figures(conduct->claim, slot, figures);
		*disturbed |= was_disturbed(slot);
	}
	json_decref(slot);
	return code;
}

/* ---- Rounds. ---- */

/* All arms of a round meet the same pattern. */
static int play_round(struct claim_conduct *conduct, const struct claim_group *group,
		      double (*figures)[CLAIM_FIGURES_MAX], bool *disturbed)
{
	unsigned int order[CLAIM_ARMS_MAX + 1];
	unsigned int slots = rounds_shuffle(order, group->count, &conduct->random);
	uint64_t seed = rounds_random(&conduct->random) >> 1;
	bool seen = false;
	int code = SAY_OK;

	*disturbed = false;
	process_continued(); /* before the round it disturbed nothing */
	for (unsigned int i = 0; i < slots && !code; i++) {
		unsigned int slot = order[i] || !seen ? order[i] : group->count;

		seen |= !order[i];
		code = process_interrupted() ? WORKLOAD_INTERRUPTED
					     : play_arm(conduct, group, &group->arms[order[i]],
							seed, figures[slot], disturbed);
	}
	*disturbed |= process_continued();
	return code;
}

int claim_play_group(struct claim_conduct *conduct, unsigned int index, struct claim_plays *plays)
{
	const struct claim_group *group = &conduct->plan->groups[index];
	unsigned int in_a_row = 0;
	int code = SAY_OK;

	plays->rounds = plays->repeated = plays->disturbed = 0;
	while (!code && plays->rounds < conduct->rounds) {
		bool disturbed, again;

		say_progress("%s: %s (%u of %u)  round %u of %u, %u repeated", conduct->claim->name,
			     group->name, index + 1, conduct->plan->count, plays->rounds + 1,
			     conduct->rounds, plays->repeated);
		code = play_round(conduct, group, plays->figures[plays->rounds], &disturbed);
		if (code)
			break;
		again = disturbed && !conduct->plan->quick && plays->repeated < REPEATS_MAX &&
			in_a_row < REPEATS_IN_A_ROW_MAX;
		plays->repeated += again;
		in_a_row = again ? in_a_row + 1 : 0;
		plays->disturbed += disturbed && !again;
		plays->rounds += !again;
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

static json_t *figures_json(const struct claim *claim, const double *figures)
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
			 figures_json(claim, medians));
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
					  "figures", figures_json(claim, plays->figures[i][k])));
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
