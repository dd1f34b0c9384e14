/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/blocking_record.h"

#include <math.h>
#include <time.h>

#include "compare/claim/sample.h"
#include "compare/measure/histogram.h"
#include "compare/measure/window.h"

void blocking_note(struct blocking_record *record, uint32_t who, uint32_t tick)
{
	if (tick)
		record->late_ns[tick - 1][who] =
			window_now_ns() - blocking_due_ns(record, who, tick);
}

void blocking_hold(struct blocking_record *record)
{
	const uint64_t begun_ns = window_now_ns(), begun_cpu_ns = sample_cpu_ns();
	const struct timespec time = { .tv_nsec = (long)record->hold_ns };

	if (record->hold_ns && record->sleeps)
		nanosleep(&time, NULL);
	while (window_now_ns() - begun_ns < record->hold_ns)
		;
	record->held_cpu_ns += sample_cpu_ns() - begun_cpu_ns;
	record->taken_ns[record->held++] = window_now_ns() - begun_ns;
}

/* ---- What it comes to. ---- */

/* The worst of the timers that were due in the period behind this hold's time. */
static uint64_t worst_ns(const struct blocking_record *record, uint32_t hold)
{
	uint64_t worst = 0;

	for (uint32_t who = 0; who < BLOCKING_OTHERS; who++)
		worst = record->late_ns[2 * hold][who] > worst ? record->late_ns[2 * hold][who]
							       : worst;
	return worst;
}

/* What other programs do to it is added to some; what the hold does is there in all. */
static uint64_t stall_ns(const struct blocking_record *record)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t hold = 0; hold < record->holds; hold++) {
		const uint64_t worst = worst_ns(record, hold);

		least = worst < least ? worst : least;
	}
	return least;
}

static void judge_lateness(const struct blocking_record *record, struct blocking_result *result)
{
	static struct histogram histogram;
	uint64_t late = 0;

	histogram_clear(&histogram);
	for (uint32_t tick = 0; tick < 2 * record->holds; tick++) {
		for (uint32_t who = 0; who < BLOCKING_OTHERS; who++) {
			histogram_record(&histogram, record->late_ns[tick][who]);
			late += record->late_ns[tick][who] > BLOCKING_LATE_NS;
		}
	}
	result->stall_ns = (double)stall_ns(record);
	result->p50_ns = histogram_quantile(&histogram, 0.5);
	result->p99_ns = histogram_quantile(&histogram, 0.99);
	result->late_percent = 100.0 * (double)late / (double)histogram.count;
}

/* Where there is nothing to tell of, there is no share of it. */
static void judge_tellings(const struct blocking_record *record,
			   const struct blocking_tellings *tellings, struct blocking_result *result)
{
	const bool any = record->hold_ns > BLOCKING_LIMIT_NS;
	uint64_t taken_ns = 0;

	for (uint32_t i = 0; i < record->held; i++)
		taken_ns += record->taken_ns[i];
	result->wrong =
		(double)(tellings->wrong + tellings->dog_wrong) / (double)record->holds;
	if (!any)
		return;
	result->told = (double)tellings->right / record->holds;
	result->held = (double)tellings->told_ns / (double)taken_ns;
	result->dog = (double)tellings->dog_right / record->holds;
	result->dog_ns = tellings->dog_right
				 ? (double)tellings->dog_ns / tellings->dog_right
				 : 0;
}

void blocking_judge(const struct blocking_record *record, const struct blocking_tellings *tellings,
		    struct blocking_result *result)
{
	const double wakes = (double)BLOCKING_OTHERS * blocking_ticks(record);

	*result = (struct blocking_result){ .call_cpu_ns = NAN,
					    .call_ns = NAN,
					    .told = NAN,
					    .wrong = NAN,
					    .held = NAN,
					    .dog = NAN,
					    .dog_ns = NAN };
	result->cpu_ns = (double)(record->cpu_ns - record->held_cpu_ns) / wakes;
	judge_lateness(record, result);
	if (tellings)
		judge_tellings(record, tellings, result);
}
