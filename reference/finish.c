/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>

#include "reference/internal.h"

/* Ends. One function a kind says what the world answers now, as a raw result; -EAGAIN: nothing
 * yet, the operation stays in the bag. */

#define FINISH_PIECES 8

static struct world_node *op_node(struct duet_loop *loop, const struct duet_op *op)
{
	return world_node(reference_of(loop), duet_core_op_slot(loop, op)->fd);
}

static int finish_nop(struct duet_loop *loop, struct duet_op *op)
{
	(void)loop;
	(void)op;
	return 0;
}

/* Never 0, which is what nobody has seen. */
static uint32_t poll_news(const struct world_node *node)
{
	return node->news + 1;
}

bool finish_has_told(const struct world_node *node, const struct duet_op *op)
{
	return op->flags & DUET_MULTISHOT && op->args.poll.seen == poll_news(node);
}

static int finish_poll(struct duet_loop *loop, struct duet_op *op)
{
	uint32_t wanted = op->args.poll.events | POLLERR | POLLHUP;
	const struct world_node *node = op_node(loop, op);
	uint32_t events = world_events(reference_of(loop), node) & wanted;

	if (finish_has_told(node, op))
		return -EAGAIN;
	op->args.poll.seen = events ? poll_news(node) : 0;
	return events ? (int)events : -EAGAIN;
}

/* What comes behind the one that is taken is new to whoever polls. */
static int finish_signal(struct duet_loop *loop, struct duet_op *op)
{
	struct world_node *node = op_node(loop, op);

	node->news++;
	return duet_core_system_signal(loop, node->outside_fd, op);
}

static int finish_wait_process(struct duet_loop *loop, struct duet_op *op)
{
	return duet_core_system_wait_process(loop, op_node(loop, op)->outside_fd, op);
}

static int finish_accept(struct duet_loop *loop, struct duet_op *op)
{
	return world_accept(reference_of(loop), op_node(loop, op));
}

static int finish_connect(struct duet_loop *loop, struct duet_op *op)
{
	return world_connect(reference_of(loop), op_node(loop, op), op->args.address.storage,
		op->args.address.length_bytes);
}

static int finish_recv(struct duet_loop *loop, struct duet_op *op)
{
	if (finish_awaits_connect(loop, op))
		return -EAGAIN;
	return world_recv(reference_of(loop), op_node(loop, op), op->args.io.vectors,
		op->args.io.vector_count);
}

static int finish_send(struct duet_loop *loop, struct duet_op *op)
{
	struct iovec pieces[FINISH_PIECES];
	uint32_t operations;
	uint32_t count = duet_core_gather(loop, op, pieces, FINISH_PIECES, &operations);

	return world_send(reference_of(loop), op_node(loop, op), pieces, count);
}

static int finish_recvmsg(struct duet_loop *loop, struct duet_op *op)
{
	int n;

	if (finish_awaits_connect(loop, op))
		return -EAGAIN;
	duet_core_msghdr(op);
	duet_core_guard_lift_op(op);
	n = world_recvmsg(reference_of(loop), op_node(loop, op), op->args.io.vectors,
		op->args.io.vector_count, op->args.io.header, op->args.io.message_flags);
	duet_core_guard_lower_op(op);
	return n;
}

static int finish_sendmsg(struct duet_loop *loop, struct duet_op *op)
{
	return world_sendmsg(reference_of(loop), op_node(loop, op), op->args.io.vectors,
		op->args.io.vector_count, op->args.io.header, op->args.io.message_flags);
}

static int finish_send_zero_copy(struct duet_loop *loop, struct duet_op *op)
{
	op->held.copied = 1;
	return world_send(reference_of(loop), op_node(loop, op), op->args.io.vectors,
		op->args.io.vector_count);
}

/* The pieces of a transfer from that byte on, of at most so many bytes. */
static uint32_t pieces_from(const struct duet_op *op, uint32_t first, uint32_t bytes,
			    struct iovec *pieces)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < op->args.io.vector_count && bytes; i++) {
		struct iovec piece = op->args.io.vectors[i];
		uint32_t skip = first < piece.iov_len ? first : (uint32_t)piece.iov_len;

		first -= skip;
		piece.iov_base = (char *)piece.iov_base + skip;
		piece.iov_len -= skip;
		if (piece.iov_len > bytes)
			piece.iov_len = bytes;
		if (piece.iov_len)
			pieces[count++] = piece;
		bytes -= (uint32_t)piece.iov_len;
	}
	return count;
}

typedef int move_fn(struct world_node *node, const struct iovec *pieces, uint32_t count,
		    uint64_t offset_bytes);

/* So much of what is left: how much it was, or why not. */
static int finish_portion(struct duet_loop *loop, struct duet_op *op, uint32_t bytes, move_fn *move)
{
	struct iovec pieces[DUET_OP_IOVECS];
	uint32_t count = pieces_from(op, op->there_bytes, bytes, pieces);
	int result = move(op_node(loop, op), pieces, count,
		op->args.io.offset_bytes + op->there_bytes);

	if (result > 0)
		op->there_bytes += (uint32_t)result;
	return result;
}

/* A portion a step. Only the end of the file, or of the disk, makes the whole less than was asked
 * for; what a portion has moved counts, also before an error. */
static int finish_file(struct duet_loop *loop, struct duet_op *op, move_fn *move)
{
	uint32_t left = op->args.io.length_bytes - op->there_bytes;
	uint32_t bytes = world_portion(reference_of(loop), left);
	int result = finish_portion(loop, op, bytes, move);

	if (result < 0 && !op->there_bytes)
		return result;
	return bytes < left && result == (int)bytes ? -EAGAIN : (int)op->there_bytes;
}

/* A disk that fills up has taken what fitted. */
static int finish_full(struct duet_loop *loop, struct duet_op *op, int fault)
{
	uint32_t left = op->args.io.length_bytes;
	uint32_t bytes = world_portion(reference_of(loop), left);

	if (bytes == left || finish_portion(loop, op, bytes, world_write) < 0)
		return fault;
	return (int)op->there_bytes;
}

static int finish_read(struct duet_loop *loop, struct duet_op *op)
{
	return finish_file(loop, op, world_read);
}

static int finish_write(struct duet_loop *loop, struct duet_op *op)
{
	return finish_file(loop, op, world_write);
}

static int finish_open(struct duet_loop *loop, struct duet_op *op)
{
	return world_open(reference_of(loop), op->args.open.directory, op->args.open.path,
		op->args.open.flags, op->args.open.mode);
}

static int finish_fsync(struct duet_loop *loop, struct duet_op *op)
{
	return op_node(loop, op)->kind == NODE_FILE ? 0 : -EINVAL;
}

static int finish_shutdown(struct duet_loop *loop, struct duet_op *op)
{
	return world_shutdown(reference_of(loop), op_node(loop, op), op->args.shutdown.how);
}

static int finish_close(struct duet_loop *loop, struct duet_op *op)
{
	world_close(reference_of(loop), duet_core_op_slot(loop, op)->fd);
	return 0;
}

static int finish_socket(struct duet_loop *loop, struct duet_op *op)
{
	return world_socket(reference_of(loop), op->args.socket.domain, op->args.socket.type);
}

static int finish_bind(struct duet_loop *loop, struct duet_op *op)
{
	uint32_t length_bytes = op->args.address.length_bytes;
	int error = world_bind(reference_of(loop), op_node(loop, op), op->args.address.storage,
		&length_bytes);

	op->args.address.length_bytes = (uint16_t)length_bytes;
	return error;
}

static int finish_listen(struct duet_loop *loop, struct duet_op *op)
{
	return world_listen(reference_of(loop), op_node(loop, op), op->args.listen.backlog);
}

static int (*const attempts[DUET_IO_KIND_COUNT])(struct duet_loop *loop, struct duet_op *op) = {
	[DUET_NOP] = finish_nop,
	[DUET_POLL] = finish_poll,
	[DUET_SIGNAL] = finish_signal,
	[DUET_WAIT_PROCESS] = finish_wait_process,
	[DUET_ACCEPT] = finish_accept,
	[DUET_CONNECT] = finish_connect,
	[DUET_RECV] = finish_recv,
	[DUET_SEND] = finish_send,
	[DUET_READ] = finish_read,
	[DUET_WRITE] = finish_write,
	[DUET_OPEN] = finish_open,
	[DUET_FSYNC] = finish_fsync,
	[DUET_SHUTDOWN] = finish_shutdown,
	[DUET_CLOSE] = finish_close,
	[DUET_SOCKET] = finish_socket,
	[DUET_BIND] = finish_bind,
	[DUET_LISTEN] = finish_listen,
	[DUET_STATX] = finish_statx,
	[DUET_MKDIR] = finish_mkdir,
	[DUET_UNLINK] = finish_unlink,
	[DUET_RENAME] = finish_rename,
	[DUET_LINK] = finish_link,
	[DUET_SYMLINK] = finish_symlink,
	[DUET_TRUNCATE] = finish_truncate,
	[DUET_ALLOCATE] = finish_allocate,
	[DUET_RECVMSG] = finish_recvmsg,
	[DUET_SENDMSG] = finish_sendmsg,
	[DUET_SEND_ZERO_COPY] = finish_send_zero_copy,
	[DUET_SPLICE] = finish_splice,
};

bool finish_carries(enum duet_kind kind)
{
	return attempts[kind] != NULL;
}

/* The error that strikes op, set at its start. A stream that is reset is broken for good; a
 * descriptor is closed whatever close says. */
static int finish_fault(struct duet_loop *loop, struct duet_op *op)
{
	int fault = -(int)(op->progress >> PROGRESS_ERROR_SHIFT);

	if (fault == -ECONNRESET && (op->kind == DUET_RECV || op->kind == DUET_SEND ||
				     op->kind == DUET_RECVMSG || op->kind == DUET_SENDMSG ||
				     op->kind == DUET_SEND_ZERO_COPY))
		world_reset(reference_of(loop), op_node(loop, op));
	else if (fault && op->kind == DUET_CLOSE)
		finish_close(loop, op);
	else if (fault && op->kind == DUET_WRITE)
		return finish_full(loop, op, fault);
	return fault;
}

int finish_attempt(struct duet_loop *loop, struct duet_op *op)
{
	int fault = finish_fault(loop, op);

	return fault ? fault : attempts[op->kind](loop, op);
}

/* Is the memory of op kept, now that it has its result? Not where that may be a piece of the whole. */
static bool finish_holds(struct duet_loop *loop, const struct duet_op *op, int result)
{
	uint32_t left = op->args.io.length_bytes - op->transferred;
	bool piece = op->flags & DUET_WHOLE && result >= 0 && (uint32_t)result < left;

	return op->kind == DUET_SEND_ZERO_COPY && !piece && order_draw(reference_of(loop), KNOB_HOLD);
}

static void finish_end(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (finish_holds(loop, op, result)) {
		hold_begin(loop, op, result);
		loop->stats.events++;
		duet_core_end_holding(loop, op, result);
		return;
	}
	bag_remove(reference_of(loop), op);
	loop->stats.events++;
	duet_core_end(loop, op, result == WORLD_IN_VAIN ? -EAGAIN : result);
}

static int finish_pooled(struct duet_loop *loop, struct duet_op *op)
{
	uint16_t index = 0;
	int fault = finish_fault(loop, op);
	int result = fault ? fault : lend_recv(loop, op, &index);

	if (result == -EAGAIN)
		return 0;
	if (result == -ENOBUFS) {
		bag_remove(reference_of(loop), op);
		duet_core_starve(loop, op);
	} else if (result <= 0) {
		finish_end(loop, op, result);
	} else if (op->flags & DUET_MULTISHOT) {
		duet_core_item_buffer(loop, op, result, index);
	} else {
		bag_remove(reference_of(loop), op);
		duet_core_end_buffer(loop, op, result, index);
	}
	return 1;
}

static void finish_item(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (op->kind == DUET_POLL)
		duet_core_item_events(loop, op, result);
	else
		duet_core_item_accepted(loop, op, result);
}

static int finish_result(struct duet_loop *loop, struct duet_op *op)
{
	int result;

	if (op->flags & DUET_POOLED)
		return finish_pooled(loop, op);
	result = finish_attempt(loop, op);
	/* A file is never waited for: a portion of it has moved. */
	if (result == -EAGAIN)
		return op->kind == DUET_READ || op->kind == DUET_WRITE;
	if (result >= 0 && (op->flags & DUET_MULTISHOT))
		finish_item(loop, op, result);
	else
		finish_end(loop, op, result);
	return 1;
}

static void finish_stopped(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);
	int index = -1;

	/* A buffer may have been taken for it before it was stopped. */
	if ((op->flags & DUET_POOLED) && reference_draw(world, KNOB_BUFFER))
		index = duet_core_buffer_take(op->args.io.pool);
	if (index < 0) {
		finish_end(loop, op, -ECANCELED);
		return;
	}
	bag_remove(world, op);
	duet_core_end_buffer(loop, op, -ECANCELED, (uint16_t)index);
}

static int finish_stopping(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	if (reference_denies(world, op, KNOB_AGAIN)) {
		op->progress &= ~(uint32_t)PROGRESS_STOPPING;
		duet_core_cancel_again(loop, op);
	} else if (!(op->progress & PROGRESS_LATE) || !finish_result(loop, op)) {
		finish_stopped(loop, op);
	}
	return 1;
}

static int finish_holding(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);

	if (reference_denies(world, op, KNOB_HOLD))
		return 1;
	bag_remove(world, op);
	hold_end(loop, op);
	duet_core_release(loop, op, false);
	return 1;
}

int finish_step(struct duet_loop *loop, struct duet_op *op)
{
	if (op->progress & PROGRESS_HOLDING)
		return finish_holding(loop, op);
	if (op->progress & PROGRESS_STOPPING)
		return finish_stopping(loop, op);
	return finish_result(loop, op);
}
