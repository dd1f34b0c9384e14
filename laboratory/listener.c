/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "laboratory/internal.h"

/*
 * Connections that peers make. Each of them has a name of its own, chosen by the kernel: so a connection is
 * known by who made it, whatever became of those before it.
 */

/* With no more than a family bind() chooses an abstract name: unix(7). */
static int bound_socket(struct sockaddr_un *name, socklen_t *name_bytes)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr *address = (struct sockaddr *)name;
	int error;

	if (fd < 0)
		return -errno;
	name->sun_family = AF_UNIX;
	*name_bytes = sizeof(*name);
	if (!bind(fd, address, sizeof(name->sun_family)) && !getsockname(fd, address, name_bytes))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int duet_lab_listener(struct duet_lab *lab, duet_handle *handle)
{
	struct sockaddr_un name;
	socklen_t name_bytes;
	int fd = bound_socket(&name, &name_bytes);
	int error;

	if (fd < 0)
		return fd;
	error = listen(fd, DUET_LAB_PEERS_MAX) < 0 ? -errno : 0;
	if (!error)
		error = duet_handle_adopt(lab->loop, fd, 0, handle);
	if (error)
		close(fd);
	else
		lab->listener = *handle;
	return error;
}

int duet_lab_peer_connects(struct duet_lab *lab)
{
	struct peer *peer = &lab->peers[lab->peer_count];

	if (lab->peer_count == DUET_LAB_PEERS_MAX)
		return -ENOSPC;
	*peer = (struct peer){.fd = -1};
	lab_step_add(lab, STEP_CONNECTS, lab->peer_count, 0);
	return lab->peer_count++;
}

void lab_peer_connect(struct duet_lab *lab, int number)
{
	struct peer *peer = &lab->peers[number];
	int listener = duet_handle_fd(lab->loop, lab->listener);
	struct sockaddr_un there;
	socklen_t there_bytes = sizeof(there);

	if (listener < 0 || getsockname(listener, (struct sockaddr *)&there, &there_bytes) < 0)
		return;
	peer->fd = bound_socket(&peer->name, &peer->name_bytes);
	peer->connected = peer->fd >= 0 &&
			  !connect(peer->fd, (struct sockaddr *)&there, there_bytes);
}

int duet_lab_accepted(struct duet_lab *lab, duet_handle handle)
{
	int fd = duet_handle_fd(lab->loop, handle);
	struct sockaddr_un name;
	socklen_t name_bytes = sizeof(name);

	if (fd < 0 || getpeername(fd, (struct sockaddr *)&name, &name_bytes) < 0)
		return fd < 0 ? fd : -errno;
	for (int i = 0; i < lab->peer_count; i++) {
		struct peer *peer = &lab->peers[i];

		if (!peer->connected || peer->name_bytes != name_bytes ||
		    memcmp(&peer->name, &name, name_bytes) != 0)
			continue;
		peer->accepted = true;
		peer->handle = handle;
		return i;
	}
	return -ENOENT;
}

/* What nobody has accepted. */
static unsigned backlog(int listener)
{
	struct pollfd one = {.fd = listener, .events = POLLIN};
	unsigned count = 0;

	while (poll(&one, 1, 0) == 1 && one.revents == POLLIN) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		close(fd);
		count++;
	}
	return count;
}

/* A listener that the body has closed took its backlog with it: that was the body's to decide. */
void lab_listener_judge(struct duet_lab *lab)
{
	int listener = duet_handle_fd(lab->loop, lab->listener);
	unsigned connected = 0, accepted = 0, there;

	if (listener < 0)
		return;
	for (int i = 0; i < lab->peer_count; i++) {
		connected += lab->peers[i].connected;
		accepted += lab->peers[i].accepted;
	}
	there = backlog(listener);
	if (connected > accepted + there + lab->loop->stats.reclaimed)
		lab_violation(lab, DUET_LAB_DESCRIPTORS,
			      "%u connections were made, %u accepted, %u are in the backlog",
			      connected, accepted, there);
}
