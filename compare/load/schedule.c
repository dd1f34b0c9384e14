/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/schedule.h"

static const uint64_t SECOND_NS = UINT64_C(1000000000);

/* Whole seconds and the rest apart: their products stay far below 2^64. */
uint64_t schedule_due_ns(const struct schedule *schedule, uint64_t message)
{
	uint64_t rate = schedule->rate_per_s;

	return schedule->start_ns + message / rate * SECOND_NS + message % rate * SECOND_NS / rate;
}

/* Due times are rounded down: message n is due at or before t if n / rate < t + 1 ns. */
uint64_t schedule_count(const struct schedule *schedule, uint64_t at_ns)
{
	uint64_t rate = schedule->rate_per_s, past_ns = at_ns - schedule->start_ns + 1;

	if (at_ns < schedule->start_ns)
		return 0;
	return past_ns / SECOND_NS * rate +
		(past_ns % SECOND_NS * rate + SECOND_NS - 1) / SECOND_NS;
}

uint64_t schedule_count_of(const struct schedule *schedule, uint32_t connection, uint64_t at_ns)
{
	uint64_t all = schedule_count(schedule, at_ns);

	return all > connection
		? (all - connection + schedule->connections - 1) / schedule->connections : 0;
}
