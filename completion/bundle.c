/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "completion/internal.h"

/*
 * Bundles: what a stream has is received into as many of a pool's buffers as it takes, in one entry
 * (Linux 6.10). The entry names the first; the others are those that stand behind it in the kernel's
 * ring, all of them full but the last. Whether that is so here is found by trying, once a process:
 * the first kernels that knew the flag went wrong in this.
 */

enum { TRIED_BUFFERS = 4, TRIED_BYTES = 16, TRIED_LENGTH = 2 * TRIED_BYTES + 7 };

struct tried {
	struct io_uring ring;
	struct io_uring_buf_ring *group;
	int fds[2];
	char memory[TRIED_BUFFERS][TRIED_BYTES];
};

static bool sound;

/* Buffers whose numbers aren't in the order of the ring: that is how they come back. */
static const uint16_t order[TRIED_BUFFERS] = {2, 0, 3, 1};

static int arm(struct tried *tried)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&tried->ring);

	io_uring_prep_recv(sqe, tried->fds[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->ioprio |= IORING_RECV_MULTISHOT | IORING_RECVSEND_BUNDLE;
	return io_uring_submit(&tried->ring) == 1;
}

/* Do the bytes of an entry that begins with the at-th buffer, full but for the last, stand there? */
static bool is_in_order(const struct tried *tried, const char *sent, unsigned at,
			unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		if (tried->memory[order[at + i / TRIED_BYTES]][i % TRIED_BYTES] !=
		    sent[at * TRIED_BYTES + i])
			return false;
	return true;
}

/* Is all of it there, where it is said to be, and some of it in one entry? */
static bool has_come(struct tried *tried, const char *sent)
{
	bool several = false;
	unsigned at = 0;

	if (write(tried->fds[1], sent, TRIED_LENGTH) != TRIED_LENGTH || !arm(tried))
		return false;
	for (int left = TRIED_LENGTH; left > 0;) {
		struct io_uring_cqe *cqe;

		if (at >= TRIED_BUFFERS || io_uring_peek_cqe(&tried->ring, &cqe) ||
		    cqe->res <= 0 || cqe->res > left ||
		    cqe->flags >> IORING_CQE_BUFFER_SHIFT != order[at] ||
		    !is_in_order(tried, sent, at, (unsigned)cqe->res))
			return false;
		several |= cqe->res > TRIED_BYTES;
		left -= cqe->res;
		at += ((unsigned)cqe->res + TRIED_BYTES - 1) / TRIED_BYTES;
		io_uring_cqe_seen(&tried->ring, cqe);
	}
	return several;
}

static int provide(struct tried *tried)
{
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)tried->group,
				       .ring_entries = TRIED_BUFFERS};
	int error = io_uring_register_buf_ring(&tried->ring, &reg, 0);

	for (int i = 0; i < TRIED_BUFFERS && !error; i++)
		io_uring_buf_ring_add(tried->group, tried->memory[order[i]], TRIED_BYTES, order[i],
				      TRIED_BUFFERS - 1, i);
	if (!error)
		io_uring_buf_ring_advance(tried->group, TRIED_BUFFERS);
	return error;
}

static void try_on(struct tried *tried)
{
	const size_t bytes = TRIED_BUFFERS * sizeof(struct io_uring_buf);
	char sent[TRIED_LENGTH];

	for (unsigned i = 0; i < TRIED_LENGTH; i++)
		sent[i] = (char)(i + 1);
	tried->group = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (tried->group == MAP_FAILED)
		return;
	sound = !provide(tried) && has_come(tried, sent);
	/* With it goes the entry that is armed, which may still take a buffer. */
	io_uring_queue_exit(&tried->ring);
	munmap(tried->group, bytes);
}

static void try_once(void)
{
	struct tried tried = {.group = NULL};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, tried.fds))
		return;
	if (!io_uring_queue_init(4, &tried.ring, 0))
		try_on(&tried);
	close(tried.fds[0]);
	close(tried.fds[1]);
}

bool completion_bundles_are_sound(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, try_once);
	return sound;
}
