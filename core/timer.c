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

int core_timers_init(struct core_timers *timers, uint32_t max)
{
	*timers = (struct core_timers){.max = max};
	timers->heap = malloc(max * sizeof(*timers->heap));
	return timers->heap ? 0 : -ENOMEM;
}

void core_timers_fini(struct core_timers *timers)
{
	free(timers->heap);
	timers->heap = NULL;
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

		if (first >= timers->count)
			break;
		for (uint32_t i = first + 1; i < first + CHILDREN && i < timers->count; i++)
			if (earlier(&timers->heap[i], &timers->heap[least]))
				least = i;
		if (!earlier(&timers->heap[least], &timer))
			break;
		place(timers, index, timers->heap[least]);
		index = least;
	}
	place(timers, index, timer);
}

void core_timer_arm(struct core_timers *timers, struct duet_op *op, uint64_t due_ns)
{
	struct core_timer timer = {.due_ns = due_ns, .sequence = timers->sequence++, .op = op};

	sift_up(timers, timers->count++, timer);
}

void core_timer_disarm(struct core_timers *timers, struct duet_op *op)
{
	uint32_t index = op->timer - 1;
	struct core_timer last;

	if (!op->timer)
		return;
	op->timer = 0;
	last = timers->heap[--timers->count];
	if (index == timers->count)
		return;
	if (index > 0 && earlier(&last, &timers->heap[(index - 1) / CHILDREN]))
		sift_up(timers, index, last);
	else
		sift_down(timers, index, last);
}

uint64_t core_timers_next_ns(const struct core_timers *timers)
{
	return timers->count ? timers->heap[0].due_ns : UINT64_MAX;
}

struct duet_op *core_timers_expire(struct core_timers *timers, uint64_t now_ns)
{
	struct duet_op *op;

	if (!timers->count || timers->heap[0].due_ns > now_ns)
		return NULL;
	op = timers->heap[0].op;
	core_timer_disarm(timers, op);
	return op;
}
