/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/verdict.h"

#include <math.h>
#include <string.h>

#include "compare/measure/interval.h"

const double VERDICT_FLOOR_MAX = 0.25;

static const char *const WORDS[VERDICT_COUNT] = {
	[VERDICT_A_LOWER] = "a lower",
	[VERDICT_B_LOWER] = "b lower",
	[VERDICT_NO_DIFFERENCE] = "no difference shown",
	[VERDICT_TOO_NOISY] = "too noisy",
	[VERDICT_TOO_FEW_ROUNDS] = "too few rounds",
	[VERDICT_NOT_MEASURED] = "not measured",
};

const char *verdict_word(enum verdict verdict)
{
	return WORDS[verdict];
}

static int log_interval(const double *ratios, unsigned int count, struct interval *out)
{
	double logs[INTERVAL_VALUES_MAX];

	if (count > INTERVAL_VALUES_MAX)
		count = INTERVAL_VALUES_MAX;
	for (unsigned int i = 0; i < count; i++)
		logs[i] = log(ratios[i]);
	return interval_take(logs, count, out);
}

static enum verdict decide(const struct verdict_evidence *evidence, const struct interval *effect,
			   const struct verdict_result *result)
{
	bool above_floor = fabs(effect->middle) > log1p(result->floor);

	if (evidence->disturbed || result->floor > VERDICT_FLOOR_MAX)
		return VERDICT_TOO_NOISY;
	if (effect->high < 0 && above_floor)
		return VERDICT_A_LOWER;
	if (effect->low > 0 && above_floor)
		return VERDICT_B_LOWER;
	return VERDICT_NO_DIFFERENCE;
}

void verdict_decide(const struct verdict_evidence *evidence, struct verdict_result *result)
{
	struct interval effect, floor;
	double reach;

	memset(result, 0, sizeof(*result));
	result->verdict = VERDICT_NOT_MEASURED;
	if (!evidence->measured || !evidence->rounds)
		return;
	result->verdict = VERDICT_TOO_FEW_ROUNDS;
	if (log_interval(evidence->ratios, evidence->rounds, &effect) ||
	    log_interval(evidence->floors, evidence->rounds, &floor)) {
		result->ratio = exp(effect.middle);
		return;
	}
	reach = fmax(effect.high - effect.middle, effect.middle - effect.low);
	result->ratio = exp(effect.middle);
	result->low = exp(effect.low);
	result->high = exp(effect.high);
	result->level = effect.level;
	result->floor = expm1(fmax(fabs(floor.low), fabs(floor.high)));
	result->detectable = fmax(expm1(reach), result->floor);
	result->verdict = decide(evidence, &effect, result);
}
