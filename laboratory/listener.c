/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "laboratory/internal.h"

/* Connections that peers make. Each is known by who made it, whatever became of those before it. */

int duet_lab_listener(struct duet_lab *lab, duet_handle *handle)
{
	/* With no more than a family the name is chosen: unix(7). */
	struct sockaddr address = {.sa_family = AF_UNIX};
	int error = duet_handle_listen(lab->loop, &address, sizeof(address.sa_family),
				       DUET_LAB_PEERS_MAX, handle);

	if (!error)
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

	if (listener >= 0)
		peer->fd = lab->world->connect(lab->loop, listener, &peer->connection);
	peer->connected = peer->fd >= 0;
}

int duet_lab_accepted(struct duet_lab *lab, duet_handle handle)
{
	int fd = duet_handle_fd(lab->loop, handle);
	uint64_t connection = fd < 0 ? 0 : lab->world->connection(lab->loop, fd);

	for (int i = 0; connection && i < lab->peer_count; i++) {
		struct peer *peer = &lab->peers[i];

		if (!peer->connected || peer->connection != connection)
			continue;
		peer->accepted = true;
		peer->handle = handle;
		return i;
	}
	return fd < 0 ? fd : -ENOENT;
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
	there = lab->world->backlog(lab->loop, listener);
	if (connected > accepted + there + lab->loop->stats.reclaimed)
		lab_violation(lab, DUET_LAB_DESCRIPTORS,
			      "%u connections were made, %u accepted, %u are in the backlog",
			      connected, accepted, there);
}
