/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#include "completion/internal.h"

/* Nobody else touches SQ and CQ: whoever has read this file has seen every access. */

#define FLAGS_PLAIN (IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL)
#define FLAGS_DEFERRED                                                                             \
	(FLAGS_PLAIN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |                   \
	 IORING_SETUP_TASKRUN_FLAG)

/* Completion entries for each submission entry: a burst of arrivals that nobody asked for one by
 * one (multishot) has to fit. */
#define COMPLETIONS_PER_ENTRY 8
/* From here on the kernel's table of what waits for readiness doesn't grow with the queue: it has one
 * list for 32 completions, at most 256 of them, through which every cancel has to look. */
#define COMPLETIONS_MAX 8192
#define ENTRIES_DEFAULT 256

/* How long a ring has to answer what can be answered at once. */
#define ANSWERS_NS 1000000000

/* liburing maps by bare system calls, unseen by ThreadSanitizer: for it, a ring where another thread's
 * closed one was would be that one's memory still. */
#ifdef __SANITIZE_THREAD__
static char unmapped;
#define RING_MAPPED() __tsan_acquire(&unmapped)
#define RING_UNMAP() __tsan_release(&unmapped)
#else
#define RING_MAPPED() ((void)0)
#define RING_UNMAP() ((void)0)
#endif

static uint32_t completions(const struct completion_tuning *tuning, uint32_t entries)
{
	uint32_t wanted = tuning->completions < COMPLETIONS_MAX ? tuning->completions
							       : COMPLETIONS_MAX;
	uint32_t least = entries * COMPLETIONS_PER_ENTRY;

	return wanted > least ? wanted : least;
}

static int set_up(struct completion *self, const struct completion_tuning *tuning, unsigned flags)
{
	uint32_t entries = tuning->entries ? tuning->entries : ENTRIES_DEFAULT;
	struct io_uring_params params = {.flags = flags,
					 .cq_entries = completions(tuning, entries)};
	int error = io_uring_queue_init_params(entries, &self->ring, &params);

	self->features = params.features;
	self->deferred = flags & IORING_SETUP_DEFER_TASKRUN ? IORING_ENTER_GETEVENTS : 0;
	return error;
}

/* Entry n of the queue is entry n of the array, for good: libraries up to 2.2 rewrite this map at
 * each submit, which is not called here. */
static void map_entries(struct io_uring_sq *sq)
{
	for (unsigned i = 0; sq->array && i < sq->ring_entries; i++)
		sq->array[i] = i;
}

/* Restricts the ring to all opcodes but those that it is to refuse, and lets it begin. Linux 5.10. */
static int restrict_ring(struct completion *self, uint64_t refuse)
{
	struct io_uring_restriction rows[256] = {0};
	uint8_t allowed[UINT8_MAX];
	uint32_t opcodes = completion_ladder_opcodes(refuse, allowed);
	unsigned count = 0;

	for (uint32_t i = 0; i < opcodes; i++, count++) {
		rows[count].opcode = IORING_RESTRICTION_SQE_OP;
		rows[count].sqe_op = allowed[i];
	}
	for (uint8_t call = 0; call <= IORING_REGISTER_QUERY; call++, count++) {
		rows[count].opcode = IORING_RESTRICTION_REGISTER_OP;
		rows[count].register_op = call;
	}
	rows[count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	rows[count++].sqe_flags = UINT8_MAX;
	if (syscall(SYS_io_uring_register, self->ring.ring_fd, IORING_REGISTER_RESTRICTIONS, rows,
		    count) < 0 ||
	    syscall(SYS_io_uring_register, self->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
		    0) < 0)
		return -errno;
	return 0;
}

int completion_ring_open(struct completion *self, const struct completion_tuning *tuning,
			 struct duet_stats *stats)
{
	unsigned disabled = tuning->refuse ? IORING_SETUP_R_DISABLED : 0;
	int error = -EINVAL;

	self->stats = stats;
	if (tuning->mode != MODE_PLAIN)
		error = set_up(self, tuning, FLAGS_DEFERRED | disabled);
	if (error == -EINVAL && tuning->mode != MODE_DEFERRED)
		error = set_up(self, tuning, FLAGS_PLAIN | disabled);
	/* Sizes are in range, so it is the flags that this kernel doesn't know. */
	if (error)
		return error == -EINVAL ? -ENOSYS : error;
	RING_MAPPED();
	map_entries(&self->ring.sq);
	if (disabled)
		error = restrict_ring(self, tuning->refuse);
	if (error) {
		completion_ring_close(self);
		return error;
	}
	/* Sixteen a thread; without one each enter looks the descriptor up, nothing worse. */
	if (io_uring_register_ring_fd(&self->ring) == 1)
		self->enter_flags = IORING_ENTER_REGISTERED_RING;
	return 0;
}

void completion_ring_close(struct completion *self)
{
	RING_UNMAP();
	io_uring_queue_exit(&self->ring);
}

void completion_ring_forget(struct completion *self)
{
	struct io_uring_sq *sq = &self->ring.sq;
	struct io_uring_cq *cq = &self->ring.cq;

	RING_UNMAP();
	munmap(sq->sqes, sq->ring_entries * sizeof(*sq->sqes));
	munmap(sq->ring_ptr, sq->ring_sz);
	if (cq->ring_ptr && cq->ring_ptr != sq->ring_ptr)
		munmap(cq->ring_ptr, cq->ring_sz);
	close(self->ring.ring_fd);
}

/* ---- Submission. ---- */

static int enter(struct completion *self, unsigned submit, unsigned least, unsigned flags,
		 struct io_uring_getevents_arg *arg)
{
	int count;

	self->stats->system_calls++;
	count = io_uring_enter2((unsigned)self->ring.enter_ring_fd, submit, least,
				flags | self->enter_flags, (void *)arg, arg ? sizeof(*arg) : 0);
	if (count > 0)
		self->stats->submitted += (unsigned)count;
	return count;
}

/* Shows the kernel what was entered; how much that is, with what it left over the last time. */
static unsigned publish(struct completion *self)
{
	struct io_uring_sq *sq = &self->ring.sq;

	/* Release: an entry is filled before the tail that covers it. The head only moves inside
	 * our own enter (there is no kernel thread), so that a plain read is enough. */
	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	return sq->sqe_tail - *sq->khead;
}

int completion_ring_hand_over(struct completion *self)
{
	unsigned submit = publish(self);
	int count = submit ? enter(self, submit, 0, 0, NULL) : 0;

	return count < 0 ? count : 0;
}

bool completion_ring_make_room(struct completion *self)
{
	completion_ring_hand_over(self);
	/* Core counts what has to wait. */
	if (completion_ring_full(self))
		return false;
	self->stats->queue_full++;
	return true;
}

int completion_ring_send(struct completion *self, int fd, const struct iovec *from,
			 uint64_t user_data)
{
	struct io_uring_sq *sq = &self->ring.sq;
	struct io_uring_sqe *sqe = &sq->sqes[sq->sqe_tail++ & sq->ring_mask];

	io_uring_prep_send(sqe, fd, from->iov_base, from->iov_len, MSG_NOSIGNAL);
	sqe->user_data = user_data;
	return 0;
}

/* ---- Completion. ---- */

uint32_t completion_ring_ready(const struct completion *self)
{
	const struct io_uring_cq *cq = &self->ring.cq;

	return io_uring_smp_load_acquire(cq->ktail) - *cq->khead;
}

/* What only an enter brings up: entries held back for want of room, work put off until asked. */
static unsigned held_back(const struct completion *self)
{
	return IO_URING_READ_ONCE(*self->ring.sq.kflags) &
	       (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN);
}

bool completion_ring_pending(const struct completion *self)
{
	return completion_ring_ready(self) || held_back(self);
}

/* The wait's own errors that are none: the time is over, a signal came, or (kernels before 6.1)
 * completions have to be fetched before more can be handed over, which is what follows. */
static int judge(int count)
{
	switch (count) {
	case -ETIME:
	case -EINTR:
	case -EBUSY:
	case -EAGAIN:
		return 0;
	default:
		return count < 0 ? count : 0;
	}
}

/* A time needs an argument block, which the kernel has to fetch: only where there is one. */
static __attribute__((noinline)) int enter_timed(struct completion *self, unsigned submit,
						 unsigned least, unsigned flags,
						 int64_t timeout_ns)
{
	struct __kernel_timespec time = {.tv_sec = timeout_ns / 1000000000,
					 .tv_nsec = timeout_ns % 1000000000};
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&time};

	return enter(self, submit, least, flags | IORING_ENTER_EXT_ARG, &arg);
}

int completion_ring_wait(struct completion *self, int64_t timeout_ns)
{
	unsigned submit = publish(self);
	unsigned held = held_back(self);
	uint32_t ready = completion_ring_ready(self);
	unsigned least = !ready && timeout_ns;
	unsigned flags = self->deferred;
	int count;

	if (!submit && !least && (ready || !held))
		return 0;
	if (least || held)
		flags |= IORING_ENTER_GETEVENTS;
	self->stats->waits += least;
	count = least && timeout_ns > 0 ? enter_timed(self, submit, 1, flags, timeout_ns)
					: enter(self, submit, least, flags, NULL);
	if (__builtin_expect(held & IORING_SQ_CQ_OVERFLOW, 0))
		self->stats->overflowed += completion_ring_ready(self) - ready;
	return judge(count);
}

/*
 * An enter that doesn't wait does twenty pieces of the work that was put off (since 6.13); one that
 * waits for n, n of them. No time to wait is what makes it return all the same.
 */
bool completion_ring_make_room_by_ends(struct completion *self)
{
	uint32_t ready = completion_ring_ready(self);
	unsigned submit = publish(self);

	if (ready > self->ring.cq.ring_entries / 2)
		return false;
	if (self->deferred)
		enter_timed(self, submit, ready + submit, self->deferred, 0);
	else
		enter(self, submit, 0, 0, NULL);
	if (completion_ring_full(self))
		return false;
	self->stats->queue_full++;
	return true;
}

void completion_ring_reap(struct duet_loop *loop, struct completion *self)
{
	struct io_uring_cq *cq = &self->ring.cq;
	const struct io_uring_cqe *cqes = cq->cqes;
	unsigned mask = cq->ring_mask;
	unsigned *khead = cq->khead;
	unsigned head = *khead;
	unsigned tail = io_uring_smp_load_acquire(cq->ktail);

	self->stats->events += tail - head;
	while (head != tail) {
		const struct io_uring_cqe *cqe = &cqes[head++ & mask];
		uint64_t user_data = cqe->user_data;
		int result = cqe->res;
		unsigned flags = cqe->flags;

		/* Given back before the report, which may submit: one place more for its results. */
		io_uring_smp_store_release(khead, head);
		completion_finish(loop, user_data, result, flags);
	}
}

static int wait_for(struct completion *self, uint32_t count)
{
	unsigned submit = publish(self);
	int error;

	do {
		error = judge(enter_timed(self, submit, count, IORING_ENTER_GETEVENTS | self->deferred,
					  ANSWERS_NS));
		submit = publish(self);
	} while (!error && submit);
	if (error)
		return error;
	return completion_ring_ready(self) < count ? -ETIMEDOUT : 0;
}

int completion_ring_answers(struct completion *self, uint32_t count,
			    void (*answered)(void *context, uint64_t user_data, int result,
					     unsigned flags),
			    void *context)
{
	const struct io_uring_cq *cq = &self->ring.cq;
	int error = wait_for(self, count);

	for (uint32_t i = 0; i < count && !error; i++) {
		const struct io_uring_cqe *cqe = &cq->cqes[(*cq->khead + i) & cq->ring_mask];

		answered(context, cqe->user_data, cqe->res, cqe->flags);
	}
	if (!error)
		io_uring_cq_advance(&self->ring, count);
	return error;
}
