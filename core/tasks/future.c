/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/future.h"

#include "core/operation.h"
#include "core/tasks/task.h"

/* ---- Whose it is. ---- */

int duet_future_claim(struct duet_future *future)
{
	if (future->awaited) {
#ifdef DUET_DEBUG
		core_abort_future(future, "is awaited already: nobody else can wait for it");
#endif
		return -EBUSY;
	}
	future->awaited = 1;
	return 0;
}

void duet_future_release(struct duet_future *future)
{
	future->awaited = 0;
}

int duet_future_drop(const struct duet_future *future)
{
	if (future->state != DUET_FUTURE_PENDING)
		return 0;
#ifdef DUET_DEBUG
	core_abort_future(future, "was dropped while it is pending: poll_cancel() it until it is ready");
#endif
	return -EBUSY;
}

/* ---- An operation. ---- */

static void op_done(struct duet_op *op)
{
	struct duet_op_future *self = op->context;

	/* An interim status is no result: the operation goes on. */
	if (op->more)
		return;
	(void)duet_future_is_ready(&self->future, op->result);
	core_waker_take(&self->waker);
}

bool core_future_shelters(const struct duet_op *op)
{
	const struct duet_op_future *self = op->context;

	return op->done == op_done && self->future.sheltered;
}

void core_op_refuse(struct duet_op *op, int error)
{
	op->result = error;
	op->transferred = 0;
	op->disposition = DUET_FAILED;
	op->cause = DUET_CAUSE_ITSELF;
}

void core_op_stop(struct duet_op *op)
{
	core_op_refuse(op, -ECANCELED);
	op->disposition = DUET_UNTOUCHED;
	op->cause = DUET_CAUSE_CANCEL;
}

/* Says so, of one that has no end to wait for. */
static enum duet_readiness op_over(struct duet_op_future *self, int answer)
{
	if (answer < 0)
		core_op_refuse(&self->op, answer);
	return duet_future_is_ready(&self->future, self->op.result);
}

static int op_begin(struct duet_op_future *self, struct duet_loop *loop, struct duet_task *task)
{
	struct duet_op *op = &self->op;

	if (!task) {
		duet_op_inline(op);
		self->future.sheltered = loop->sheltering;
		return op->flags & DUET_MULTISHOT ? -EINVAL : duet_op_start(loop, op);
	}
	core_task_allow_inline(task, op);
	self->future.sheltered = task->shields || task->sheltered;
	return core_task_start(task, op);
}

static __attribute__((noinline)) enum duet_readiness op_start_any(struct duet_op_future *self,
								  struct duet_context *context)
{
	struct duet_task *task = context->scheduler ? context->scheduler->running : NULL;
	int answer = op_begin(self, context->loop, task);

	if (answer == 0) {
		self->waker = context->waker;
		return duet_future_is_pending(&self->future);
	}
	/* A step takes so many results without suspending, as one of a task that waits for operations. */
	if (task && answer == 1)
		task->inline_left--;
	return op_over(self, answer);
}

/* Who waits is noted before the start, and not after it: inside a start nobody is called. */
static enum duet_readiness op_start(struct duet_op_future *self, struct duet_context *context)
{
	struct duet_task *task = context->scheduler ? context->scheduler->running : NULL;
	int answer;

	if (__builtin_expect(!task || !core_task_starts_plainly(task, context->loop, &self->op), 0))
		return op_start_any(self, context);
	core_task_allow_inline(task, &self->op);
	self->future.sheltered = task->sheltered;
	self->future.state = DUET_FUTURE_PENDING;
	self->waker = context->waker;
	answer = duet_op_start(context->loop, &self->op);
	if (__builtin_expect(answer == 0, 1))
		return DUET_PENDING;
	self->waker = NULL;
	if (answer == -ESHUTDOWN)
		return op_start_any(self, context);
	task->inline_left -= answer == 1;
	return op_over(self, answer);
}

enum duet_readiness duet_op_future_poll(struct duet_op_future *self, struct duet_context *context)
{
	if (self->future.state == DUET_FUTURE_READY)
		return DUET_READY;
	if (self->future.state == DUET_FUTURE_COLD)
		return op_start(self, context);
	self->waker = context->waker;
	return DUET_PENDING;
}

static enum duet_readiness op_poll(struct duet_future *future, struct duet_context *context)
{
	return duet_op_future_poll(CORE_CONTAINER(struct duet_op_future, future, future), context);
}

static enum duet_readiness op_poll_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_op_future *self = CORE_CONTAINER(struct duet_op_future, future, future);

	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	if (future->state == DUET_FUTURE_COLD && self->op.kind != DUET_JOIN_SCOPE) {
		core_op_stop(&self->op);
		return duet_future_is_ready(future, -ECANCELED);
	}
	/* Who was asked to end still waits for its children. */
	if (future->state == DUET_FUTURE_COLD && op_start(self, context) == DUET_READY)
		return DUET_READY;
	self->waker = context->waker;
	if (!future->asked)
		duet_op_cancel(&self->op);
	future->asked = 1;
	if (MUTANT(future_ready_too_soon))
		return duet_future_is_ready(future, -ECANCELED);
	return DUET_PENDING;
}

static const struct duet_future_table op_table = {
	.name = "operation", .poll = op_poll, .poll_cancel = op_poll_cancel};

void duet_op_future_init(struct duet_op_future *self)
{
	duet_future_init(&self->future, &op_table);
	duet_op_init(&self->op, op_done, self);
	self->waker = NULL;
}

void duet_op_future_reset(struct duet_op_future *self)
{
	self->future.state = DUET_FUTURE_COLD;
	self->future.asked = 0;
}

void duet_timer_future_init(struct duet_op_future *self, uint64_t due_ns)
{
	duet_op_future_init(self);
	duet_op_timeout(&self->op, due_ns);
}

/* ---- Futures without I/O. ---- */

static enum duet_readiness ready_poll(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	return duet_future_is_ready(future, future->result);
}

static const struct duet_future_table ready_table = {
	.name = "ready", .poll = ready_poll, .poll_cancel = ready_poll};

void duet_ready_future_init(struct duet_future *future, int32_t result)
{
	duet_future_init(future, &ready_table);
	future->result = result;
}

static enum duet_readiness never_poll(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	return future->state == DUET_FUTURE_READY ? DUET_READY : duet_future_is_pending(future);
}

static enum duet_readiness never_cancel(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	return duet_future_is_ready(future, -ECANCELED);
}

static const struct duet_future_table never_table = {
	.name = "never", .poll = never_poll, .poll_cancel = never_cancel};

void duet_never_future_init(struct duet_future *future)
{
	duet_future_init(future, &never_table);
}

static enum duet_readiness event_poll(struct duet_future *future, struct duet_context *context)
{
	struct duet_event_future *event = CORE_CONTAINER(struct duet_event_future, future, future);

	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	if (event->set)
		return duet_future_is_ready(future, event->told);
	event->waker = context->waker;
	return duet_future_is_pending(future);
}

static enum duet_readiness event_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_event_future *event = CORE_CONTAINER(struct duet_event_future, future, future);

	(void)context;
	event->waker = NULL;
	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	return duet_future_is_ready(future, event->set ? event->told : -ECANCELED);
}

static const struct duet_future_table event_table = {
	.name = "event", .poll = event_poll, .poll_cancel = event_cancel};

void duet_event_future_init(struct duet_event_future *event)
{
	duet_future_init(&event->future, &event_table);
	event->waker = NULL;
	event->set = 0;
}

void duet_event_future_set(struct duet_event_future *event, int32_t result)
{
	if (event->set)
		return;
	event->set = 1;
	event->told = result;
	core_waker_take(&event->waker);
}
