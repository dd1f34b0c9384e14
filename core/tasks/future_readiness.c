/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/owned.h>
#include <duet/readiness.h>

#include "core/tasks/future.h"
#include "core/tasks/task.h"

void core_readiness_done(struct duet_op *op)
{
	struct duet_readiness_future *self = op->context;

	(void)duet_future_is_ready(&self->future, op->result);
	self->op = NULL;
	self->told = 0;
	duet_op_return(op);
	core_waker_take(&self->waker);
}

static int begin(struct duet_readiness_future *self, const struct duet_context *context)
{
	struct duet_loop *loop = context->loop;
	int error = duet_op_take(loop, core_readiness_done, self, &self->op);

	if (error)
		return error;
	duet_op_poll(self->op, self->handle, self->events);
	core_future_shelter(&self->future, context);
	error = core_start_sheltered(loop, self->op, self->future.sheltered);
	if (!error)
		return 0;
	duet_op_return(self->op);
	self->op = NULL;
	return error;
}

static enum duet_readiness tell(struct duet_readiness_future *self, int32_t result)
{
	self->told = 1;
	return duet_future_is_ready(&self->future, result);
}

/* An answer that nobody has taken yet is one. */
static enum duet_readiness poll(struct duet_future *future, struct duet_context *context)
{
	struct duet_readiness_future *self =
		CORE_CONTAINER(struct duet_readiness_future, future, future);
	int error;

	if (future->state == DUET_FUTURE_READY && !self->told)
		return tell(self, future->result);
	self->waker = context->waker;
	error = self->op ? 0 : begin(self, context);
	return error ? tell(self, error) : duet_future_is_pending(future);
}

void duet_readiness_future_drop(struct duet_readiness_future *self)
{
	if (self->op)
		(void)duet_op_abandon(self->op);
	self->op = NULL;
	self->waker = NULL;
	self->future.state = DUET_FUTURE_COLD;
}

static enum duet_readiness poll_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_readiness_future *self =
		CORE_CONTAINER(struct duet_readiness_future, future, future);

	(void)context;
	if (future->state == DUET_FUTURE_READY)
		return tell(self, future->result);
	duet_readiness_future_drop(self);
	return tell(self, -ECANCELED);
}

static const struct duet_future_table readiness_table = {
	.name = "readiness", .poll = poll, .poll_cancel = poll_cancel};

void duet_readiness_future_init(struct duet_readiness_future *self, duet_handle handle,
				uint32_t events)
{
	duet_future_init(&self->future, &readiness_table);
	self->handle = handle;
	self->events = events;
	self->told = 0;
	self->op = NULL;
	self->waker = NULL;
}
