/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "reference/internal.h"

/* The other ends of connections, for somebody who plays them: in the world, and past the loop. What is
 * moved here is moved whole. */

static int peer_pair(struct duet_loop *loop, int fds[2])
{
	struct reference *world = reference_of(loop);
	struct world_node *near = world_node_take(world, NODE_SOCKET);
	struct world_node *far = near ? world_node_take(world, NODE_SOCKET) : NULL;

	if (!far) {
		if (near)
			world_node_give(world, near);
		return -EMFILE;
	}
	near->family = far->family = AF_UNIX;
	near->type = far->type = SOCK_STREAM;
	world_join(world, near, far);
	fds[0] = world_descriptor(world, near);
	fds[1] = world_descriptor(world, far);
	return 0;
}

static int peer_connect(struct duet_loop *loop, int listener, uint64_t *connection)
{
	struct reference *world = reference_of(loop);
	const struct world_node *there = world_node(world, listener);
	struct world_node *node = there ? world_node_take(world, NODE_SOCKET) : NULL;
	int error;

	if (!node)
		return there ? -EMFILE : -EBADF;
	node->family = there->family;
	node->type = there->type;
	error = world_connect(world, node, there->address, there->address_bytes);
	world->idle = false;
	*connection = node->connection;
	if (!error)
		return world_descriptor(world, node);
	world_node_give(world, node);
	return error;
}

static uint64_t peer_connection(struct duet_loop *loop, int fd)
{
	const struct world_node *node = world_node(reference_of(loop), fd);

	return node ? node->connection : 0;
}

static uint32_t peer_backlog(struct duet_loop *loop, int listener)
{
	const struct world_node *node = world_node(reference_of(loop), listener);

	return node ? node->queued : 0;
}

typedef int transfer_fn(struct reference *world, struct world_node *node,
			const struct iovec *pieces, uint32_t count);

static int peer_transfer(struct duet_loop *loop, int fd, transfer_fn *transfer, void *data,
			 uint32_t bytes)
{
	struct reference *world = reference_of(loop);
	struct world_node *node = world_node(world, fd);
	struct iovec piece = { data, bytes };
	uint32_t kept = world->knobs[KNOB_SHORT];
	int result;

	if (!node)
		return -EBADF;
	world->knobs[KNOB_SHORT] = 0;
	result = transfer(world, node, &piece, 1);
	world->knobs[KNOB_SHORT] = kept;
	world->idle = false;
	return result;
}

static int peer_send(struct duet_loop *loop, int fd, const void *data, uint32_t bytes)
{
	return peer_transfer(loop, fd, world_send, (void *)(uintptr_t)data, bytes);
}

static int peer_recv(struct duet_loop *loop, int fd, void *data, uint32_t bytes)
{
	return peer_transfer(loop, fd, world_recv, data, bytes);
}

static uint32_t peer_unread(struct duet_loop *loop, int fd)
{
	const struct world_node *node = world_node(reference_of(loop), fd);

	return node ? node->used : 0;
}

static void peer_close(struct duet_loop *loop, int fd)
{
	reference_of(loop)->idle = false;
	world_close(reference_of(loop), fd);
}

/* Without the connections that nobody has accepted yet. */
static uint32_t peer_descriptors(const struct duet_loop *loop)
{
	const struct reference *world = reference_of(loop);
	uint32_t count = world->nodes_used;

	for (uint32_t i = 0; i < world->nodes_max; i++)
		if (world->nodes[i].kind == NODE_SOCKET)
			count -= world->nodes[i].queued;
	return count;
}

static int option_value(struct world_node *node, int name)
{
	int error = -node->error;

	switch (name) {
	case SO_TYPE:
		return node->type;
	case SO_DOMAIN:
		return node->family;
	case SO_ACCEPTCONN:
		return node->phase == SOCKET_LISTENING;
	case SO_ERROR:
		node->error = 0;
		return error;
	default:
		return -EOPNOTSUPP;
	}
}

static int peer_option(struct duet_loop *loop, int fd, int level, int name, void *value,
		       socklen_t *length)
{
	struct world_node *node = world_node(reference_of(loop), fd);
	int found;

	if (!node || node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	found = level == SOL_SOCKET ? option_value(node, name) : -EOPNOTSUPP;
	if (found < 0)
		return found;
	if (*length > sizeof(found))
		*length = sizeof(found);
	memcpy(value, &found, *length);
	return 0;
}

static int peer_address(struct duet_loop *loop, int fd, bool peer, struct sockaddr_storage *address,
			socklen_t *length)
{
	const struct world_node *node = world_node(reference_of(loop), fd);

	return node ? socket_address(reference_of(loop), node, peer, address, length) : -ENOTSOCK;
}

static void peer_ask(struct duet_loop *loop, duet_choose_fn *choose, void *context)
{
	reference_of(loop)->choose = choose;
	reference_of(loop)->chooser = context;
}

static int peer_pipe(struct duet_loop *loop, int fds[2])
{
	return world_pipe(reference_of(loop), fds);
}

const struct duet_world reference_world = {
	.pair = peer_pair,
	.connect = peer_connect,
	.connection = peer_connection,
	.backlog = peer_backlog,
	.send = peer_send,
	.recv = peer_recv,
	.unread = peer_unread,
	.close = peer_close,
	.descriptors = peer_descriptors,
	.pipe = peer_pipe,
	.signals = outside_signals,
	.process = outside_process,
	.option = peer_option,
	.address = peer_address,
	.ask = peer_ask,
};
