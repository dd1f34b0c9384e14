/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "completion/internal.h"

/*
 * One function a kind: an operation becomes an entry of the submission queue. It is handed over
 * with the turn's wait, together with everything else that was started. Only a send is also made
 * as a plain call, when the turn is so short that the entry's own completion would end the next
 * wait for nothing.
 */

static int issued(struct completion *self, struct duet_op *op, struct io_uring_sqe *sqe,
		  unsigned tag)
{
	op->backend = (op->identity ? op->identity : core_identify(op->loop, op)) | tag;
	sqe->user_data = op->backend;
	op->progress = PLACE_KERNEL;
	(void)self;
	core_took(op->loop, op, CORE_ISSUED);
	return BACKEND_ISSUED;
}

int completion_issued(struct completion *self, struct duet_op *op, struct io_uring_sqe *sqe,
		      unsigned tag)
{
	return issued(self, op, sqe, tag);
}

static int fd_of(const struct duet_loop *loop, const struct duet_op *op)
{
	return duet_core_op_slot(loop, op)->fd;
}

static int ended(struct duet_op *op, int result)
{
	op->result = result;
	return BACKEND_ENDED;
}

/* By a plain call. */
static int ended_inline(struct duet_loop *loop, struct duet_op *op, int result)
{
	core_took(loop, op, CORE_INLINE);
	return ended(op, result);
}

static int start_nop(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_nop(sqe);
	return issued(self, op, sqe, TAG_PLAIN);
}

/* The kernel wakes for urgent data only whom data would wake too (TCP, 6.18): finish_events() sorts
 * out what it was. */
static unsigned poll_events(const struct duet_loop *loop, const struct duet_op *op)
{
	unsigned events = op->args.poll.events;

	return events & POLLPRI && completion_is_socket(duet_core_op_slot(loop, op))
		       ? events | POLLIN
		       : events;
}

static int start_poll(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, fd_of(loop, op), poll_events(loop, op));
	if (op->flags & DUET_MULTISHOT)
		sqe->len = IORING_POLL_ADD_MULTI;
	return issued(self, op, sqe, TAG_POLL);
}

/* A plain read of the descriptor, which takes the signals that the loop's thread may have: its position is
 * none. */
static int start_signal(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct iovec *into = op->args.io.vectors;
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_read(sqe, fd_of(loop, op), into->iov_base, (unsigned)into->iov_len,
			   (uint64_t)-1);
	return issued(self, op, sqe, TAG_PLAIN);
}

/* The next way down: its end makes the descriptor ready, and a plain call takes the status. */
static int start_wait_for_readiness(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	int result = duet_core_system_wait_process(loop, fd_of(loop, op), op);
	struct io_uring_sqe *sqe;

	if (result != -EAGAIN)
		return ended(op, result);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, fd_of(loop, op), POLLIN);
	return issued(self, op, sqe, TAG_POLL);
}

static int start_wait_process(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	siginfo_t *into = op->args.io.vectors[0].iov_base;
	struct io_uring_sqe *sqe;

	if (!completion_able(self, STEP_WAITID))
		return start_wait_for_readiness(loop, op);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	compat_prep_waitid(sqe, P_PIDFD, fd_of(loop, op), into, duet_core_wait_options(op));
	return issued(self, op, sqe, TAG_PLAIN);
}

static int start_accept(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_accept(sqe, slot->fd, NULL, NULL, SOCK_CLOEXEC);
	if (op->flags & DUET_MULTISHOT && self->multishot_accept)
		sqe->ioprio |= IORING_ACCEPT_MULTISHOT;
	if (completion_never_first(loop, slot) && self->features & IORING_FEAT_RECVSEND_BUNDLE)
		sqe->ioprio |= IORING_ACCEPT_POLL_FIRST;
	return issued(self, op, sqe, TAG_DESCRIPTOR);
}

static int start_connect(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_connect(sqe, fd_of(loop, op), (const void *)op->args.address.storage,
			      op->args.address.length_bytes);
	return issued(self, op, sqe, TAG_PLAIN);
}

static int start_recv_pooled(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct duet_slot *slot = duet_core_op_slot(loop, op);
	const struct duet_pool *pool = op->args.io.pool;
	bool socket = !completion_is_other(slot);
	bool multishot = op->flags & DUET_MULTISHOT && self->multishot_recv && socket;
	struct io_uring_sqe *sqe;

	/* The kernel knows nothing of the pool. */
	if (__builtin_expect(pool->stack != NULL, 0))
		return completion_start_readiness(loop, op);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	if (socket)
		io_uring_prep_recv(sqe, slot->fd, NULL, multishot ? 0 : pool->size_bytes, 0);
	else
		io_uring_prep_read(sqe, slot->fd, NULL, pool->size_bytes,
				   completion_position(slot, op));
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = pool->id;
	if (multishot)
		sqe->ioprio |= IORING_RECV_MULTISHOT;
	if (multishot && core_is_stream(slot) && completion_pool_bundles(pool)) {
		sqe->ioprio |= IORING_RECVSEND_BUNDLE;
		sqe->len = BUNDLE_MAX * pool->size_bytes;
	}
	/* Not a multishot: armed before it looks, it takes what one event brings and, the bytes being
	 * all there were, never hears of the end that stood behind them (unix streams, 6.18). */
	if (!multishot && slot->slot_class != CLASS_LISTENER && completion_never_first(loop, slot))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	return issued(self, op, sqe, TAG_POOL + pool->id);
}

/* The caller takes an end at once: one attempt as a plain call. Not past a connect, which is in the
 * queue. */
static bool recv_directly(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	const struct iovec *into = op->args.io.vectors;

	if (completion_poll_first(loop, slot) || (slot->writes && slot->writes->kind == DUET_CONNECT))
		return false;
	op->result = duet_core_system_recv(loop, slot->fd, into->iov_base, into->iov_len);
	if (op->result != -EAGAIN) {
		core_took(loop, op, CORE_INLINE);
		return true;
	}
	loop->stats.wasted++;
	slot->ready = READY_EMPTY;
	return false;
}

static int start_recv(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct duet_slot *slot = duet_core_op_slot(loop, op);
	const struct iovec *into = op->args.io.vectors;
	struct io_uring_sqe *sqe;

	if (op->flags & DUET_POOLED)
		return start_recv_pooled(loop, op);
	if (completion_is_other(slot))
		return completion_start_read(loop, op);
	if (op->flags & DUET_INLINE && recv_directly(loop, slot, op))
		return BACKEND_ENDED;
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_recv(sqe, slot->fd, into->iov_base, into->iov_len, 0);
	if (completion_poll_first(loop, slot))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	return issued(self, op, sqe, TAG_RECV);
}

/*
 * One attempt as a plain call, with the sends that stand behind it. Nothing can be lost by making
 * it here: op is the head of its line, so that it was the stream's turn anyway, and what went out
 * is counted whether or not a cancel comes before the callback.
 * -EAGAIN: nothing was done. Not inlined: its array would be set up for every send.
 */
static __attribute__((noinline)) int
send_directly(struct duet_loop *loop, struct completion *self, struct duet_op *op)
{
	struct iovec gathered[LIMIT_GATHER];
	const struct iovec *pieces = op->args.io.vectors;
	uint32_t count = op->args.io.vector_count;
	uint32_t operations;

	if (duet_core_try(loop, duet_core_op_slot(loop, op)) == DUET_TRY_NEVER)
		return -EAGAIN;
	if (op->next != op) {
		count = duet_core_gather(loop, op, gathered, LIMIT_GATHER, &operations);
		pieces = gathered;
	}
	op->result = duet_core_system_send(loop, fd_of(loop, op), pieces, count);
	if (op->result == -EAGAIN) {
		loop->stats.wasted++;
		return -EAGAIN;
	}
	core_took(loop, op, CORE_INLINE);
	if (self->direct_left)
		self->direct_left--;
	return BACKEND_ENDED;
}

/* Of several pieces, with a message header of ours: both stay where they are until the end. */
const struct msghdr *completion_header(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	uint32_t place = (uint32_t)duet_core_identity(op) >> IDENTITY_TAG_BITS;
	struct msghdr *message = &self->messages[place];

	*message = (struct msghdr){.msg_iov = op->args.io.vectors,
				   .msg_iovlen = op->args.io.vector_count};
	return message;
}

__attribute__((noinline)) void completion_prep_pieces(struct duet_loop *loop, struct duet_op *op,
						      struct io_uring_sqe *sqe, unsigned flags)
{
	io_uring_prep_sendmsg(sqe, fd_of(loop, op), completion_header(loop, op), flags);
}

/* Several pieces always go in one call: they may be one datagram. Followers stay behind: they are
 * still the caller's to cancel, which memory that the kernel reads is not. */
static int start_send(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct duet_slot *slot = duet_core_op_slot(loop, op);
	const struct iovec *from = op->args.io.vectors;
	struct io_uring_sqe *sqe;
	int answer = -EAGAIN;

	if (completion_is_other(slot))
		return completion_start_write(loop, op);
	if (self->direct_left)
		answer = send_directly(loop, self, op);
	if (answer != -EAGAIN)
		return answer;
	if (slot->slot_class == CLASS_DATAGRAM)
		return completion_start_datagram(loop, op);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	if (op->args.io.vector_count > 1)
		completion_prep_pieces(loop, op, sqe, MSG_NOSIGNAL);
	else
		io_uring_prep_send(sqe, slot->fd, from->iov_base, from->iov_len, MSG_NOSIGNAL);
	if (completion_never_first(loop, slot))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	return issued(self, op, sqe, TAG_PLAIN);
}

/* The ring ignores the offset on what has none, and would take bytes out of a stream. That is said
 * by a transfer of nothing; lseek(2) isn't to be believed: it succeeds on eventfds and timerfds. */
__attribute__((noinline)) bool completion_has_offsets(struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_slot *slot = duet_core_op_slot(loop, op);
	ssize_t n;

	loop->stats.system_calls++;
	n = op->kind == DUET_READ ? preadv(slot->fd, NULL, 0, 0) : pwritev(slot->fd, NULL, 0, 0);
	return n >= 0 || errno != ESPIPE;
}

static inline bool is_file(const struct duet_loop *loop, const struct duet_op *op)
{
	return __builtin_expect(duet_core_op_slot(loop, op)->slot_class == CLASS_FILE, 1);
}

/* One piece without an array, which the kernel would have to copy. */
static void prep_read(struct io_uring_sqe *sqe, int fd, const struct duet_op *op)
{
	const struct iovec *into = op->args.io.vectors;

	if (__builtin_expect(op->args.io.vector_count == 1, 1))
		io_uring_prep_read(sqe, fd, into->iov_base, (unsigned)into->iov_len,
				   op->args.io.offset_bytes);
	else
		io_uring_prep_readv(sqe, fd, into, op->args.io.vector_count,
				    op->args.io.offset_bytes);
}

static void prep_write(struct io_uring_sqe *sqe, int fd, const struct duet_op *op)
{
	const struct iovec *from = op->args.io.vectors;

	if (__builtin_expect(op->args.io.vector_count == 1, 1))
		io_uring_prep_write(sqe, fd, from->iov_base, (unsigned)from->iov_len,
				    op->args.io.offset_bytes);
	else
		io_uring_prep_writev(sqe, fd, from, op->args.io.vector_count,
				     op->args.io.offset_bytes);
}

/* Is it cheaper than the same memory as a plain pointer? */
static __attribute__((noinline)) bool registered_pays(struct duet_loop *loop,
						      const struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	if (slot->slot_class != CLASS_FILE)
		return false;
	if (slot->ready == FILE_UNKNOWN) {
		int flags = fcntl(slot->fd, F_GETFL);

		loop->stats.system_calls++;
		slot->ready = flags >= 0 && flags & O_DIRECT ? FILE_DIRECT : FILE_CACHED;
	}
	return slot->ready == FILE_DIRECT ||
	       (op->kind == DUET_READ && op->args.io.length_bytes <= REGISTERED_CACHED_BYTES);
}

/* The kernel knows registered memory by its pool's number. */
static inline void use_registered(struct duet_loop *loop, const struct duet_op *op,
				  struct io_uring_sqe *sqe, enum completion_step step,
				  uint8_t opcode)
{
	const struct duet_pool *pool = duet_core_registered(loop, op);

	if (__builtin_expect(!pool, 1) || !pool->backend ||
	    !completion_able(completion_of(loop), step) || !registered_pays(loop, op))
		return;
	sqe->opcode = opcode;
	sqe->buf_index = pool->id;
}

static int start_read(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe;

	if (!is_file(loop, op) && !completion_has_offsets(loop, op))
		return ended(op, -ESPIPE);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	prep_read(sqe, fd_of(loop, op), op);
	use_registered(loop, op, sqe, STEP_READ_FIXED, IORING_OP_READ_FIXED);
	return issued(self, op, sqe, TAG_PLAIN);
}

static int start_write(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe;

	if (!is_file(loop, op) && !completion_has_offsets(loop, op))
		return ended(op, -ESPIPE);
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	prep_write(sqe, fd_of(loop, op), op);
	use_registered(loop, op, sqe, STEP_WRITE_FIXED, IORING_OP_WRITE_FIXED);
	return issued(self, op, sqe, TAG_PLAIN);
}

static int start_open(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_openat(sqe, op->args.open.directory, op->args.open.path,
			     op->args.open.flags | O_CLOEXEC, op->args.open.mode);
	/* By a worker, as the kernel's own attempt is made with O_NONBLOCK, which a FIFO takes for an
	 * answer: 4 us more. */
	sqe->flags |= IOSQE_ASYNC;
	return issued(self, op, sqe, TAG_DESCRIPTOR);
}

static int start_fsync(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_fsync(sqe, fd_of(loop, op),
			    op->flags & DUET_DATA_ONLY ? IORING_FSYNC_DATASYNC : 0);
	return issued(self, op, sqe, TAG_PLAIN);
}

static int start_shutdown(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_shutdown(sqe, fd_of(loop, op), op->args.shutdown.how);
	return issued(self, op, sqe, TAG_PLAIN);
}

static int start_close(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_close(sqe, fd_of(loop, op));
	return issued(self, op, sqe, TAG_PLAIN);
}

static int start_socket(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe;

	if (!self->native_socket || op->flags & DUET_INLINE)
		return ended_inline(loop, op,
				    duet_core_system_socket(loop, op->args.socket.domain,
							    op->args.socket.type,
							    op->args.socket.protocol));
	sqe = completion_ring_entry(self);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_socket(sqe, op->args.socket.domain, op->args.socket.type | SOCK_CLOEXEC,
			     op->args.socket.protocol, 0);
	return issued(self, op, sqe, TAG_DESCRIPTOR);
}

/* These two never wait and take nothing from anybody: a plain call, at once. */
static int start_bind(struct duet_loop *loop, struct duet_op *op)
{
	return ended_inline(loop, op, duet_core_system_bind(loop, fd_of(loop, op), op));
}

static int start_listen(struct duet_loop *loop, struct duet_op *op)
{
	return ended_inline(loop, op,
			    duet_core_system_listen(loop, fd_of(loop, op), op->args.listen.backlog));
}

/* Each kind's own way; the lower ones stand in ladder.c. */
static completion_start_fn *const starts[DUET_IO_KIND_COUNT] = {
	[DUET_NOP] = start_nop,
	[DUET_POLL] = start_poll,
	[DUET_SIGNAL] = start_signal,
	[DUET_WAIT_PROCESS] = start_wait_process,
	[DUET_ACCEPT] = start_accept,
	[DUET_CONNECT] = start_connect,
	[DUET_RECV] = start_recv,
	[DUET_SEND] = start_send,
	[DUET_READ] = start_read,
	[DUET_WRITE] = start_write,
	[DUET_OPEN] = start_open,
	[DUET_FSYNC] = start_fsync,
	[DUET_SHUTDOWN] = start_shutdown,
	[DUET_CLOSE] = start_close,
	[DUET_SOCKET] = start_socket,
	[DUET_BIND] = start_bind,
	[DUET_LISTEN] = start_listen,
	[DUET_STATX] = completion_start_call,
	[DUET_MKDIR] = completion_start_call,
	[DUET_UNLINK] = completion_start_call,
	[DUET_RENAME] = completion_start_call,
	[DUET_LINK] = completion_start_call,
	[DUET_SYMLINK] = completion_start_call,
	[DUET_TRUNCATE] = completion_start_call,
	[DUET_ALLOCATE] = completion_start_call,
	[DUET_RECVMSG] = completion_start_recvmsg,
	[DUET_SENDMSG] = completion_start_sendmsg,
	[DUET_SEND_ZERO_COPY] = completion_start_zero_copy,
	[DUET_SPLICE] = completion_start_splice,
};

completion_start_fn *completion_own_start(enum duet_kind kind)
{
	return starts[kind];
}

int completion_start(struct duet_loop *loop, struct duet_op *op)
{
	return completion_of(loop)->starts[op->kind](loop, op);
}

__attribute__((noinline)) int completion_transfer_any(struct duet_loop *loop, struct duet_op *op,
						     struct duet_slot *slot)
{
	int answer = completion_start(loop, op);

	(void)slot;
	return answer == BACKEND_ISSUED ? 0 : duet_core_answered(loop, op, answer);
}

/* A send in a turn that isn't short, is entered straight away. */
int completion_transfer(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot)
{
	struct completion *self = completion_of(loop);

	if (__builtin_expect(op->kind != DUET_SEND || self->direct_left ||
				     completion_ring_full(self),
			     0))
		return completion_transfer_any(loop, op, slot);
	op->backend = core_identify(loop, op) | TAG_PLAIN;
	op->progress = PLACE_KERNEL;
	core_took(loop, op, CORE_ISSUED);
	return completion_ring_send(self, slot->fd, op->args.io.vectors, op->backend);
}

/* ---- What the kernel ended without an error before it was over. ---- */

void completion_start_watch(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe) {
		completion_list_push(&self->owed, op, PLACE_OWED);
		return;
	}
	io_uring_prep_poll_multishot(sqe, fd_of(loop, op), poll_events(loop, op));
	issued(self, op, sqe, TAG_POLL);
}

/* Of a message the next attempt has to be an entry. */
static int start_again(struct duet_loop *loop, struct duet_op *op)
{
	if (op->kind == DUET_SENDMSG || op->kind == DUET_RECVMSG)
		return completion_enter_message(loop, op);
	return completion_start(loop, op);
}

void completion_start_again(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	int answer = self->owed.first ? -EAGAIN : start_again(loop, op);

	if (answer == -EAGAIN)
		completion_list_push(&self->owed, op, PLACE_OWED);
	else if (answer == BACKEND_ENDED)
		duet_core_end(loop, op, op->result);
}

/* Has it anything to wait for? A poll for nothing is refused where it hasn't, and is taken away again where
 * it has: the three are handed over together, or later. */
static void ask_for_readiness(struct completion *self, const struct duet_op *op, int fd)
{
	struct io_uring_sqe *question = completion_ring_entry(self);
	struct io_uring_sqe *end = completion_ring_entry(self);

	io_uring_prep_poll_add(question, fd, 0);
	question->user_data = op->identity | TAG_RELEASE;
	io_uring_prep_cancel64(end, op->identity | TAG_RELEASE, 0);
	end->flags |= IOSQE_CQE_SKIP_SUCCESS;
	end->user_data = TAG_RELEASE;
}

void completion_start_polls(struct duet_loop *loop, struct duet_op *op)
{
	struct completion *self = completion_of(loop);
	const struct duet_slot *slot = duet_core_op_slot(loop, op);

	if (slot->slot_class == CLASS_OTHER) {
		if (self->owed.first || !completion_ring_room(self, 3)) {
			completion_list_push(&self->owed, op, PLACE_OWED);
			return;
		}
		ask_for_readiness(self, op, slot->fd);
	}
	completion_start_again(loop, op);
}

void completion_start_owed(struct duet_loop *loop)
{
	struct completion *self = completion_of(loop);
	struct completion_list owed = self->owed;
	struct duet_op *op;

	self->owed = (struct completion_list){NULL, NULL};
	while ((op = completion_list_pop(&owed))) {
		if (op->kind == DUET_SEND)
			completion_start_room(loop, op);
		else
			completion_start_again(loop, op);
	}
}
