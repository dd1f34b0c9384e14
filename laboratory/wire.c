/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "laboratory/internal.h"

/* What connections are made of: a backend's own world, if it has one, or sockets of the kernel. */

static int socket_pair(struct duet_loop *loop, int fds[2])
{
	(void)loop;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

/* FNV-1a. */
static uint64_t number_of(const struct sockaddr_un *name, socklen_t name_bytes)
{
	const unsigned char *byte = (const unsigned char *)name;
	uint64_t number = UINT64_C(0xcbf29ce484222325);

	for (socklen_t i = 0; i < name_bytes; i++)
		number = (number ^ byte[i]) * UINT64_C(0x100000001b3);
	return number;
}

/* A connection is named after who made it, who has a name for this: bind() chooses one where it is given
 * no more than a family: unix(7). */
static int bound_socket(uint64_t *connection)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct sockaddr *address = (struct sockaddr *)&name;
	socklen_t bytes = sizeof(name);
	int error;

	if (fd < 0)
		return -errno;
	if (bind(fd, address, sizeof(name.sun_family)) || getsockname(fd, address, &bytes)) {
		error = -errno;
		close(fd);
		return error;
	}
	*connection = number_of(&name, bytes);
	return fd;
}

static int socket_connect(struct duet_loop *loop, int listener, uint64_t *connection)
{
	int fd = bound_socket(connection);
	struct sockaddr_un there;
	socklen_t bytes = sizeof(there);
	int error;

	(void)loop;
	if (fd < 0 || (!getsockname(listener, (struct sockaddr *)&there, &bytes) &&
		       !connect(fd, (struct sockaddr *)&there, bytes)))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static uint64_t socket_connection(struct duet_loop *loop, int fd)
{
	struct sockaddr_un name;
	socklen_t bytes = sizeof(name);

	(void)loop;
	return getpeername(fd, (struct sockaddr *)&name, &bytes) < 0 ? 0 : number_of(&name, bytes);
}

static uint32_t socket_backlog(struct duet_loop *loop, int listener)
{
	struct pollfd one = {.fd = listener, .events = POLLIN};
	uint32_t count = 0;

	(void)loop;
	while (poll(&one, 1, 0) == 1 && one.revents == POLLIN) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		close(fd);
		count++;
	}
	return count;
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
	.connect = socket_connect,
	.connection = socket_connection,
	.backlog = socket_backlog,
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
