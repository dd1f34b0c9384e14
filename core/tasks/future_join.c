/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/future_children.h"

/* ---- All of them. ---- */

static void join_note(struct duet_join_future *self, const struct duet_child *child)
{
	int32_t result = child->future->result;

	if (result >= 0)
		return;
	if (child->asked && core_is_stop(result)) {
		if (!self->stopped)
			self->stopped = result;
		return;
	}
	if (!self->failure)
		self->failure = result;
	if (self->fails_fast)
		core_children_ask(&self->children);
}

static enum duet_readiness join_round(struct duet_join_future *self, struct duet_context *context)
{
	struct duet_child *child;
	struct core_round round;

	core_round_begin(&round, &self->children, context);
	while ((child = core_round_next(&round)))
		join_note(self, child);
	core_round_end(&round);
	if (self->children.count)
		return duet_future_is_pending(&self->future);
	return duet_future_is_ready(&self->future, self->failure ? self->failure : self->stopped);
}

static enum duet_readiness join_poll(struct duet_future *future, struct duet_context *context)
{
	if (future->state == DUET_FUTURE_READY)
		return core_future_again(future);
	return join_round(CORE_CONTAINER(struct duet_join_future, future, future), context);
}

static enum duet_readiness join_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_join_future *self = CORE_CONTAINER(struct duet_join_future, future, future);

	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	core_children_asked(&self->children, future);
	return join_round(self, context);
}

static const struct duet_future_table join_table = {
	.name = "join", .poll = join_poll, .poll_cancel = join_cancel};

int duet_join_future_init(struct duet_join_future *self, struct duet_child *children,
			  uint32_t count)
{
	duet_future_init(&self->future, &join_table);
	self->failure = self->stopped = 0;
	self->fails_fast = 0;
	return core_children_add_all(&self->children, children, count);
}

int duet_try_join_future_init(struct duet_join_future *self, struct duet_child *children,
			      uint32_t count)
{
	int error = duet_join_future_init(self, children, count);

	self->fails_fast = 1;
	return error;
}

/* ---- The first of them. ---- */

static void race_note(struct duet_race_future *self, const struct duet_child *child)
{
	int32_t result = child->future->result;

	/* Who was stopped lost, whoever stopped it. */
	if (!(child->asked && core_is_stop(result)) || !self->last)
		self->last = result;
	if (self->winner >= 0 || (result < 0 && (!self->takes_any || child->asked)))
		return;
	self->winner = (int32_t)(child - self->members);
	if (!self->keeps)
		core_children_ask(&self->children);
}

static enum duet_readiness race_answer(struct duet_race_future *self)
{
	const int32_t result =
		self->winner < 0 ? self->last : self->members[self->winner].future->result;

	if (!self->children.count)
		return duet_future_is_ready(&self->future, result);
	(void)duet_future_is_pending(&self->future);
	if (!self->keeps || self->told || self->winner < 0 || self->future.asked)
		return DUET_PENDING;
	self->told = 1;
	self->future.result = result;
	return DUET_READY;
}

static enum duet_readiness race_round(struct duet_race_future *self, struct duet_context *context)
{
	struct duet_child *child;
	struct core_round round;

	core_round_begin(&round, &self->children, context);
	while ((child = core_round_next(&round)))
		race_note(self, child);
	core_round_end(&round);
	return race_answer(self);
}

static enum duet_readiness race_poll(struct duet_future *future, struct duet_context *context)
{
	if (future->state == DUET_FUTURE_READY)
		return core_future_again(future);
	return race_round(CORE_CONTAINER(struct duet_race_future, future, future), context);
}

static enum duet_readiness race_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_race_future *self = CORE_CONTAINER(struct duet_race_future, future, future);

	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	core_children_asked(&self->children, future);
	return race_round(self, context);
}

static const struct duet_future_table race_table = {
	.name = "race", .poll = race_poll, .poll_cancel = race_cancel};

int duet_race_future_init(struct duet_race_future *self, struct duet_child *children,
			  uint32_t count)
{
	duet_future_init(&self->future, &race_table);
	self->members = children;
	self->winner = -1;
	self->last = 0;
	self->takes_any = self->keeps = self->told = 0;
	return count ? core_children_add_all(&self->children, children, count) : -EINVAL;
}

int duet_select_future_init(struct duet_race_future *self, struct duet_child *children,
			    uint32_t count)
{
	int error = duet_race_future_init(self, children, count);

	self->takes_any = 1;
	return error;
}
