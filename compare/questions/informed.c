/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/questions/informed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/models/informed.h"
#include "compare/questions/question.h"
#include "compare/report/field.h"

const char *const INFORMED_BACKEND[INFORMED_BACKENDS] = { "completion", "polling" };

static const char *const METRICS[] = { "cpu_per_operation_ns", "latency_p50_ns" };

static const char *const SLOPES[INFORMED_SLOPES] = {
	[INFORMED_FLAT] = "flat",	[INFORMED_LINEAR] = "linear",
	[INFORMED_GROWS] = "grows",	[INFORMED_FALLS] = "falls",
	[INFORMED_NOT_SHOWN] = "not shown",
};

const char *informed_slope_word(enum informed_slope slope)
{
	return SLOPES[slope];
}

/* ---- The arms. ---- */

unsigned int informed_sizes(const json_t *cell)
{
	size_t arms = json_array_size(json_object_get(cell, "arms"));
	size_t rows = INFORMED_BACKENDS * INFORMED_STYLES;

	return arms % rows || arms / rows > INFORMED_SIZES_MAX ? 0 : (unsigned int)(arms / rows);
}

unsigned int informed_arm(unsigned int sizes, unsigned int backend, unsigned int style,
			  unsigned int size)
{
	return (backend * INFORMED_STYLES + style) * sizes + size;
}

double informed_idle(const json_t *cell, unsigned int size)
{
	const json_t *arm = json_array_get(json_object_get(cell, "arms"), size);
	const char *mark = strstr(field_string(arm, "tuning"), "idle=");

	return mark ? strtod(mark + strlen("idle="), NULL) : NAN;
}

/* ---- Slopes. ---- */

/* What one child costs between two sizes. */
static double each_between(const double *idle, const double *medians, unsigned int size)
{
	return (medians[size] - medians[size - 1]) / (idle[size] - idle[size - 1]);
}

/* With two sizes there is nothing to set it against. */
static bool is_linear(const double *idle, const double *medians, unsigned int sizes)
{
	double last, before;

	if (sizes < 3)
		return false;
	last = each_between(idle, medians, sizes - 1);
	before = each_between(idle, medians, sizes - 2);
	return last > 0 && before > 0 && last < 2 * before && before < 2 * last;
}

enum informed_slope informed_slope_of(const char *verdict, double ratio, const double *idle,
				      const double *medians, unsigned int sizes, double *each)
{
	*each = each_between(idle, medians, sizes - 1);
	if (!strcmp(verdict, effect_word(EFFECT_WITHIN)))
		return INFORMED_FLAT;
	if (strcmp(verdict, effect_word(EFFECT_BEYOND)) != 0)
		return INFORMED_NOT_SHOWN;
	if (ratio < 1)
		return INFORMED_FALLS;
	return is_linear(idle, medians, sizes) ? INFORMED_LINEAR : INFORMED_GROWS;
}

static double median_of(const json_t *cell, size_t metric, unsigned int arm)
{
	const json_t *medians = json_object_get(
		json_array_get(json_object_get(cell, "metrics"), metric), "medians");
	const json_t *value = json_array_get(medians, arm);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static json_t *growth_json(const json_t *cell, size_t metric, unsigned int backend,
			   unsigned int style)
{
	unsigned int sizes = informed_sizes(cell);
	const struct effect_shape shape = {
		.terms = { { informed_arm(sizes, backend, style, sizes - 1), 1 },
			   { informed_arm(sizes, backend, style, 0), -1 } },
		.floors = 1,
	};
	double idle[INFORMED_SIZES_MAX], medians[INFORMED_SIZES_MAX], each = NAN;
	enum informed_slope slope = INFORMED_NOT_SHOWN;
	json_t *json = question_effect(cell, METRICS[metric], "growth", "largest/smallest", &shape);

	for (unsigned int i = 0; i < sizes; i++) {
		idle[i] = informed_idle(cell, i);
		medians[i] = median_of(cell, metric, informed_arm(sizes, backend, style, i));
	}
	if (sizes > 1)
		slope = informed_slope_of(field_string(json, "verdict"), field_real(json, "ratio"),
					  idle, medians, sizes, &each);
	json_object_set_new(json, "backend", json_string(INFORMED_BACKEND[backend]));
	json_object_set_new(json, "style", json_string(INFORMED_STYLE[style]->name));
	json_object_set_new(json, "slope", json_string(SLOPES[slope]));
	json_object_set_new(json, "each_child_ns", isfinite(each) ? json_real(each) : json_null());
	return json;
}

/* Another style than precise, with as many idle children as there are at most. */
static json_t *naive_json(const json_t *cell, size_t metric, unsigned int backend,
			  unsigned int style)
{
	unsigned int sizes = informed_sizes(cell);
	const struct effect_shape shape = {
		.terms = { { informed_arm(sizes, backend, style, sizes - 1), 1 },
			   { informed_arm(sizes, backend, 0, sizes - 1), -1 } },
		.floors = 1,
	};
	json_t *json = question_effect(cell, METRICS[metric], "naive", "/precise, with the most",
				       &shape);

	json_object_set_new(json, "backend", json_string(INFORMED_BACKEND[backend]));
	json_object_set_new(json, "style", json_string(INFORMED_STYLE[style]->name));
	return json;
}

static json_t *metric_json(const json_t *cell, size_t metric)
{
	json_t *growth = json_array(), *naive = json_array();

	for (unsigned int backend = 0; backend < INFORMED_BACKENDS; backend++) {
		for (unsigned int style = 0; style < INFORMED_STYLES; style++) {
			json_array_append_new(growth, growth_json(cell, metric, backend, style));
			if (style)
				json_array_append_new(naive,
						      naive_json(cell, metric, backend, style));
		}
	}
	return json_pack("{s:s, s:o, s:o}", "key", METRICS[metric], "growth", growth, "naive",
			 naive);
}

static json_t *answer(const json_t *cell)
{
	json_t *metrics = json_array();

	for (size_t i = 0; informed_sizes(cell) && i < sizeof(METRICS) / sizeof(*METRICS); i++)
		json_array_append_new(metrics, metric_json(cell, i));
	return json_pack("{s:o}", "metrics", metrics);
}

const struct question QUESTION_INFORMED = {
	"informed", NULL, answer, informed_print,
};
