/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/future_children.h"

struct duet_child *duet_future_set_next(struct duet_future_set *set, struct duet_context *context)
{
	struct duet_child *child;
	struct core_round round;

	core_round_begin(&round, &set->children, context);
	child = core_round_next(&round);
	/* Who was given one asks again. */
	if (!child)
		core_round_end(&round);
	return child;
}

static enum duet_readiness set_poll(struct duet_future *future, struct duet_context *context)
{
	struct duet_future_set *set = CORE_CONTAINER(struct duet_future_set, future, future);
	struct duet_child *child = duet_future_set_next(set, context);
	int32_t result = child ? child->future->result : 0;

	set->ended = child;
	if (!set->children.count)
		return duet_future_is_ready(future, result);
	/* The others are lent all the same. */
	(void)duet_future_is_pending(future);
	future->result = result;
	return child ? DUET_READY : DUET_PENDING;
}

void duet_future_set_cancel(struct duet_future_set *set)
{
	core_children_ask(&set->children);
}

static enum duet_readiness set_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_future_set *set = CORE_CONTAINER(struct duet_future_set, future, future);
	struct core_round round;

	core_children_asked(&set->children, future);
	core_round_begin(&round, &set->children, context);
	while (core_round_next(&round))
		continue;
	core_round_end(&round);
	set->ended = NULL;
	if (set->children.count)
		return duet_future_is_pending(future);
	return duet_future_is_ready(future, -ECANCELED);
}

static const struct duet_future_table set_table = {
	.name = "set", .poll = set_poll, .poll_cancel = set_cancel};

void duet_future_set_init(struct duet_future_set *set)
{
	*set = (struct duet_future_set){.ended = NULL};
	duet_future_init(&set->future, &set_table);
}

int duet_future_set_add(struct duet_future_set *set, struct duet_child *child,
			struct duet_future *future)
{
	return core_children_add(&set->children, child, future);
}
