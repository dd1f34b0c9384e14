/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The models without a stack: callbacks, coroutines, futures. */
#include <duet/coroutine.h>
#include <duet/future.h>
#include <duet/operation.h>
#include <errno.h>

#include "compare/claim/models_stage.h"

/* ---- Callbacks. ---- */

struct callback {
	struct duet_op op;
	struct models_stage *stage;
	duet_handle handle;
	unsigned char bytes[MODELS_MEMORY];
};

static int receive(struct callback *self)
{
	duet_op_recv(&self->op, self->handle, self->bytes, MODELS_MEMORY, 0);
	return duet_op_start(self->stage->loop, &self->op);
}

static void on_byte(struct duet_op *op)
{
	struct callback *self = op->context;

	if (models_take(self->stage, op->result, self->bytes[0]))
		self->stage->wrong |= receive(self) != 0;
	else
		self->stage->ended++;
}

static int spawn_callback(struct models_stage *stage, uint32_t index)
{
	struct callback *self = (struct callback *)(void *)stage->tasks + index;

	*self = (struct callback){ .stage = stage, .handle = stage->handles[index] };
	duet_op_init(&self->op, on_byte, self);
	return receive(self);
}

const struct models_player MODELS_CALLBACKS = {
	.name = "callbacks",
	.task_bytes = sizeof(struct callback),
	.waits_only = true,
	.spawn = spawn_callback,
	.await_served = models_turn_until_served,
	.await_ended = models_turn_until_ended,
};

/* ---- Coroutines. ---- */

struct coroutine {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	struct models_stage *stage;
	duet_handle handle;
	uint32_t left;
	unsigned char bytes[MODELS_MEMORY];
};

static DUET_COROUTINE(come_and_go)
{
	DUET_BEGIN(struct coroutine, self);
	DUET_RETURN((int32_t)self->left);
	DUET_END;
}

static DUET_COROUTINE(give_up_turns)
{
	DUET_BEGIN(struct coroutine, self);
	while (self->left--)
		DUET_YIELD();
	DUET_END;
}

static DUET_COROUTINE(wait_for_bytes)
{
	DUET_BEGIN(struct coroutine, self);
	do {
		duet_op_recv(&self->op, self->handle, self->bytes, MODELS_MEMORY, 0);
		DUET_AWAIT(&self->op);
	} while (models_take(self->stage, DUET_RESULT, self->bytes[0]));
	DUET_END;
}

static void coroutine_ended(struct duet_task *task)
{
	struct coroutine *self =
		(struct coroutine *)(void *)((char *)task - offsetof(struct coroutine, task));

	self->stage->ended++;
}

static int spawn_coroutine(struct models_stage *stage, uint32_t index)
{
	static duet_coroutine_fn *const bodies[MODELS_JOBS] = { come_and_go, give_up_turns,
								wait_for_bytes };
	struct coroutine *self = (struct coroutine *)(void *)stage->tasks + index;

	self->stage = stage;
	self->left = stage->job == MODELS_SWITCH ? stage->switches : 0;
	if (stage->job == MODELS_WAIT) {
		self->handle = stage->handles[index];
		duet_op_init(&self->op, NULL, NULL);
	}
	duet_coroutine_init(&self->coroutine, bodies[stage->job]);
	duet_coroutine_task_init(&self->task, &self->coroutine);
	self->task.task.ended = coroutine_ended;
	return duet_task_spawn(&stage->scheduler, NULL, &self->task.task);
}

const struct models_player MODELS_COROUTINES = {
	.name = "coroutines",
	.task_bytes = sizeof(struct coroutine),
	.spawn = spawn_coroutine,
	.await_served = models_turn_until_served,
	.await_ended = models_turn_until_ended,
};

/* ---- Futures. ---- */

struct poller {
	struct duet_future future;
	struct duet_future_task task;
	struct duet_op_future leaf;
	struct models_stage *stage;
	duet_handle handle;
	uint32_t left;
	unsigned char bytes[MODELS_MEMORY];
};

static enum duet_readiness poll_once(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	return duet_future_is_ready(future, 0);
}

static enum duet_readiness poll_again(struct duet_future *future, struct duet_context *context)
{
	struct poller *self = (struct poller *)(void *)future;

	if (!self->left--)
		return duet_future_is_ready(future, 0);
	duet_waker_wake(context->waker);
	return duet_future_is_pending(future);
}

static void wait_again(struct poller *self)
{
	duet_op_future_reset(&self->leaf);
	duet_op_recv(&self->leaf.op, self->handle, self->bytes, MODELS_MEMORY, 0);
}

static enum duet_readiness poll_bytes(struct duet_future *future, struct duet_context *context)
{
	struct poller *self = (struct poller *)(void *)future;

	while (duet_op_future_poll(&self->leaf, context) == DUET_READY) {
		if (!models_take(self->stage, self->leaf.future.result, self->bytes[0]))
			return duet_future_is_ready(future, 0);
		wait_again(self);
	}
	return duet_future_is_pending(future);
}

/* Nobody asks but a stage that has failed. */
static enum duet_readiness stop_bytes(struct duet_future *future, struct duet_context *context)
{
	struct poller *self = (struct poller *)(void *)future;

	if (duet_future_poll_cancel(&self->leaf.future, context) == DUET_PENDING)
		return duet_future_is_pending(future);
	return duet_future_is_ready(future, -ECANCELED);
}

static enum duet_readiness stop(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	return duet_future_is_ready(future, -ECANCELED);
}

static void poller_ended(struct duet_task *task)
{
	struct poller *self =
		(struct poller *)(void *)((char *)task - offsetof(struct poller, task));

	self->stage->ended++;
}

static int spawn_poller(struct models_stage *stage, uint32_t index)
{
	static const struct duet_future_table tables[MODELS_JOBS] = {
		{ "come and go", poll_once, stop },
		{ "give up turns", poll_again, stop },
		{ "wait for bytes", poll_bytes, stop_bytes },
	};
	struct poller *self = (struct poller *)(void *)stage->tasks + index;

	self->stage = stage;
	self->left = stage->switches;
	if (stage->job == MODELS_WAIT) {
		self->handle = stage->handles[index];
		duet_op_future_init(&self->leaf);
		wait_again(self);
	}
	duet_future_init(&self->future, &tables[stage->job]);
	duet_future_task_init(&self->task, &self->future);
	self->task.task.ended = poller_ended;
	return duet_task_spawn(&stage->scheduler, NULL, &self->task.task);
}

const struct models_player MODELS_FUTURES = {
	.name = "futures",
	.task_bytes = sizeof(struct poller),
	.spawn = spawn_poller,
	.await_served = models_turn_until_served,
	.await_ended = models_turn_until_ended,
};
