/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/cancel_callback.h"

#include <duet/loop.h>
#include <duet/operation.h>
#include <duet/scope.h>
#include <errno.h>
#include <stdlib.h>

struct waiter {
	struct duet_op op;
	struct duet_member member;
	struct cancel_callback *self;
	duet_handle handle;
};

/* A group that is one request: its scope, and whether that has joined. */
struct group {
	struct duet_scope scope;
	bool over;
};

struct cancel_callback {
	struct cancel_shape shape;
	struct duet_loop *loop;
	struct waiter *waiters;
	struct duet_op *closes; /* one each, beside: what waits is to lie close together */
	struct group *groups;
};

static uint32_t index_of(const struct waiter *waiter)
{
	return (uint32_t)(waiter - waiter->self->waiters);
}

static void on_end(struct duet_op *op)
{
	struct waiter *waiter = op->context;
	const struct cancel_shape *shape = &waiter->self->shape;

	shape->ended(shape->context, index_of(waiter), op->result);
}

static void on_closed(struct duet_op *op)
{
	struct waiter *waiter = op->context;
	const struct cancel_shape *shape = &waiter->self->shape;

	shape->closed(shape->context, index_of(waiter));
}

static void destroy(void *arg)
{
	struct cancel_callback *self = arg;

	free(self->groups);
	free(self->closes);
	free(self->waiters);
	free(self);
}

static void *create(const struct cancel_shape *shape)
{
	struct cancel_callback *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->shape = *shape;
	self->loop = (struct duet_loop *)(uintptr_t)shape->host;
	self->waiters = calloc(shape->pending, sizeof(*self->waiters));
	self->closes = calloc(shape->pending, sizeof(*self->closes));
	self->groups = calloc(shape->pending / shape->group, sizeof(*self->groups));
	if (self->waiters && self->closes && self->groups)
		return self;
	destroy(self);
	errno = ENOMEM;
	return NULL;
}

static int adopt(void *arg, uint32_t index, int fd)
{
	struct cancel_callback *self = arg;
	struct waiter *waiter = &self->waiters[index];

	waiter->self = self;
	duet_op_init(&waiter->op, on_end, waiter);
	duet_op_init(&self->closes[index], on_closed, waiter);
	return duet_handle_adopt(self->loop, fd, 0, &waiter->handle);
}

static void on_joined(struct duet_scope *scope)
{
	struct group *group = scope->context;

	group->over = true;
}

/* The first of a group opens its scope. */
static int open_group(struct cancel_callback *self, struct group *group)
{
	struct duet_scope_options options;
	int status;

	duet_scope_options_init(&options);
	options.context = group;
	status = duet_scope_open(&group->scope, self->loop, NULL, &options);
	group->over = status != 0;
	return status ? status : duet_scope_join(&group->scope, on_joined);
}

static int start_in_group(struct cancel_callback *self, uint32_t index)
{
	struct group *group = &self->groups[index / self->shape.group];
	struct waiter *waiter = &self->waiters[index];
	int status = index % self->shape.group ? 0 : open_group(self, group);

	return status ? status : duet_scope_start(&group->scope, &waiter->member, &waiter->op);
}

static int start(void *arg, uint32_t index, char *byte, uint64_t deadline_ns, bool loose)
{
	struct cancel_callback *self = arg;
	struct waiter *waiter = &self->waiters[index];

	duet_op_recv(&waiter->op, waiter->handle, byte, 1, 0);
	if (deadline_ns)
		duet_op_deadline(&waiter->op, deadline_ns);
	if (self->shape.method == CANCEL_SCOPE && !loose)
		return start_in_group(self, index);
	return duet_op_start(self->loop, &waiter->op);
}

static int cancel(void *arg, uint32_t index)
{
	struct cancel_callback *self = arg;

	duet_op_cancel(&self->waiters[index].op);
	return 0;
}

static int close_one(void *arg, uint32_t index)
{
	struct cancel_callback *self = arg;

	duet_op_close(&self->closes[index], self->waiters[index].handle);
	return duet_op_start(self->loop, &self->closes[index]);
}

static int request(void *arg, uint32_t first)
{
	struct cancel_callback *self = arg;
	int status = 0;

	if (self->shape.method == CANCEL_SCOPE) {
		duet_scope_cancel(&self->groups[first / self->shape.group].scope);
		return 0;
	}
	for (uint32_t i = first + self->shape.group; !status && i-- > first;)
		status = self->shape.method == CANCEL_DESCRIPTOR ? close_one(arg, i)
								 : cancel(arg, i);
	return status;
}

static bool over(void *arg, uint32_t first)
{
	const struct cancel_callback *self = arg;

	return self->shape.method != CANCEL_SCOPE || self->groups[first / self->shape.group].over;
}

static int turn(void *arg, int64_t timeout_ns)
{
	const struct cancel_callback *self = arg;
	int status = duet_loop_turn(self->loop, timeout_ns);

	return status < 0 ? status : 0;
}

const struct cancel_engine CANCEL_CALLBACK = {
	.name = "callback", .create = create, .adopt = adopt, .start = start, .request = request,
	.cancel = cancel, .close = close_one, .over = over, .turn = turn, .destroy = destroy,
};
