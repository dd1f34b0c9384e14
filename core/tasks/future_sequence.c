/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/operation.h"
#include "core/tasks/future_children.h"
#include "core/tasks/task.h"

/* ---- One after the other. ---- */

/* Ready with the last; or the next is the current one. */
static bool then_follow(struct duet_then_future *self)
{
	int32_t result = self->current->result;
	struct duet_future *next;

	duet_future_release(self->current);
	next = self->next(self, result);
	if (next && duet_future_claim(next)) {
		result = -EBUSY;
		next = NULL;
	}
	if (!next) {
		(void)duet_future_is_ready(&self->future, result);
		return false;
	}
	self->current = next;
	return true;
}

static enum duet_readiness then_steps(struct duet_then_future *self, struct duet_context *context)
{
	for (unsigned left = DUET_THEN_STEPS_MAX; left; left--) {
		if (core_future_ask(self->current, context, self->future.asked) == DUET_PENDING)
			return duet_future_is_pending(&self->future);
		if (!then_follow(self))
			return DUET_READY;
	}
	duet_waker_wake(context->waker);
	return duet_future_is_pending(&self->future);
}

static enum duet_readiness then_poll(struct duet_future *future, struct duet_context *context)
{
	if (future->state == DUET_FUTURE_READY)
		return core_future_again(future);
	return then_steps(CORE_CONTAINER(struct duet_then_future, future, future), context);
}

static enum duet_readiness then_cancel(struct duet_future *future, struct duet_context *context)
{
	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	future->asked = 1;
	return then_steps(CORE_CONTAINER(struct duet_then_future, future, future), context);
}

static const struct duet_future_table then_table = {
	.name = "then", .poll = then_poll, .poll_cancel = then_cancel};

int duet_then_future_init(struct duet_then_future *self, struct duet_future *first,
			  struct duet_future *(*next)(struct duet_then_future *, int32_t))
{
	duet_future_init(&self->future, &then_table);
	self->current = first;
	self->next = next;
	return duet_future_claim(first);
}

/* ---- Not longer than that. ---- */

static const uint64_t limit_max_ns = 1000000000000;

static enum duet_readiness inner_ask(struct duet_limit_future *self, struct duet_context *context)
{
	return core_future_ask(self->inner, context,
			       self->expired || (self->future.asked && !self->shields));
}

/* Both polls of one that begins: of inner, and then of the timer. */
static enum duet_readiness both_begin(struct duet_limit_future *self,
				      struct duet_context *context)
{
	if (inner_ask(self, context) == DUET_READY)
		return DUET_READY;
	duet_timer_future_init(&self->timer, self->end_ns);
	self->expired = duet_op_future_poll(&self->timer, context) == DUET_READY;
	(void)duet_future_is_pending(&self->future);
	return self->expired ? inner_ask(self, context) : DUET_PENDING;
}

static enum duet_readiness both_poll(struct duet_limit_future *self, struct duet_context *context)
{
	if (self->future.state == DUET_FUTURE_COLD)
		return both_begin(self, context);
	self->expired = duet_op_future_poll(&self->timer, context) == DUET_READY;
	return inner_ask(self, context);
}

/* What a step starts in a shield has no deadline but that of the shield, and nothing comes in. */
static enum duet_readiness shielded_poll(struct duet_limit_future *self,
					 struct duet_context *context)
{
	struct duet_task *task = context->scheduler ? context->scheduler->running : NULL;
	enum duet_readiness answer;
	uint64_t outer_ns;

	if (!task || !self->shields)
		return both_poll(self, context);
	outer_ns = core_task_enter_shield(task, self->end_ns);
	answer = both_poll(self, context);
	core_task_leave_shield(task, outer_ns);
	return answer;
}

/* Why it was over: the time, a shutdown, or that there could be no timer. */
static int32_t limit_result(const struct duet_limit_future *self)
{
	int32_t result = self->inner->result;

	if (!self->expired || !core_is_stop(result))
		return result;
	return self->timer.future.result ? self->timer.future.result : -ETIMEDOUT;
}

static enum duet_readiness limit_end(struct duet_limit_future *self, struct duet_context *context)
{
	self->over = 1;
	if (self->future.state == DUET_FUTURE_PENDING && !MUTANT(limit_forgets_its_timer) &&
	    duet_future_poll_cancel(&self->timer.future, context) == DUET_PENDING)
		return DUET_PENDING;
	duet_future_release(self->inner);
	return duet_future_is_ready(&self->future, limit_result(self));
}

static enum duet_readiness limit_step(struct duet_limit_future *self, struct duet_context *context)
{
	if (self->future.state == DUET_FUTURE_COLD)
		self->end_ns = duet_loop_now_ns(context->loop) + self->limit_ns;
	if (self->over || shielded_poll(self, context) == DUET_READY)
		return limit_end(self, context);
	return DUET_PENDING;
}

static enum duet_readiness limit_poll(struct duet_future *future, struct duet_context *context)
{
	if (future->state == DUET_FUTURE_READY)
		return core_future_again(future);
	return limit_step(CORE_CONTAINER(struct duet_limit_future, future, future), context);
}

static enum duet_readiness limit_cancel(struct duet_future *future, struct duet_context *context)
{
	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	future->asked = 1;
	return limit_step(CORE_CONTAINER(struct duet_limit_future, future, future), context);
}

static const struct duet_future_table timeout_table = {
	.name = "timeout", .poll = limit_poll, .poll_cancel = limit_cancel};
static const struct duet_future_table shield_table = {
	.name = "shield", .poll = limit_poll, .poll_cancel = limit_cancel};

static int limit_init(struct duet_limit_future *self, const struct duet_future_table *table,
		      struct duet_future *inner, uint64_t limit_ns)
{
	*self = (struct duet_limit_future){.inner = inner, .limit_ns = limit_ns};
	duet_future_init(&self->future, table);
	if (limit_ns < 1 || limit_ns > limit_max_ns)
		return -EINVAL;
	return duet_future_claim(inner);
}

int duet_timeout_future_init(struct duet_limit_future *limit, struct duet_future *inner,
			     uint64_t timeout_ns)
{
	return limit_init(limit, &timeout_table, inner, timeout_ns);
}

int duet_shield_future_init(struct duet_limit_future *shield, struct duet_future *inner,
			    uint64_t budget_ns)
{
	int error = limit_init(shield, &shield_table, inner, budget_ns);

	shield->shields = 1;
	return error;
}
