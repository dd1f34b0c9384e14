/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>

#include "core/splice.h"

/*
 * How an operation ends: the system call is made here, and its result delivered at once. Nothing is
 * held between the two, so a cancel never finds bytes that nobody has seen (the eager arm, at the
 * end of this file, is there to show the difference).
 */

static int counted(struct duet_loop *loop, long answer)
{
	loop->stats.system_calls++;
	return answer < 0 ? -errno : (int)answer;
}

COLD int polling_found_nothing(struct duet_loop *loop, struct duet_slot *slot,
			       enum direction direction)
{
	loop->stats.wasted++;
	polling_note_empty(slot, direction);
	return -EAGAIN;
}

/* The terminal report of the head of a direction. Nothing of op or slot is used afterwards. */
static inline void end_head(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			    enum direction direction, int result)
{
	polling_let_go(loop, slot, direction);
	if (op->progress == PROGRESS_FRESH)
		core_took(loop, op, CORE_INLINE);
	duet_core_end(loop, op, result);
}

static COLD void await_event(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			     enum direction direction)
{
	int error = polling_arm(loop, slot, op);

	if (error)
		end_head(loop, slot, op, direction, error);
}

/* ---- Accept. ---- */

/* What an accept says that has no place for what it may find, without taking it. 0: it isn't for a
 * connection to decide. */
static COLD int try_accept_nothing(struct duet_loop *loop, struct duet_slot *slot)
{
	int events = polling_try_poll_once(loop, slot, POLLIN);

	if (events == POLLIN)
		return -ENFILE;
	if (events)
		return 0;
	polling_note_empty(slot, DIRECTION_READ);
	return -EAGAIN;
}

/* A place in the table comes first: a connection that can't be handed over stays in the backlog. */
int polling_try_accept_once(struct duet_loop *loop, struct duet_slot *slot, bool kept)
{
	int fd = 0;

	if (!kept && !duet_core_handle_free(loop) && slot->slot_class == CLASS_LISTENER)
		fd = try_accept_nothing(loop, slot);
	if (fd)
		return fd;
	do
		fd = counted(loop, accept4(slot->fd, NULL, NULL, SOCK_CLOEXEC));
	while (fd == -EINTR);
	return fd == -EAGAIN ? polling_found_nothing(loop, slot, DIRECTION_READ) : fd;
}

static COLD void finish_accept(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int fd = polling_try_accept_once(loop, slot, op->keeps_handle);

	if (fd == -EAGAIN)
		await_event(loop, slot, op, DIRECTION_READ);
	else if (fd >= 0 && op->flags & DUET_MULTISHOT)
		duet_core_item_accepted(loop, op, fd);
	else
		end_head(loop, slot, op, DIRECTION_READ, fd);
}

/* ---- Connect. ---- */

/*
 * The call is its own question: repeated while the handshake runs it says EALREADY, after it 0, or
 * the error that ended it. So an event of before, as the hang-up that every unconnected socket
 * shows, is never taken for the answer; and it is forgotten with the first, not later: the peer may
 * have ended its stream before the last. -EINPROGRESS: it would wait. If already the first says
 * EALREADY, the handshake is that of a connect which was stopped.
 */
int polling_try_connect_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	const struct sockaddr *address = (const void *)op->args.address.storage;
	int error = counted(loop, connect(slot->fd, address, op->args.address.length_bytes));

	if (op->progress != PROGRESS_ARMED)
		slot->ready &= ~(uint32_t)LASTING;
	if (error == -EINPROGRESS || error == -EINTR ||
	    (error == -EALREADY && op->progress == PROGRESS_ARMED)) {
		polling_note_empty(slot, DIRECTION_WRITE);
		return -EINPROGRESS;
	}
	if (error == -EISCONN && op->progress == PROGRESS_ARMED)
		error = 0;
	return error;
}

/* The receive that waits behind a connect which fails on its way, fails with it: on the ring, whose
 * kernel has both, each of them meets the error. (A splice, which has a second handle, asks for it.) */
static COLD void fail_connect(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			      int error)
{
	bool behind = (slot->ready & (HELD | BEHIND)) == (HELD | BEHIND);
	struct duet_op *read = slot->reads;

	end_head(loop, slot, op, DIRECTION_WRITE, error);
	/* Stopped meanwhile it is no longer held, or another is in its place. */
	if (behind && polling_of(loop)->visited == slot && slot->ready & HELD &&
	    slot->reads == read && read->kind != DUET_SPLICE)
		end_head(loop, slot, read, DIRECTION_READ, error);
}

static COLD void finish_connect(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int error = polling_try_connect_once(loop, slot, op);

	if (error == -EINPROGRESS)
		await_event(loop, slot, op, DIRECTION_WRITE);
	else if (error && op->progress == PROGRESS_ARMED)
		fail_connect(loop, slot, op, error);
	else
		end_head(loop, slot, op, DIRECTION_WRITE, error);
}

/* ---- Receive. ---- */

int polling_call_any(struct duet_loop *loop, struct duet_slot *slot, void *data, size_t bytes)
{
	bool lifted;
	int n;

	if (likely(slot->slot_class != CLASS_OTHER))
		return (int)polling_call_recv(loop, slot, data, bytes);
	n = polling_make_nonblocking(loop, slot);
	if (n)
		return n;
	lifted = duet_core_guard_lift(data, bytes);
	n = counted(loop, read(slot->fd, data, bytes));
	duet_core_guard_lower(data, bytes, lifted);
	return n;
}

/* Into the caller's memory. */
static inline int attempt_recv(struct duet_loop *loop, struct duet_slot *slot,
			       const struct duet_op *op)
{
	const struct iovec *target = op->args.io.vectors;
	int n = polling_call_any(loop, slot, target->iov_base, target->iov_len);

	if (likely(n > 0))
		polling_note_received(loop, slot, (size_t)n, target->iov_len);
	else if (n == -EAGAIN)
		polling_found_nothing(loop, slot, DIRECTION_READ);
	return n;
}

/* Into the pool's next buffer, which is taken only if bytes came. */
static inline int attempt_recv_pooled(struct duet_loop *loop, struct duet_slot *slot,
				      struct duet_pool *pool, int index)
{
	int n = polling_call_any(loop, slot, duet_core_buffer_data(pool, (uint16_t)index),
				 pool->size_bytes);

	if (likely(n > 0)) {
		duet_core_buffer_keep(pool);
		polling_note_received(loop, slot, (size_t)n, pool->size_bytes);
	} else if (n == -EAGAIN) {
		polling_found_nothing(loop, slot, DIRECTION_READ);
	}
	return n;
}

int polling_try_recv_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			  int *index)
{
	int n;

	*index = LEND_OWN;
	do {
		if (!(op->flags & DUET_POOLED)) {
			n = attempt_recv(loop, slot, op);
			continue;
		}
		*index = duet_core_buffer_peek(op->args.io.pool);
		if (*index == LEND_NONE)
			return -ENOBUFS;
		n = attempt_recv_pooled(loop, slot, op->args.io.pool, *index);
	} while (n == -EINTR);
	return n;
}

/* An interruption leaves the attempt due. */
static COLD void received_nothing(struct duet_loop *loop, struct duet_slot *slot,
				  struct duet_op *op, int n)
{
	if (n == -EAGAIN)
		await_event(loop, slot, op, DIRECTION_READ);
	else if (n != -EINTR)
		end_head(loop, slot, op, DIRECTION_READ, n);
}

COLD void polling_finish_unreceived(struct duet_loop *loop, struct duet_slot *slot,
				    struct duet_op *op, int n)
{
	if (n == -EAGAIN)
		polling_found_nothing(loop, slot, DIRECTION_READ);
	received_nothing(loop, slot, op, n);
}

static inline void deliver_buffer(struct duet_loop *loop, struct duet_slot *slot,
				  struct duet_op *op, int n, uint16_t index)
{
	if (likely(op->flags & DUET_MULTISHOT)) {
		/* It goes on, and a short transfer has said "empty": from here on only an event
		 * can tell of more. A refusal is met again by the attempt that follows. */
		if (unlikely(op->progress != PROGRESS_ARMED) && polling_arm(loop, slot, op))
			slot->ready &= ~polling_bits(EMPTY, DIRECTION_READ);
		else
			slot->ready |= polling_bits(PLAIN, DIRECTION_READ);
		duet_core_item_buffer(loop, op, n, index);
		return;
	}
	slot->ready &= ~polling_bits(HELD, DIRECTION_READ);
	if (op->progress == PROGRESS_FRESH)
		core_took(loop, op, CORE_INLINE);
	duet_core_end_buffer(loop, op, n, index);
}

/* That there is no buffer is something to tell of only if there is data. */
COLD void polling_find_no_buffer(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	if (slot->ready & polling_bits(READY, DIRECTION_READ)) {
		polling_lend_none(loop, slot, op);
		return;
	}
	polling_note_empty(slot, DIRECTION_READ);
	await_event(loop, slot, op, DIRECTION_READ);
}

/* The head is the worker's then; what is behind it in line stays there. */
static COLD void receive_from_file(struct duet_loop *loop, struct duet_slot *slot,
				   struct duet_op *op)
{
	if (!loop->offload) {
		end_head(loop, slot, op, DIRECTION_READ, -EOPNOTSUPP);
		return;
	}
	polling_let_go(loop, slot, DIRECTION_READ);
	if (polling_offload_receive(loop, op))
		polling_lend_none(loop, slot, op);
}

static inline void finish_recv_pooled(struct duet_loop *loop, struct duet_slot *slot,
				      struct duet_op *op)
{
	struct duet_pool *pool = op->args.io.pool;
	int index = duet_core_buffer_peek(pool);
	int n;

	if (unlikely(polling_is_file(slot))) {
		receive_from_file(loop, slot, op);
		return;
	}
	if (unlikely(index == LEND_NONE)) {
		polling_find_no_buffer(loop, slot, op);
		return;
	}
	n = attempt_recv_pooled(loop, slot, pool, index);
	if (likely(n > 0))
		deliver_buffer(loop, slot, op, n, (uint16_t)index);
	else
		received_nothing(loop, slot, op, n);
}

static inline void finish_recv(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int n = attempt_recv(loop, slot, op);

	if (likely(n > 0))
		end_head(loop, slot, op, DIRECTION_READ, n);
	else
		received_nothing(loop, slot, op, n);
}

/* ---- A signal, the end of a process. ---- */

static COLD void finish_telling(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int result = op->kind == DUET_SIGNAL
			     ? duet_core_system_signal(loop, slot->fd, op)
			     : duet_core_system_wait_process(loop, slot->fd, op);

	if (result != -EAGAIN) {
		end_head(loop, slot, op, DIRECTION_READ, result);
		return;
	}
	polling_found_nothing(loop, slot, DIRECTION_READ);
	await_event(loop, slot, op, DIRECTION_READ);
}

/* ---- Send. ---- */

static size_t length_of(const struct iovec *pieces, uint32_t count)
{
	size_t length = 0;

	for (uint32_t i = 0; i < count; i++)
		length += pieces[i].iov_len;
	return length;
}

/* Several pieces, or those of the sends that wait behind it. */
static COLD int attempt_gathered(struct duet_loop *loop, struct duet_slot *slot,
				 const struct duet_op *op)
{
	struct iovec gathered[LIMIT_GATHER];
	const struct iovec *pieces = op->args.io.vectors;
	uint32_t count = op->args.io.vector_count;
	uint32_t operations;
	int n;

	if (op->next != op && op->kind == DUET_SEND) {
		count = duet_core_gather(loop, op, gathered, LIMIT_GATHER, &operations);
		pieces = gathered;
	}
	n = duet_core_system_send(loop, slot->fd, pieces, count);
	if (n >= 0)
		polling_note_sent(loop, slot, (size_t)n, length_of(pieces, count));
	return n;
}

/* On what is no socket. Each write on its own, as some of them keep it apart; and a short one says
 * nothing of the next. */
static COLD int attempt_write(struct duet_loop *loop, struct duet_slot *slot,
			      const struct duet_op *op)
{
	int error = polling_make_nonblocking(loop, slot);

	return error ? error
		     : duet_core_system_write(loop, slot, op->args.io.vectors,
					      op->args.io.vector_count);
}

static inline int attempt_send(struct duet_loop *loop, struct duet_slot *slot,
			       const struct duet_op *op)
{
	const struct iovec *piece = op->args.io.vectors;
	int n;

	do {
		if (unlikely(slot->slot_class == CLASS_OTHER)) {
			n = attempt_write(loop, slot, op);
		} else if (likely(op->next == op && op->args.io.vector_count == 1)) {
			n = (int)polling_call_send(loop, slot, piece->iov_base, piece->iov_len);
			if (likely(n >= 0))
				polling_note_sent(loop, slot, (size_t)n, piece->iov_len);
		} else {
			n = attempt_gathered(loop, slot, op);
		}
	} while (unlikely(n == -EINTR));
	if (unlikely(n == -EAGAIN))
		return polling_found_nothing(loop, slot, DIRECTION_WRITE);
	return n;
}

int polling_try_send_once(struct duet_loop *loop, struct duet_slot *slot,
			  const struct duet_op *op)
{
	return attempt_send(loop, slot, op);
}

static void finish_send(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int n = attempt_send(loop, slot, op);

	if (unlikely(n == -EAGAIN))
		await_event(loop, slot, op, DIRECTION_WRITE);
	else
		end_head(loop, slot, op, DIRECTION_WRITE, n);
}

/* An interruption leaves the attempt due. */
COLD void polling_finish_unsent(struct duet_loop *loop, struct duet_slot *slot,
				struct duet_op *op, int n)
{
	if (n == -EAGAIN) {
		polling_found_nothing(loop, slot, DIRECTION_WRITE);
		await_event(loop, slot, op, DIRECTION_WRITE);
	} else if (n != -EINTR) {
		if (n >= 0)
			polling_note_sent(loop, slot, (size_t)n, op->args.io.vectors[0].iov_len);
		if (n >= 0 && MUTANT(short_answer_is_whole))
			n = (int)op->args.io.length_bytes;
		end_head(loop, slot, op, DIRECTION_WRITE, n);
	}
}

/* ---- Messages with a header. ---- */

static COLD void finish_message(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
				enum direction direction)
{
	bool waits;
	int n = polling_try_message_once(loop, slot, op, &waits);

	if (waits) {
		await_event(loop, slot, op, direction);
		return;
	}
	polling_message_leaves(slot, op);
	end_head(loop, slot, op, direction, n);
}

static COLD void finish_other_read(struct duet_loop *loop, struct duet_slot *slot,
				   struct duet_op *op)
{
	if (op->kind == DUET_RECVMSG)
		finish_message(loop, slot, op, DIRECTION_READ);
	else if (op->kind == DUET_SPLICE)
		polling_finish_splice(loop, core_splice_whose(op));
	else if (op->kind == DUET_ACCEPT)
		finish_accept(loop, slot, op);
	else
		finish_telling(loop, slot, op);
}

void polling_finish_reads(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->reads;

	if (unlikely(op->kind != DUET_RECV))
		finish_other_read(loop, slot, op);
	else if (op->flags & DUET_POOLED)
		finish_recv_pooled(loop, slot, op);
	else
		finish_recv(loop, slot, op);
}

void polling_finish_writes(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->writes;

	if (likely(op->kind == DUET_SEND || op->kind == DUET_SEND_ZERO_COPY))
		finish_send(loop, slot, op);
	else if (op->kind == DUET_SENDMSG)
		finish_message(loop, slot, op, DIRECTION_WRITE);
	else if (op->kind == DUET_SPLICE)
		polling_finish_splice(loop, op);
	else
		finish_connect(loop, slot, op);
}

/* ---- Read. ---- */

/* With O_DIRECT an attempt "without waiting" waits for the disk. Looked up once: a program that
 * changes the flag of an adopted descriptor only loses time. */
static void look_up_file(struct duet_loop *loop, struct duet_slot *slot)
{
	int flags;

	slot->ready |= FILE_KNOWN;
	if (polling_of(loop)->without & POLLING_WITHOUT_NOWAIT) {
		slot->ready |= FILE_NO_TRY;
		return;
	}
	flags = counted(loop, fcntl(slot->fd, F_GETFL));
	if (flags >= 0 && flags & O_DIRECT)
		slot->ready |= FILE_NO_TRY;
}

/* preadv2(2). What an offset has beyond the width of a register is an argument of its own. */
static inline int read_cached(const struct duet_slot *slot, const struct duet_op *op)
{
	const uint64_t offset_bytes = op->args.io.offset_bytes;
	const struct iovec *into = op->args.io.vectors;
	const uint32_t count = op->args.io.vector_count;
	unsigned lifted = duet_core_guard_lift_pieces(into, count);
	long n = polling_system_call6(SYS_preadv2, slot->fd, (long)(intptr_t)into, count,
				      (long)offset_bytes, (long)(offset_bytes >> 32), RWF_NOWAIT);

	duet_core_guard_lower_pieces(into, count, lifted);
	return (int)n;
}

int polling_try_read_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int n;

	if (unlikely(!(slot->ready & FILE_KNOWN)))
		look_up_file(loop, slot);
	if (unlikely(slot->ready & FILE_NO_TRY))
		return -EAGAIN;
	do {
		n = read_cached(slot, op);
		loop->stats.system_calls++;
	} while (unlikely(n == -EINTR));
	if (likely(n >= 0))
		return n;
	if (n == -EOPNOTSUPP) {
		slot->ready |= FILE_NO_TRY;
		n = -EAGAIN;
	}
	if (n == -EAGAIN)
		loop->stats.wasted++;
	return n;
}

/* A short count is what the cache has, or the end of the file: a worker finds out which. */
static void finish_read(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int n = polling_try_read_once(loop, slot, op);

	if (n == (int)op->args.io.length_bytes || (n < 0 && n != -EAGAIN) ||
	    (n >= 0 && MUTANT(end_of_file_early))) {
		core_took(loop, op, CORE_INLINE);
		duet_core_end(loop, op, n);
		return;
	}
	polling_offload_read(loop, slot, op, n > 0 ? (uint32_t)n : 0);
}

/* ---- Close. ---- */

int polling_close_once(struct duet_loop *loop, const struct duet_op *op)
{
	int error = duet_core_system_close(loop, duet_core_op_slot(loop, op)->fd);

	/* An interrupted close has closed: the number may be another's already. */
	return error == -EINTR ? 0 : error;
}

/* What it put an end to in this turn is told first, in the next. */
static void finish_close(struct duet_loop *loop, struct duet_op *op)
{
	if (duet_core_untold(loop, op->handle)) {
		polling_due(loop, op);
	} else if (polling_closes_slowly(loop, op)) {
		polling_offload_close(loop, op);
	} else {
		core_took(loop, op, CORE_INLINE);
		duet_core_end(loop, op, polling_close_once(loop, op));
	}
}

void polling_finish_due(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	op->progress = PROGRESS_FRESH;
	if (op->kind == DUET_NOP)
		duet_core_end(loop, op, 0);
	else if (op->kind == DUET_CLOSE)
		finish_close(loop, op);
	else if (op->kind == DUET_READ)
		finish_read(loop, slot, op);
	else
		polling_finish_poll(loop, slot, op);
}

/* ---- The eager arm. ---- */

void polling_take_early(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->reads;
	int index;
	int n;

	if (!(polling_dues(slot) & HELD) || slot->ready & TAKEN || op->kind != DUET_RECV)
		return;
	n = polling_try_recv_once(loop, slot, op, &index);
	if (index == LEND_NONE)
		return;
	if (n == -EAGAIN) {
		n = polling_arm(loop, slot, op);
		if (!n)
			return;
	}
	slot->ready |= TAKEN;
	op->backend = (uint64_t)(uint32_t)index << 32 | (uint32_t)n;
}

void polling_finish_taken(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->reads;
	int index = (int)(op->backend >> 32);
	int n = (int)(uint32_t)op->backend;
	bool stopped = op->progress == PROGRESS_STOPPED && op->flags & DUET_MULTISHOT;

	slot->ready &= ~(uint32_t)TAKEN;
	if (n <= 0 || index < 0) {
		end_head(loop, slot, op, DIRECTION_READ, n);
		return;
	}
	deliver_buffer(loop, slot, op, n, (uint16_t)index);
	/* What was taken is handed over first; then the request is answered. */
	if (stopped)
		end_head(loop, slot, op, DIRECTION_READ, -ECANCELED);
}
