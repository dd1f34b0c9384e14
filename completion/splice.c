/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>

#include "completion/internal.h"

/*
 * Splices. The kernel (6.18) has every IORING_OP_SPLICE done by a worker of its own, also one that never
 * waits: measured with 4 KiB from a pipe into another or into a socket, 5 to 20 times the CPU of a plain
 * call, where a poll entry and the call take 1.2 to 1.6 times. One that waits keeps that worker, isn't
 * stopped by a cancel until it wakes (-EALREADY), and may then end with -EINTR though nobody has asked.
 * So between pipes and sockets an attempt is a plain call, in the start and then in the turn in which the
 * ring says that the side which it waited for is ready. A file may wait for its disk in any call, which
 * is what workers are for: there it is the entry, as soon as the pipe is ready, and told not to wait for
 * that.
 *
 * A call in the start loses nothing: it is op's turn in both lines, and what went is counted whether or
 * not a cancel comes before the callback.
 */

static struct duet_slot *output_of(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op);
}

static struct duet_slot *input_of(const struct duet_loop *loop, const struct duet_op *op)
{
	return &loop->slots[op->args.io.splice->from.slot];
}

static bool has_file(const struct duet_loop *loop, const struct duet_op *op)
{
	return input_of(loop, op)->slot_class == CLASS_FILE ||
	       output_of(loop, op)->slot_class == CLASS_FILE;
}

bool completion_splices_file(const struct duet_loop *loop, const struct duet_op *op)
{
	return op->kind == DUET_SPLICE && has_file(loop, op);
}

static int attempt(struct duet_loop *loop, struct duet_op *op)
{
	int error = completion_make_nonblocking(loop, input_of(loop, op));

	if (!error)
		error = completion_make_nonblocking(loop, output_of(loop, op));
	return error ? error : duet_core_system_splice(loop, op);
}

/* The side that isn't ready; of both the input, without which the other is of no use. */
static int await(struct duet_loop *loop, struct duet_op *op, enum duet_splice_side side)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	if (side == SPLICE_OUTPUT)
		io_uring_prep_poll_add(sqe, output_of(loop, op)->fd, POLLOUT);
	else
		io_uring_prep_poll_add(sqe, input_of(loop, op)->fd, POLLIN);
	return completion_issued(self, op, sqe, TAG_POLL);
}

static int start_entry(struct duet_loop *loop, struct duet_op *op)
{
	const struct duet_splice *splice = op->args.io.splice;
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	/* An offset of -1 is the own position here, too. */
	io_uring_prep_splice(sqe, input_of(loop, op)->fd, (int64_t)splice->from_offset_bytes,
			     output_of(loop, op)->fd, (int64_t)splice->to_offset_bytes,
			     core_remaining(op), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	return completion_issued(self, op, sqe, TAG_PLAIN);
}

static int start_file(struct duet_loop *loop, struct duet_op *op)
{
	enum duet_splice_side side = duet_core_splice_awaits(loop, op);

	if (side != SPLICE_NEITHER)
		return await(loop, op, side);
	if (completion_able(completion_of(loop), STEP_SPLICE))
		return start_entry(loop, op);
	if (!loop->offload) {
		op->result = -EOPNOTSUPP;
		return BACKEND_ENDED;
	}
	op->progress = PLACE_WORKER;
	duet_core_offload(loop, op, duet_core_call_splice);
	return BACKEND_ISSUED;
}

/* Not past a connect of the input, which is in the queue: nor at its end, until that is told. */
static bool is_connecting(const struct duet_slot *input)
{
	return input->writes && input->writes->kind == DUET_CONNECT;
}

int completion_start_splice(struct duet_loop *loop, struct duet_op *op)
{
	if (is_connecting(input_of(loop, op)))
		return await(loop, op, SPLICE_INPUT);
	if (has_file(loop, op))
		return start_file(loop, op);
	op->result = attempt(loop, op);
	if (op->result == -EAGAIN) {
		loop->stats.wasted++;
		return await(loop, op, duet_core_splice_awaits(loop, op));
	}
	core_took(loop, op, CORE_INLINE);
	return BACKEND_ENDED;
}

/* A cancel that met the event before the call finds that nothing has happened. */
void completion_finish_splice(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (result > 0 && !op->request)
		completion_start_again(loop, op);
	else
		duet_core_end(loop, op, result < 0 ? completion_plain_error(result) : -ECANCELED);
}

/* Of an entry: what has no more room, or nothing more, is waited for. */
void completion_finish_spliced(struct duet_loop *loop, struct duet_op *op, int result)
{
	result = completion_plain_error(result);
	if ((result == -EAGAIN || result == -ECANCELED) && !op->request)
		completion_start_again(loop, op);
	else
		duet_core_end(loop, op, result == -EAGAIN ? -ECANCELED : result);
}
