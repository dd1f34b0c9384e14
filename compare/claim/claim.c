/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/claim.h"

#include <duet/operation.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/claim/conduct.h"
#include "compare/measure/process.h"
#include "compare/measure/window.h"
#include "compare/options.h"
#include "compare/outlet.h"
#include "compare/report/environment.h"
#include "compare/report/field.h"
#include "compare/report/repeat.h"
#include "compare/report/slot.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/workloads/workload.h"

static const struct claim *const CLAIMS[] = { &CLAIM_TRY_FIRST, &CLAIM_STATELESS, &CLAIM_PARITY,
					     &CLAIM_MODELS,    &CLAIM_BESIDE,    &CLAIM_BLOCKING,
					     &CLAIM_HOT,       &CLAIM_SCHEDULING, &CLAIM_PATHS,
					     &CLAIM_IDLE,      &CLAIM_REGIMES };

enum { CLAIMS_COUNT = sizeof(CLAIMS) / sizeof(*CLAIMS), ROUNDS = 15, ROUNDS_QUICK = 6 };

enum { SPARE_FILES = 32 }; /* of a play, beside those of what it varies */

const struct claim *claim_find(const char *name)
{
	for (size_t i = 0; i < CLAIMS_COUNT; i++) {
		if (!strcmp(CLAIMS[i]->name, name))
			return CLAIMS[i];
	}
	return NULL;
}

const struct claim *claim_of(const json_t *result)
{
	for (size_t i = 0; i < CLAIMS_COUNT; i++) {
		if (!strcmp(CLAIMS[i]->kind, field_string(result, "kind")))
			return CLAIMS[i];
	}
	return NULL;
}

void claim_add_arm(struct claim_group *group, const char *name, const char *mechanism,
		   unsigned int against)
{
	struct claim_arm *arm = &group->arms[group->count++];

	snprintf(arm->name, sizeof(arm->name), "%s", name);
	arm->mechanism = mechanism;
	arm->against = against;
}

/* ---- The command. ---- */

struct values {
	struct option_list backends;
	uint32_t rounds;
	uint64_t seed;
	bool quick;
	struct outlet outlet;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "rounds", OPTION_NUMBER, AT(rounds), 1, CLAIM_ROUNDS_MAX, "N",
	  "15 by default; fewer than 6 can't carry a verdict" },
	{ "backend", OPTION_LIST, AT(backends), 0, 0, "NAME",
	  "only this: completion, completion/deferred, completion/plain, polling" },
	{ "quick", OPTION_FLAG, AT(quick), 0, 0, "",
	  "smaller plays, 6 rounds: seconds, and coarse" },
	{ "seed", OPTION_SEED, AT(seed), 0, INT64_MAX, "N", "of the order of play; 1 by default" },
	OUTLET_ROWS(struct values, outlet),
	{ "show", OPTION_GONE, 0, 0, 0, "", "duet show FILE" },
	{ 0 },
};

static json_t *legend_json(const struct claim *claim)
{
	json_t *legend = json_array();

	for (size_t i = 0; claim->legend[i][0]; i++)
		json_array_append_new(legend, json_pack("{s:s, s:s}", "name", claim->legend[i][0],
							"does", claim->legend[i][1]));
	return legend;
}

static json_t *begin_result(const struct claim *claim, const struct values *values, int argc,
			    char **argv, json_t *mechanisms)
{
	json_t *run = repeat_run_json(argc, argv, values->seed);

	json_object_set_new(run, "rounds", json_integer(values->rounds));
	json_object_set_new(run, "quick", json_boolean(values->quick));
	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:[], s:[], s:b}", "schema",
			 STORE_SCHEMA, "kind", claim->kind, "tool", environment_tool_json(), "run",
			 run, "environment", environment_json(), "mechanisms", mechanisms, "legend",
			 legend_json(claim), "groups", "findings", "complete", 0);
}

/* Rounds that were played before a signal came are kept. */
static int play_groups(const struct claim *claim, const struct values *values,
		       const struct claim_plan *plan, json_t *result)
{
	struct claim_conduct conduct = { claim, plan, values->rounds, values->seed };
	struct claim_plays *plays = calloc(1, sizeof(*plays));
	int code = plays ? SAY_OK : say_failure(SAY_UNMEASURED, "out of memory");

	for (unsigned int i = 0; i < plan->count && !code; i++) {
		code = claim_play_group(&conduct, i, plays);
		if (plays->rounds && code != SAY_WRONG_BYTE)
			json_array_append_new(json_object_get(result, "groups"),
					      claim_group_json(claim, &plan->groups[i], plays));
	}
	say_progress_end();
	free(plays);
	return code;
}

static int conclude(const struct claim *claim, const struct values *values, json_t *result,
		    int code)
{
	bool any = json_array_size(json_object_get(result, "groups")) > 0;
	int written;

	json_object_set_new(result, "complete", json_boolean(any && code == SAY_OK));
	if (code == SAY_WRONG_BYTE)
		return code;
	if (code == WORKLOAD_INTERRUPTED)
		code = outlet_interrupted(&values->outlet, any);
	else if (!code && !any)
		code = say_failure(SAY_UNMEASURED, "compare %s: nothing was measured; duet doctor says "
				   "what can be had here", claim->name);
	if (!any)
		return code;
	claim->conclude(result);
	process_pass_interrupt();
	written = outlet_deliver(&values->outlet, result, claim->print);
	return code ? code : written;
}

static int check_files(const struct claim *claim, const struct claim_plan *plan)
{
	const uint64_t files_max = process_files_max();
	uint64_t most = 0;

	for (unsigned int i = 0; i < plan->count && claim->takes_descriptors; i++) {
		if (plan->groups[i].size > most)
			most = plan->groups[i].size;
	}
	if (most + SPARE_FILES <= files_max)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED,
			   "compare %s: %" PRIu64 " %s take %" PRIu64
			   " descriptors, and the limit is %" PRIu64
			   ": raise it with ulimit -n%s",
			   claim->name, most, claim->varies, most + SPARE_FILES, files_max,
			   plan->quick ? "" : ", or give --quick, which has fewer");
}

/* Of all that were asked for none is left: the first says why, or has nothing of it. */
static int say_refused(const struct claim *claim, const json_t *probed)
{
	const json_t *first = json_array_get(probed, 0);

	if (!json_is_string(json_object_get(first, "refused")))
		return say_failure(SAY_USAGE, "compare %s: --backend %s: it has none of what is compared; "
				   "give completion, or leave it out", claim->name,
				   field_string(first, "name"));
	return say_failure(SAY_UNMEASURED, "compare %s: %s can't be had here: %s", claim->name,
			   field_string(first, "name"), field_string(first, "refused"));
}

/* Before the first round, and not when the turn of the largest group comes. */
static int check_played(const struct claim *claim, const struct claim_plan *plan,
			const json_t *result)
{
	const json_t *probed = json_object_get(result, "mechanisms");

	return plan->count ? check_files(claim, plan) : say_refused(claim, probed);
}

static int put_to_test(const struct claim *claim, const struct values *values, int argc,
		       char **argv, struct mechanism *mechanisms, size_t count)
{
	struct claim_plan *plan = calloc(1, sizeof(*plan));
	json_t *probed = mechanism_probe(mechanisms, &count), *result;
	int code;

	if (!plan)
		return say_failure(SAY_UNMEASURED, "out of memory");
	plan->quick = values->quick;
	claim->plan(plan, mechanisms, count);
	result = begin_result(claim, values, argc, argv, probed);
	code = check_played(claim, plan, result);
	if (!code) {
		process_catch_interrupts();
		code = play_groups(claim, values, plan, result);
		code = conclude(claim, values, result, code);
	}
	json_decref(result);
	free(plan);
	return code;
}

static int check(const struct claim *claim, const struct values *values, int operands,
		 const char *operand)
{
	if (operands)
		return say_failure(SAY_USAGE, "compare %s: '%s' is one word too many; it takes options "
				   "only", claim->name, operand);
	return outlet_open(&values->outlet, "compare");
}

int claim_command(const struct claim *claim, int argc, char **argv)
{
	char title[CLAIM_NAME_MAX];
	const struct option_set set = { title, "", claim->summary, ROWS };
	struct values values = { .seed = 1 };
	struct mechanism mechanisms[MECHANISMS_MAX];
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	size_t count = 0;
	int first, code;

	if (!words)
		return say_failure(SAY_UNMEASURED, "out of memory");
	snprintf(title, sizeof(title), "compare %s", claim->name);
	memcpy(words, argv + 1, (size_t)(argc - 1) * sizeof(*words)); /* reading permutes argv */
	words[0] = title;
	code = options_read(&set, argc - 1, argv + 1, &values, &first);
	if (code == OPTIONS_READ) {
		if (!values.rounds)
			values.rounds = values.quick ? ROUNDS_QUICK : ROUNDS;
		code = mechanism_choose(MECHANISM_CLAIM, title, &values.backends, mechanisms,
					&count);
		if (!code)
			code = check(claim, &values, argc - 1 - first, argv[1 + first]);
		if (!code)
			code = put_to_test(claim, &values, argc - 1, words, mechanisms, count);
	}
	free(words);
	return code;
}

/* ---- One play. ---- */

struct play_values {
	const char *arm, *backend;
	uint32_t size;
	uint64_t seed;
	bool quick;
};

#define PLAY_AT(field) offsetof(struct play_values, field)
static const struct option_row PLAY_ROWS[] = {
	{ "arm", OPTION_TEXT, PLAY_AT(arm), 0, 0, "NAME", "of its group" },
	{ "backend", OPTION_TEXT, PLAY_AT(backend), 0, 0, "NAME", "a mechanism" },
	{ "size", OPTION_NUMBER, PLAY_AT(size), 0, UINT32_MAX, "N", "what the claim varies" },
	{ "seed", OPTION_SEED, PLAY_AT(seed), 0, UINT64_MAX, "N", "of its pattern" },
	{ "quick", OPTION_FLAG, PLAY_AT(quick), 0, 0, "", "a small one" },
	{ 0 },
};

static const struct option_set PLAY_SET = {
	"play-claim",
	"CLAIM",
	"One play of a claim; compare starts this by itself.",
	PLAY_ROWS,
};

static int play(const struct claim *claim, const struct claim_play *what)
{
	double figures[CLAIM_FIGURES_MAX];
	struct window window;
	json_t *slot;
	int error, code;

	for (int i = 0; i < CLAIM_FIGURES_MAX; i++)
		figures[i] = NAN;
	process_raise_files();
	window_open(&window, getpid(), 0);
	error = claim->play(what, figures);
	window_close(&window);
	if (error == -EBADMSG)
		return say_failure(SAY_WRONG_BYTE,
				   "%s: what came is not what was sent: the timings "
				   "are void",
				   what->mechanism.name);
	if (error)
		return say_failure(SAY_UNMEASURED, "%s: %s%s", what->mechanism.name,
				   strerror(-error), say_advice(error));
	slot = json_pack("{s:o, s:I, s:o}", "figures", claim_figures_json(claim, figures),
			 "elapsed_ns", (json_int_t)window_elapsed_ns(&window), "noise",
			 slot_noise_json(&window));
	code = store_write(slot, "-");
	json_decref(slot);
	return code;
}

int play_claim_command(int argc, char **argv)
{
	struct play_values values = { .arm = "", .seed = 1 };
	struct mechanism found[MECHANISMS_MAX];
	const struct claim *claim;
	int first, code = options_read(&PLAY_SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	claim = argc - first == 1 ? claim_find(argv[first]) : NULL;
	if (!claim || !values.backend ||
	    mechanism_find(MECHANISM_CLAIM, values.backend, found) != 1)
		return say_failure(SAY_USAGE, "play-claim: which claim, which backend?");
	return play(claim, &(struct claim_play){ values.arm, found[0], values.size, values.seed,
						 values.quick });
}
