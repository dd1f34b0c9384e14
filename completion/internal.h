/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef COMPLETION_INTERNAL_H
#define COMPLETION_INTERNAL_H

#include <errno.h>

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
	TAG_RELEASE,    /* the answer to the end of a poll that nobody waits for; no identity, but of
			   completion_start_polls() */
	TAG_POLL,       /* the result is what is ready: of a poll, or between two attempts; of a send or
			   receive on a file, bytes */
	TAG_ZERO_COPY,  /* a result, behind which the notification comes that the memory is back */
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
	PLACE_WORKER,  /* at a worker thread of ours, or in their line */
	PLACE_NOWHERE, /* a poll that nothing can end but a cancel */
	PLACE_READY,   /* in the kernel: a message, attempted again as it is ready on this side */
};

/* slot->next: is it an eventfd (see completion_carry()), was O_NONBLOCK set for a write, and has the socket
 * said that it knows no zero-copy sends? */
enum { HANDLE_EVENTFD = 1 << 0, HANDLE_NONBLOCKING = 1 << 1, HANDLE_COPIES = 1 << 2 };

/* slot->ready: what the last receive on a handle said. */
enum {
	READY_UNKNOWN,
	READY_EMPTY,
	READY_LIKELY, /* a datagram came, and the next receive stands in line already */
};

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

/* What a ring may know or not, and refuse or not: ladder.c says more of each. */
enum completion_step {
	STEP_NONE,
	STEP_NOP,
	STEP_POLL,
	STEP_CANCEL,
	STEP_ACCEPT,
	STEP_ACCEPT_MULTISHOT,
	STEP_CONNECT,
	STEP_RECV,
	STEP_RECV_MULTISHOT,
	STEP_RECV_BUNDLE,
	STEP_SEND,
	STEP_RECVMSG,
	STEP_SENDMSG,
	STEP_SEND_ZC,
	STEP_SENDMSG_ZC,
	STEP_READ,
	STEP_READV,
	STEP_WRITE,
	STEP_WRITEV,
	STEP_OPEN,
	STEP_FSYNC,
	STEP_SHUTDOWN,
	STEP_CLOSE,
	STEP_SOCKET,
	STEP_SPLICE,
	STEP_STATX,
	STEP_MKDIR,
	STEP_UNLINK,
	STEP_RENAME,
	STEP_LINK,
	STEP_SYMLINK,
	STEP_TRUNCATE,
	STEP_ALLOCATE,
	STEP_WAITID,
	STEP_READ_FIXED,
	STEP_WRITE_FIXED,
	STEP_POOL_RING, /* a pool's free buffers in memory that the kernel reads */
	STEP_COUNT
};

_Static_assert(STEP_COUNT <= 64, "a bit for each in a set of steps");

enum completion_presence {
	STEP_UNKNOWN, /* this kernel has no such thing */
	STEP_THERE,
	STEP_REFUSED, /* by a filter */
	STEP_OFF,     /* by the tuning, or the environment */
};

typedef int completion_start_fn(struct duet_loop *loop, struct duet_op *op);

struct completion_tuning {
	uint64_t without; /* steps that are done without */
	uint64_t refuse;  /* opcodes that the ring itself is to refuse, as a filter would */
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
	/* Without them a single shot is armed again and again. */
	bool multishot_recv;
	bool multishot_accept;
	uint8_t steps[STEP_COUNT];               /* enum completion_presence */
	uint8_t ways[DUET_IO_KIND_COUNT];        /* enum duet_way, decided at create */
	completion_start_fn *starts[DUET_IO_KIND_COUNT]; /* the same as functions */
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

/* Are so many places there, or made by handing over? */
static inline bool completion_ring_room(struct completion *self, uint32_t places)
{
	const struct io_uring_sq *sq = &self->ring.sq;

	return sq->ring_entries - (sq->sqe_tail - *sq->khead) >= places ||
	       (completion_ring_make_room(self) &&
		sq->ring_entries - (sq->sqe_tail - *sq->khead) >= places);
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

/* Hands over what was entered, and waits until that many answers are there: all is told. 0 or -errno. */
int completion_ring_answers(struct completion *self, uint32_t count,
			    void (*answered)(void *context, uint64_t user_data, int result,
					     unsigned flags),
			    void *context);

/* ---- The rest, by file. ---- */

/* backend.c: 0, or -EINVAL. */
int completion_tuning_read(const char *text, struct completion_tuning *tuning);

/* probe.c */
int completion_probe(const char *tuning, struct duet_probe *probe);
/* 0, or -ENOSYS, -EACCES: something that the backend is built on is missing, or refused. missing names
 * it. why may be NULL. */
int completion_capabilities(struct completion *self, uint64_t without, uint8_t *capability,
			    char (*why)[DUET_WHY_BYTES], const char **missing);

/* ---- ladder.c: what this ring can do, and so which way each kind goes. ---- */

/* Tries all of them, in one hand-over. 0, or the error of the ring itself. */
int completion_ladder_try(struct completion *self, uint64_t without);
/* Which of those that nothing can stand in for is missing, and with which error; NULL: none. */
const char *completion_ladder_missing(const struct completion *self, int *error);
/* Decides. why: for each kind that doesn't go its own way; may be NULL. */
void completion_ladder_choose(struct completion *self, uint8_t *capability,
			      char (*why)[DUET_WHY_BYTES]);
/* "name+name" or "name,name": 0, or -EINVAL. */
int completion_ladder_read(const char *names, uint64_t *set);
/* The opcodes that are left: how many. */
uint32_t completion_ladder_opcodes(uint64_t refused, uint8_t *allowed);

static inline bool completion_able(const struct completion *self, enum completion_step step)
{
	return self->steps[step] == STEP_THERE;
}

/* ---- readiness.c: the lower ways. ---- */

completion_start_fn completion_start_recv_by_read;
completion_start_fn completion_start_send_by_message;
completion_start_fn completion_start_by_vector;
completion_start_fn completion_start_shutdown_call;
completion_start_fn completion_start_worker;
completion_start_fn completion_start_readiness;
/* Does an event mean that op is to be attempted now? */
bool completion_awaits_readiness(const struct duet_loop *loop, const struct duet_op *op);
void completion_finish_readiness(struct duet_loop *loop, struct duet_op *op, int result);

/* lend.c, at its end: the lists. The place is noted in the operation. */
void completion_list_push(struct completion_list *list, struct duet_op *op, uint32_t place);
struct duet_op *completion_list_pop(struct completion_list *list);
void completion_list_remove(struct completion_list *list, const struct duet_op *op);

/* ---- Whether readiness comes before the first attempt. ---- */

static inline bool completion_is_socket(const struct duet_slot *slot)
{
	return slot->slot_class != CLASS_FILE && slot->slot_class != CLASS_OTHER;
}

/* Is it the caller's wish that readiness comes before the first attempt? What is no socket has its
 * refusal to give at once, and would answer the wish with -EAGAIN. */
static inline bool completion_never_first(const struct duet_loop *loop, const struct duet_slot *slot)
{
	return duet_core_try(loop, slot) == DUET_TRY_NEVER && completion_is_socket(slot);
}

/* Is it known, or the caller's wish, that a first attempt would find nothing? A listener's refusal is
 * there at once, however ready it is for accepts. */
static inline bool completion_poll_first(const struct duet_loop *loop, const struct duet_slot *slot)
{
	if (!completion_is_socket(slot) || slot->slot_class == CLASS_LISTENER)
		return false;
	switch (duet_core_try(loop, slot)) {
	case DUET_TRY_NEVER:
		return true;
	case DUET_TRY_ALWAYS:
		return false;
	default:
		return slot->ready == READY_EMPTY;
	}
}

/* start.c */
/* The kind's own way, or NULL. */
completion_start_fn *completion_own_start(enum duet_kind kind);
int completion_start(struct duet_loop *loop, struct duet_op *op);
/* Where an operation has become an entry: notes so. BACKEND_ISSUED. */
int completion_issued(struct completion *self, struct duet_op *op, struct io_uring_sqe *sqe,
		      unsigned tag);
int completion_transfer(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot);
/* The same, of sends whose way isn't an entry of their own. */
int completion_transfer_any(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot);
/* Starts an operation again that the kernel ended without an error before it was over: on its report. */
void completion_start_again(struct duet_loop *loop, struct duet_op *op);
/* The same of a multishot poll, asking whether that makes sense. */
void completion_start_polls(struct duet_loop *loop, struct duet_op *op);
/* Polls on, hearing of changes only. */
void completion_start_watch(struct duet_loop *loop, struct duet_op *op);
/* Those that had found no room. */
void completion_start_owed(struct duet_loop *loop);

bool completion_has_offsets(struct duet_loop *loop, const struct duet_op *op);
/* The header of a send of several pieces, ours, and such a send. */
const struct msghdr *completion_header(struct duet_loop *loop, struct duet_op *op);
void completion_prep_pieces(struct duet_loop *loop, struct duet_op *op, struct io_uring_sqe *sqe,
			    unsigned flags);

/* The usual handles, of which one field tells, are sockets. */
static inline bool completion_is_other(const struct duet_slot *slot)
{
	return __builtin_expect(slot->plain == PLAIN_NOT, 0) && !completion_is_socket(slot);
}

/* readiness.c: O_NONBLOCK, for a plain call; 0 or -errno. */
int completion_make_nonblocking(struct duet_loop *loop, struct duet_slot *slot);

/* start_stream.c: where a transfer on what is no socket begins, which is noted in it, -1 where nobody says
 * so; and so much was moved of a file. */
uint64_t completion_position(const struct duet_slot *slot, struct duet_op *op);
void completion_move_on(struct duet_loop *loop, const struct duet_op *op, int result);
/* A receive and a send on what is no socket; and when that may have room. */
int completion_start_read(struct duet_loop *loop, struct duet_op *op);
int completion_start_write(struct duet_loop *loop, struct duet_op *op);
void completion_finish_room(struct duet_loop *loop, struct duet_op *op);
/* Waits for it again, here or as soon as the queue has room. */
void completion_start_room(struct duet_loop *loop, struct duet_op *op);

/* start_file.c: on names, truncate, allocate. */
int completion_start_call(struct duet_loop *loop, struct duet_op *op);

/* message.c */
int completion_start_recvmsg(struct duet_loop *loop, struct duet_op *op);
int completion_start_sendmsg(struct duet_loop *loop, struct duet_op *op);
/* A send, with a header or without, of a socket that keeps messages apart. */
int completion_start_datagram(struct duet_loop *loop, struct duet_op *op);
/* The next attempt of one of these: BACKEND_ISSUED, or -EAGAIN. */
int completion_enter_message(struct duet_loop *loop, struct duet_op *op);
/* What came of an attempt, and of the wait between two of them. */
void completion_finish_message(struct duet_loop *loop, struct duet_op *op, int result);
void completion_finish_ready(struct duet_loop *loop, struct duet_op *op, int result);

/* splice.c */
int completion_start_splice(struct duet_loop *loop, struct duet_op *op);
/* What came of the wait for readiness, and of an entry. */
void completion_finish_splice(struct duet_loop *loop, struct duet_op *op, int result);
void completion_finish_spliced(struct duet_loop *loop, struct duet_op *op, int result);
/* Is it a splice from or into a file? */
bool completion_splices_file(const struct duet_loop *loop, const struct duet_op *op);

/* zero_copy.c */
int completion_start_zero_copy(struct duet_loop *loop, struct duet_op *op);
void completion_finish_zero_copy(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags);

/* finish.c */
void completion_finish(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags);
/* What the kernel calls a stop, -512 (restart the call) included, which leaks out of workers. */
static inline int completion_plain_error(int result)
{
	return result == -EINTR || result == -512 ? -ECANCELED : result;
}

/* poll.c */
void completion_finish_poll(struct duet_loop *loop, uint64_t user_data, int result, unsigned flags);
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

/* lend.c: the regimes whose pools this ring can be shown, as bits of enum duet_regime. */
uint8_t completion_regimes(const struct completion *self);
int completion_pool_attach(struct duet_loop *loop, struct duet_pool *pool);
int completion_pool_return(struct duet_loop *loop, struct duet_pool *pool, uint16_t index);
void completion_pool_detach(struct duet_loop *loop, struct duet_pool *pool);
/* May an entry take several of its buffers? Then those behind the first, in their order. */
bool completion_pool_bundles(const struct duet_pool *pool);
uint16_t completion_pool_behind(const struct duet_pool *pool, uint16_t index);

/* bundle.c. Tried once a process. At most so many buffers come in a row. */
#define BUNDLE_MAX 8u
bool completion_bundles_are_sound(void);

#endif
