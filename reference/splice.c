/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>

#include "reference/internal.h"

/*
 * Splices: what is there is looked at, the output takes of it what it takes, and that much leaves the
 * input. In the order in which Linux asks: into a pipe whether anybody reads it and whether it has room,
 * and then what the input says; of two pipes whether anything can still come first.
 */

static int access_of(const struct world_node *node)
{
	return node->kind == NODE_SOCKET ? O_RDWR : node->open_flags & O_ACCMODE;
}

static int splice_refusal(const struct world_node *from, const struct world_node *to,
			  const struct world_node *peer)
{
	if (access_of(from) == O_WRONLY || access_of(to) == O_RDONLY)
		return -EBADF;
	if ((from->kind != NODE_PIPE && to->kind != NODE_PIPE) || peer == to)
		return -EINVAL;
	if (from->kind == NODE_OUTSIDE || to->kind == NODE_OUTSIDE)
		return -EINVAL;
	if (from->kind == NODE_FILE && from->file->kind == FILE_DIRECTORY)
		return -EINVAL;
	return to->kind == NODE_FILE && to->open_flags & O_APPEND ? -EINVAL : 0;
}

/* What a call would find: 1 bytes, 0 the end, -EAGAIN nothing yet or no room, else an error. */
static int splice_finds(struct reference *world, struct world_node *from, struct world_node *to)
{
	int found = from->kind == NODE_FILE ? 1 : world_readable(from);
	int refusal = to->kind == NODE_PIPE ? pipe_refusal(to) : 0;

	if (from->kind == NODE_PIPE && found == -EAGAIN)
		return found;
	if (refusal)
		return refusal;
	if (to->kind == NODE_PIPE && !pipe_writable(world, to) &&
	    (from->kind != NODE_PIPE || found > 0))
		return -EAGAIN;
	if (found < 0 && found == from->error)
		from->error = 0;
	return found;
}

bool world_splice_ready(struct reference *world, const struct world_node *from,
			const struct world_node *to)
{
	if (to->kind == NODE_PIPE && pipe_refusal(to))
		return true;
	return world_readable(from) != -EAGAIN && world_writable(world, to);
}

static uint64_t *position(uint64_t *given, uint64_t *own, const struct world_node *node)
{
	*own = node->position_bytes;
	return *given == DUET_SPLICE_ONWARD ? own : given;
}

static int splice_look(struct world_node *from, uint64_t offset_bytes, unsigned char *data,
		       uint32_t bytes)
{
	const struct iovec piece = { .iov_base = data, .iov_len = bytes };

	if (from->kind == NODE_FILE)
		return world_read(from, &piece, 1, offset_bytes);
	if (bytes > from->used)
		bytes = from->used;
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = from->data[(from->first + i) % WORLD_SOCKET_BYTES];
	return (int)bytes;
}

static int splice_give(struct reference *world, struct world_node *to, uint64_t offset_bytes,
		       unsigned char *data, uint32_t bytes)
{
	const struct iovec piece = { .iov_base = data, .iov_len = bytes };

	if (to->kind == NODE_FILE)
		return world_write(to, &piece, 1, offset_bytes);
	return world_send(world, to, &piece, 1);
}

/* What was given is gone there; data has room for it. */
static void splice_take(struct reference *world, struct world_node *from, unsigned char *data,
			uint32_t bytes)
{
	if (from->kind == NODE_FILE)
		return;
	socket_tell_of_room(world, from);
	socket_take(from, data, bytes);
}

static int world_splice(struct reference *world, struct world_node *from, struct world_node *to,
			struct duet_splice *splice, uint32_t bytes)
{
	unsigned char data[WORLD_SOCKET_BYTES];
	uint64_t own_from, own_to;
	const uint64_t *from_at = position(&splice->from_offset_bytes, &own_from, from);
	const uint64_t *to_at = position(&splice->to_offset_bytes, &own_to, to);
	int n = splice_finds(world, from, to);

	if (n <= 0)
		return n;
	n = splice_look(from, *from_at, data, bytes < sizeof(data) ? bytes : sizeof(data));
	if (n > 0)
		n = splice_give(world, to, *to_at, data, (uint32_t)n);
	if (n <= 0)
		return n;
	splice_take(world, from, data, (uint32_t)n);
	if (from_at == &own_from)
		from->position_bytes += (uint32_t)n;
	if (to_at == &own_to)
		to->position_bytes += (uint32_t)n;
	return n;
}

int finish_splice(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_splice *splice = op->args.io.splice;
	struct reference *world = reference_of(loop);
	struct world_node *from = world_node(world, loop->slots[splice->from.slot].fd);
	struct world_node *to = world_node(world, loop->slots[splice->to.slot].fd);
	const struct world_node *peer =
		from->peer == NODE_NONE ? NULL : &world->nodes[from->peer];
	int refusal = splice_refusal(from, to, from->kind == NODE_PIPE ? peer : NULL);

	if (refusal)
		return refusal;
	if (finish_awaits_connect(loop, &splice->place))
		return -EAGAIN;
	return world_splice(world, from, to, splice, core_remaining(op));
}
