/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "reference/internal.h"

/* Pipes: two nodes, one that reads and one that writes. The bytes are with the one that reads. */

static bool pipe_writes(const struct world_node *node)
{
	return node->open_flags == O_WRONLY;
}

int world_pipe(struct reference *world, int fds[2])
{
	struct world_node *reading = world_node_take(world, NODE_PIPE);
	struct world_node *writing = reading ? world_node_take(world, NODE_PIPE) : NULL;

	if (!writing) {
		if (reading)
			world_node_give(world, reading);
		return -EMFILE;
	}
	reading->open_flags = O_RDONLY;
	writing->open_flags = O_WRONLY;
	reading->peer = (uint32_t)(writing - world->nodes);
	writing->peer = (uint32_t)(reading - world->nodes);
	fds[0] = world_descriptor(world, reading);
	fds[1] = world_descriptor(world, writing);
	return 0;
}

int pipe_readable(const struct world_node *node)
{
	if (pipe_writes(node))
		return -EBADF;
	if (node->used)
		return 1;
	return node->peer == NODE_NONE ? 0 : -EAGAIN;
}

int pipe_refusal(const struct world_node *node)
{
	if (!pipe_writes(node))
		return -EBADF;
	return node->peer == NODE_NONE ? -EPIPE : 0;
}

bool pipe_writable(const struct reference *world, const struct world_node *node)
{
	return pipe_refusal(node) || world->nodes[node->peer].used < WORLD_SOCKET_BYTES;
}

uint32_t pipe_events(const struct reference *world, const struct world_node *node)
{
	bool alone = node->peer == NODE_NONE;

	if (pipe_writes(node))
		return (pipe_writable(world, node) ? POLLOUT : 0) | (alone ? POLLERR : 0);
	return (node->used ? POLLIN : 0) | (alone ? POLLHUP : 0);
}

void pipe_close(struct reference *world, const struct world_node *node)
{
	if (node->peer == NODE_NONE)
		return;
	world->nodes[node->peer].peer = NODE_NONE;
	world->nodes[node->peer].news++;
}
