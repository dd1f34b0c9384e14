/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * Blocks are read in any order and sent as they stand in the file; the sends of a client stand in line
 * at his connection, so that the next one begins when the one before it is out. A client that takes
 * nothing holds his blocks, and no read is started for him: what he costs has a bound.
 */
#include "compare/copy/server.h"

#include <errno.h>
#include <stdlib.h>

#include "compare/copy/ahead.h"
#include "compare/door.h"

struct receiver {
	struct guest guest; /* first */
	struct copy_server *server;
	struct ahead ahead;
	struct block *blocks;
};

struct copy_server {
	struct door door;
	const struct copy_options *options;
	const struct source *source;
	struct receiver *receivers;
	struct block *blocks;
	unsigned char *data;
	uint64_t whole, lost, late, unread, bytes;
};

static struct receiver *receiver_of(struct ahead *ahead)
{
	return (struct receiver *)((char *)ahead - offsetof(struct receiver, ahead));
}

static void on_sent(struct duet_op *op)
{
	struct block *block = op->context;
	struct copy_server *server = receiver_of(block->ahead)->server;

	server->bytes += op->transferred;
	if (op->disposition != DUET_COMPLETED) {
		server->late += !block->ahead->error && op->cause == DUET_CAUSE_DEADLINE;
		ahead_fail(block->ahead, -ECONNRESET);
	}
	ahead_give(block);
}

/* A connection as slow as it may be takes one block in that time, and those in line before it. */
static void on_filled(struct ahead *ahead, struct block *block)
{
	struct receiver *receiver = receiver_of(ahead);
	const struct copy_options *options = receiver->server->options;

	duet_op_send(&block->op, receiver->guest.handle, block->data, block->bytes, DUET_WHOLE);
	duet_op_deadline(&block->op, duet_loop_now_ns(ahead->loop) +
			 options->patience_ns * options->depth);
	block->op.done = on_sent;
	if (!duet_op_start(ahead->loop, &block->op))
		return;
	ahead_fail(ahead, -ECANCELED);
	ahead_give(block);
}

static void on_over(struct ahead *ahead)
{
	struct receiver *receiver = receiver_of(ahead);

	if (ahead->error) {
		receiver->server->lost++;
		guest_leave(&receiver->guest);
	} else {
		receiver->server->whole++;
		guest_dismiss(&receiver->guest, ahead->blocks->data, ahead->block_bytes);
	}
}

static void on_enter(struct guest *guest)
{
	struct receiver *receiver = (struct receiver *)guest;
	const struct source *source = receiver->server->source;

	ahead_begin(&receiver->ahead, source->file, source->is.stx_size);
}

static void on_leave(struct guest *guest)
{
	(void)guest;
}

static void init_receiver(struct copy_server *server, uint32_t i)
{
	const struct copy_options *options = server->options;
	struct receiver *receiver = &server->receivers[i];
	size_t first = (size_t)i * options->depth;

	receiver->server = server;
	receiver->ahead = (struct ahead){
		.loop = server->door.loop, .blocks = server->blocks + first,
		.depth = options->depth, .block_bytes = options->block_bytes, .ordered = true,
		.direct = options->direct, .filled = on_filled, .over = on_over,
	};
	ahead_init(&receiver->ahead, server->data + first * options->block_bytes);
	door_add_place(&server->door, &receiver->guest);
}

int copy_server_start(struct copy_server **out, struct duet_loop *loop, duet_handle listener,
		      const struct source *source, const struct copy_options *options)
{
	struct copy_server *server = calloc(1, sizeof(*server));
	const size_t blocks = (size_t)options->connections_max * options->depth;

	*out = server;
	if (!server)
		return -ENOMEM;
	server->options = options;
	server->source = source;
	server->receivers = calloc(options->connections_max, sizeof(*server->receivers));
	server->blocks = calloc(blocks, sizeof(*server->blocks));
	server->data = ahead_room(blocks, options->block_bytes);
	if (!server->receivers || !server->blocks || !server->data)
		return -ENOMEM;
	door_init(&server->door, loop, listener, on_enter, on_leave);
	for (uint32_t i = options->connections_max; i-- > 0;)
		init_receiver(server, i);
	return door_open(&server->door);
}

json_t *copy_server_counts(const struct copy_server *server)
{
	const struct door *door = &server->door;
	uint64_t reads = 0, continued = 0;

	for (uint32_t i = 0; i < server->options->connections_max; i++) {
		reads += server->receivers[i].ahead.reads;
		continued += server->receivers[i].ahead.continued;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "connections", (json_int_t)door->connections,
			 "peak", (json_int_t)door->peak, "whole", (json_int_t)server->whole,
			 "lost", (json_int_t)server->lost, "late", (json_int_t)server->late,
			 "bytes", (json_int_t)server->bytes, "reads", (json_int_t)reads,
			 "continued", (json_int_t)continued);
}

void copy_server_finish(struct copy_server *server)
{
	if (!server)
		return;
	free(server->data);
	free(server->blocks);
	free(server->receivers);
	free(server);
}
