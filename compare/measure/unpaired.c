/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/unpaired.h"

#include <math.h>
#include <string.h>

#include "compare/measure/interval.h"

/* Of each median's interval: half of what may lie outside of both. */
static const double OUTSIDE_MAX = 0.025;

const char *unpaired_word(enum verdict verdict)
{
	if (verdict == VERDICT_A_LOWER)
		return "old lower";
	return verdict == VERDICT_B_LOWER ? "new lower" : verdict_word(verdict);
}

double unpaired_floor(double *ratios, unsigned int count)
{
	struct interval interval;

	for (unsigned int i = 0; i < count; i++)
		ratios[i] = log(ratios[i]);
	if (interval_take(ratios, count, &interval))
		return -1;
	return expm1(fmax(fabs(interval.low), fabs(interval.high)));
}

static enum verdict decide(const struct unpaired_result *result, bool disturbed)
{
	bool above_floor = fabs(log(result->ratio)) > log1p(result->floor);

	if (disturbed || result->floor > VERDICT_FLOOR_MAX)
		return VERDICT_TOO_NOISY;
	if (result->low > 1 && above_floor)
		return VERDICT_A_LOWER;
	if (result->high < 1 && above_floor)
		return VERDICT_B_LOWER;
	return VERDICT_NO_DIFFERENCE;
}

void unpaired_decide(const struct unpaired_side *before, const struct unpaired_side *after,
		     struct unpaired_result *result)
{
	struct interval old, new;
	int few;

	memset(result, 0, sizeof(*result));
	result->verdict = VERDICT_NOT_MEASURED;
	if (!before->measured || !after->measured || !before->rounds || !after->rounds)
		return;
	result->verdict = VERDICT_TOO_FEW_ROUNDS;
	few = interval_take_outside(before->values, before->rounds, OUTSIDE_MAX, &old);
	few |= interval_take_outside(after->values, after->rounds, OUTSIDE_MAX, &new);
	result->old_median = old.middle;
	result->new_median = new.middle;
	result->ratio = new.middle / old.middle;
	if (few || before->floor < 0 || after->floor < 0)
		return;
	result->low = new.low / old.high;
	result->high = new.high / old.low;
	result->level = 1 - (1 - old.level) - (1 - new.level);
	result->floor = fmax(before->floor, after->floor);
	result->detectable = fmax(result->high / result->ratio, result->ratio / result->low) - 1;
	result->detectable = fmax(result->detectable, result->floor);
	result->verdict = decide(result, before->disturbed || after->disturbed);
}
