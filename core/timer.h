/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct duet_op;

/*
 * Deadlines of operations. Most come in the order of their times, since a program knows a few lengths
 * of patience and adds one of them to now: such a run is a list with the latest at its end, where a
 * timer is put in and taken out by looking at its neighbours alone. What fits behind none of the runs
 * is in a four-ary heap: four children share a cache line and halve the depth. An operation knows its
 * place (op->timer, 0 for none). Ties go to the one armed first, wherever the two are. All memory is
 * taken at init; an operation has at most one timer.
 */
struct core_timer {
	uint64_t due_ns;
	uint64_t sequence;
	struct duet_op *op;
};

/* In a run. One that was, and isn't, is in the list of the free ones, by `next`. */
struct core_timer_node {
	struct core_timer timer;
	uint32_t next;
	uint32_t prev;
};

/* Patiences of different length that a program may have without the heap. */
enum { CORE_TIMER_RUNS = 4 };

struct core_timers {
	struct core_timer *heap;
	struct core_timer_node *nodes; /* the first ones are the ends of the runs: closed circles */
	uint32_t heap_count;
	uint32_t free;  /* 0: none */
	uint32_t fresh; /* from here on no node was ever used */
	uint32_t count; /* of all */
	uint32_t max;
	uint64_t sequence;
	uint64_t earliest_ns; /* none is due before; it may be that none is due then */
	/* Nothing in the run is later; 0 if it is empty. */
	uint64_t latest_ns[CORE_TIMER_RUNS];
};

int core_timers_init(struct core_timers *timers, uint32_t max);
void core_timers_fini(struct core_timers *timers);

void core_timer_arm(struct core_timers *timers, struct duet_op *op, uint64_t due_ns);
/* Nothing happens if op has no timer. */
void core_timer_disarm(struct core_timers *timers, struct duet_op *op);
/* The next due time, UINT64_MAX if there is none. */
uint64_t core_timers_next_ns(const struct core_timers *timers);
/* Takes out the earliest if it is due at now_ns; NULL if none is. */
struct duet_op *core_timers_expire(struct core_timers *timers, uint64_t now_ns);
/* The first in their order, or that behind `after`; NULL behind the last. Looks at all of them: for
 * those who watch. */
const struct core_timer *core_timers_after(const struct core_timers *timers,
					   const struct core_timer *after);

#endif
