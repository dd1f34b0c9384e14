/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_STACK_H
#define CORE_TASKS_STACK_H

#include <duet/fiber.h>
#include <duet/stack.h>
#include <stdbool.h>

#include "core/tasks/annotate.h"

/* One of a pool. Free ones are a chain, the last that came back in front; a stack's own memory
 * isn't touched for that. */
struct duet_stack {
	struct duet_stacks *stacks;
	struct duet_fiber *fiber;        /* whose it is; NULL: free, or never used */
	const struct duet_site *spawned; /* where that was */
	uint32_t next;                   /* in the chain, index + 1 */
	bool over;                       /* the fiber has come to its end, and only leaves it */
	struct core_notes notes;
};

/* The most recently used that is free, for fiber; NULL if there is none. */
struct duet_stack *core_stack_take(struct duet_stacks *stacks, struct duet_fiber *fiber,
				   const struct duet_site *site);
void core_stack_give(struct duet_stack *stack);

/* Its usable part, and what is below. */
unsigned char *core_stack_bottom(const struct duet_stack *stack);
size_t core_stack_bytes(const struct duet_stack *stack);
size_t core_stack_guard_bytes(const struct duet_stack *stack);

#endif
