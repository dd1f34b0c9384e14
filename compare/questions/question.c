/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/questions/question.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "compare/measure/interval.h"
#include "compare/report/conclude.h"
#include "compare/report/field.h"
#include "compare/report/figure.h"
#include "compare/workloads/workload.h"

enum { WITHIN_PERCENT_MAX = 100 };

static const struct question *const QUESTIONS[] = { &QUESTION_CELLS, &QUESTION_INFORMED };

const struct question *question_find(const char *name)
{
	for (size_t i = 0; i < sizeof(QUESTIONS) / sizeof(*QUESTIONS); i++) {
		if (!strcmp(QUESTIONS[i]->name, name))
			return QUESTIONS[i];
	}
	return NULL;
}

/* ---- Stored. ---- */

static const json_t *stored(const json_t *cell)
{
	return json_object_get(cell, "question");
}

const struct question *question_of(const json_t *cell)
{
	const char *name = json_string_value(json_object_get(stored(cell), "name"));

	return name ? question_find(name) : NULL;
}

json_t *question_json(const struct cell *cell)
{
	return json_pack("{s:s, s:i}", "name", cell->question->name, "within_percent",
			 (int)cell->within_percent);
}

int question_read(const json_t *cell, struct cell *to)
{
	const json_t *within = json_object_get(stored(cell), "within_percent");

	to->question = question_of(cell);
	to->within_percent = (uint32_t)json_integer_value(within);
	if (!stored(cell))
		return 0;
	return to->question && json_integer_value(within) >= 1 &&
		json_integer_value(within) <= WITHIN_PERCENT_MAX ? 0 : -EINVAL;
}

void question_conclude(json_t *cell)
{
	const struct question *question = question_of(cell);

	if (question)
		json_object_set_new(cell, "answer", question->answer(cell));
}

double question_within(const json_t *cell)
{
	return field_real(stored(cell), "within_percent") / 100;
}

/* ---- Effects. ---- */

struct gathered {
	double logs[INTERVAL_VALUES_MAX], floors[INTERVAL_VALUES_MAX];
	unsigned int count, left_out;
};

struct source {
	const json_t *round;
	size_t metric;
};

static double figure(const void *context, unsigned int round, unsigned int arm)
{
	const struct source *source = context;

	(void)round;
	return conclude_figure(source->round, source->metric, arm);
}

static void gather(const json_t *cell, size_t metric, const struct effect_shape *shape,
		   struct gathered *gathered)
{
	json_t *round;
	size_t i;

	gathered->count = gathered->left_out = 0;
	json_array_foreach(json_object_get(cell, "rounds"), i, round) {
		const struct source source = { round, metric };
		double log_ratio = effect_of_round(shape, figure, &source, (unsigned int)i);
		double floor = log(conclude_floor(round, metric));

		if (!json_is_true(json_object_get(round, "kept")) ||
		    gathered->count == INTERVAL_VALUES_MAX)
			continue;
		if (isfinite(log_ratio) && isfinite(floor)) {
			gathered->logs[gathered->count] = log_ratio;
			gathered->floors[gathered->count++] = floor;
		} else {
			gathered->left_out++;
		}
	}
}

static bool is_void(const json_t *cell, size_t metric, const struct effect_shape *shape)
{
	for (int i = 0; i < EFFECT_TERMS_MAX && shape->terms[i].times != 0; i++) {
		if (conclude_is_void(cell, metric, shape->terms[i].arm))
			return true;
	}
	return false;
}

static void add_numbers(json_t *json, const struct effect *effect)
{
	if (effect->verdict == EFFECT_NOT_MEASURED)
		return;
	json_object_set_new(json, "ratio", json_real(effect->ratio));
	if (effect->verdict == EFFECT_TOO_FEW_ROUNDS)
		return;
	json_object_set_new(json, "ratio_low", json_real(effect->low));
	json_object_set_new(json, "ratio_high", json_real(effect->high));
	json_object_set_new(json, "level", json_real(effect->level));
	json_object_set_new(json, "floor", json_real(effect->floor));
}

json_t *question_effect(const json_t *cell, const char *metric_key, const char *key,
			const char *title, const struct effect_shape *shape)
{
	size_t metric = conclude_find(metric_key);
	struct conclude_metric about;
	struct gathered gathered;
	struct effect effect;
	json_t *json;

	gather(cell, metric, shape, &gathered);
	conclude_metric(metric, &about);
	effect_decide(&(struct effect_evidence){
			.logs = gathered.logs, .floors = gathered.floors, .rounds = gathered.count,
			.floor_times = shape->floors, .within = question_within(cell),
			.measured = conclude_enough(gathered.count, gathered.left_out) &&
				!is_void(cell, metric, shape),
			.disturbed = about.wall && conclude_disturbed(cell) }, &effect);
	json = json_pack("{s:s, s:s, s:s, s:i, s:i}", "key", key, "title", title, "verdict",
			 effect_word(effect.verdict), "rounds", (int)gathered.count,
			 "rounds_left_out", (int)gathered.left_out);
	add_numbers(json, &effect);
	return json;
}

const json_t *question_row(const json_t *effects, const char *key)
{
	json_t *effect;
	size_t i;

	json_array_foreach(effects, i, effect) {
		if (!strcmp(field_string(effect, "key"), key))
			return effect;
	}
	return NULL;
}

static void number_text(double number, char *text, size_t size)
{
	figure_real(number, number < 10 ? 3 : number < 100 ? 1 : 0, text, size);
}

void question_ratio_text(const json_t *effect, char *text, size_t size)
{
	char middle[24], low[24], high[24];

	number_text(field_real(effect, "ratio"), middle, sizeof(middle));
	number_text(field_real(effect, "ratio_low"), low, sizeof(low));
	number_text(field_real(effect, "ratio_high"), high, sizeof(high));
	if (json_object_get(effect, "ratio_low"))
		snprintf(text, size, "%s [%s, %s]", middle, low, high);
	else
		snprintf(text, size, "%s", json_object_get(effect, "ratio") ? middle : "-");
}

void question_floor_text(const json_t *effect, char *text, size_t size)
{
	char percent[24];

	figure_real(100 * field_real(effect, "floor"), 1, percent, sizeof(percent));
	if (json_object_get(effect, "floor"))
		snprintf(text, size, "%s %%", percent);
	else
		snprintf(text, size, "-");
}
