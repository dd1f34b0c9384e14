/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "completion/internal.h"

/*
 * Sends without a copy: two entries of the completion queue each, the result and the notification that
 * the memory is back. And the copies in their place.
 */

static int fd_of(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op)->fd;
}

static bool is_datagram(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op)->slot_class == CLASS_DATAGRAM;
}

static bool has_entry(const struct completion *self, const struct duet_op *op)
{
	return completion_able(self, STEP_SEND_ZC) &&
	       (op->args.io.vector_count == 1 || completion_able(self, STEP_SENDMSG_ZC));
}

/* Can it be sent without a copy, and was it not found out yet that it can't? Of what the kernel knows only
 * inet sockets can. A datagram that is to wait for room first would be repeated by the ring: see
 * message.c. */
static bool sends_zero_copy(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_slot *slot = duet_core_op_slot(loop, op);

	if (op->held.copied || slot->next & HANDLE_COPIES || !has_entry(completion_of(loop), op))
		return false;
	return slot->slot_class == CLASS_TCP ||
	       (slot->slot_class == CLASS_DATAGRAM && !completion_never_first(loop, slot));
}

static void wait_first_if_wished(const struct duet_loop *loop, const struct duet_op *op,
				 struct io_uring_sqe *sqe)
{
	if (completion_never_first(loop, duet_core_op_slot(loop, op)))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
}

/* The whole in one call: of two, the kernel would keep the memory for two times. */
static int call_flags(const struct duet_loop *loop, const struct duet_op *op)
{
	return MSG_NOSIGNAL | (is_datagram(loop, op) ? MSG_DONTWAIT : 0) |
	       (op->flags & DUET_WHOLE ? MSG_WAITALL : 0);
}

static void prep(struct duet_loop *loop, struct duet_op *op, struct io_uring_sqe *sqe)
{
	const struct completion *self = completion_of(loop);
	const struct iovec *from = op->args.io.vectors;
	const int flags = call_flags(loop, op);

	if (op->args.io.vector_count > 1)
		io_uring_prep_sendmsg_zc(sqe, fd_of(loop, op), completion_header(loop, op),
					 (unsigned)flags);
	else
		io_uring_prep_send_zc(sqe, fd_of(loop, op), from->iov_base, from->iov_len, flags, 0);
	/* No feature tells of the flag, which came with 6.2; this one came with 6.3. */
	if (self->features & IORING_FEAT_REG_REG_RING)
		sqe->ioprio |= IORING_SEND_ZC_REPORT_USAGE;
	wait_first_if_wished(loop, op, sqe);
}

static int enter_copied(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct iovec *from = op->args.io.vectors;
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	if (op->args.io.vector_count > 1 || !completion_able(self, STEP_SEND))
		completion_prep_pieces(loop, op, sqe, MSG_NOSIGNAL);
	else
		io_uring_prep_send(sqe, fd_of(loop, op), from->iov_base, from->iov_len,
				   MSG_NOSIGNAL);
	wait_first_if_wished(loop, op, sqe);
	return completion_issued(self, op, sqe, TAG_PLAIN);
}

/* As a send of the same handle. */
static int start_copied(struct duet_loop *loop, struct duet_op *op)
{
	if (!completion_is_socket(duet_core_op_slot(loop, op)))
		return completion_start_write(loop, op);
	if (!completion_able(completion_of(loop), STEP_SENDMSG))
		return completion_start_readiness(loop, op);
	return is_datagram(loop, op) ? completion_start_datagram(loop, op) : enter_copied(loop, op);
}

/* Never as a plain call: what is sent without a copy isn't sent in passing. */
int completion_start_zero_copy(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe;

	op->held.copied |= !sends_zero_copy(loop, op);
	if (op->held.copied)
		return start_copied(loop, op);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	prep(loop, op, sqe);
	return completion_issued(self, op, sqe, TAG_ZERO_COPY);
}

/* ---- What came of it. ---- */

/*
 * What a copy may spare: the socket knows no other way (-EOPNOTSUPP), so many pages may not be pinned
 * (-ENOMEM, by the limit of locked memory), or make no one message (-EMSGSIZE); a datagram that has to wait
 * for room (-EAGAIN).
 */
static bool is_copied_instead(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (op->held.copied || (result != -EOPNOTSUPP && result != -ENOMEM && result != -EMSGSIZE &&
				(result != -EAGAIN || !is_datagram(loop, op))))
		return false;
	if (result == -EOPNOTSUPP)
		duet_core_op_slot(loop, op)->next |= HANDLE_COPIES;
	op->held.copied = 1;
	if (op->request)
		duet_core_end(loop, op, -ECANCELED);
	else
		completion_start_again(loop, op);
	return true;
}

/* With a result that says "more" the memory is kept, whatever it is: a failed send lets it go at once, but
 * says so, too. The notification of one that was refused and is sent again as a copy is nobody's. */
void completion_finish_zero_copy(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	struct duet_op *op = duet_core_find(loop, user_data);

	if (!op)
		loop->stats.stale += !(flags & IORING_CQE_F_NOTIF);
	else if (flags & IORING_CQE_F_NOTIF && op->held.calls)
		duet_core_release(loop, op, (uint32_t)result & IORING_NOTIF_USAGE_ZC_COPIED);
	else if (flags & IORING_CQE_F_NOTIF || is_copied_instead(loop, op, result))
		return;
	else if (flags & IORING_CQE_F_MORE)
		duet_core_end_holding(loop, op, completion_plain_error(result));
	else
		duet_core_end(loop, op, completion_plain_error(result));
}
