/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The workloads in the common API, by callbacks: one source for both twins. */
#include <duet/buffer.h>
#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <errno.h>
#include <stdlib.h>

#include "compare/loop.h"
#include "compare/claim/parity_scene.h"

enum { BUFFER_BYTES = 1024, HANDLES = 1024, TURN_NS = 1000000000 };

struct common;

struct item {
	struct common *common;
	duet_handle handle;
	struct duet_op op, reply;
	struct duet_buffer buffer;
	unsigned char message[PARITY_MESSAGE]; /* cancel: lent meanwhile */
};

struct common {
	struct parity_scene *scene;
	struct duet_loop *loop;
	struct duet_pool *pool;
	duet_handle handle; /* of the listener or the file */
	struct duet_op accept;
	struct item *items;
	uint32_t taken; /* churn: items that are being closed */
	uint32_t ended; /* of the batch */
	bool wrong;
};

static int begin(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	struct common *common = calloc(1, sizeof(*common));
	struct duet_loop_options options;

	*self = common;
	if (!common)
		return -ENOMEM;
	common->scene = scene;
	common->items = calloc(scene->count, sizeof(*common->items));
	if (!common->items)
		return -ENOMEM;
	for (uint32_t i = 0; i < scene->count; i++)
		common->items[i].common = common;
	duet_loop_options_init(&options);
	options.handles_max = HANDLES;
	options.tuning = mechanism->tuning;
	return duet_loop_create(&common->loop, mechanism->backend, &options);
}

/* From there on it is the loop's. */
static int adopt(struct common *common, int *fd, duet_handle *handle)
{
	int error = duet_handle_adopt(common->loop, *fd, DUET_HANDLE_NO_ANCILLARY, handle);

	if (!error)
		*fd = -1;
	return error;
}

/* The next file of a batch is adopted again: of a file its descriptor stays the scene's. */
static void end(void *self)
{
	struct common *common = self;

	if (loop_end(common->loop))
		return;
	free(common->items);
	free(common);
}

static uint64_t calls(const void *self)
{
	const struct common *common = self;
	struct duet_stats stats;

	duet_loop_stats(common->loop, &stats);
	return stats.system_calls;
}

static bool turn_until_ended(struct common *common)
{
	while (common->ended < common->scene->count && !common->wrong) {
		if (duet_loop_turn(common->loop, TURN_NS) < 0)
			return false;
	}
	return !common->wrong;
}

static bool act(void *self)
{
	struct common *common = self;

	common->ended = 0;
	return turn_until_ended(common);
}

/* ---- Echo: a pooled multishot receive a connection, the reply sent from where it lies. ---- */

static void on_reply(struct duet_op *op)
{
	struct item *item = op->context;

	item->common->wrong |= op->disposition != DUET_COMPLETED;
	duet_buffer_return(item->common->loop, &item->buffer);
	item->common->ended++;
}

static void on_message(struct duet_op *op)
{
	struct item *item = op->context;

	if (!op->more)
		return;
	item->buffer = op->buffer;
	duet_op_send(&item->reply, item->handle, op->buffer.data, op->buffer.length_bytes,
		     DUET_WHOLE);
	item->common->wrong |= duet_op_start(item->common->loop, &item->reply) != 0;
}

static int begin_echo(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct common *common = *self;

	if (!error)
		error = duet_pool_create(common->loop, 2 * scene->count, BUFFER_BYTES,
					 &common->pool);
	for (uint32_t i = 0; i < scene->count && !error; i++) {
		struct item *item = &common->items[i];

		error = adopt(common, &scene->ends[i], &item->handle);
		duet_op_init(&item->op, on_message, item);
		duet_op_init(&item->reply, on_reply, item);
		duet_op_recv_pooled(&item->op, item->handle, common->pool, DUET_MULTISHOT);
		if (!error)
			error = duet_op_start(common->loop, &item->op);
	}
	return error;
}

/* ---- File: a read each. ---- */

static void on_read(struct duet_op *op)
{
	struct common *common = op->context;

	common->wrong |= op->result != PARITY_BLOCK;
	common->ended++;
}

static bool act_file(void *self)
{
	struct common *common = self;
	const struct parity_scene *scene = common->scene;

	common->ended = 0;
	for (uint32_t i = 0; i < scene->count; i++) {
		duet_op_read(&common->items[i].op, common->handle,
			     scene->memory + (size_t)i * PARITY_BLOCK, PARITY_BLOCK,
			     scene->offsets[i]);
		common->wrong |= duet_op_start(common->loop, &common->items[i].op) != 0;
	}
	return turn_until_ended(common);
}

static int begin_file(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct common *common = *self;

	for (uint32_t i = 0; i < scene->count && !error; i++)
		duet_op_init(&common->items[i].op, on_read, common);
	return error ? error : adopt(common, &scene->file, &common->handle);
}

/* ---- Churn: a multishot accept, and a close each. ---- */

static void on_close(struct duet_op *op)
{
	struct common *common = op->context;

	common->wrong |= op->result != 0;
	common->ended++;
}

static void on_accept(struct duet_op *op)
{
	struct common *common = op->context;
	struct item *item = &common->items[common->taken++ % common->scene->count];

	if (!op->more || op->result < 0)
		return;
	duet_op_init(&item->op, on_close, common);
	duet_op_close(&item->op, op->made);
	common->wrong |= duet_op_start(common->loop, &item->op) != 0;
}

static int begin_churn(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct common *common = *self;

	if (!error)
		error = adopt(common, &scene->listener, &common->handle);
	if (error)
		return error;
	duet_op_init(&common->accept, on_accept, common);
	duet_op_accept(&common->accept, common->handle, DUET_MULTISHOT);
	return duet_op_start(common->loop, &common->accept);
}

/* ---- Cancel: a receive each, which the mechanism has when it is asked to end. ---- */

static void on_cancelled(struct duet_op *op)
{
	struct common *common = op->context;

	common->wrong |= op->disposition != DUET_UNTOUCHED;
	common->ended++;
}

static bool act_cancel(void *self)
{
	struct common *common = self;
	struct parity_scene *scene = common->scene;

	common->ended = 0;
	for (uint32_t i = 0; i < scene->count; i++) {
		struct item *item = &common->items[i];

		duet_op_recv(&item->op, item->handle, item->message, sizeof(item->message), 0);
		common->wrong |= duet_op_start(common->loop, &item->op) != 0;
	}
	common->wrong |= duet_loop_turn(common->loop, 0) < 0;
	for (uint32_t i = 0; i < scene->count; i++)
		duet_op_cancel(&common->items[i].op);
	common->wrong |= !turn_until_ended(common);
	scene->given_up = common->ended;
	return !common->wrong;
}

static int begin_cancel(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct common *common = *self;

	for (uint32_t i = 0; i < scene->count && !error; i++) {
		error = adopt(common, &scene->ends[i], &common->items[i].handle);
		duet_op_init(&common->items[i].op, on_cancelled, common);
	}
	return error;
}

const struct parity_player PARITY_COMMON[PARITY_WORKLOADS] = {
	[PARITY_ECHO] = { begin_echo, act, calls, end },
	[PARITY_FILE] = { begin_file, act_file, calls, end },
	[PARITY_CHURN] = { begin_churn, act, calls, end },
	[PARITY_CANCEL] = { begin_cancel, act_cancel, calls, end },
};
