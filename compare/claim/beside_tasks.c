/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The ways to have children: inside of one task, as a join or a select; and beside it, as tasks in
 * a scope. Their lines are counted here, by the compiler. */
#include <duet/fiber.h>
#include <duet/futures.h>
#include <duet/join.h>
#include <errno.h>

#include "compare/claim/beside_stage.h"

/* ---- A child that is a future: either way. ---- */

enum { FUTURE_FROM = __LINE__ };
struct future_child {
	struct duet_future future;
	struct duet_op_future leaf;
	struct beside_stage *stage;
	uint32_t index;
	unsigned char bytes[BESIDE_MEMORY];
};

static enum duet_readiness child_ready(struct future_child *self)
{
	return duet_future_is_ready(
		&self->future, beside_hear(self->stage, self->index, self->leaf.future.result));
}

static enum duet_readiness child_poll(struct duet_future *future, struct duet_context *context)
{
	struct future_child *self = (struct future_child *)(void *)future;

	while (beside_compute(self->stage, self->index)) {
		if (self->stage->yields) {
			duet_waker_wake(context->waker);
			return duet_future_is_pending(future);
		}
	}
	if (duet_op_future_poll(&self->leaf, context) == DUET_PENDING)
		return duet_future_is_pending(future);
	return child_ready(self);
}

static enum duet_readiness child_cancel(struct duet_future *future, struct duet_context *context)
{
	struct future_child *self = (struct future_child *)(void *)future;

	if (duet_future_poll_cancel(&self->leaf.future, context) == DUET_PENDING)
		return duet_future_is_pending(future);
	return child_ready(self);
}

static struct duet_future *child_init(struct future_child *self, struct beside_stage *stage,
				      uint32_t index)
{
	static const struct duet_future_table table = { "child", child_poll, child_cancel };

	duet_future_init(&self->future, &table);
	self->stage = stage;
	self->index = index;
	duet_op_future_init(&self->leaf);
	duet_op_recv(&self->leaf.op, stage->handles[index], self->bytes, BESIDE_MEMORY, 0);
	return &self->future;
}
enum { FUTURE_LINES = __LINE__ - FUTURE_FROM - 1 };

/* ---- Inside: a join or a race of them, awaited by one task. ---- */

struct inside_child {
	struct duet_child child;
	struct future_child own;
};

enum { INSIDE_FROM = __LINE__ };
struct inside {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct beside_stage *stage;
	struct duet_join_future join;
	struct duet_race_future race;
	struct duet_child *children;
	struct future_child *futures;
};

static DUET_COROUTINE(have_inside)
{
	DUET_BEGIN(struct inside, self);
	for (uint32_t i = 0; i < self->stage->count; i++)
		self->children[i].future = child_init(&self->futures[i], self->stage, i);
	if (self->stage->selects) {
		duet_race_future_init(&self->race, self->children, self->stage->count);
		DUET_AWAIT_FUTURE(&self->race.future);
	} else {
		duet_join_future_init(&self->join, self->children, self->stage->count);
		DUET_AWAIT_FUTURE(&self->join.future);
	}
	DUET_END;
}
enum { INSIDE_LINES = __LINE__ - INSIDE_FROM - 1 };

static int spawn_inside(struct beside_stage *stage)
{
	struct inside *self = stage->own;

	self->stage = stage;
	self->children = (struct duet_child *)(void *)(self + 1);
	self->futures = (struct future_child *)(void *)(self->children + stage->count);
	duet_coroutine_init(&self->coroutine, have_inside);
	duet_coroutine_task_init(&self->task, &self->coroutine);
	return duet_task_spawn(&stage->scheduler, NULL, &self->task.task);
}

static struct duet_task *inside_parent(struct beside_stage *stage)
{
	return &((struct inside *)stage->own)->task.task;
}

static const struct beside_player INSIDE = {
	.name = "inside",
	.lines = (int)FUTURE_LINES + (int)INSIDE_LINES,
	.child_bytes = sizeof(struct inside_child),
	.parent_bytes = sizeof(struct inside),
	.spawn = spawn_inside,
	.parent = inside_parent,
};

/* ---- Beside, the same future, a task each. ---- */

enum { POLLED_FROM = __LINE__ };
struct polled_child {
	struct duet_future_task task;
	struct future_child own;
};

struct beside {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct beside_stage *stage;
	struct duet_scope scope;
	struct duet_op op;
	void *children;
};

static DUET_COROUTINE(have_polled)
{
	DUET_BEGIN(struct beside, self);
	duet_task_scope_open(&self->task.task, &self->scope, &self->stage->policy);
	for (uint32_t i = 0; i < self->stage->count; i++) {
		struct polled_child *child = (struct polled_child *)self->children + i;

		duet_future_task_init(&child->task, child_init(&child->own, self->stage, i));
		duet_task_spawn(&self->stage->scheduler, &self->scope, &child->task.task);
	}
	duet_op_join_scope(&self->op, &self->scope);
	DUET_AWAIT(&self->op);
	DUET_END;
}
enum { POLLED_LINES = __LINE__ - POLLED_FROM - 1 };

static int spawn_beside(struct beside_stage *stage, duet_coroutine_fn *body)
{
	struct beside *self = stage->own;

	self->stage = stage;
	self->children = self + 1;
	duet_op_init(&self->op, NULL, NULL);
	duet_coroutine_init(&self->coroutine, body);
	duet_coroutine_task_init(&self->task, &self->coroutine);
	return duet_task_spawn(&stage->scheduler, NULL, &self->task.task);
}

static int spawn_polled(struct beside_stage *stage)
{
	return spawn_beside(stage, have_polled);
}

static struct duet_task *beside_parent(struct beside_stage *stage)
{
	return &((struct beside *)stage->own)->task.task;
}

static const struct beside_player POLLED = {
	.name = "futures",
	.lines = (int)FUTURE_LINES + (int)POLLED_LINES,
	.child_bytes = sizeof(struct polled_child),
	.parent_bytes = sizeof(struct beside),
	.spawn = spawn_polled,
	.parent = beside_parent,
};

/* ---- Beside, coroutines. ---- */

enum { RESUMED_FROM = __LINE__ };
struct resumed_child {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	struct beside_stage *stage;
	uint32_t index;
	unsigned char bytes[BESIDE_MEMORY];
};

static DUET_COROUTINE(resumed_child)
{
	DUET_BEGIN(struct resumed_child, self);
	while (beside_compute(self->stage, self->index)) {
		if (self->stage->yields)
			DUET_YIELD();
	}
	duet_op_recv(&self->op, self->stage->handles[self->index], self->bytes, BESIDE_MEMORY, 0);
	DUET_AWAIT(&self->op);
	DUET_RETURN(beside_hear(self->stage, self->index, DUET_RESULT));
	DUET_END;
}

static DUET_COROUTINE(have_resumed)
{
	DUET_BEGIN(struct beside, self);
	duet_task_scope_open(&self->task.task, &self->scope, &self->stage->policy);
	for (uint32_t i = 0; i < self->stage->count; i++) {
		struct resumed_child *child = (struct resumed_child *)self->children + i;

		child->stage = self->stage;
		child->index = i;
		duet_op_init(&child->op, NULL, NULL);
		duet_coroutine_init(&child->coroutine, resumed_child);
		duet_coroutine_task_init(&child->task, &child->coroutine);
		duet_task_spawn(&self->stage->scheduler, &self->scope, &child->task.task);
	}
	duet_op_join_scope(&self->op, &self->scope);
	DUET_AWAIT(&self->op);
	DUET_END;
}
enum { RESUMED_LINES = __LINE__ - RESUMED_FROM - 1 };

static int spawn_resumed(struct beside_stage *stage)
{
	return spawn_beside(stage, have_resumed);
}

static const struct beside_player RESUMED = {
	.name = "coroutines",
	.lines = RESUMED_LINES,
	.child_bytes = sizeof(struct resumed_child),
	.parent_bytes = sizeof(struct beside),
	.spawn = spawn_resumed,
	.parent = beside_parent,
};

/* ---- Beside, fibers. ---- */

enum { FIBER_FROM = __LINE__ };
struct fiber_child {
	struct duet_fiber fiber;
	struct beside_stage *stage;
	uint32_t index;
};

static int fiber_child(struct duet_loop *loop, void *argument)
{
	struct fiber_child *self = argument;
	struct beside_stage *stage = self->stage;
	unsigned char bytes[BESIDE_MEMORY];

	while (beside_compute(stage, self->index)) {
		if (stage->yields)
			duet_fiber_yield(loop);
	}
	return beside_hear(
		stage, self->index,
		duet_fiber_recv(loop, stage->handles[self->index], bytes, BESIDE_MEMORY, 0));
}

static int have_fibers(struct duet_loop *loop, void *argument)
{
	struct beside_stage *stage = argument;
	struct fiber_child *children = (struct fiber_child *)stage->own + 1;
	struct duet_scope scope;

	duet_fiber_open(loop, &scope, &stage->policy);
	for (uint32_t i = 0; i < stage->count; i++) {
		children[i].stage = stage;
		children[i].index = i;
		duet_fiber_init(&children[i].fiber, fiber_child, &children[i]);
		duet_fiber_spawn(&stage->scheduler, &scope, stage->stacks, &children[i].fiber);
	}
	return duet_fiber_join(&scope);
}
enum { FIBER_LINES = __LINE__ - FIBER_FROM - 1 };

static int spawn_fibers(struct beside_stage *stage)
{
	struct fiber_child *parent = stage->own;

	duet_fiber_init(&parent->fiber, have_fibers, stage);
	return duet_fiber_spawn(&stage->scheduler, NULL, stage->stacks, &parent->fiber);
}

static struct duet_task *fibers_parent(struct beside_stage *stage)
{
	return &((struct fiber_child *)stage->own)->fiber.task;
}

static const struct beside_player FIBERS = {
	.name = "fibers",
	.lines = FIBER_LINES,
	.child_bytes = sizeof(struct fiber_child),
	.parent_bytes = sizeof(struct fiber_child),
	.has_stacks = true,
	.spawn = spawn_fibers,
	.parent = fibers_parent,
};

const struct beside_player *const BESIDE_PLAYERS[] = { &INSIDE, &POLLED, &RESUMED, &FIBERS, NULL };
