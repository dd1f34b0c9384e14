/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct duet_op;

/*
 * Deadlines of operations: a four-ary heap, in which each operation knows its place (op->timer is
 * index + 1, 0 for none). Four children share a cache line and halve the depth. Ties go to the
 * one armed first. All memory is taken at init; an operation has at most one timer.
 */
struct core_timer {
	uint64_t due_ns;
	uint64_t sequence;
	struct duet_op *op;
};

struct core_timers {
	struct core_timer *heap;
	uint32_t count;
	uint32_t max;
	uint64_t sequence;
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

#endif
