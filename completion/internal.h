/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef COMPLETION_INTERNAL_H
#define COMPLETION_INTERNAL_H

#include "completion/compat.h"
#include "core/shortcut.h"

/*
 * What rides in the low four bits of user_data beside an identity: it says what an entry's result
 * means even when nobody waits for it any more, so that a late descriptor or buffer is taken back.
 */
enum completion_tag {
	TAG_PLAIN,      /* the result is a number and nothing else */
	TAG_RECV,       /* into the caller's memory; its flags tell whether more is there */
	TAG_DESCRIPTOR, /* the result is a new descriptor */
	TAG_CANCEL,     /* the answer to a cancel, posted only if it was no success */
	TAG_WAKE,       /* the eventfd; no identity */
	TAG_RELEASE,    /* the answer to the end of the wake's poll; no identity */
	TAG_POLL,       /* the result is what is ready */
	TAG_POOL = 8,   /* + pool id, the rest: a receive into that pool */
};

_Static_assert(TAG_POOL % DUET_POOLS_MAX == 0 &&
		       TAG_POOL + DUET_POOLS_MAX <= 1 << IDENTITY_TAG_BITS,
	       "a tag for every pool, whose low bits are the pool's");

/* op->progress: where an issued operation is. */
enum {
	PLACE_KERNEL,
	PLACE_OWED,    /* on the list of those that found no room to go on */
	PLACE_HELD,    /* it has ended, and wait() has yet to say so */
	PLACE_NOWHERE, /* a poll that nothing can end but a cancel */
};

/* slot->ready: what the last receive on a handle said. */
enum { READY_UNKNOWN, READY_EMPTY };

/* slot->ready of a file: does it go past the page cache? Asked when that first matters. */
enum { FILE_UNKNOWN, FILE_CACHED, FILE_DIRECT };

/* Reads from the page cache for which registered memory pays. Measured (6.18), in CPU, registered to
 * plain: 0.97 up to this, 1.01 at four times as much, 1.05 to 1.10 from 32 KiB on, where the plain read
 * copies by whole pages; cached writes 1.01 to 1.05 at any length. Past the cache there are no pages to
 * pin: 0.92 at 64 KiB, 0.52 at 1 MiB. */
#define REGISTERED_CACHED_BYTES 4096

/* Plain send calls that one turn may make, and the entries fetched up to which a turn is short:
 * measured, beyond two the batch is cheaper. */
#define SHORT_TURN 2

enum completion_mode { MODE_ANY, MODE_DEFERRED, MODE_PLAIN };

struct completion_tuning {
	enum completion_mode mode;
	uint32_t entries;     /* 0: as many as are usual */
	uint32_t completions; /* there is room for at least so many, within COMPLETIONS_MAX */
	bool direct;
};

/* Operations through op->backend, in order. */
struct completion_list {
	struct duet_op *first;
	struct duet_op *last;
};

struct completion {
	struct io_uring ring;
	struct duet_stats *stats;
	unsigned enter_flags; /* registered: enter_ring_fd is an index, not a descriptor */
	unsigned deferred;    /* IORING_ENTER_GETEVENTS where completions run only on request */
	unsigned features;
	bool native_socket;
	bool multishot_recv; /* Linux 6.0; without it a single shot is armed again and again */
	bool buffer_table; /* there is a table of registered memory */
	bool direct;
	uint32_t direct_left; /* plain send calls that this turn may still make */
	int wake_fd;
	bool wake_armed;
	int carry_fd; /* what a foreign loop watches in deferred mode, else -1: see wake.c */
	bool carried; /* the ring rings it */
	uint32_t eventfds; /* handles that are one: see completion_carry() */
	struct completion_list owed; /* multishot and polls, to be started again: see PLACE_OWED */
	struct completion_list held; /* polls whose watch is to go: see PLACE_HELD */
	/* One for each identity, so that there always is one: of a send of several pieces, which the
	 * kernel may read until that ends. The pages of those that never do so are never touched. */
	struct msghdr *messages;
};

static inline struct completion *completion_of(const struct duet_loop *loop)
{
	return loop->state;
}

/* ---- ring.c: the only file that touches the submission and the completion queue. ---- */

/* 0 or -errno with nothing left. stats outlives the ring. */
int completion_ring_open(struct completion *self, const struct completion_tuning *tuning,
			 struct duet_stats *stats);
void completion_ring_close(struct completion *self);
/* Gives the memory and the descriptor back in a forked child, without a word to the kernel. */
void completion_ring_forget(struct completion *self);

/* Hands over what is there, as the queue is full. Is there room now? */
bool completion_ring_make_room(struct completion *self);
/*
 * The same for a cancel, of which there may be as many at once as there are operations. What those
 * before it have stopped is taken out of the kernel's table, which it searches for each (with deferred
 * task work it stays in there until somebody asks for completions); false if so much has come of that
 * that it is better fetched first: what doesn't fit is kept by the kernel one by one.
 */
bool completion_ring_make_room_by_ends(struct completion *self);
/* Enters the usual send, where the queue isn't full. 0, so that it can be the last call of a start. */
int completion_ring_send(struct completion *self, int fd, const struct iovec *from,
			 uint64_t user_data);

static inline bool completion_ring_full(const struct completion *self)
{
	const struct io_uring_sq *sq = &self->ring.sq;

	return sq->sqe_tail - *sq->khead == sq->ring_entries;
}

/* A place in the submission queue, or NULL: also handing over what is there made no room. The
 * caller fills all of it. */
static inline struct io_uring_sqe *completion_ring_entry(struct completion *self)
{
	struct io_uring_sq *sq = &self->ring.sq;

	if (__builtin_expect(completion_ring_full(self), 0) && !completion_ring_make_room(self))
		return NULL;
	return &sq->sqes[sq->sqe_tail++ & sq->ring_mask];
}

/* Hands over what was entered, and waits for a completion if there is none: see the hook wait(). */
int completion_ring_wait(struct completion *self, int64_t timeout_ns);
/* Hands over without waiting. 0 or -errno. */
int completion_ring_hand_over(struct completion *self);
/* Would a turn find something at once? */
bool completion_ring_pending(const struct completion *self);
uint32_t completion_ring_ready(const struct completion *self);
/* Fetches what was there at the call and reports it through completion_finish(). */
void completion_ring_reap(struct duet_loop *loop, struct completion *self);

/* One nop there and back: 0 or -errno. */
int completion_ring_try(struct completion *self);

/* ---- The rest, by file. ---- */

/* backend.c: 0, or -EINVAL. */
int completion_tuning_read(const char *text, struct completion_tuning *tuning);

/* probe.c */
int completion_probe(const char *tuning, struct duet_probe *probe);
/* 0, or -ENOSYS: something that the backend is built on is missing. missing names it. */
int completion_capabilities(struct completion *self, uint8_t *capability, const char **missing);

/* lend.c, at its end: the lists. The place is noted in the operation. */
void completion_list_push(struct completion_list *list, struct duet_op *op, uint32_t place);
struct duet_op *completion_list_pop(struct completion_list *list);
void completion_list_remove(struct completion_list *list, const struct duet_op *op);

/* start.c */
bool completion_carries(enum duet_kind kind);
int completion_start(struct duet_loop *loop, struct duet_op *op);
int completion_transfer(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot);
/* Starts a multishot operation again that the kernel ended without an error. */
void completion_start_again(struct duet_loop *loop, struct duet_op *op);
/* Polls on, hearing of changes only. */
void completion_start_watch(struct duet_loop *loop, struct duet_op *op);
/* Those that had found no room. */
void completion_start_owed(struct duet_loop *loop);

/* finish.c */
void completion_finish(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags);
void completion_finish_held(struct duet_loop *loop);

/* cancel.c */
int completion_cancel(struct duet_loop *loop, struct duet_op *op);
void completion_cancel_answered(struct duet_loop *loop, uint64_t user_data, int result);

/* wait.c */
int completion_wait(struct duet_loop *loop, int64_t timeout_ns);
int completion_prepare(struct duet_loop *loop);

/* wake.c */
int completion_wake_open(struct completion *self);
void completion_wake_close(struct duet_loop *loop, struct completion *self);
void completion_wake(struct duet_loop *loop);
/* A handle comes or goes. */
void completion_wake_attach(struct completion *self, struct duet_slot *slot);
void completion_wake_detach(struct completion *self, const struct duet_slot *slot);
/* Before a foreign loop sleeps. False: it must not. */
bool completion_carry(struct completion *self);
void completion_wake_arm(struct completion *self);
void completion_wake_event(struct completion *self, unsigned flags);

/* lend.c */
int completion_pool_attach(struct duet_loop *loop, struct duet_pool *pool);
int completion_pool_return(struct duet_loop *loop, struct duet_pool *pool, uint16_t index);
void completion_pool_detach(struct duet_loop *loop, struct duet_pool *pool);

#endif
