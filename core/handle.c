/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "core/backend.h"
#include "core/system.h"

const unsigned core_handle_flags =
	DUET_HANDLE_NO_ANCILLARY | DUET_HANDLE_TRY_NEVER | DUET_HANDLE_TRY_ALWAYS;

static duet_handle handle_of(const struct duet_loop *loop, const struct duet_slot *slot)
{
	return (duet_handle){(uint32_t)(slot - loop->slots), slot->generation};
}

void core_handle_describe(const struct duet_loop *loop, struct duet_slot *slot)
{
	bool stops_only_empty =
		slot->slot_class == CLASS_TCP ||
		(slot->slot_class == CLASS_UNIX_STREAM && slot->flags & DUET_HANDLE_NO_ANCILLARY);

	bool plain = slot->slot_state == SLOT_OPEN && stops_only_empty &&
		     duet_core_try(loop, slot) == DUET_TRY_PREDICT && loop->burst_max > 1;

	slot->plain = plain ? slot->generation : PLAIN_NOT;
}

static void give_back(struct duet_loop *loop, struct duet_slot *slot)
{
	slot->slot_state = SLOT_FREE;
	slot->plain = PLAIN_NOT;
	slot->free_next = loop->slot_free;
	loop->slot_free = (uint32_t)(slot - loop->slots) + 1;
	loop->handles_free++;
}

int duet_core_slot_make(struct duet_loop *loop, int fd, enum core_class slot_class, unsigned flags,
			duet_handle *handle)
{
	struct duet_slot *slot = &loop->slots[loop->slot_free - 1];
	int error;

	if (!duet_core_handle_free(loop))
		return -ENFILE;
	loop->slot_free = slot->free_next;
	loop->handles_free--;
	*slot = (struct duet_slot){.fd = fd,
				   .generation = slot->generation,
				   .slot_class = (uint8_t)slot_class,
				   .accepts = (uint8_t)slot_class,
				   .slot_state = SLOT_OPEN,
				   .flags = (uint8_t)flags};
	core_handle_describe(loop, slot);
	error = loop->backend->attach(loop, slot);
	if (error) {
		give_back(loop, slot);
		return error;
	}
	*handle = handle_of(loop, slot);
	return 0;
}

static enum core_class class_of_socket(int domain, int type)
{
	if (type != SOCK_STREAM)
		return CLASS_DATAGRAM;
	if (domain == AF_INET || domain == AF_INET6)
		return CLASS_TCP;
	return domain == AF_UNIX ? CLASS_UNIX_STREAM : CLASS_OTHER;
}

static int make_slot(struct duet_loop *loop, const struct duet_op *op, int fd, duet_handle *handle)
{
	const struct duet_slot *parent;

	switch (op->kind) {
	case DUET_ACCEPT:
		parent = duet_core_op_slot(loop, op);
		return duet_core_slot_make(loop, fd, (enum core_class)parent->accepts,
					   parent->flags, handle);
	case DUET_SOCKET:
		return duet_core_slot_make(
			loop, fd,
			class_of_socket(op->args.socket.domain,
					op->args.socket.type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)),
			0, handle);
	default:
		return duet_core_slot_make(loop, fd, core_system_class_of_file(loop, fd), 0,
					   handle);
	}
}

/* Was it asked for with O_NONBLOCK? An accepted connection never is. */
static bool made_nonblocking(const struct duet_op *op)
{
	if (op->kind == DUET_SOCKET)
		return op->args.socket.type & SOCK_NONBLOCK;
	return op->kind == DUET_OPEN && op->args.open.flags & O_NONBLOCK;
}

int core_handle_made(struct duet_loop *loop, const struct duet_op *op, int fd, duet_handle *handle)
{
	int error = make_slot(loop, op, fd, handle);

	if (!error)
		loop->slots[handle->slot].was_nonblocking = made_nonblocking(op);
	return error;
}

void core_handle_listens(struct duet_slot *slot)
{
	slot->slot_class = CLASS_LISTENER;
	slot->plain = PLAIN_NOT;
}

bool core_handle_never_accepts(struct duet_loop *loop, struct duet_slot *slot)
{
	int listens = 0;
	socklen_t length = sizeof(listens);

	if (!core_is_stream(slot))
		return false;
	if (loop->backend->own_descriptors)
		return true;
	loop->stats.system_calls++;
	if (getsockopt(slot->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) || !listens)
		return true;
	core_handle_listens(slot);
	return false;
}

void core_handle_closed(struct duet_loop *loop, struct duet_slot *slot)
{
	if (++slot->generation == PLAIN_NOT)
		slot->generation = 1;
	give_back(loop, slot);
}

void core_discard(struct duet_loop *loop, int fd)
{
	loop->stats.reclaimed++;
	if (MUTANT(late_accept_leaks))
		return;
	if (loop->backend->discard)
		loop->backend->discard(loop, fd);
	else
		duet_core_system_close(loop, fd);
}

void core_handle_drop(struct duet_loop *loop, duet_handle handle)
{
	struct duet_slot *slot = duet_core_slot_of(loop, handle);

	if (!slot)
		return;
	loop->backend->detach(loop, slot);
	core_discard(loop, slot->fd);
	core_handle_closed(loop, slot);
}

void core_handles_close(struct duet_loop *loop)
{
	for (uint32_t i = 0; i < loop->handles_max; i++) {
		struct duet_slot *slot = &loop->slots[i];

		if (slot->slot_state == SLOT_FREE)
			continue;
		loop->backend->detach(loop, slot);
		if (loop->backend->discard)
			loop->backend->discard(loop, slot->fd);
		else
			duet_core_system_close(loop, slot->fd);
		core_handle_closed(loop, slot);
	}
}

int duet_handle_adopt(struct duet_loop *loop, int fd, unsigned flags, duet_handle *handle)
{
	struct core_descriptor found;
	int error;

	if (flags & ~core_handle_flags)
		return -EINVAL;
	if (loop->backend->own_descriptors)
		return -EOPNOTSUPP;
	error = core_system_describe(loop, fd, &found);
	if (error)
		return error;
	error = duet_core_slot_make(loop, fd,
				    found.listens ? CLASS_LISTENER
				    : found.is_socket ? class_of_socket(found.domain, found.type)
						      : found.file_class,
				    flags, handle);
	if (error)
		return error;
	loop->slots[handle->slot].was_nonblocking = found.nonblocking;
	if (found.listens)
		loop->slots[handle->slot].accepts =
			(uint8_t)class_of_socket(found.domain, found.type);
	return 0;
}

int duet_handle_release(struct duet_loop *loop, duet_handle handle)
{
	struct duet_slot *slot = duet_core_slot_of(loop, handle);
	int fd;

	if (!slot || slot->slot_state >= SLOT_CLOSING)
		return -EBADF;
	if (slot->reads || slot->writes || slot->others || duet_core_untold(loop, handle))
		return -EBUSY;
	fd = slot->fd;
	loop->backend->detach(loop, slot);
	if (!loop->backend->own_descriptors)
		duet_core_system_nonblock(loop, fd, slot->was_nonblocking);
	core_handle_closed(loop, slot);
	return fd;
}

int duet_handle_fd(const struct duet_loop *loop, duet_handle handle)
{
	const struct duet_slot *slot = duet_core_slot_of(loop, handle);

	return slot ? slot->fd : -EBADF;
}

int duet_handle_set_flags(struct duet_loop *loop, duet_handle handle, unsigned flags)
{
	struct duet_slot *slot = duet_core_slot_of(loop, handle);

	if (!slot)
		return -EBADF;
	if (flags & ~core_handle_flags)
		return -EINVAL;
	slot->flags = (uint8_t)flags;
	core_handle_describe(loop, slot);
	return 0;
}

/* Runs one set-up operation to its end at once: every backend promises that for these. */
static int run_inline(struct duet_loop *loop, struct duet_op *op)
{
	int answer;

	duet_op_inline(op);
	answer = duet_op_start(loop, op);
	return answer < 0 ? answer : op->result;
}

static int make_listener(struct duet_loop *loop, struct duet_op *op, struct sockaddr *address,
			 socklen_t length, int backlog, duet_handle handle)
{
	int error;

	if (address->sa_family != AF_UNIX)
		core_system_reuse_address(loop, duet_handle_fd(loop, handle));
	duet_op_bind(op, handle, address, length);
	error = run_inline(loop, op);
	if (error)
		return error;
	core_system_copy_address(op, address, length);
	duet_op_listen(op, handle, backlog);
	return run_inline(loop, op);
}

int duet_handle_listen(struct duet_loop *loop, struct sockaddr *address, socklen_t length,
		       int backlog, duet_handle *handle)
{
	struct duet_op op;
	struct duet_slot *slot;
	int error;

	duet_op_init(&op, NULL, NULL);
	duet_op_socket(&op, address->sa_family, SOCK_STREAM, 0);
	error = run_inline(loop, &op);
	if (error)
		return error;
	*handle = op.made;
	error = make_listener(loop, &op, address, length, backlog, *handle);
	if (!error)
		return 0;
	slot = duet_core_slot_of(loop, *handle);
	loop->backend->detach(loop, slot);
	core_discard(loop, slot->fd);
	core_handle_closed(loop, slot);
	*handle = DUET_HANDLE_NONE;
	return error;
}
