/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/signalfd.h>

#include "completion/internal.h"

/*
 * One function a tag: an entry of the completion queue becomes a report. The tag, not the
 * operation, says what a result is: so a late one, whose operation is gone, is taken back.
 */

/*
 * connect(2) brings a TCP socket whose connection was refused back to where it stood before: what
 * is received from it is -ENOTCONN, and it may be connected again. The ring leaves it half-way, as
 * if the stream had ended (6.18). What isn't the connection's failure finds nothing to undo.
 */
static int finish_connect(struct duet_loop *loop, const struct duet_op *op, int result)
{
	const struct duet_slot *slot = duet_core_op_slot(loop, op);
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	switch (result) {
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		if (slot->slot_class != CLASS_TCP)
			break;
		loop->stats.system_calls++;
		(void)!connect(slot->fd, &nowhere, sizeof(nowhere));
	}
	return completion_plain_error(result);
}

/* What was read says which it was. */
static int finish_signal(const struct duet_op *op, int result)
{
	const struct signalfd_siginfo *into = op->args.io.vectors[0].iov_base;
	bool lifted = duet_core_guard_lift(into, sizeof(*into));

	result = result > 0 ? (int)into->ssi_signo : completion_plain_error(result);
	duet_core_guard_lower(into, sizeof(*into), lifted);
	return result;
}

static __attribute__((noinline)) void finish_plain_any(struct duet_loop *loop, struct duet_op *op,
						       int result)
{
	if (op && duet_core_ends_in_file(loop, op, result)) {
		core_forget(loop, op);
		duet_core_end_in_file(loop, op);
	} else if (!op)
		loop->stats.stale++;
	else if (op->kind == DUET_CONNECT)
		duet_core_end(loop, op, finish_connect(loop, op, result));
	else if (op->kind == DUET_SIGNAL)
		duet_core_end(loop, op, finish_signal(op, result));
	else if (op->kind == DUET_SPLICE)
		completion_finish_spliced(loop, op, result);
	else if (op->kind == DUET_CLOSE && result == -EINTR)
		duet_core_end(loop, op, 0); /* closed all the same: the number may be another's */
	else if (op->kind == DUET_SENDMSG || (result == -EAGAIN &&
					      (op->kind == DUET_SEND || op->kind == DUET_SEND_ZERO_COPY)))
		completion_finish_message(loop, op, completion_plain_error(result));
	else
		duet_core_end(loop, op, completion_plain_error(result));
}

/* First of all a send that moved all it was to move. */
static void finish_plain(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	struct duet_op *op = duet_core_find(loop, user_data);

	(void)flags;
	if (__builtin_expect(!op || !duet_core_may_end_plainly(loop, op, DUET_SEND) ||
				     (uint32_t)result != core_remaining(op),
			     0)) {
		finish_plain_any(loop, op, result);
		return;
	}
	core_forget_entry(loop, op, (uint32_t)user_data >> IDENTITY_TAG_BITS);
	duet_core_end_plainly(loop, op, &duet_core_op_slot(loop, op)->writes);
}

/* What a message's flags ask for isn't what others receive, or is still there. */
static __attribute__((noinline)) void finish_recvmsg(struct duet_loop *loop, struct duet_op *op,
						     int result, unsigned flags)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	if (flags & IORING_CQE_F_SOCK_NONEMPTY || op->args.io.message_flags)
		slot->ready = READY_UNKNOWN;
	else
		slot->ready = slot->slot_class == CLASS_DATAGRAM && result >= 0 && op->next != op
				      ? READY_LIKELY
				      : READY_EMPTY;
	completion_finish_message(loop, op, completion_plain_error(result));
}

static void finish_recv(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	struct duet_op *op = duet_core_find(loop, user_data);

	if (!op) {
		loop->stats.stale++;
		return;
	}
	if (__builtin_expect(op->kind == DUET_RECVMSG, 0)) {
		finish_recvmsg(loop, op, result, flags);
		return;
	}
	duet_core_op_slot(loop, op)->ready =
		flags & IORING_CQE_F_SOCK_NONEMPTY ? READY_UNKNOWN : READY_EMPTY;
	duet_core_end(loop, op, completion_plain_error(result));
}

/* The kernel ended a multishot operation by itself and without an error, as it may at any result
 * (a full completion queue is one reason): it goes on unless somebody wants its end. */
static bool goes_on(struct duet_loop *loop, struct duet_op *op)
{
	if (op->request || op->verdict)
		return false;
	completion_start_again(loop, op);
	return true;
}

static void finish_accepted(struct duet_loop *loop, struct duet_op *op, int fd, unsigned flags)
{
	uint64_t identity = op->identity;
	bool more = flags & IORING_CQE_F_MORE || goes_on(loop, op);

	duet_core_item_accepted(loop, op, fd);
	if (!more && duet_core_find(loop, identity) == op)
		duet_core_end(loop, op, -ECANCELED);
}

static void finish_descriptor(struct duet_loop *loop, uint64_t user_data, int result,
			      unsigned flags)
{
	struct duet_op *op = duet_core_find(loop, user_data);

	if (!op) {
		loop->stats.stale++;
		if (result < 0 || MUTANT(late_accept_leaks))
			return;
		loop->stats.reclaimed++;
		duet_core_system_close(loop, result);
	} else if (op->flags & DUET_MULTISHOT && result >= 0) {
		finish_accepted(loop, op, result, flags);
	} else {
		duet_core_end(loop, op, completion_plain_error(result));
	}
}

static uint16_t buffer_of(unsigned flags)
{
	return (uint16_t)(flags >> IORING_CQE_BUFFER_SHIFT);
}

/* The last entry of a pooled receive, or its only one: not on the way of the others. */
static __attribute__((noinline)) void
finish_pooled(struct duet_loop *loop, struct duet_op *op, int result, unsigned flags)
{
	uint64_t identity = op->identity;
	bool more;

	completion_move_on(loop, op, result);
	if (result > 0 && op->flags & DUET_MULTISHOT) {
		more = goes_on(loop, op);
		duet_core_item_buffer(loop, op, result, buffer_of(flags));
		if (!more && duet_core_find(loop, identity) == op)
			duet_core_end(loop, op, -ECANCELED);
	} else if (flags & IORING_CQE_F_BUFFER)
		duet_core_end_buffer(loop, op, completion_plain_error(result), buffer_of(flags));
	else if (result == -ENOBUFS)
		duet_core_starve(loop, op);
	else
		duet_core_end(loop, op, completion_plain_error(result));
}

/* A late buffer goes back to the kernel: the pool that it is of stands in the tag. */
static void reclaim_buffer(struct duet_loop *loop, uint64_t user_data, unsigned flags)
{
	struct duet_pool *pool = loop->pools[user_data & (DUET_POOLS_MAX - 1)];

	loop->stats.stale++;
	if (!(flags & IORING_CQE_F_BUFFER) || !pool || MUTANT(failed_buffer_kept))
		return;
	loop->stats.reclaimed++;
	completion_pool_return(loop, pool, buffer_of(flags));
}

static void finish_pool(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags);

/* Of several buffers in one entry: the last, whose result and whose flags are what is left of it, and
 * each before it as if it had come by itself. */
static __attribute__((noinline)) void
finish_bundle(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	const unsigned pool_id = user_data & (DUET_POOLS_MAX - 1);
	const unsigned full = IORING_CQE_F_MORE | IORING_CQE_F_BUFFER;
	uint16_t index = buffer_of(flags), behind;

	/* The pool may go in the callback of what it lent last. */
	while (loop->pools[pool_id] && (uint32_t)result > loop->pools[pool_id]->size_bytes) {
		uint32_t size = loop->pools[pool_id]->size_bytes;

		behind = completion_pool_behind(loop->pools[pool_id], index);
		finish_pool(loop, user_data, (int)size,
			    full | (unsigned)index << IORING_CQE_BUFFER_SHIFT);
		result -= (int)size;
		index = behind;
	}
	finish_pool(loop, user_data, result,
		    (flags & ((1u << IORING_CQE_BUFFER_SHIFT) - 1)) |
			    (unsigned)index << IORING_CQE_BUFFER_SHIFT);
}

static __attribute__((noinline)) void
finish_pool_any(struct duet_loop *loop, struct duet_op *op, uint64_t user_data, int result,
		unsigned flags)
{
	const struct duet_pool *pool = loop->pools[user_data & (DUET_POOLS_MAX - 1)];

	if (result > 0 && pool && (uint32_t)result > pool->size_bytes)
		finish_bundle(loop, user_data, result, flags);
	else if (!op)
		reclaim_buffer(loop, user_data, flags);
	else if (flags & IORING_CQE_F_MORE && result > 0)
		duet_core_item_buffer(loop, op, result, buffer_of(flags));
	else
		finish_pooled(loop, op, result, flags);
}

static void finish_pool(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	struct duet_op *op = duet_core_find(loop, user_data);
	struct duet_pool *pool;

	if (__builtin_expect(!op || !(flags & IORING_CQE_F_MORE) || result <= 0 ||
				     (uint32_t)result > op->args.io.pool->size_bytes ||
				     !duet_core_may_tell_plainly(loop, op),
			     0)) {
		finish_pool_any(loop, op, user_data, result, flags);
		return;
	}
	pool = op->args.io.pool;
	/* The kernel keeps the free ones. */
	pool->free_count--;
	core_buffer_hand_over(pool, buffer_of(flags));
	duet_core_tell_plainly(loop, op, pool, buffer_of(flags),
			       duet_core_buffer_data(pool, buffer_of(flags)), (uint32_t)result);
}

static void finish_cancel(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	(void)flags;
	completion_cancel_answered(loop, user_data, result);
}

static void finish_wake(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	(void)user_data;
	(void)result;
	completion_wake_event(completion_of(loop), flags);
}

/* Also the question of completion_start_polls(), whose answer comes before what stands behind it. */
static void finish_release(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	struct duet_op *op = result == -EINVAL ? duet_core_find(loop, user_data) : NULL;

	(void)flags;
	if (op && op->kind == DUET_POLL && op->progress == PLACE_KERNEL)
		op->progress = PLACE_NOWHERE;
}

typedef void finish_fn(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags);

static finish_fn *const finishes[TAG_POOL] = {
	[TAG_PLAIN] = finish_plain,
	[TAG_RECV] = finish_recv,
	[TAG_DESCRIPTOR] = finish_descriptor,
	[TAG_CANCEL] = finish_cancel,
	[TAG_WAKE] = finish_wake,
	[TAG_RELEASE] = finish_release,
	[TAG_POLL] = completion_finish_poll,
	[TAG_ZERO_COPY] = completion_finish_zero_copy,
};

void completion_finish(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags)
{
	unsigned tag = user_data & ((1 << IDENTITY_TAG_BITS) - 1);

	/* The two of every message without the table: so they become part of this function. */
	if (tag >= TAG_POOL)
		finish_pool(loop, user_data, result, flags);
	else if (tag == TAG_PLAIN)
		finish_plain(loop, user_data, result, flags);
	else
		finishes[tag](loop, user_data, result, flags);
}
