/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/fiber.h>
#include <duet/msghdr.h>
#include <stdbool.h>

#include "core/mutant.h"

/* The usual operations, each on the stack of who waits. */

static int make(const struct duet_site *site, struct duet_loop *loop, struct duet_op *op,
		duet_handle *made)
{
	int result = duet_fiber_await_at(site, loop, op);

	*made = result == 0 ? op->made : DUET_HANDLE_NONE;
	return result;
}

int duet_fiber_recv_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
		       void *data, size_t length_bytes, unsigned flags)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, handle, data, length_bytes, flags);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_send_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
		       const void *data, size_t length_bytes, unsigned flags)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_send(&op, handle, data, length_bytes, flags);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_recvfrom_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
			   void *data, size_t length_bytes, struct duet_msghdr *header)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_recvfrom(&op, handle, data, length_bytes, header);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_sendto_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
			 const void *data, size_t length_bytes, struct duet_msghdr *header)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_sendto(&op, handle, data, length_bytes, header);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_read_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
		       void *data, size_t length_bytes, uint64_t offset_bytes)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_read(&op, handle, data, length_bytes, offset_bytes);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_write_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
			const void *data, size_t length_bytes, uint64_t offset_bytes)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_write(&op, handle, data, length_bytes, offset_bytes);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_accept_at(const struct duet_site *site, struct duet_loop *loop, duet_handle listener,
			 duet_handle *made)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_accept(&op, listener, 0);
	return make(site, loop, &op, made);
}

int duet_fiber_open_file_at(const struct duet_site *site, struct duet_loop *loop, int directory,
			    const char *path, int flags, unsigned mode, duet_handle *made)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_open(&op, directory, path, flags, mode);
	return make(site, loop, &op, made);
}

int duet_fiber_socket_at(const struct duet_site *site, struct duet_loop *loop, int domain, int type,
			 int protocol, duet_handle *made)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_socket(&op, domain, type, protocol);
	return make(site, loop, &op, made);
}

int duet_fiber_connect_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
			  const struct sockaddr *address, socklen_t length)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_connect(&op, handle, address, length);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_poll_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
		       uint32_t events)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_poll(&op, handle, events);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_fsync_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
			unsigned flags)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_fsync(&op, handle, flags);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_shutdown_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle,
			   int how)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_shutdown(&op, handle, how);
	return duet_fiber_await_at(site, loop, &op);
}

int duet_fiber_sleep_until_at(const struct duet_site *site, struct duet_loop *loop, uint64_t due_ns)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_timeout(&op, due_ns);
	return duet_fiber_await_at(site, loop, &op);
}

/* The budget bounds nothing: a close knows no deadline. */
int duet_fiber_close_at(const struct duet_site *site, struct duet_loop *loop, duet_handle handle)
{
	const bool shields = !MUTANT(asked_fiber_keeps_handle);
	uint64_t outer_ns = shields ? duet_fiber_shield(loop, 1) : 0;
	struct duet_op op;
	int result;

	duet_op_init(&op, NULL, NULL);
	duet_op_close(&op, handle);
	result = duet_fiber_await_at(site, loop, &op);
	if (shields)
		duet_fiber_unshield(loop, outer_ns);
	return result;
}
