/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <fcntl.h>
#include <unistd.h>

/*
 * How an operation begins: here it tries and arms, where the twin fills a submission.
 *
 * What moves bytes or descriptors is attempted in start only for DUET_INLINE. Otherwise its handle
 * is put on the list of those to attempt, and the call is made in wait(), when its result can be
 * delivered: a cancel in between finds that nothing has happened.
 */

static int ended(struct duet_op *op, int result)
{
	op->result = result;
	return BACKEND_ENDED;
}

static int ended_inline(struct duet_loop *loop, struct duet_op *op, int result)
{
	core_took(loop, op, CORE_INLINE);
	return ended(op, result);
}

static bool wants_inline(const struct duet_op *op)
{
	return (op->flags & (DUET_INLINE | DUET_MULTISHOT)) == DUET_INLINE;
}

void polling_queue(struct duet_loop *loop, struct duet_slot *slot)
{
	struct polling *polling = polling_of(loop);
	uint32_t place = (uint32_t)(slot - loop->slots) + 1;

	slot->ready |= QUEUED;
	slot->next = 0;
	if (polling->attempts_first)
		loop->slots[polling->attempts_last - 1].next = place;
	else
		polling->attempts_first = place;
	polling->attempts_last = place;
	polling->attempts_count++;
}

void polling_due(struct duet_loop *loop, struct duet_op *op)
{
	struct polling *polling = polling_of(loop);

	op->progress = PROGRESS_DUE;
	op->backend = 0;
	if (polling->due_first)
		polling->due_last->backend = (uintptr_t)op;
	else
		polling->due_first = op;
	polling->due_last = op;
	polling->due_count++;
}

int polling_arm(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int error;

	if (op->progress == PROGRESS_ARMED)
		return 0;
	error = polling_interest_add(loop, slot);
	if (error)
		return error;
	op->progress = PROGRESS_ARMED;
	core_took(loop, op, CORE_ISSUED);
	return 0;
}

/* The default goes by what is known; the other two overrule it. */
static COLD void overrule(struct duet_loop *loop, struct duet_slot *slot, enum direction direction)
{
	enum duet_try policy = duet_core_try(loop, slot);

	if (policy == DUET_TRY_ALWAYS)
		slot->ready &= ~polling_bits(EMPTY, direction);
	/* What is no socket is attempted even so: the wrong end of a pipe never becomes ready. */
	else if (policy == DUET_TRY_NEVER && slot->slot_class < CLASS_FILE &&
		 !(slot->ready & polling_bits(READY, direction)))
		polling_note_empty(slot, direction);
}

static inline void apply_policy(struct duet_loop *loop, struct duet_slot *slot,
				enum direction direction)
{
	/* Nothing overrules what is known of a usual handle. */
	if (unlikely(slot->plain == PLAIN_NOT))
		overrule(loop, slot, direction);
}

static inline bool may_attempt(const struct duet_slot *slot, enum direction direction)
{
	return !(slot->ready & polling_bits(EMPTY, direction));
}

static COLD int arm_at_start(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			     enum direction direction)
{
	int error = polling_arm(loop, slot, op);

	if (!error)
		return BACKEND_ISSUED;
	polling_let_go(loop, slot, direction);
	return ended(op, error);
}

/* The head of a line is ours now: it is attempted in wait(), or an event is awaited. */
static inline int hold(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
		       enum direction direction)
{
	slot->ready = (slot->ready & ~polling_bits(PLAIN | BEHIND, direction)) |
		      polling_bits(HELD, direction);
	if (direction == DIRECTION_READ && unlikely(polling_is_connecting(slot)))
		slot->ready |= BEHIND;
	if (may_attempt(slot, direction)) {
		polling_attempt_later(loop, slot);
		return BACKEND_ISSUED;
	}
	return arm_at_start(loop, slot, op, direction);
}

/* Calls without a flag for not waiting need the descriptor's. */
int polling_make_nonblocking(struct duet_loop *loop, struct duet_slot *slot)
{
	int error = 0;

	if (slot->ready & NONBLOCKING)
		return 0;
	if (!slot->was_nonblocking)
		error = duet_core_system_nonblock(loop, slot->fd, 1);
	if (!error)
		slot->ready |= NONBLOCKING;
	return error;
}

/* ---- Work for a thread. It looks at the arguments of op, at the descriptor in `progress`, and at
 * the bytes that are there already in `there_bytes`: all left alone by the loop's thread until it is
 * reported. ---- */

static int worker_fd(const struct duet_op *op)
{
	return (int)(op->progress & ~PROGRESS_WORKER);
}

static int work_transfer(struct duet_op *op)
{
	return duet_core_call_transfer(op, op->kind == DUET_READ ? op->there_bytes : 0);
}

static int work_close(struct duet_op *op)
{
	/* An interrupted close has closed: the number may be another's already. */
	return close(worker_fd(op)) < 0 && errno != EINTR ? -errno : 0;
}

static int offload(struct duet_loop *loop, struct duet_op *op, int fd,
		   int (*work)(struct duet_op *op))
{
	op->progress = PROGRESS_WORKER | (uint32_t)fd;
	duet_core_offload(loop, op, work);
	return BACKEND_ISSUED;
}

static int offload_read(struct duet_loop *loop, struct duet_op *op, int fd, uint32_t there_bytes)
{
	op->there_bytes = there_bytes;
	return offload(loop, op, fd, work_transfer);
}

void polling_offload_read(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			  uint32_t done)
{
	offload_read(loop, op, slot->fd, done);
}

int polling_offload_receive(struct duet_loop *loop, struct duet_op *op)
{
	op->progress = PROGRESS_WORKER;
	return duet_core_offload_receive(loop, op);
}

/* A send or receive at the position of a file. */
static COLD int offload_stream(struct duet_loop *loop, struct duet_op *op)
{
	if (!loop->offload)
		return ended(op, -EOPNOTSUPP);
	return offload(loop, op, 0, duet_core_call_stream);
}

void polling_offload_close(struct duet_loop *loop, struct duet_op *op)
{
	offload(loop, op, duet_core_op_slot(loop, op)->fd, work_close);
}

/* ---- One function a kind. ---- */

/* Takes its turn, so that one which starts itself again doesn't keep I/O out. */
static int start_nop(struct duet_loop *loop, struct duet_op *op)
{
	if (wants_inline(op))
		return ended_inline(loop, op, 0);
	polling_due(loop, op);
	return BACKEND_ISSUED;
}

static int start_poll(struct duet_loop *loop, struct duet_op *op)
{
	int events;

	if (wants_inline(op)) {
		events = polling_try_poll_once(loop, duet_core_op_slot(loop, op),
					       op->args.poll.events);
		if (events)
			return ended_inline(loop, op, events);
	}
	polling_due(loop, op);
	return BACKEND_ISSUED;
}

static int start_accept(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	int fd = polling_make_nonblocking(loop, slot);

	if (fd < 0)
		return ended(op, fd);
	op->progress = PROGRESS_FRESH;
	apply_policy(loop, slot, DIRECTION_READ);
	if (wants_inline(op) && may_attempt(slot, DIRECTION_READ)) {
		fd = polling_try_accept_once(loop, slot, op->keeps_handle);
		if (fd != -EAGAIN)
			return ended_inline(loop, op, fd);
	}
	return hold(loop, slot, op, DIRECTION_READ);
}

/*
 * Always attempted, whatever is known: readiness only follows from the call. A receive that was
 * started before and not attempted yet has its turn before the connect; any other waits for its end,
 * or it would meet an unconnected socket, or take the error that is the connect's to tell.
 */
static int start_connect(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	int error = polling_make_nonblocking(loop, slot);

	if (error)
		return ended(op, error);
	op->progress = PROGRESS_FRESH;
	slot->ready &= ~polling_bits(EMPTY, DIRECTION_WRITE);
	if (wants_inline(op)) {
		error = polling_try_connect_once(loop, slot, op);
		if (error != -EINPROGRESS)
			return ended_inline(loop, op, error);
	}
	if (slot->ready & HELD && !(polling_dues(slot) & HELD))
		slot->ready |= BEHIND;
	return hold(loop, slot, op, DIRECTION_WRITE);
}

/* For a signal or a process: attempted in the turn, as what is taken can't be given back. */
static int start_telling(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	int error = op->kind == DUET_SIGNAL ? polling_make_nonblocking(loop, slot) : 0;

	if (error)
		return ended(op, error);
	op->progress = PROGRESS_FRESH;
	apply_policy(loop, slot, DIRECTION_READ);
	return hold(loop, slot, op, DIRECTION_READ);
}

/* A listener's refusal is there at once, however ready it is for accepts. */
static COLD void prepare_unusual(struct duet_loop *loop, struct duet_slot *slot)
{
	if (slot->slot_class == CLASS_LISTENER)
		slot->ready &= ~polling_bits(EMPTY, DIRECTION_READ);
	else
		overrule(loop, slot, DIRECTION_READ);
}

/* A pooled receive is never taken inline: naming its buffer is a report, and those are wait()'s. */
static int start_recv(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	int index;
	int n;

	op->progress = PROGRESS_FRESH;
	if (unlikely(slot->plain == PLAIN_NOT)) {
		if (polling_is_file(slot) && !(op->flags & DUET_POOLED))
			return offload_stream(loop, op);
		prepare_unusual(loop, slot);
	}
	if (wants_inline(op) && !(op->flags & DUET_POOLED) && may_attempt(slot, DIRECTION_READ) &&
	    !polling_is_connecting(slot)) {
		n = polling_try_recv_once(loop, slot, op, &index);
		if (n != -EAGAIN)
			return ended_inline(loop, op, n);
	}
	return hold(loop, slot, op, DIRECTION_READ);
}

static int start_send(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	int n;

	op->progress = PROGRESS_FRESH;
	if (unlikely(slot->plain == PLAIN_NOT)) {
		if (polling_is_file(slot))
			return offload_stream(loop, op);
		overrule(loop, slot, DIRECTION_WRITE);
	}
	if (wants_inline(op) && may_attempt(slot, DIRECTION_WRITE)) {
		n = polling_try_send_once(loop, slot, op);
		if (n != -EAGAIN)
			return ended_inline(loop, op, n);
	}
	return hold(loop, slot, op, DIRECTION_WRITE);
}

/* The kernel would tell on the error queue of the socket when it has done with the memory: see
 * docs/parity.md. So it is sent as any other. */
static int start_send_zero_copy(struct duet_loop *loop, struct duet_op *op)
{
	op->held.copied = 1;
	return start_send(loop, op);
}

/* What is no connection has its refusal to give at once, whatever is known or wished. */
static bool refuses_messages(const struct duet_slot *slot)
{
	return slot->slot_class == CLASS_LISTENER || slot->slot_class == CLASS_FILE ||
	       slot->slot_class == CLASS_OTHER;
}

static int start_message(struct duet_loop *loop, struct duet_op *op, enum direction direction)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	bool waits;
	int n;

	op->progress = PROGRESS_FRESH;
	duet_core_msghdr(op);
	if (refuses_messages(slot))
		slot->ready &= ~polling_bits(EMPTY, direction);
	else
		apply_policy(loop, slot, direction);
	polling_message_begins(slot, op);
	if (wants_inline(op) && may_attempt(slot, direction) && !polling_is_connecting(slot)) {
		n = polling_try_message_once(loop, slot, op, &waits);
		if (!waits)
			return ended_inline(loop, op, n);
	}
	return hold(loop, slot, op, direction);
}

static int start_recvmsg(struct duet_loop *loop, struct duet_op *op)
{
	return start_message(loop, op, DIRECTION_READ);
}

static int start_sendmsg(struct duet_loop *loop, struct duet_op *op)
{
	return start_message(loop, op, DIRECTION_WRITE);
}

static int start_read(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	int n;

	if (!loop->offload)
		return ended(op, -EOPNOTSUPP);
	if (slot->ready & FILE_NO_TRY)
		return offload_read(loop, op, slot->fd, 0);
	if (wants_inline(op)) {
		n = polling_try_read_once(loop, slot, op);
		if (n == (int)op->args.io.length_bytes || (n < 0 && n != -EAGAIN))
			return ended_inline(loop, op, n);
		return offload_read(loop, op, slot->fd, n > 0 ? (uint32_t)n : 0);
	}
	polling_due(loop, op);
	return BACKEND_ISSUED;
}

static int start_write(struct duet_loop *loop, struct duet_op *op)
{
	if (!loop->offload)
		return ended(op, -EOPNOTSUPP);
	return offload(loop, op, duet_core_op_slot(loop, op)->fd, work_transfer);
}

/* On names, and fsync, truncate, allocate. */
static int start_call(struct duet_loop *loop, struct duet_op *op)
{
	return offload(loop, op, 0, duet_core_call);
}

static int start_shutdown(struct duet_loop *loop, struct duet_op *op)
{
	int fd = duet_core_op_slot(loop, op)->fd;

	return ended_inline(loop, op, duet_core_system_shutdown(loop, fd, op->args.shutdown.how));
}

/* Not before those were told that it put an end to: they may yet look at the descriptor. */
static int start_close(struct duet_loop *loop, struct duet_op *op)
{
	if (wants_inline(op) && !loop->done.first && !polling_closes_slowly(loop, op))
		return ended_inline(loop, op, polling_close_once(loop, op));
	polling_due(loop, op);
	return BACKEND_ISSUED;
}

static int start_socket(struct duet_loop *loop, struct duet_op *op)
{
	return ended_inline(loop, op,
			    duet_core_system_socket(loop, op->args.socket.domain,
						    op->args.socket.type,
						    op->args.socket.protocol));
}

static int start_bind(struct duet_loop *loop, struct duet_op *op)
{
	int fd = duet_core_op_slot(loop, op)->fd;

	return ended_inline(loop, op, duet_core_system_bind(loop, fd, op));
}

static int start_listen(struct duet_loop *loop, struct duet_op *op)
{
	int fd = duet_core_op_slot(loop, op)->fd;

	return ended_inline(loop, op, duet_core_system_listen(loop, fd, op->args.listen.backlog));
}

static int (*const start_kind[DUET_IO_KIND_COUNT])(struct duet_loop *loop, struct duet_op *op) = {
	[DUET_NOP] = start_nop,		  [DUET_POLL] = start_poll,
	[DUET_SIGNAL] = start_telling,	  [DUET_WAIT_PROCESS] = start_telling,
	[DUET_ACCEPT] = start_accept,	  [DUET_CONNECT] = start_connect,
	[DUET_RECV] = start_recv,	  [DUET_SEND] = start_send,
	[DUET_READ] = start_read,	  [DUET_WRITE] = start_write,
	[DUET_OPEN] = start_call,	  [DUET_FSYNC] = start_call,
	[DUET_SHUTDOWN] = start_shutdown, [DUET_CLOSE] = start_close,
	[DUET_SOCKET] = start_socket,	  [DUET_BIND] = start_bind,
	[DUET_LISTEN] = start_listen,
	[DUET_STATX] = start_call,	  [DUET_MKDIR] = start_call,
	[DUET_UNLINK] = start_call,	  [DUET_RENAME] = start_call,
	[DUET_LINK] = start_call,	  [DUET_SYMLINK] = start_call,
	[DUET_TRUNCATE] = start_call,	  [DUET_ALLOCATE] = start_call,
	[DUET_RECVMSG] = start_recvmsg,   [DUET_SENDMSG] = start_sendmsg,
	[DUET_SEND_ZERO_COPY] = start_send_zero_copy,
	[DUET_SPLICE] = polling_start_splice,
};

bool polling_carries(enum duet_kind kind)
{
	return start_kind[kind] != NULL;
}

int polling_start(struct duet_loop *loop, struct duet_op *op)
{
	return start_kind[op->kind](loop, op);
}

static __attribute__((noinline)) int transfer_any(struct duet_loop *loop, struct duet_op *op)
{
	int answer = polling_start(loop, op);

	return answer == BACKEND_ISSUED ? 0 : duet_core_answered(loop, op, answer);
}

/* A send on a handle of which nothing says that it would have to wait, is only noted. */
int polling_transfer(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot)
{
	if (unlikely(op->kind != DUET_SEND || !may_attempt(slot, DIRECTION_WRITE)))
		return transfer_any(loop, op);
	op->progress = PROGRESS_FRESH;
	slot->ready |= polling_bits(HELD | PLAIN, DIRECTION_WRITE);
	polling_attempt_later(loop, slot);
	return 0;
}
