/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/file.h>
#include <fcntl.h>
#include <duet/process.h>
#include <duet/resolve.h>
#include <duet/signal.h>
#include <string.h>

#include "core/operation.h"
#include "core/waits.h"

/* What an operation is to do: the functions of <duet/operation.h> and <duet/file.h> that only fill it in. */

size_t duet_op_size(void)
{
	return sizeof(struct duet_op);
}

void duet_op_init(struct duet_op *op, duet_done_fn *done, void *context)
{
	CORE_GUARD(core_guard_init(op));
	memset(op, 0, sizeof(*op));
	op->done = done;
	op->context = context;
	op->deadline_ns = DUET_NO_DEADLINE;
}

/* An operation that is lent is left alone: its start will say -EBUSY. */
static bool prepare(struct duet_op *op, enum duet_kind kind, duet_handle handle, unsigned flags)
{
	if (op->state != STATE_IDLE)
		return false;
	op->kind = (uint8_t)kind;
	/* What doesn't fit is no flag that we know: all of them together never are, either. */
	op->flags = flags >= FLAG_GIVEN ? UINT16_MAX : (uint16_t)flags;
	op->handle = handle;
	op->deadline_ns = DUET_NO_DEADLINE;
	return true;
}

bool core_prepare(struct duet_op *op, enum duet_kind kind, duet_handle handle)
{
	return prepare(op, kind, handle, 0);
}

bool core_prepare_wait(struct duet_op *op, enum duet_kind kind, void *on)
{
	if (!prepare(op, kind, DUET_HANDLE_NONE, 0))
		return false;
	op->args.wait.on = on;
	return true;
}

static void prepare_transfer(struct duet_op *op, void *data, size_t length_bytes)
{
	op->args.io.vectors[0].iov_base = data;
	op->args.io.vectors[0].iov_len = length_bytes;
	op->args.io.vector_count = 1;
	op->args.io.length_bytes = (uint32_t)length_bytes;
	op->buffer.data = data;
	op->buffer.length_bytes = (uint32_t)length_bytes;
	op->buffer.offset_bytes = 0;
	op->buffer.pool = DUET_POOL_NONE;
	op->buffer.regime = DUET_REGIME_LENT;
}

/* Memory of that buffer, whatever its regime: what is more than a pointer, the start sees to. */
static void prepare_buffer(struct duet_op *op, struct duet_buffer buffer)
{
	prepare_transfer(op, buffer.data, buffer.length_bytes);
	op->buffer = buffer;
	if (buffer.regime == DUET_REGIME_COPIED)
		op->flags |= FLAG_COPIED;
	else if (buffer.regime != DUET_REGIME_LENT)
		op->flags |= buffer.regime < DUET_REGIME_COUNT ? FLAG_GIVEN : UINT16_MAX;
}

static void prepare_address(struct duet_op *op, const struct sockaddr *address, socklen_t length)
{
	/* One that can't be is refused by the start. */
	op->args.address.length_bytes = length <= DUET_ADDRESS_BYTES ? (uint16_t)length : UINT16_MAX;
	if (length <= DUET_ADDRESS_BYTES)
		memcpy(op->args.address.storage, address, length);
}

void duet_op_nop(struct duet_op *op)
{
	prepare(op, DUET_NOP, DUET_HANDLE_NONE, 0);
}

void duet_op_timeout(struct duet_op *op, uint64_t due_ns)
{
	if (prepare(op, DUET_TIMEOUT, DUET_HANDLE_NONE, 0))
		op->args.timeout.due_ns = due_ns;
}

void duet_op_poll(struct duet_op *op, duet_handle handle, uint32_t events)
{
	if (prepare(op, DUET_POLL, handle, 0))
		op->args.poll.events = events;
}

void duet_op_poll_multishot(struct duet_op *op, duet_handle handle, uint32_t events)
{
	if (!prepare(op, DUET_POLL, handle, DUET_MULTISHOT))
		return;
	op->args.poll.events = events;
	op->args.poll.seen = 0;
}

void duet_op_accept(struct duet_op *op, duet_handle listener, unsigned flags)
{
	prepare(op, DUET_ACCEPT, listener, flags);
}

void duet_op_connect(struct duet_op *op, duet_handle handle, const struct sockaddr *address,
		     socklen_t length)
{
	if (prepare(op, DUET_CONNECT, handle, 0))
		prepare_address(op, address, length);
}

void duet_op_recv(struct duet_op *op, duet_handle handle, void *data, size_t length_bytes,
		  unsigned flags)
{
	if (!prepare(op, DUET_RECV, handle, flags))
		return;
	prepare_transfer(op, data, length_bytes);
	op->args.io.pool = NULL;
}

void duet_op_recv_pooled(struct duet_op *op, duet_handle handle, struct duet_pool *pool,
			 unsigned flags)
{
	if (!prepare(op, DUET_RECV, handle, flags | DUET_POOLED))
		return;
	op->args.io.pool = pool;
	op->args.io.vector_count = 0;
	op->args.io.length_bytes = pool ? pool->size_bytes : 0;
}

void duet_op_send(struct duet_op *op, duet_handle handle, const void *data, size_t length_bytes,
		  unsigned flags)
{
	if (prepare(op, DUET_SEND, handle, flags))
		prepare_transfer(op, (void *)(uintptr_t)data, length_bytes);
}

static void prepare_pieces(struct duet_op *op, const struct iovec *vectors, unsigned count)
{
	size_t length = 0;

	for (unsigned i = 0; i < count && i < DUET_OP_IOVECS; i++) {
		op->args.io.vectors[i] = vectors[i];
		length += vectors[i].iov_len;
	}
	op->args.io.vector_count = count;
	if (count > 1)
		op->flags |= FLAG_PIECES;
	op->buffer = (struct duet_buffer){.pool = DUET_POOL_NONE};
	/* Nothing, and so refused, if there are too many pieces. */
	op->args.io.length_bytes = count <= DUET_OP_IOVECS ? (uint32_t)length : 0;
}

void duet_op_send_vector(struct duet_op *op, duet_handle handle, const struct iovec *vectors,
			 unsigned count, unsigned flags)
{
	if (prepare(op, DUET_SEND, handle, flags))
		prepare_pieces(op, vectors, count);
}

void duet_op_send_zero_copy(struct duet_op *op, duet_handle handle, const void *data,
			    size_t length_bytes, unsigned flags)
{
	if (prepare(op, DUET_SEND_ZERO_COPY, handle, flags))
		prepare_transfer(op, (void *)(uintptr_t)data, length_bytes);
}

void duet_op_send_zero_copy_vector(struct duet_op *op, duet_handle handle,
				   const struct iovec *vectors, unsigned count, unsigned flags)
{
	if (prepare(op, DUET_SEND_ZERO_COPY, handle, flags))
		prepare_pieces(op, vectors, count);
}

void duet_op_recv_buffer(struct duet_op *op, duet_handle handle, struct duet_buffer buffer,
			 unsigned flags)
{
	bool picked = buffer.regime == DUET_REGIME_POOLED && !buffer.data;

	if (!prepare(op, DUET_RECV, handle, picked ? flags | DUET_POOLED : flags))
		return;
	prepare_buffer(op, buffer);
	op->args.io.pool = NULL;
	if (picked)
		op->args.io.vector_count = 0;
}

void duet_op_send_buffer(struct duet_op *op, duet_handle handle, struct duet_buffer buffer,
			 unsigned flags)
{
	if (prepare(op, DUET_SEND, handle, flags))
		prepare_buffer(op, buffer);
}

void duet_op_read_buffer(struct duet_op *op, duet_handle handle, struct duet_buffer buffer,
			 uint64_t offset_bytes)
{
	if (!prepare(op, DUET_READ, handle, 0))
		return;
	prepare_buffer(op, buffer);
	op->args.io.offset_bytes = offset_bytes;
}

void duet_op_write_buffer(struct duet_op *op, duet_handle handle, struct duet_buffer buffer,
			  uint64_t offset_bytes)
{
	if (!prepare(op, DUET_WRITE, handle, 0))
		return;
	prepare_buffer(op, buffer);
	op->args.io.offset_bytes = offset_bytes;
}

void duet_op_read(struct duet_op *op, duet_handle handle, void *data, size_t length_bytes,
		  uint64_t offset_bytes)
{
	if (!prepare(op, DUET_READ, handle, 0))
		return;
	prepare_transfer(op, data, length_bytes);
	op->args.io.offset_bytes = offset_bytes;
}

void duet_op_write(struct duet_op *op, duet_handle handle, const void *data, size_t length_bytes,
		   uint64_t offset_bytes)
{
	if (!prepare(op, DUET_WRITE, handle, 0))
		return;
	prepare_transfer(op, (void *)(uintptr_t)data, length_bytes);
	op->args.io.offset_bytes = offset_bytes;
}

static void prepare_positional(struct duet_op *op, enum duet_kind kind, duet_handle handle,
			       const struct iovec *vectors, unsigned count, uint64_t offset_bytes)
{
	if (!prepare(op, kind, handle, 0))
		return;
	prepare_pieces(op, vectors, count);
	op->args.io.offset_bytes = offset_bytes;
}

void duet_op_read_vector(struct duet_op *op, duet_handle handle, const struct iovec *vectors,
			 unsigned count, uint64_t offset_bytes)
{
	prepare_positional(op, DUET_READ, handle, vectors, count, offset_bytes);
}

void duet_op_write_vector(struct duet_op *op, duet_handle handle, const struct iovec *vectors,
			  unsigned count, uint64_t offset_bytes)
{
	prepare_positional(op, DUET_WRITE, handle, vectors, count, offset_bytes);
}

static void prepare_path(struct duet_op *op, enum duet_kind kind, int directory, const char *path,
			 int flags, unsigned mode)
{
	if (!prepare(op, kind, DUET_HANDLE_NONE, 0))
		return;
	op->args.open.directory = directory;
	op->args.open.path = path;
	op->args.open.flags = flags;
	op->args.open.mode = mode;
}

void duet_op_open(struct duet_op *op, int directory, const char *path, int flags, unsigned mode)
{
	prepare_path(op, DUET_OPEN, directory, path, flags, mode);
}

void duet_op_mkdir(struct duet_op *op, int directory, const char *path, unsigned mode)
{
	prepare_path(op, DUET_MKDIR, directory, path, 0, mode);
}

void duet_op_unlink(struct duet_op *op, int directory, const char *path, int flags)
{
	prepare_path(op, DUET_UNLINK, directory, path, flags, 0);
}

void duet_op_statx(struct duet_op *op, int directory, const char *path, int flags, unsigned mask,
		   struct statx *into)
{
	if (!prepare(op, DUET_STATX, DUET_HANDLE_NONE, 0))
		return;
	op->args.statx.path = path;
	op->args.statx.into = into;
	op->args.statx.directory = directory;
	op->args.statx.flags = flags;
	op->args.statx.mask = mask;
}

static void prepare_names(struct duet_op *op, enum duet_kind kind, int from_directory,
			  const char *from, int to_directory, const char *to, unsigned flags)
{
	if (!prepare(op, kind, DUET_HANDLE_NONE, 0))
		return;
	op->args.rename.from = from;
	op->args.rename.to = to;
	op->args.rename.from_directory = from_directory;
	op->args.rename.to_directory = to_directory;
	op->args.rename.flags = flags;
}

void duet_op_rename(struct duet_op *op, int from_directory, const char *from, int to_directory,
		    const char *to, unsigned flags)
{
	prepare_names(op, DUET_RENAME, from_directory, from, to_directory, to, flags);
}

void duet_op_link(struct duet_op *op, int from_directory, const char *from, int to_directory,
		  const char *to, int flags)
{
	prepare_names(op, DUET_LINK, from_directory, from, to_directory, to, (unsigned)flags);
}

void duet_op_symlink(struct duet_op *op, const char *target, int directory, const char *path)
{
	prepare_names(op, DUET_SYMLINK, AT_FDCWD, target, directory, path, 0);
}

static void prepare_extent(struct duet_op *op, enum duet_kind kind, duet_handle handle, int mode,
			   uint64_t offset_bytes, uint64_t length_bytes)
{
	if (!prepare(op, kind, handle, 0))
		return;
	op->args.extent.offset_bytes = offset_bytes;
	op->args.extent.length_bytes = length_bytes;
	op->args.extent.mode = mode;
}

void duet_op_truncate(struct duet_op *op, duet_handle handle, uint64_t length_bytes)
{
	prepare_extent(op, DUET_TRUNCATE, handle, 0, 0, length_bytes);
}

void duet_op_allocate(struct duet_op *op, duet_handle handle, int mode, uint64_t offset_bytes,
		      uint64_t length_bytes)
{
	prepare_extent(op, DUET_ALLOCATE, handle, mode, offset_bytes, length_bytes);
}

void duet_op_fsync(struct duet_op *op, duet_handle handle, unsigned flags)
{
	prepare(op, DUET_FSYNC, handle, flags);
}

void duet_op_shutdown(struct duet_op *op, duet_handle handle, int how)
{
	if (prepare(op, DUET_SHUTDOWN, handle, 0))
		op->args.shutdown.how = how;
}

void duet_op_close(struct duet_op *op, duet_handle handle)
{
	prepare(op, DUET_CLOSE, handle, 0);
}

void duet_op_socket(struct duet_op *op, int domain, int type, int protocol)
{
	if (!prepare(op, DUET_SOCKET, DUET_HANDLE_NONE, 0))
		return;
	op->args.socket.domain = domain;
	op->args.socket.type = type;
	op->args.socket.protocol = protocol;
}

void duet_op_bind(struct duet_op *op, duet_handle handle, const struct sockaddr *address,
		  socklen_t length)
{
	if (prepare(op, DUET_BIND, handle, 0))
		prepare_address(op, address, length);
}

void duet_op_listen(struct duet_op *op, duet_handle handle, int backlog)
{
	if (prepare(op, DUET_LISTEN, handle, 0))
		op->args.listen.backlog = backlog;
}

void duet_op_signal(struct duet_op *op, duet_handle handle, struct signalfd_siginfo *into)
{
	if (prepare(op, DUET_SIGNAL, handle, 0))
		prepare_transfer(op, into, sizeof(*into));
}

void duet_op_wait_process(struct duet_op *op, duet_handle handle, siginfo_t *into, int options)
{
	if (!prepare(op, DUET_WAIT_PROCESS, handle, 0))
		return;
	prepare_transfer(op, into, sizeof(*into));
	op->args.io.offset_bytes = (unsigned)options;
}

void duet_op_work(struct duet_op *op, duet_work_fn *fn, void *context)
{
	if (!prepare(op, DUET_WORK, DUET_HANDLE_NONE, 0))
		return;
	op->args.work.fn = fn;
	op->args.work.context = context;
}

void duet_op_resolve(struct duet_op *op, const char *node, const char *service,
		     const struct addrinfo *hints)
{
	if (!prepare(op, DUET_RESOLVE, DUET_HANDLE_NONE, 0))
		return;
	op->args.resolve.node = node;
	op->args.resolve.service = service;
	op->args.resolve.hints = hints;
	op->args.resolve.code = 0;
	op->addresses = NULL;
}

const struct sockaddr *duet_op_address(const struct duet_op *op, socklen_t *length)
{
	*length = op->args.address.length_bytes;
	return (const void *)op->args.address.storage;
}

void duet_op_deadline(struct duet_op *op, uint64_t deadline_ns)
{
	if (op->state == STATE_IDLE)
		op->deadline_ns = deadline_ns;
}

void duet_op_inline(struct duet_op *op)
{
	if (op->state == STATE_IDLE)
		op->flags |= DUET_INLINE;
}
