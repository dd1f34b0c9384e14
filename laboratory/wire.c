/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "laboratory/internal.h"

/* What connections are made of: a backend's own world, if it has one, or sockets of the kernel. */

static int socket_pair(struct duet_loop *loop, int fds[2])
{
	(void)loop;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

static int socket_send(struct duet_loop *loop, int fd, const void *data, uint32_t bytes)
{
	ssize_t sent = send(fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)loop;
	return sent < 0 ? -errno : (int)sent;
}

static int socket_recv(struct duet_loop *loop, int fd, void *data, uint32_t bytes)
{
	ssize_t received = recv(fd, data, bytes, MSG_DONTWAIT);

	(void)loop;
	return received < 0 ? -errno : (int)received;
}

static uint32_t socket_unread(struct duet_loop *loop, int fd)
{
	int bytes = 0;

	(void)loop;
	return ioctl(fd, FIONREAD, &bytes) < 0 ? 0 : (uint32_t)bytes;
}

static void socket_close(struct duet_loop *loop, int fd)
{
	(void)loop;
	close(fd);
}

static const struct duet_world sockets = {
	.pair = socket_pair,
	.send = socket_send,
	.recv = socket_recv,
	.unread = socket_unread,
	.close = socket_close,
};

const struct duet_world *lab_world(const struct duet_backend *backend)
{
	return backend->world ? backend->world : &sockets;
}

static int adopt(struct duet_lab *lab, int fd, duet_handle *handle)
{
	if (lab->world == &sockets)
		return duet_handle_adopt(lab->loop, fd, 0, handle);
	return duet_core_slot_make(lab->loop, fd, CLASS_UNIX_STREAM, 0, handle);
}

int lab_wire_open(struct duet_lab *lab, duet_handle *handle, int *fd)
{
	int fds[2];
	int error = lab->world->pair(lab->loop, fds);

	if (error)
		return error;
	error = adopt(lab, fds[0], handle);
	if (error) {
		lab->world->close(lab->loop, fds[0]);
		lab->world->close(lab->loop, fds[1]);
		return error;
	}
	*fd = fds[1];
	return 0;
}

/* A world of the loop's has gone with it. */
void lab_wire_close(struct duet_lab *lab, int *fd)
{
	if (*fd >= 0 && (lab->loop || lab->world == &sockets))
		lab->world->close(lab->loop, *fd);
	*fd = -1;
}
