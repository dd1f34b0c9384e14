/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "reference/internal.h"

/*
 * What has no likeness in this world: signals and processes are the program's own, here too. A node
 * stands for the kernel's descriptor, which is only ever asked; and a sleep ends when there is
 * something new to ask for.
 */

static int outside_take(struct duet_loop *loop, int fd)
{
	struct reference *world = reference_of(loop);
	struct world_node *node;

	if (fd < 0)
		return fd;
	node = world_node_take(world, NODE_OUTSIDE);
	if (!node) {
		close(fd);
		return -EMFILE;
	}
	node->outside_fd = fd;
	return world_descriptor(world, node);
}

int outside_signals(struct duet_loop *loop, const sigset_t *signals)
{
	int fd = duet_core_system_signals(loop, signals);
	int error = fd < 0 ? 0 : duet_core_system_nonblock(loop, fd, 1);

	if (!error)
		return outside_take(loop, fd);
	close(fd);
	return error;
}

int outside_process(struct duet_loop *loop, pid_t process)
{
	return outside_take(loop, duet_core_system_process(loop, process));
}

void outside_close(const struct world_node *node)
{
	close(node->outside_fd);
}

uint32_t outside_events(const struct world_node *node)
{
	struct pollfd asked = { .fd = node->outside_fd, .events = POLLIN };

	return poll(&asked, 1, 0) == 1 ? (unsigned short)asked.revents : 0;
}

/* NULL: it waits for nothing that is outside. */
static const struct world_node *node_outside(struct duet_loop *loop, const struct duet_op *op)
{
	const struct world_node *node;

	if (op->kind != DUET_SIGNAL && op->kind != DUET_WAIT_PROCESS && op->kind != DUET_POLL)
		return NULL;
	node = world_node(reference_of(loop), duet_core_op_slot(loop, op)->fd);
	return node && node->kind == NODE_OUTSIDE ? node : NULL;
}

static uint32_t wanted_of(const struct duet_op *op)
{
	return op->kind == DUET_POLL ? op->args.poll.events : POLLIN;
}

/* Also what is there already: it came since the bag was looked through, and ends the sleep at once. But for
 * what was told. */
uint32_t outside_watch(struct duet_loop *loop, struct pollfd *watched)
{
	struct reference *world = reference_of(loop);
	uint32_t count = 0;

	for (uint32_t i = 0; i < world->bag_count; i++) {
		const struct duet_op *op = world->bag[i];
		const struct world_node *node = node_outside(loop, op);

		if (node && !(op->kind == DUET_POLL && finish_has_told(node, op)))
			watched[count++] = (struct pollfd){ .fd = node->outside_fd,
							    .events = (short)wanted_of(op) };
	}
	return count;
}
