/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/naive.h>

#include "core/tasks/future.h"

/* ---- All children at each poll. ---- */

/* Of a child's `awaited`: its result is known. Its state doesn't say so, as what stands behind a future may
 * make it ready between two polls. */
enum { NOTED = 2 };

/* The first failure of a join, the last of a race; who was stopped counts where nobody failed. */
static void note_failure(struct duet_poll_all_future *self, int32_t result)
{
	if (self->asks && core_is_stop(result)) {
		if (!self->stopped)
			self->stopped = result;
	} else if (!self->failure || self->races) {
		self->failure = result;
	}
}

static void note(struct duet_poll_all_future *self, uint32_t which)
{
	int32_t result = self->children[which]->result;

	self->ready++;
	self->children[which]->awaited = NOTED;
	if (result < 0)
		note_failure(self, result);
	if (self->races && result >= 0 && self->winner < 0) {
		self->winner = (int32_t)which;
		self->asks = 1;
	}
}

static void release_all(struct duet_poll_all_future *self)
{
	for (uint32_t i = 0; i < self->count; i++)
		duet_future_release(self->children[i]);
}

static int32_t result_of(const struct duet_poll_all_future *self)
{
	if (self->winner >= 0)
		return self->children[self->winner]->result;
	return self->failure ? self->failure : self->stopped;
}

static enum duet_readiness poll_all(struct duet_poll_all_future *self,
				    struct duet_context *context)
{
	for (uint32_t i = 0; i < self->count; i++) {
		struct duet_future *child = self->children[i];

		if (child->awaited == NOTED)
			continue;
		self->polls++;
		if (core_future_ask(child, context, self->asks) == DUET_READY)
			note(self, i);
	}
	if (self->ready < self->count)
		return duet_future_is_pending(&self->future);
	release_all(self);
	return duet_future_is_ready(&self->future, result_of(self));
}

static enum duet_readiness all_poll(struct duet_future *future, struct duet_context *context)
{
	struct duet_poll_all_future *self =
		CORE_CONTAINER(struct duet_poll_all_future, future, future);
	bool asked = self->asks;

	if (future->state == DUET_FUTURE_READY)
		return core_future_again(future);
	(void)poll_all(self, context);
	/* Whoever was polled before the winner has yet to be asked. */
	if (self->asks && !asked)
		(void)poll_all(self, context);
	return future->state == DUET_FUTURE_READY ? DUET_READY : DUET_PENDING;
}

static enum duet_readiness all_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_poll_all_future *self =
		CORE_CONTAINER(struct duet_poll_all_future, future, future);

	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	future->asked = self->asks = 1;
	return poll_all(self, context);
}

static const struct duet_future_table all_table = {
	.name = "poll-all", .poll = all_poll, .poll_cancel = all_cancel};

int duet_poll_all_join_init(struct duet_poll_all_future *self, struct duet_future **children,
			    uint32_t count)
{
	*self = (struct duet_poll_all_future){.children = children, .count = count, .winner = -1};
	duet_future_init(&self->future, &all_table);
	for (uint32_t i = 0; i < count; i++) {
		if (!duet_future_claim(children[i]))
			continue;
		while (i--)
			duet_future_release(children[i]);
		return -EBUSY;
	}
	return 0;
}

int duet_poll_all_race_init(struct duet_poll_all_future *self, struct duet_future **children,
			    uint32_t count)
{
	int error = count ? duet_poll_all_join_init(self, children, count) : -EINVAL;

	self->races = 1;
	return error;
}

/* ---- Without waiting. ---- */

static void hear_nothing(struct duet_waker *waker)
{
	(void)waker;
}

static enum duet_readiness step(struct duet_task *task)
{
	struct duet_spin_task *self = CORE_CONTAINER(struct duet_spin_task, task, task);
	struct duet_context context = {task->scheduler, task->scheduler->loop, &self->deaf};
	int error = duet_task_check(task);

	self->polls++;
	if (core_future_ask(self->top, &context, error) == DUET_PENDING) {
		duet_task_yield(task);
		return DUET_PENDING;
	}
	task->result = self->top->result;
	if (error && task->result == -ECANCELED)
		task->result = error;
	duet_future_release(self->top);
	core_waker_end(task->scheduler, &self->deaf);
	return DUET_READY;
}

static enum duet_readiness refuse(struct duet_task *task)
{
	task->result = -EBUSY;
	return DUET_READY;
}

static const struct duet_task_model spin_model = {.name = "spin", .step = step};
static const struct duet_task_model refused_model = {.name = "spin", .step = refuse};

void duet_spin_task_init(struct duet_spin_task *self, struct duet_future *top)
{
	duet_task_init(&self->task, duet_future_claim(top) ? &refused_model : &spin_model);
	self->top = top;
	self->deaf = (struct duet_waker){.wake = hear_nothing};
	self->polls = 0;
}

int64_t duet_spin(struct duet_loop *loop, struct duet_future *future)
{
	struct duet_waker deaf = {.wake = hear_nothing};
	struct duet_context context = {.loop = loop, .waker = &deaf};
	int64_t polls = 1;

	for (; duet_future_poll(future, &context) == DUET_PENDING; polls++) {
		int answer = duet_loop_turn(loop, 0);

		if (answer < 0)
			return answer;
	}
	return polls;
}
