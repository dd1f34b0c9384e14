/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

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

int polling_found_nothing(struct duet_loop *loop, struct duet_slot *slot, enum direction direction)
{
	loop->stats.wasted++;
	polling_note_empty(slot, direction);
	return -EAGAIN;
}

/* The terminal report of the head of a direction. Nothing of op or slot is used afterwards. */
static uint32_t end_head(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			 enum direction direction, int result)
{
	slot->ready &= ~polling_bits(HELD, direction);
	if (op->progress == PROGRESS_FRESH)
		loop->stats.inline_ended++;
	duet_core_end(loop, op, result);
	return 1;
}

static uint32_t await_event(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			    enum direction direction)
{
	int error = polling_arm(loop, slot, op);

	return error ? end_head(loop, slot, op, direction, error) : 0;
}

/* ---- Accept. ---- */

/* A place in the table comes first: a connection that can't be handed over stays in the backlog. */
int polling_try_accept_once(struct duet_loop *loop, struct duet_slot *slot)
{
	int fd;

	if (!loop->slot_free)
		return -ENFILE;
	do
		fd = counted(loop, accept4(slot->fd, NULL, NULL, SOCK_CLOEXEC));
	while (fd == -EINTR);
	return fd == -EAGAIN ? polling_found_nothing(loop, slot, DIRECTION_READ) : fd;
}

static uint32_t finish_accept(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int fd = polling_try_accept_once(loop, slot);

	if (fd == -EAGAIN)
		return await_event(loop, slot, op, DIRECTION_READ);
	if (fd < 0 || !(op->flags & DUET_MULTISHOT))
		return end_head(loop, slot, op, DIRECTION_READ, fd);
	duet_core_item_accepted(loop, op, fd);
	return 1;
}

/* ---- Connect. ---- */

/*
 * The call is its own question: repeated while the handshake runs it says EALREADY, after it 0, or
 * the error that ended it. So an event of before, as the hang-up that every unconnected socket
 * shows, is never taken for the answer. -EINPROGRESS: it would wait.
 */
int polling_try_connect_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	const struct sockaddr *address = (const void *)op->args.address.storage;
	int error = counted(loop, connect(slot->fd, address, op->args.address.length_bytes));

	if (error == -EINPROGRESS || error == -EALREADY || error == -EINTR) {
		polling_note_empty(slot, DIRECTION_WRITE);
		return -EINPROGRESS;
	}
	if (error == -EISCONN && op->progress == PROGRESS_ARMED)
		error = 0;
	slot->ready &= ~(uint32_t)LASTING;
	return error;
}

static uint32_t finish_connect(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int error = polling_try_connect_once(loop, slot, op);

	if (error == -EINPROGRESS)
		return await_event(loop, slot, op, DIRECTION_WRITE);
	return end_head(loop, slot, op, DIRECTION_WRITE, error);
}

/* ---- Receive. ---- */

/*
 * A receive that stopped short has emptied the socket, where nothing else could have stopped it:
 * urgent data and hang-up stop it on TCP, descriptors and credentials on a unix stream, and the
 * length of a datagram says nothing about the next.
 */
static bool short_is_empty(const struct duet_slot *slot)
{
	if (slot->ready & LASTING)
		return false;
	return slot->slot_class == CLASS_TCP ||
	       (slot->slot_class == CLASS_UNIX_STREAM && slot->flags & DUET_HANDLE_NO_ANCILLARY);
}

void polling_note_received(struct duet_loop *loop, struct duet_slot *slot, size_t n, size_t wanted)
{
	if (n >= wanted)
		return;
	if (!short_is_empty(slot) && !MUTANT(short_read_is_empty))
		return;
	if (duet_core_try(loop, slot) != DUET_TRY_ALWAYS)
		polling_note_empty(slot, DIRECTION_READ);
}

int polling_try_recv_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			  int *index)
{
	struct iovec target;
	int n;

	*index = polling_lend(op, &target);
	if (*index == -ENOBUFS)
		return -ENOBUFS;
	do
		n = duet_core_system_recv(loop, slot->fd, target.iov_base, target.iov_len);
	while (n == -EINTR);
	if (n > 0) {
		polling_note_received(loop, slot, (size_t)n, target.iov_len);
		return n;
	}
	polling_lend_back(op, *index);
	return n == -EAGAIN ? polling_found_nothing(loop, slot, DIRECTION_READ) : n;
}

static uint32_t deliver_received(struct duet_loop *loop, struct duet_slot *slot,
				 struct duet_op *op, int n, int index)
{
	if (n <= 0 || index < 0)
		return end_head(loop, slot, op, DIRECTION_READ, n);
	if (op->flags & DUET_MULTISHOT) {
		duet_core_item_buffer(loop, op, n, (uint16_t)index);
		return 1;
	}
	slot->ready &= ~polling_bits(HELD, DIRECTION_READ);
	if (op->progress == PROGRESS_FRESH)
		loop->stats.inline_ended++;
	duet_core_end_buffer(loop, op, n, (uint16_t)index);
	return 1;
}

/* No buffer is a condition to tell of only if there is data: until then it is waited for without
 * one. */
static uint32_t find_no_buffer(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	if (!(slot->ready & polling_bits(READY, DIRECTION_READ))) {
		polling_note_empty(slot, DIRECTION_READ);
		return await_event(loop, slot, op, DIRECTION_READ);
	}
	slot->ready &= ~polling_bits(HELD, DIRECTION_READ);
	duet_core_starve(loop, op);
	return 1;
}

static uint32_t finish_recv(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int index;
	int n = polling_try_recv_once(loop, slot, op, &index);

	if (n == -EAGAIN)
		return await_event(loop, slot, op, DIRECTION_READ);
	if (n == -ENOBUFS && index == -ENOBUFS)
		return find_no_buffer(loop, slot, op);
	return deliver_received(loop, slot, op, n, index);
}

/* ---- Send. ---- */

static size_t length_of(const struct iovec *pieces, uint32_t count)
{
	size_t length = 0;

	for (uint32_t i = 0; i < count; i++)
		length += pieces[i].iov_len;
	return length;
}

/* A send that stopped short has filled the socket. */
void polling_note_sent(struct duet_loop *loop, struct duet_slot *slot, size_t n, size_t wanted)
{
	if (n < wanted && duet_core_try(loop, slot) != DUET_TRY_ALWAYS)
		polling_note_empty(slot, DIRECTION_WRITE);
}

/* The head alone, or on a stream with what waits behind it. */
int polling_try_send_once(struct duet_loop *loop, struct duet_slot *slot,
			  const struct duet_op *op)
{
	struct iovec gathered[LIMIT_GATHER];
	const struct iovec *pieces = op->args.io.vectors;
	uint32_t count = op->args.io.vector_count;
	uint32_t operations;
	int n;

	if (op->next != op && slot->slot_class != CLASS_DATAGRAM) {
		count = duet_core_gather(loop, op, gathered, LIMIT_GATHER, &operations);
		pieces = gathered;
	}
	do
		n = duet_core_system_send(loop, slot->fd, pieces, count);
	while (n == -EINTR);
	if (n == -EAGAIN)
		return polling_found_nothing(loop, slot, DIRECTION_WRITE);
	if (n >= 0)
		polling_note_sent(loop, slot, (size_t)n, length_of(pieces, count));
	return n;
}

static uint32_t finish_send(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int n = polling_try_send_once(loop, slot, op);

	if (n == -EAGAIN)
		return await_event(loop, slot, op, DIRECTION_WRITE);
	return end_head(loop, slot, op, DIRECTION_WRITE, n);
}

uint32_t polling_finish_reads(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->reads;

	if (op->kind == DUET_RECV)
		return finish_recv(loop, slot, op);
	return finish_accept(loop, slot, op);
}

uint32_t polling_finish_writes(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->writes;

	if (op->kind == DUET_SEND)
		return finish_send(loop, slot, op);
	return finish_connect(loop, slot, op);
}

/* ---- Read. ---- */

/* With O_DIRECT an attempt "without waiting" waits for the disk. Looked up once: a program that
 * changes the flag of an adopted descriptor only loses time. */
static void look_up_file(struct duet_loop *loop, struct duet_slot *slot)
{
	int flags = counted(loop, fcntl(slot->fd, F_GETFL));

	slot->ready |= FILE_KNOWN;
	if (flags >= 0 && flags & O_DIRECT)
		slot->ready |= FILE_NO_TRY;
}

int polling_try_read_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int n;

	if (!(slot->ready & FILE_KNOWN))
		look_up_file(loop, slot);
	if (slot->ready & FILE_NO_TRY)
		return -EAGAIN;
	do
		n = counted(loop, preadv2(slot->fd, op->args.io.vectors, 1,
					  (off_t)op->args.io.offset_bytes, RWF_NOWAIT));
	while (n == -EINTR);
	if (n == -EOPNOTSUPP) {
		slot->ready |= FILE_NO_TRY;
		n = -EAGAIN;
	}
	if (n == -EAGAIN)
		loop->stats.wasted++;
	return n;
}

/* A short count is what the cache has, or the end of the file: a worker finds out which. */
static uint32_t finish_read(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int n = polling_try_read_once(loop, slot, op);

	if (n == (int)op->args.io.length_bytes || (n < 0 && n != -EAGAIN) ||
	    (n >= 0 && MUTANT(end_of_file_early))) {
		loop->stats.inline_ended++;
		duet_core_end(loop, op, n);
		return 1;
	}
	polling_offload_read(loop, slot, op, n > 0 ? (uint32_t)n : 0);
	return 0;
}

/* ---- Poll. ---- */

static const uint32_t always_told = POLLERR | POLLHUP;

/* The events, 0 if there are none yet, or the error of the call. */
int polling_try_poll_once(struct duet_loop *loop, struct duet_slot *slot, uint32_t events)
{
	struct pollfd asked = {.fd = slot->fd, .events = (short)events};
	int n;

	do
		n = counted(loop, poll(&asked, 1, 0));
	while (n == -EINTR);
	if (n == 0)
		loop->stats.wasted++;
	return n > 0 ? (unsigned short)asked.revents : n;
}

static uint32_t finish_poll(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int result = polling_try_poll_once(loop, slot, op->args.poll.events);

	if (!result) {
		result = polling_arm(loop, slot, op);
		slot->ready |= POLLED;
	}
	if (!result)
		return 0;
	if (op->progress == PROGRESS_FRESH)
		loop->stats.inline_ended++;
	duet_core_end(loop, op, result);
	return 1;
}

uint32_t polling_finish_due(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	op->progress = PROGRESS_FRESH;
	if (op->kind == DUET_READ)
		return finish_read(loop, slot, op);
	return finish_poll(loop, slot, op);
}

/* Marks the armed polls that events answer, before a callback can arm others: these have not seen
 * the events, and what they asked for may be consumed. */
static void answer_polls(struct duet_slot *slot, uint32_t events)
{
	struct duet_op *op = slot->others;

	slot->ready &= ~(uint32_t)POLLED;
	if (!op)
		return;
	do {
		if (op->kind == DUET_POLL && op->progress == PROGRESS_ARMED) {
			op->backend = events & (op->args.poll.events | always_told);
			if (op->backend)
				op->progress = PROGRESS_ANSWERED;
			else
				slot->ready |= POLLED;
		}
		op = op->next;
	} while (op != slot->others);
}

static struct duet_op *answered_poll(const struct duet_slot *slot)
{
	struct duet_op *op = slot->others;

	if (!op)
		return NULL;
	do {
		if (op->kind == DUET_POLL && op->progress == PROGRESS_ANSWERED)
			return op;
		op = op->next;
	} while (op != slot->others);
	return NULL;
}

uint32_t polling_finish_polls(struct duet_loop *loop, struct duet_slot *slot, uint32_t events)
{
	uint64_t identity = duet_core_slot_identity(loop, slot);
	uint32_t reports = 0;
	struct duet_op *op;

	answer_polls(slot, events);
	while (duet_core_slot(loop, identity) && (op = answered_poll(slot))) {
		duet_core_end(loop, op, (int)op->backend);
		reports++;
	}
	return reports;
}

/* ---- The eager arm. ---- */

void polling_take_early(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->reads;
	int index;
	int n;

	if (!polling_is_due(slot, DIRECTION_READ) || slot->ready & TAKEN || op->kind != DUET_RECV)
		return;
	n = polling_try_recv_once(loop, slot, op, &index);
	if (n == -ENOBUFS && index == -ENOBUFS)
		return;
	if (n == -EAGAIN) {
		n = polling_arm(loop, slot, op);
		if (!n)
			return;
	}
	slot->ready |= TAKEN;
	op->backend = (uint64_t)(uint32_t)index << 32 | (uint32_t)n;
}

uint32_t polling_finish_taken(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->reads;
	bool stopped;
	int n;

	if (!(slot->ready & TAKEN))
		return 0;
	slot->ready &= ~(uint32_t)TAKEN;
	n = (int)(uint32_t)op->backend;
	stopped = op->progress == PROGRESS_STOPPED && op->flags & DUET_MULTISHOT && n > 0;
	deliver_received(loop, slot, op, n, (int)(op->backend >> 32));
	/* What was taken is handed over first; then the request is answered. */
	if (stopped)
		end_head(loop, slot, op, DIRECTION_READ, -ECANCELED);
	return 1;
}
