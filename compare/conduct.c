/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/conduct.h"

#include <duet/loop.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "compare/backends.h"
#include "compare/floors.h"
#include "compare/harness.h"
#include "compare/kernel/pass.h"
#include "compare/measure/process.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"
#include "compare/models/file_reader.h"
#include "compare/models/model.h"
#include "compare/progress.h"
#include "compare/questions/question.h"
#include "compare/report/conclude.h"
#include "compare/report/machine.h"
#include "compare/report/store.h"
#include "compare/say.h"

struct play {
	const struct conduct *conduct;
	const struct cell *cell;
	struct stage stage;
	json_t *rounds, *kernel_view;
	struct progress progress;
	struct rounds_repeats repeats;
	unsigned int kept;
	bool correct, complete; /* complete: all rounds were played */
};

/* One that isn't a backend of ours: nothing can be asked about it before it is played. */
static int check_stranger(const struct cell *cell, const struct arm *arm)
{
	if (cell->workload->check_arm)
		return cell->workload->check_arm(cell, arm);
	if (!cell->workload->served)
		return say_failure(SAY_USAGE, "arm %s: the workload %s is played by completion and "
				   "polling only", arm->name, cell->workload->name);
	if (arm->kind == ARM_FLOOR && !floors_find(arm->backend))
		return say_failure(SAY_USAGE, "arm %s: there is " FLOORS_NAMES, arm->name);
	return SAY_OK;
}

/* The null backend knows no connections, and what it reads is zeros. */
static int check_null(const struct cell *cell, const struct arm *arm)
{
	if (strcmp(arm->backend, "null") != 0 || (!cell->workload->served && cell->file))
		return SAY_OK;
	return say_failure(SAY_USAGE, "arm %s: null carries nothing out, and all that it reads is "
			   "zeros: write duet compare file --file, with a file of zeros", arm->name);
}

static int check_file_model(const struct arm *arm)
{
	return file_model_find(arm->model) ? SAY_OK
		: say_failure(SAY_USAGE, "arm %s: the workload file has no model '%s'; it has "
			      FILE_MODEL_NAMES, arm->name, arm->model);
}

static int check_model(const struct cell *cell, const struct arm *arm)
{
	const struct model *model = model_find(arm->model);

	if (arm->idle != ARM_UNSET && cell->workload != &WORKLOAD_INFORMED)
		return say_failure(SAY_USAGE, "arm %s: idle=N is a key of the question informed",
				   arm->name);
	if (cell->workload->check_arm)
		return cell->workload->check_arm(cell, arm);
	if (cell->workload == &WORKLOAD_FILE)
		return check_file_model(arm);
	if (!model)
		return say_failure(SAY_USAGE, "arm %s: there is no model '%s'; there is " MODEL_NAMES,
				   arm->name, arm->model);
	if (model->only_on && strcmp(model->only_on, arm->backend) != 0)
		return say_failure(SAY_USAGE, "arm %s: only %s speaks the %s dialect", arm->name,
				   model->only_on, model->name);
	return SAY_OK;
}

static int check_backend(const struct cell *cell, const struct arm *arm, struct duet_probe *probe)
{
	const struct duet_backend *backend = backends_find(arm->backend);

	if (!backend)
		return say_failure(SAY_USAGE, "arm %s: there is no backend '%s'; there is "
				   "completion and polling", arm->name, arm->backend);
	if (check_model(cell, arm) || check_null(cell, arm))
		return SAY_USAGE;
	if (!duet_backend_probe(backend, *arm->tuning ? arm->tuning : NULL, probe))
		return SAY_OK;
	if (probe->error == -EINVAL && *arm->tuning)
		return say_failure(SAY_USAGE, "arm %s: %s", arm->name, probe->reason);
	return say_failure(SAY_UNMEASURED, "arm %s can't be played here: %s", arm->name,
			   probe->reason);
}

static int check_arm(const struct cell *cell, const struct arm *arm, struct duet_probe *probe)
{
	return arm->kind == ARM_BACKEND ? check_backend(cell, arm, probe)
					: check_stranger(cell, arm);
}

/* Absent where it would mean nothing. */
static void set_word(json_t *json, const char *key, const char *word)
{
	if (*word)
		json_object_set_new(json, key, store_string(word));
}

static json_t *describe_arm(const struct arm *arm, const struct duet_probe *probe)
{
	static const char *const kinds[] = { "backend", "floor", "external" };
	static const char *const shapes[] = { "", "written by hand, with nothing of the library",
					      "a program of its own" };
	json_t *json = json_pack("{s:o, s:s}", "name", store_string(arm->name), "kind",
				 kinds[arm->kind]);

	set_word(json, "arm", arm->text);
	set_word(json, "backend", arm->backend);
	set_word(json, "command", arm->command);
	if (arm->kind == ARM_BACKEND) {
		json_object_set_new(json, "model", json_string(arm->model));
		json_object_set_new(json, "tuning", json_string(arm->keys));
	}
	set_word(json, "shape", arm->kind == ARM_BACKEND ? probe->shape : shapes[arm->kind]);
	return json;
}

static int describe_arms(const struct cell *cell, json_t *arms)
{
	int code = SAY_OK;

	for (uint32_t i = 0; !code && i < cell->arm_count; i++) {
		const struct arm *arm = &cell->arms[i];
		struct duet_probe probe = {0};

		code = check_arm(cell, arm, &probe);
		json_array_append_new(arms, describe_arm(arm, &probe));
	}
	return code;
}

int conduct_check(const struct cell *cell)
{
	int code = SAY_OK;

	for (uint32_t i = 0; !code && i < cell->arm_count; i++) {
		struct duet_probe probe = {0};

		code = check_arm(cell, &cell->arms[i], &probe);
	}
	return code ? code : cell->workload->check(cell);
}

static int play_slot(struct play *play, unsigned int arm, json_t *slots)
{
	const struct cell *cell = play->cell;
	json_t *slot = NULL;
	int code;

	play->stage.seed = rounds_random(play->conduct->random) >> 1;
	code = cell->workload->play(&play->stage, cell, &cell->arms[arm], &slot);
	if (!code && process_interrupted())
		code = WORKLOAD_INTERRUPTED;
	if (!slot)
		return code;
	json_object_set_new(slot, "arm", json_integer((json_int_t)arm));
	json_array_append_new(slots, slot);
	if (code == SAY_WRONG_BYTE) {
		const char *wrong = json_string_value(json_object_get(slot, "wrong"));

		play->correct = false;
		return say_failure(code, "arm %s: %s: the timings are void", cell->arms[arm].name,
				   wrong ? wrong : "a byte came back wrong, was lost or doubled");
	}
	return code;
}

static void judge_round(struct play *play, json_t *round)
{
	uint64_t until_ns = play->conduct->until_ns;
	const char *cause;
	bool again;

	if (process_continued())
		json_object_set_new(round, "stopped", json_true());
	cause = conclude_disturbance(round);
	again = rounds_again(&play->repeats, cause && (!until_ns || window_now_ns() < until_ns));
	json_object_set_new(round, "disturbed_by", cause ? json_string(cause) : json_null());
	json_object_set_new(round, "kept", json_boolean(!again));
	play->kept += !again;
}

static int play_round(struct play *play)
{
	unsigned int order[ROUNDS_SLOTS_MAX];
	unsigned int slots = rounds_shuffle(order, play->cell->arm_count, play->conduct->random);
	json_t *round = json_pack("{s:i, s:[]}", "round", (int)play->kept, "slots");
	int code = SAY_OK;

	process_continued(); /* before the round it disturbed nothing */
	for (unsigned int i = 0; !code && i < slots; i++) {
		progress_slot(&play->progress, play->kept, i, play->repeats.made);
		code = play_slot(play, order[i], json_object_get(round, "slots"));
	}
	if (!code)
		judge_round(play, round);
	if (!code || code == SAY_WRONG_BYTE)
		json_array_append(play->rounds, round);
	json_decref(round);
	return code;
}

static int play_rounds(struct play *play)
{
	int code = SAY_OK;

	while (!code && play->kept < play->cell->rounds)
		code = process_interrupted() ? WORKLOAD_INTERRUPTED : play_round(play);
	play->complete = !code;
	say_progress_end();
	return code;
}

/* The rounds, and when their times are all taken what the kernel says. */
static int play_all(struct play *play)
{
	const struct workload *workload = play->cell->workload;
	int code = workload->prepare ? workload->prepare(&play->stage, play->cell) : SAY_OK;

	if (!code)
		code = play_rounds(play);
	if (!code)
		code = pass_play(&play->stage, play->cell, *play->conduct->random,
				 &play->kernel_view);
	if (workload->tidy)
		workload->tidy(&play->stage);
	if (code == SAY_WRONG_BYTE)
		play->correct = false;
	return code;
}

int conduct_cell(const struct conduct *conduct, const struct cell *cell, json_t **json)
{
	struct play play = { .conduct = conduct, .cell = cell, .correct = true,
			     .repeats = { .max = cell->repeats_max },
			     .progress = { .what = cell->workload->name, .index = conduct->index,
					   .count = conduct->count, .rounds = cell->rounds,
					   .slots = cell->arm_count + 1,
					   .each_ns = cell->warmup_ns + cell->duration_ns },
			     .stage = { .file = -1, .sums = -1, .wire = WIRE_NONE } };
	json_t *arms = json_array();
	int code = describe_arms(cell, arms);

	*json = NULL;
	if (code) {
		json_decref(arms);
		return code;
	}
	machine_cpu_pair(&play.stage.subject_cpu, &play.stage.load_cpu);
	play.rounds = json_array();
	code = play_all(&play);
	*json = json_pack("{s:s, s:o, s:I, s:I, s:o, s:o, s:b, s:b}", "workload",
			  cell->workload->name, "parameters", cell->workload->parameters(cell),
			  "warmup_ns", (json_int_t)cell->warmup_ns, "duration_ns",
			  (json_int_t)cell->duration_ns, "arms", arms, "rounds", play.rounds,
			  "complete", play.complete, "correct", play.correct);
	json_object_set_new(*json, "harness", harness_json(cell));
	if (play.kernel_view)
		json_object_set_new(*json, "kernel_view", play.kernel_view);
	if (cell->question)
		json_object_set_new(*json, "question", question_json(cell));
	json_object_set_new(*json, "rounds_planned", json_integer((json_int_t)cell->rounds));
	json_object_set_new(*json, "repeats_max", json_integer((json_int_t)cell->repeats_max));
	if (play.correct) {
		conclude_cell(*json);
		question_conclude(*json);
	}
	return code;
}
