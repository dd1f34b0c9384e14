/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/timer.h"

#include <duet/operation.h>
#include <errno.h>
#include <stdlib.h>

#include "core/backend.h"
#include "core/loop.h"
#include "core/mutant.h"

enum { CHILDREN = 4 };

/* op->timer: 1 + the place in the heap, or IN_RUN and the place among the nodes. */
static const uint32_t IN_RUN = UINT32_C(1) << 31;

int core_timers_init(struct core_timers *timers, uint32_t max)
{
	*timers = (struct core_timers){
		.max = max, .fresh = CORE_TIMER_RUNS, .earliest_ns = UINT64_MAX};
	timers->heap = malloc(max * sizeof(*timers->heap));
	timers->nodes = malloc((max + CORE_TIMER_RUNS) * sizeof(*timers->nodes));
	if (!timers->heap || !timers->nodes) {
		core_timers_fini(timers);
		return -ENOMEM;
	}
	for (uint32_t run = 0; run < CORE_TIMER_RUNS; run++)
		timers->nodes[run].next = timers->nodes[run].prev = run;
	return 0;
}

void core_timers_fini(struct core_timers *timers)
{
	free(timers->heap);
	free(timers->nodes);
	timers->heap = NULL;
	timers->nodes = NULL;
}

/* On one twin only, the one that has threads of its own. */
static bool swapped(const struct core_timer *timer)
{
	const struct duet_loop *loop = timer->op->loop;

	return MUTANT(timer_order_swapped) && loop && loop->backend->workers;
}

static bool earlier(const struct core_timer *a, const struct core_timer *b)
{
	if (a->due_ns != b->due_ns)
		return a->due_ns < b->due_ns;
	if (swapped(a))
		return a->sequence > b->sequence;
	return a->sequence < b->sequence;
}

static void place(struct core_timers *timers, uint32_t index, struct core_timer timer)
{
	timers->heap[index] = timer;
	timer.op->timer = index + 1;
}

static void sift_up(struct core_timers *timers, uint32_t index, struct core_timer timer)
{
	while (index > 0) {
		uint32_t parent = (index - 1) / CHILDREN;

		if (!earlier(&timer, &timers->heap[parent]))
			break;
		place(timers, index, timers->heap[parent]);
		index = parent;
	}
	place(timers, index, timer);
}

static void sift_down(struct core_timers *timers, uint32_t index, struct core_timer timer)
{
	for (;;) {
		uint32_t first = index * CHILDREN + 1;
		uint32_t least = first;

		if (first >= timers->heap_count)
			break;
		for (uint32_t i = first + 1; i < first + CHILDREN && i < timers->heap_count; i++)
			if (earlier(&timers->heap[i], &timers->heap[least]))
				least = i;
		if (!earlier(&timers->heap[least], &timer))
			break;
		place(timers, index, timers->heap[least]);
		index = least;
	}
	place(timers, index, timer);
}

static void heap_arm(struct core_timers *timers, struct core_timer timer)
{
	sift_up(timers, timers->heap_count++, timer);
}

static void heap_disarm(struct core_timers *timers, uint32_t index)
{
	struct core_timer last = timers->heap[--timers->heap_count];

	if (index == timers->heap_count)
		return;
	if (index > 0 && earlier(&last, &timers->heap[(index - 1) / CHILDREN]))
		sift_up(timers, index, last);
	else
		sift_down(timers, index, last);
}

/* ---- Runs. ---- */

/* The run behind which it fits, with the latest end: so that each patience keeps to its own. Or
 * CORE_TIMER_RUNS. */
static uint32_t run_for(const struct core_timers *timers, uint64_t due_ns)
{
	uint32_t best = CORE_TIMER_RUNS;

	for (uint32_t run = 0; run < CORE_TIMER_RUNS; run++)
		if (timers->latest_ns[run] <= due_ns &&
		    (best == CORE_TIMER_RUNS || timers->latest_ns[run] > timers->latest_ns[best]))
			best = run;
	return best;
}

static uint32_t take_node(struct core_timers *timers)
{
	uint32_t index = timers->free;

	if (!index)
		return timers->fresh++;
	timers->free = timers->nodes[index].next;
	return index;
}

static void run_arm(struct core_timers *timers, uint32_t run, struct core_timer timer)
{
	uint32_t index = take_node(timers);
	struct core_timer_node *end = &timers->nodes[run];

	timers->nodes[index] = (struct core_timer_node){timer, run, end->prev};
	timers->nodes[end->prev].next = index;
	end->prev = index;
	timers->latest_ns[run] = timer.due_ns;
	timer.op->timer = index | IN_RUN;
}

static void run_disarm(struct core_timers *timers, uint32_t index)
{
	struct core_timer_node *node = &timers->nodes[index];

	timers->nodes[node->prev].next = node->next;
	timers->nodes[node->next].prev = node->prev;
	if (node->prev == node->next)
		timers->latest_ns[node->prev] = 0;
	node->next = timers->free;
	timers->free = index;
}

/* ---- All of them. ---- */

void core_timer_arm(struct core_timers *timers, struct duet_op *op, uint64_t due_ns)
{
	struct core_timer timer = {.due_ns = due_ns, .sequence = timers->sequence++, .op = op};
	uint32_t run = swapped(&timer) ? CORE_TIMER_RUNS : run_for(timers, due_ns);

	timers->count++;
	if (due_ns < timers->earliest_ns)
		timers->earliest_ns = due_ns;
	if (run == CORE_TIMER_RUNS)
		heap_arm(timers, timer);
	else
		run_arm(timers, run, timer);
}

void core_timer_disarm(struct core_timers *timers, struct duet_op *op)
{
	uint32_t place_of = op->timer;

	if (!place_of)
		return;
	op->timer = 0;
	timers->count--;
	if (place_of & IN_RUN)
		run_disarm(timers, place_of & ~IN_RUN);
	else
		heap_disarm(timers, place_of - 1);
}

/* NULL if there is none. */
static const struct core_timer *first(const struct core_timers *timers)
{
	const struct core_timer *best = timers->heap_count ? timers->heap : NULL;

	for (uint32_t run = 0; run < CORE_TIMER_RUNS; run++) {
		uint32_t index = timers->nodes[run].next;
		const struct core_timer *timer = &timers->nodes[index].timer;

		if (index != run && (!best || earlier(timer, best)))
			best = timer;
	}
	return best;
}

uint64_t core_timers_next_ns(const struct core_timers *timers)
{
	const struct core_timer *timer = first(timers);

	return timer ? timer->due_ns : UINT64_MAX;
}

struct duet_op *core_timers_expire(struct core_timers *timers, uint64_t now_ns)
{
	const struct core_timer *timer;
	struct duet_op *op;

	if (timers->earliest_ns > now_ns)
		return NULL;
	timer = first(timers);
	timers->earliest_ns = timer ? timer->due_ns : UINT64_MAX;
	if (timers->earliest_ns > now_ns || !timer)
		return NULL;
	op = timer->op;
	core_timer_disarm(timers, op);
	return op;
}

static const struct core_timer *sooner(const struct core_timer *timer,
				       const struct core_timer *after,
				       const struct core_timer *best)
{
	return (!after || earlier(after, timer)) && (!best || earlier(timer, best)) ? timer : best;
}

const struct core_timer *core_timers_after(const struct core_timers *timers,
					   const struct core_timer *after)
{
	const struct core_timer *best = NULL;

	for (uint32_t i = 0; i < timers->heap_count; i++)
		best = sooner(&timers->heap[i], after, best);
	for (uint32_t run = 0; run < CORE_TIMER_RUNS; run++)
		for (uint32_t i = timers->nodes[run].next; i != run; i = timers->nodes[i].next)
			best = sooner(&timers->nodes[i].timer, after, best);
	return best;
}
