/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "completion/internal.h"

/*
 * Streams that are no sockets: they are read, and written, where they stand. A write that might
 * raise SIGPIPE is only left to the ring where the kernel has a flag against it, as the signal
 * would go to whichever thread the attempt is made on. Else the ring says when there is room, and
 * the attempt is a call of our own, which knows how to take the signal back.
 */

static int attempt(struct duet_loop *loop, struct duet_slot *slot, const struct duet_op *op)
{
	int error = completion_make_nonblocking(loop, slot);

	if (error)
		return error;
	return duet_core_system_write(loop, slot, op->args.io.vectors, op->args.io.vector_count);
}

static int await_room(struct completion *self, const struct duet_slot *slot, struct duet_op *op)
{
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, slot->fd, POLLOUT);
	return completion_issued(self, op, sqe, TAG_POLL);
}

/* Made in the start, as every direct send: see send_directly(). */
static int start_quietly(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	op->result = attempt(loop, slot, op);
	if (op->result == -EAGAIN) {
		loop->stats.wasted++;
		return await_room(completion_of(loop), slot, op);
	}
	core_took(loop, op, CORE_INLINE);
	return BACKEND_ENDED;
}

/* ---- A file's own position. ---- */

/*
 * An entry may ask for the own position by an offset of -1. The kernel (6.18) reads and writes there,
 * but moves it on only if the last of its calls for the entry was a success and came back at once: not
 * past the page cache, nor where a disk fills up in the middle. So it is looked up and moved by us; two
 * that do so at once, a receive and a send, would be in each other's way.
 */
uint64_t completion_position(const struct duet_slot *slot, struct duet_op *op)
{
	off_t at = -1;

	if (slot->slot_class == CLASS_FILE) {
		op->loop->stats.system_calls++;
		at = lseek(slot->fd, 0, SEEK_CUR);
	}
	op->args.io.offset_bytes = (uint64_t)at;
	return op->args.io.offset_bytes;
}

static bool appends(struct duet_loop *loop, int fd)
{
	loop->stats.system_calls++;
	return fcntl(fd, F_GETFL) & O_APPEND;
}

void completion_move_on(struct duet_loop *loop, const struct duet_op *op, int result)
{
	const struct duet_slot *slot = duet_core_op_slot(loop, op);
	const off_t at = (off_t)op->args.io.offset_bytes;

	if (slot->slot_class != CLASS_FILE || result <= 0 || at < 0 || MUTANT(position_left_behind))
		return;
	loop->stats.system_calls++;
	if (op->kind != DUET_RECV && appends(loop, slot->fd))
		lseek(slot->fd, 0, SEEK_END);
	else
		lseek(slot->fd, at + result, SEEK_SET);
}

/* ---- Receives and sends. ---- */

int completion_start_read(struct duet_loop *loop, struct duet_op *op)
{
	const struct duet_slot *slot = duet_core_op_slot(loop, op);
	const struct iovec *into = op->args.io.vectors;
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_read(sqe, slot->fd, into->iov_base, (unsigned)into->iov_len,
			   completion_position(slot, op));
	return completion_issued(self, op, sqe,
				 slot->slot_class == CLASS_FILE ? TAG_POLL : TAG_RECV);
}

int completion_start_write(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	enum core_quiet quiet = duet_core_quiet(loop, slot);
	struct io_uring_sqe *sqe;

	if (quiet == QUIET_BY_MASK)
		return start_quietly(loop, slot, op);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_writev2(sqe, slot->fd, op->args.io.vectors, op->args.io.vector_count,
			      completion_position(slot, op), duet_core_quiet_flag(quiet));
	return completion_issued(self, op, sqe,
				 slot->slot_class == CLASS_FILE ? TAG_POLL : TAG_PLAIN);
}

void completion_start_room(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);

	if (await_room(self, duet_core_op_slot(loop, op), op) != BACKEND_ISSUED)
		completion_list_push(&self->owed, op, PLACE_OWED);
}

void completion_finish_room(struct duet_loop *loop, struct duet_op *op)
{
	int result = attempt(loop, duet_core_op_slot(loop, op), op);

	if (result != -EAGAIN)
		duet_core_end(loop, op, result);
	else if (op->request)
		duet_core_end(loop, op, -ECANCELED);
	else
		completion_start_room(loop, op);
}
