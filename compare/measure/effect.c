/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/effect.h"

#include <math.h>
#include <string.h>

#include "compare/measure/interval.h"
#include "compare/measure/verdict.h"

static const char *const WORDS[EFFECT_VERDICT_COUNT] = {
	[EFFECT_WITHIN] = "within",
	[EFFECT_BEYOND] = "beyond",
	[EFFECT_NOT_SHOWN] = "not shown",
	[EFFECT_TOO_NOISY] = "too noisy",
	[EFFECT_TOO_FEW_ROUNDS] = "too few rounds",
	[EFFECT_NOT_MEASURED] = "not measured",
};

const char *effect_word(enum effect_verdict verdict)
{
	return WORDS[verdict];
}

double effect_of_round(const struct effect_shape *shape, effect_figure_fn *figure,
		       const void *context, unsigned int round)
{
	double sum = 0;

	for (int i = 0; i < EFFECT_TERMS_MAX && shape->terms[i].times != 0; i++) {
		double value = figure(context, round, shape->terms[i].arm);

		if (!isfinite(value) || value <= 0)
			return NAN;
		sum += shape->terms[i].times * log(value);
	}
	return sum;
}

static int take(const double *logs, unsigned int count, struct interval *out)
{
	double sorted[INTERVAL_VALUES_MAX];

	if (count > INTERVAL_VALUES_MAX)
		count = INTERVAL_VALUES_MAX;
	memcpy(sorted, logs, count * sizeof(*logs));
	return interval_take(sorted, count, out);
}

static enum effect_verdict decide(const struct effect_evidence *evidence,
				  const struct interval *interval, double floor)
{
	double bound = log1p(evidence->within);

	if (evidence->disturbed || floor > log1p(VERDICT_FLOOR_MAX) * evidence->floor_times)
		return EFFECT_TOO_NOISY;
	if ((interval->low > bound || interval->high < -bound) && fabs(interval->middle) > floor)
		return EFFECT_BEYOND;
	if (floor > bound)
		return EFFECT_TOO_NOISY;
	return interval->low >= -bound && interval->high <= bound ? EFFECT_WITHIN
								  : EFFECT_NOT_SHOWN;
}

void effect_decide(const struct effect_evidence *evidence, struct effect *effect)
{
	struct interval interval, floor;
	double floor_log;

	memset(effect, 0, sizeof(*effect));
	effect->verdict = EFFECT_NOT_MEASURED;
	if (!evidence->measured || !evidence->rounds)
		return;
	effect->verdict = EFFECT_TOO_FEW_ROUNDS;
	if (take(evidence->logs, evidence->rounds, &interval) ||
	    take(evidence->floors, evidence->rounds, &floor)) {
		effect->ratio = exp(interval.middle);
		return;
	}
	floor_log = fmax(fabs(floor.low), fabs(floor.high)) * evidence->floor_times;
	effect->ratio = exp(interval.middle);
	effect->low = exp(interval.low);
	effect->high = exp(interval.high);
	effect->level = interval.level;
	effect->floor = expm1(floor_log);
	effect->verdict = decide(evidence, &interval, floor_log);
}
