/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/future.h"

#include "core/lifecycle.h"
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

/* What futures wait with stands in them behind the head that all have. */
bool core_future_shelters(const struct duet_op *op)
{
	const struct duet_future *future = op->context;

	return (op->done == op_done || op->done == core_stream_done ||
		op->done == core_readiness_done) &&
	       future->sheltered;
}

static struct duet_task *task_of(const struct duet_context *context)
{
	return context->scheduler ? context->scheduler->running : NULL;
}

void core_future_shelter(struct duet_future *future, const struct duet_context *context)
{
	const struct duet_task *task = task_of(context);

	future->sheltered = task ? task->shields || task->sheltered : context->loop->sheltering;
}

enum duet_cause core_future_cause(const struct duet_context *context)
{
	const struct duet_task *task = task_of(context);

	if (!task || !core_task_is_asked(task) || MUTANT(future_forgets_who_asked))
		return DUET_CAUSE_CANCEL;
	return (enum duet_cause)task->asked;
}

/* Says so, of one that has no end to wait for. */
static enum duet_readiness op_over(struct duet_op_future *self, int answer)
{
	if (answer < 0)
		core_op_refuse(&self->op, answer, DUET_CAUSE_ITSELF);
	return duet_future_is_ready(&self->future, self->op.result);
}

/* A step takes so many results without suspending, as one of a task that waits for operations. */
static int op_begin(struct duet_op_future *self, struct duet_context *context)
{
	struct duet_task *task = task_of(context);
	struct duet_op *op = &self->op;
	int answer;

	core_future_shelter(&self->future, context);
	if (!task) {
		duet_op_inline(op);
		return op->flags & DUET_MULTISHOT ? -EINVAL : duet_op_start(context->loop, op);
	}
	core_task_inline(task, op);
	answer = core_task_start(task, op);
	task->inline_left -= answer == 1;
	return answer;
}

static __attribute__((noinline)) enum duet_readiness op_start_any(struct duet_op_future *self,
								  struct duet_context *context)
{
	int answer = op_begin(self, context);

	if (answer == 0) {
		self->waker = context->waker;
		return duet_future_is_pending(&self->future);
	}
	return op_over(self, answer);
}

/* Who waits is noted before the start, and not after it: inside a start nobody is called. */
static enum duet_readiness op_start(struct duet_op_future *self, struct duet_context *context)
{
	struct duet_task *task = task_of(context);
	int answer;

	if (__builtin_expect(!task || !core_task_starts_plainly(task, context->loop, &self->op), 0))
		return op_start_any(self, context);
	core_task_inline(task, &self->op);
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
		core_op_stop(&self->op, core_future_cause(context));
		return duet_future_is_ready(future, self->op.result);
	}
	/* Who was asked to end still waits for its children. */
	if (future->state == DUET_FUTURE_COLD && op_start(self, context) == DUET_READY)
		return DUET_READY;
	self->waker = context->waker;
	if (!future->asked)
		core_request(context->loop, &self->op, core_future_cause(context));
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
	if (self->op.state != STATE_IDLE) {
#ifdef DUET_DEBUG
		core_abort_future(&self->future, "is reset while it is pending: poll it until it is ready");
#endif
		return;
	}
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
