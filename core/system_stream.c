/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/backend.h"
#include "core/operation.h"

/*
 * Streams that are no sockets: pipes, terminals, eventfds, files at their own position. A receive is
 * read(2), which every backend makes by itself, and a send is write(2). Of those that raise SIGPIPE
 * (pipes, and sockets that are no stream of ours) write(2) knows no flag against it. Linux 6.18 has one
 * for pwritev2(2), which at an offset of -1 is a write at the own position; and a signal that its
 * thread has blocked can be taken back.
 */

/* Linux 6.18: include/uapi/linux/fs.h. */
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100
#endif

static int counted(struct duet_loop *loop, long answer)
{
	loop->stats.system_calls++;
	return answer < 0 ? -errno : (int)answer;
}

/* A pipe without a reader says EPIPE to a write that it understands. No signal comes of asking: either
 * the flag is known or the call is refused. */
static enum core_quiet ask_for_flag(struct duet_loop *loop)
{
	char byte = 0;
	const struct iovec piece = {.iov_base = &byte, .iov_len = 1};
	int ends[2];
	int answer;

	if (counted(loop, pipe2(ends, O_CLOEXEC)) < 0)
		return QUIET_UNKNOWN;
	duet_core_system_close(loop, ends[0]);
	answer = counted(loop, pwritev2(ends[1], &piece, 1, -1, RWF_NOSIGNAL));
	duet_core_system_close(loop, ends[1]);
	return answer == -EPIPE ? QUIET_BY_FLAG : QUIET_BY_MASK;
}

static bool raises(struct duet_loop *loop, int fd)
{
	struct stat found;

	return counted(loop, fstat(fd, &found)) < 0 || S_ISFIFO(found.st_mode) ||
	       S_ISSOCK(found.st_mode);
}

enum core_quiet duet_core_quiet(struct duet_loop *loop, struct duet_slot *slot)
{
	if (slot->quiet)
		return (enum core_quiet)slot->quiet;
	if (!raises(loop, slot->fd))
		return (enum core_quiet)(slot->quiet = QUIET_ANYWAY);
	if (!loop->quiet)
		loop->quiet = (uint8_t)ask_for_flag(loop);
	slot->quiet = loop->quiet;
	return slot->quiet ? (enum core_quiet)slot->quiet : QUIET_BY_MASK;
}

int duet_core_quiet_flag(enum core_quiet quiet)
{
	return quiet == QUIET_BY_FLAG ? RWF_NOSIGNAL : 0;
}

/* What a signal was before a call that may raise it. */
struct muffled {
	sigset_t signal, before, pending;
};

static void muffle(struct duet_loop *loop, struct muffled *muffled)
{
	sigemptyset(&muffled->signal);
	sigaddset(&muffled->signal, SIGPIPE);
	loop->stats.system_calls += 3;
	pthread_sigmask(SIG_BLOCK, &muffled->signal, &muffled->before);
	sigpending(&muffled->pending);
}

/* It went to this thread, at once: taken back, unless one was there before. */
static void unmuffle(struct duet_loop *loop, struct muffled *muffled, int result)
{
	const struct timespec now = {0, 0};

	if (result == -EPIPE && !sigismember(&muffled->pending, SIGPIPE))
		(void)counted(loop, sigtimedwait(&muffled->signal, NULL, &now));
	pthread_sigmask(SIG_SETMASK, &muffled->before, NULL);
}

static int write_masked(struct duet_loop *loop, int fd, const struct iovec *pieces, int count)
{
	struct muffled muffled;
	int n;

	muffle(loop, &muffled);
	n = counted(loop, writev(fd, pieces, count));
	unmuffle(loop, &muffled, n);
	return n;
}

int duet_core_system_write(struct duet_loop *loop, struct duet_slot *slot,
			   const struct iovec *pieces, uint32_t count)
{
	switch (duet_core_quiet(loop, slot)) {
	case QUIET_ANYWAY:
		return counted(loop, writev(slot->fd, pieces, (int)count));
	case QUIET_BY_FLAG:
		return counted(loop,
			       pwritev2(slot->fd, pieces, (int)count, -1, RWF_NOSIGNAL));
	default:
		return write_masked(loop, slot->fd, pieces, (int)count);
	}
}

/* ---- From one to another. ---- */

static loff_t *offset_of(uint64_t offset_bytes, loff_t *place)
{
	*place = (loff_t)offset_bytes;
	return offset_bytes == DUET_SPLICE_ONWARD ? NULL : place;
}

/* Of a socket O_NONBLOCK says whether it waits, of a pipe the flag. Where it stands afterwards is core's
 * to note, from the count. */
int duet_core_call_splice(struct duet_op *op)
{
	const struct duet_splice *between = op->args.io.splice;
	const struct duet_loop *loop = op->loop;
	loff_t from, to;
	ssize_t n;

	do
		n = splice(loop->slots[between->from.slot].fd,
			   offset_of(between->from_offset_bytes, &from),
			   loop->slots[between->to.slot].fd, offset_of(between->to_offset_bytes, &to),
			   core_remaining(op), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

int duet_core_system_splice(struct duet_loop *loop, struct duet_op *op)
{
	struct muffled muffled;
	int n;

	loop->stats.system_calls++;
	muffle(loop, &muffled);
	n = duet_core_call_splice(op);
	unmuffle(loop, &muffled, n);
	return n;
}

enum duet_splice_side duet_core_splice_awaits(struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_splice *between = op->args.io.splice;
	struct pollfd ends[] = {{.fd = loop->slots[between->from.slot].fd, .events = POLLIN},
				{.fd = loop->slots[between->to.slot].fd, .events = POLLOUT}};

	loop->stats.system_calls++;
	if (poll(ends, 2, 0) < 0)
		return SPLICE_NEITHER;
	return !ends[0].revents ? SPLICE_INPUT : !ends[1].revents ? SPLICE_OUTPUT : SPLICE_NEITHER;
}

/* ---- For a worker. ---- */

int duet_core_call_stream(struct duet_op *op)
{
	int fd = duet_core_op_slot(op->loop, op)->fd;
	const struct iovec *pieces = op->args.io.vectors;
	const uint32_t count = op->args.io.vector_count;
	const bool fills = op->kind == DUET_RECV;
	unsigned lifted = duet_core_guard_lift_pieces(pieces, fills ? count : 0);
	ssize_t n;

	do
		n = fills ? readv(fd, pieces, (int)count) : writev(fd, pieces, (int)count);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	duet_core_guard_lower_pieces(pieces, fills ? count : 0, lifted);
	return (int)n;
}

int duet_core_call_receive(struct duet_op *op)
{
	const struct duet_pool *pool = op->args.io.pool;
	int fd = duet_core_op_slot(op->loop, op)->fd;
	unsigned char *data = duet_core_buffer_data(pool, op->buffer.index);
	bool lifted = duet_core_guard_lift(data, pool->size_bytes);
	ssize_t n;

	do
		n = read(fd, data, pool->size_bytes);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	duet_core_guard_lower(data, pool->size_bytes, lifted);
	return (int)n;
}
