/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "reference/internal.h"

/*
 * What has no likeness in this world: signals and processes are the program's own, here too. A node stands
 * for the kernel's descriptor, which is only ever asked; and a sleep ends when there is something new
 * to ask for.
 */

static int outside_take(struct duet_loop *loop, int fd)
{
	struct reference *world = reference_of(loop);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct world_node *node;
	int error = 0;

	if (fd < 0)
		return fd;
	node = world_node_take(world, NODE_OUTSIDE);
	if (!node)
		error = -EMFILE;
	else if (epoll_ctl(world->bell, EPOLL_CTL_ADD, fd, &event))
		error = -errno;
	if (!error) {
		node->outside_fd = fd;
		return world_descriptor(world, node);
	}
	close(fd);
	if (node)
		world_node_give(world, node);
	return error;
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
