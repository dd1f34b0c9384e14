/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "completion/internal.h"

/*
 * Bundles: what a stream has is received into as many of a pool's buffers as it takes, in one entry
 * (Linux 6.10). The entry names the first; the others are those that stand behind it in the kernel's
 * ring, all of them full but the last. Whether that is so here is found by trying, once a process, on
 * a ring of its own: the first kernels that knew the flag went wrong in this. A bound on what comes in
 * a row is part of it (Linux 6.17): without it one flood would be all that a turn tells of.
 */

enum { BUFFERS = 4, BYTES = 16, ENTRY_MAX = 2 * BYTES, LENGTH = 3 * BYTES + 7 };

/* Buffers whose numbers aren't in the order of the ring: that is how they come back. */
static const uint16_t order[BUFFERS] = {2, 0, 3, 1};

struct trial {
	struct completion completion;
	struct io_uring_buf_ring *group;
	int fds[2];
	char memory[BUFFERS][BYTES];
	char sent[LENGTH];
	unsigned at; /* in order: where the next entry begins */
	int left;    /* bytes that have not come */
	bool several;
	bool wrong;
};

/* Do the bytes of an entry stand where it is said to begin, and behind that? */
static bool is_in_order(const struct trial *trial, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		if (trial->memory[order[trial->at + i / BYTES]][i % BYTES] !=
		    trial->sent[trial->at * BYTES + i])
			return false;
	return true;
}

static void came(void *context, uint64_t user_data, int result, unsigned flags)
{
	struct trial *trial = context;

	(void)user_data;
	trial->wrong = trial->at >= BUFFERS || result <= 0 || result > trial->left ||
		       result > ENTRY_MAX ||
		       flags >> IORING_CQE_BUFFER_SHIFT != order[trial->at] ||
		       !is_in_order(trial, (unsigned)result);
	if (trial->wrong)
		return;
	trial->several |= result > BYTES;
	trial->left -= result;
	trial->at += ((unsigned)result + BYTES - 1) / BYTES;
}

static int provide(struct trial *trial)
{
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)trial->group,
				       .ring_entries = BUFFERS};
	int error = io_uring_register_buf_ring(&trial->completion.ring, &reg, 0);

	for (int i = 0; i < BUFFERS && !error; i++)
		io_uring_buf_ring_add(trial->group, trial->memory[order[i]], BYTES, order[i],
				      BUFFERS - 1, i);
	if (!error)
		io_uring_buf_ring_advance(trial->group, BUFFERS);
	return error;
}

/* All of it is there before anybody asks. */
static int receive(struct trial *trial)
{
	struct io_uring_sqe *sqe = completion_ring_entry(&trial->completion);
	int error = 0;

	if (!sqe || write(trial->fds[1], trial->sent, LENGTH) != LENGTH)
		return -EIO;
	io_uring_prep_recv(sqe, trial->fds[0], NULL, ENTRY_MAX, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->ioprio |= IORING_RECV_MULTISHOT | IORING_RECVSEND_BUNDLE;
	while (!error && !trial->wrong && trial->left)
		error = completion_ring_answers(&trial->completion, 1, came, trial);
	return error;
}

static bool try_ring(struct trial *trial)
{
	const struct completion_tuning tuning = {.entries = 8};
	struct duet_stats stats = {0};
	bool sound;

	if (completion_ring_open(&trial->completion, &tuning, &stats))
		return false;
	sound = !provide(trial) && !receive(trial) && !trial->wrong && trial->several;
	/* With it goes the entry that is armed, which may still take a buffer. */
	completion_ring_close(&trial->completion);
	return sound;
}

static bool try_pair(struct trial *trial)
{
	const size_t bytes = BUFFERS * sizeof(struct io_uring_buf);
	bool sound;

	trial->group = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (trial->group == MAP_FAILED)
		return false;
	sound = try_ring(trial);
	munmap(trial->group, bytes);
	return sound;
}

static bool are_sound;

static void try_once(void)
{
	struct trial trial = {.left = LENGTH};

	for (unsigned i = 0; i < LENGTH; i++)
		trial.sent[i] = (char)(i + 1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, trial.fds))
		return;
	are_sound = try_pair(&trial);
	close(trial.fds[0]);
	close(trial.fds[1]);
}

bool completion_bundles_are_sound(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, try_once);
	return are_sound;
}
