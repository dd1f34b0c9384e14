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

static int finish_poll(struct duet_loop *loop, struct duet_op *op)
{
	uint32_t wanted = op->args.poll.events | POLLERR | POLLHUP;
	uint32_t events = world_events(reference_of(loop), op_node(loop, op)) & wanted;

	return events ? (int)events : -EAGAIN;
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

static int finish_read(struct duet_loop *loop, struct duet_op *op)
{
	return world_read(op_node(loop, op), op->args.io.vectors, op->args.io.vector_count,
		op->args.io.offset_bytes);
}

static int finish_write(struct duet_loop *loop, struct duet_op *op)
{
	return world_write(op_node(loop, op), op->args.io.vectors, op->args.io.vector_count,
		op->args.io.offset_bytes);
}

static int finish_open(struct duet_loop *loop, struct duet_op *op)
{
	return world_open(reference_of(loop), op->args.open.path, op->args.open.flags);
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
	return world_bind(reference_of(loop), op_node(loop, op), op->args.address.storage,
		&op->args.address.length_bytes);
}

static int finish_listen(struct duet_loop *loop, struct duet_op *op)
{
	return world_listen(reference_of(loop), op_node(loop, op), op->args.listen.backlog);
}

/* What a kind does, and what strikes it if its seed says so (0: nothing can). */
static const struct finish {
	int (*attempt)(struct duet_loop *loop, struct duet_op *op);
	int fault;
} finishes[DUET_KIND_COUNT] = {
	[DUET_NOP] = { finish_nop, 0 },
	[DUET_POLL] = { finish_poll, 0 },
	[DUET_ACCEPT] = { finish_accept, -EMFILE },
	[DUET_CONNECT] = { finish_connect, -ETIMEDOUT },
	[DUET_RECV] = { finish_recv, -ECONNRESET },
	[DUET_SEND] = { finish_send, -ECONNRESET },
	[DUET_READ] = { finish_read, -EIO },
	[DUET_WRITE] = { finish_write, -ENOSPC },
	[DUET_OPEN] = { finish_open, -EMFILE },
	[DUET_FSYNC] = { finish_fsync, -EIO },
	[DUET_SHUTDOWN] = { finish_shutdown, 0 },
	[DUET_CLOSE] = { finish_close, 0 },
	[DUET_SOCKET] = { finish_socket, -EMFILE },
	[DUET_BIND] = { finish_bind, -EADDRINUSE },
	[DUET_LISTEN] = { finish_listen, -EADDRINUSE },
};

/* The error that was drawn for op at its start; a stream that it strikes is broken for good. */
static int finish_fault(struct duet_loop *loop, const struct duet_op *op)
{
	int fault = finishes[op->kind].fault;

	if (!(op->progress & PROGRESS_FAULTY))
		return 0;
	if (fault == -ECONNRESET)
		world_reset(reference_of(loop), op_node(loop, op));
	return fault;
}

int finish_attempt(struct duet_loop *loop, struct duet_op *op)
{
	int fault = finish_fault(loop, op);

	return fault ? fault : finishes[op->kind].attempt(loop, op);
}

static void finish_end(struct duet_loop *loop, struct duet_op *op, int result)
{
	bag_remove(reference_of(loop), op);
	loop->stats.events++;
	duet_core_end(loop, op, result);
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

static int finish_result(struct duet_loop *loop, struct duet_op *op)
{
	int result;

	if (op->flags & DUET_POOLED)
		return finish_pooled(loop, op);
	result = finish_attempt(loop, op);
	if (result == -EAGAIN)
		return 0;
	if (result >= 0 && (op->flags & DUET_MULTISHOT))
		duet_core_item_accepted(loop, op, result);
	else
		finish_end(loop, op, result);
	return 1;
}

static void finish_stopped(struct duet_loop *loop, struct duet_op *op)
{
	struct reference *world = reference_of(loop);
	int index = -1;

	/* A buffer may have been taken for it before it was stopped. */
	if ((op->flags & DUET_POOLED) && random_chance(&world->random, 500))
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

	if (random_chance(&world->random, 50)) {
		op->progress &= ~(uint32_t)PROGRESS_STOPPING;
		duet_core_cancel_again(loop, op);
	} else if (!(op->progress & PROGRESS_LATE) || !finish_result(loop, op)) {
		finish_stopped(loop, op);
	}
	return 1;
}

int finish_step(struct duet_loop *loop, struct duet_op *op)
{
	if (op->progress & PROGRESS_STOPPING)
		return finish_stopping(loop, op);
	return finish_result(loop, op);
}
