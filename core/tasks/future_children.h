/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_FUTURE_CHILDREN_H
#define CORE_TASKS_FUTURE_CHILDREN_H

#include <duet/futures.h>

#include "core/tasks/future.h"

/* The children of a combinator: who was woken is polled. */

/* One poll of the whole. Each child is polled once at most: who was in line at its beginning. */
struct core_round {
	struct duet_children *children;
	struct duet_context context; /* but for the waker, which is the child's */
	struct duet_waker *waker;
	struct duet_child *last; /* the last of this round; NULL: it is over */
	uint32_t left;
};

/* 0, or -EBUSY. */
int core_children_add(struct duet_children *children, struct duet_child *child,
		      struct duet_future *future);
/* All of an array, or none. */
int core_children_add_all(struct duet_children *children, struct duet_child *array,
			  uint32_t count);
void core_children_ask(struct duet_children *children);
/* The whole is asked, by a poll: nobody need be woken for it. Again for those who have come since. */
void core_children_asked(struct duet_children *children, struct duet_future *whole);

/* begin; next until it gives NULL, or there is no need for more; end. Next gives a child that has ended, and
 * is in none any more. */
void core_round_begin(struct core_round *round, struct duet_children *children,
		      const struct duet_context *context);
struct duet_child *core_round_next(struct core_round *round);
void core_round_end(struct core_round *round);

#endif
