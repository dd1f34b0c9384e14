/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is noted of a thousand that wait for timers, one of whom now and then does what blocks, and what
 * that comes to. */
#ifndef COMPARE_CLAIM_BLOCKING_RECORD_H
#define COMPARE_CLAIM_BLOCKING_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BLOCKING_OTHERS = 999,
	BLOCKING_HOLDS_MAX = 16,
	BLOCKING_TICKS_MAX = 2 * BLOCKING_HOLDS_MAX,
	BLOCKING_PERIOD_NS = 12000000,               /* of the timers of one of the others */
	BLOCKING_EVERY_NS = 2 * BLOCKING_PERIOD_NS, /* of the holds */
	BLOCKING_LIMIT_NS = 500000, /* of a step: what is longer is to be told of */
	BLOCKING_LATE_NS = 500000,  /* later than this is late */
};

/* What was done, as those see it who do it. */
struct blocking_record {
	uint64_t start_ns; /* the first timers are due in the period behind it; it is not counted */
	uint64_t hold_ns;
	uint32_t holds;
	bool sleeps;
	uint32_t held;
	uint64_t taken_ns[BLOCKING_HOLDS_MAX];
	uint64_t held_cpu_ns; /* what was computed there */
	uint64_t cpu_ns;      /* of the process, all in all */
	uint64_t late_ns[BLOCKING_TICKS_MAX][BLOCKING_OTHERS];
};

/* What was told of it, by those who don't know. */
struct blocking_tellings {
	uint32_t right, wrong; /* by the scheduler: the task and the line, or not */
	uint64_t told_ns;      /* of the right ones */
	uint32_t dog_right, dog_wrong;
	uint64_t dog_ns; /* how far into the hold, of the right ones */
};

struct blocking_result {
	double cpu_ns;   /* of a wake, without what was computed on purpose */
	double stall_ns; /* the worst lateness in the period behind a hold: that of the quietest */
	double p50_ns, p99_ns, late_percent;
	double call_cpu_ns, call_ns; /* of an empty call that is offloaded; else NAN */
	double told, wrong, held;    /* shares of the holds; held: told time / true time. Or NAN */
	double dog, dog_ns;
};

static inline uint64_t blocking_due_ns(const struct blocking_record *record, uint32_t who,
				       uint32_t tick)
{
	return record->start_ns + tick * (uint64_t)BLOCKING_PERIOD_NS +
	       who * (uint64_t)(BLOCKING_PERIOD_NS / BLOCKING_OTHERS);
}

static inline uint64_t blocking_hold_due_ns(const struct blocking_record *record, uint32_t hold)
{
	return record->start_ns + BLOCKING_PERIOD_NS + hold * (uint64_t)BLOCKING_EVERY_NS;
}

/* With the first period, which warms up. */
static inline uint32_t blocking_ticks(const struct blocking_record *record)
{
	return 2 * record->holds + 1;
}

/* Whoever is woken says so at once. */
void blocking_note(struct blocking_record *record, uint32_t who, uint32_t tick);

/* What blocks, for hold_ns. */
void blocking_hold(struct blocking_record *record);

/* Fills in what the record says; tellings may be NULL. */
void blocking_judge(const struct blocking_record *record, const struct blocking_tellings *tellings,
		    struct blocking_result *result);

#endif
