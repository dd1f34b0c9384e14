/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/system.h"

/* Plain calls on the socket of a handle: they never wait. */

static struct duet_slot *open_slot(const struct duet_loop *loop, duet_handle handle)
{
	struct duet_slot *slot = duet_core_slot_of(loop, handle);

	core_check_owner(loop);
	return slot && slot->slot_state < SLOT_CLOSING ? slot : NULL;
}

int duet_handle_set_option(struct duet_loop *loop, duet_handle handle, int level, int name,
			   const void *value, socklen_t length)
{
	const struct duet_slot *slot = open_slot(loop, handle);

	if (!slot)
		return -EBADF;
	if (loop->backend->own_descriptors)
		return -EOPNOTSUPP;
	return core_system_set_option(loop, slot->fd, level, name, value, length);
}

int duet_handle_option(struct duet_loop *loop, duet_handle handle, int level, int name, void *value,
		       socklen_t *length)
{
	const struct duet_slot *slot = open_slot(loop, handle);
	const struct duet_world *world = loop->backend->world;

	if (!slot)
		return -EBADF;
	if (!loop->backend->own_descriptors)
		return core_system_option(loop, slot->fd, level, name, value, length);
	return world && world->option ? world->option(loop, slot->fd, level, name, value, length)
				      : -EOPNOTSUPP;
}

static int address_of(struct duet_loop *loop, duet_handle handle, bool peer,
		      struct sockaddr_storage *address, socklen_t *length)
{
	const struct duet_slot *slot = open_slot(loop, handle);
	const struct duet_world *world = loop->backend->world;

	*length = sizeof(*address);
	if (!slot)
		return -EBADF;
	if (!loop->backend->own_descriptors)
		return core_system_address(loop, slot->fd, peer, (struct sockaddr *)address, length);
	return world && world->address ? world->address(loop, slot->fd, peer, address, length)
				       : -EOPNOTSUPP;
}

int duet_handle_address(struct duet_loop *loop, duet_handle handle,
			struct sockaddr_storage *address, socklen_t *length)
{
	return address_of(loop, handle, false, address, length);
}

int duet_handle_peer(struct duet_loop *loop, duet_handle handle, struct sockaddr_storage *address,
		     socklen_t *length)
{
	return address_of(loop, handle, true, address, length);
}
