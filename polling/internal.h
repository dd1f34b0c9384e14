/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef POLLING_INTERNAL_H
#define POLLING_INTERNAL_H

#include <duet/polling.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/shortcut.h"
#include "polling/call.h"

/* Shared by the files of this folder only. */

/*
 * What is known of a handle, in struct duet_slot's word `ready`: a byte for each direction, and
 * the handle's own bits above. READY and EMPTY are never set together; neither means unknown.
 *
 *                an event of the direction
 *      unknown ----------------------------> READY
 *         |                                  |   ^
 *         | EAGAIN                           |   | an event
 *         v       EAGAIN, or a short transfer|   |
 *       EMPTY <------------------------------+   |
 *         +--------------------------------------+
 *
 * An attempt is due while HELD is set, and EMPTY and BEHIND are not. So what is known outlives whoever learned
 * it: a waiter that is cancelled leaves the edge to the next in line.
 */
enum {
	HELD = 1 << 0,    /* the head of the line is with us: from start to its report or cancel */
	READY = 1 << 1,   /* an event said so, and nothing has said otherwise since */
	EMPTY = 1 << 2,   /* the last attempt found nothing more; the next event is awaited */
	AWAITED = 1 << 3, /* a wait of the native dialect is armed */
	TAKEN = 1 << 4,   /* eager arm only: the result is in the head's `backend` already */
	/* Of a held head, on its way to be the usual: the read is a multishot receive into a pool that
	 * is armed, the write a send that came by transfer() and was not attempted yet. */
	PLAIN = 1 << 5,
	/* Of a held read: a connect that was started before it has yet to end. */
	BEHIND = 1 << 6,

	REGISTERED = 1 << 16,    /* the kernel watches it, until detach */
	QUEUED = 1 << 17,        /* on the list of handles to attempt */
	TIRED = 1 << 18,         /* used up its burst; not attempted again in this turn */
	POLLED = 1 << 19,        /* an armed poll is among `others` */
	LASTING = 1 << 20,       /* hang-up or urgent data was seen: a short receive proves nothing */
	NONBLOCKING = 1 << 21,   /* O_NONBLOCK is set, for the calls that have no flag of their own */
	FILE_KNOWN = 1 << 22,    /* the next bit was looked up */
	FILE_NO_TRY = 1 << 23,   /* reads go to a worker at once: O_DIRECT, or RWF_NOWAIT refused */
	UNWATCHABLE = 1 << 24,   /* the kernel has no readiness for it, as for regular files */

	/* What a visit may meet that is not the usual: see visit_usual(). */
	UNUSUAL = QUEUED | TIRED | POLLED | LASTING | TAKEN | AWAITED | AWAITED << 8,
};

/* A direction is the place of its byte. */
enum direction { DIRECTION_READ = 0, DIRECTION_WRITE = 8 };

/* Where an issued operation is, in its word `progress`. */
enum {
	PROGRESS_FRESH,    /* no attempt yet, or none that had to wait */
	PROGRESS_ARMED,    /* an event of the handle goes on with it */
	PROGRESS_DUE,      /* on the due list: a first attempt in the next turn */
	PROGRESS_ANSWERED, /* a poll whose events are in `backend`, about to be reported */
	PROGRESS_STOPPED,  /* eager arm only: cancel was asked for, but the bytes are here */
};

/* At a worker thread; the rest of the word is the descriptor that it works on. */
#define PROGRESS_WORKER 0x80000000u

enum { POLLING_WITHOUT_PWAIT2 = 1 << 0, POLLING_WITHOUT_NOWAIT = 1 << 1 };

struct polling {
	int epoll;
	int wake; /* an eventfd */
	bool eager;
	uint8_t without;  /* what a kernel may not have, and is done without here in any case */
	bool hasty;       /* the last wait delivered without looking for events */
	bool coarse;      /* the kernel has no epoll_pwait2(2): timeouts are rounded up to ms */
	uint32_t attempts_first; /* handles to attempt, through slot->next; index + 1 */
	uint32_t attempts_last;
	uint32_t attempts_count;
	struct duet_slot *visited; /* the handle being attempted; its starts need no list */
	struct duet_op *due_first; /* nop, poll, read, close, through op->backend; NULL-terminated */
	struct duet_op *due_last;
	uint32_t due_count;
	uint32_t events_max;
	struct epoll_event *events;
	struct duet_wait **waits; /* native dialect: two for each slot, by direction */
};

/* Beyond any slot: an event with it is no handle's. */
#define POLLING_WAKE_IDENTITY UINT64_MAX

static inline struct polling *polling_of(const struct duet_loop *loop)
{
	return loop->state;
}

static inline uint32_t polling_bits(uint32_t bits, enum direction direction)
{
	return bits << direction;
}

/* The bits HELD of the directions in which an attempt is due. */
static inline uint32_t polling_dues(const struct duet_slot *slot)
{
	_Static_assert(EMPTY == HELD << 2 && BEHIND == HELD << 6,
		       "the shifts bring EMPTY and BEHIND to the place of HELD");
	return slot->ready & ~(slot->ready >> 2 | slot->ready >> 6) &
	       (HELD | HELD << DIRECTION_WRITE);
}

/* A connect is with us: tried in the turn, or on its way. */
static inline bool polling_is_connecting(const struct duet_slot *slot)
{
	return slot->ready & polling_bits(HELD, DIRECTION_WRITE) &&
	       slot->writes->kind == DUET_CONNECT;
}

static inline bool polling_is_awaited(const struct duet_slot *slot, enum direction direction)
{
	return (slot->ready >> direction & (AWAITED | EMPTY)) == AWAITED;
}

/* The direction is known to be empty until an event says otherwise. */
static inline void polling_note_empty(struct duet_slot *slot, enum direction direction)
{
	slot->ready = (slot->ready & ~polling_bits(READY, direction)) |
		      polling_bits(EMPTY, direction);
}

static inline void polling_note_ready(struct duet_slot *slot, enum direction direction)
{
	slot->ready = (slot->ready & ~polling_bits(EMPTY, direction)) |
		      polling_bits(READY, direction);
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define COLD __attribute__((cold, noinline))

/* finish.c: a receive from a socket, or from what is none: a pipe, a terminal. */
int polling_call_any(struct duet_loop *loop, struct duet_slot *slot, void *data, size_t bytes);

/* The two calls of every message, on sockets. */
static inline long polling_call_recv(struct duet_loop *loop, const struct duet_slot *slot,
				     void *data, size_t bytes)
{
	bool lifted = duet_core_guard_lift(data, bytes);
	long n;

	loop->stats.system_calls++;
	n = polling_system_call(SYS_recvfrom, slot->fd, (long)(intptr_t)data, (long)bytes,
				MSG_DONTWAIT);
	duet_core_guard_lower(data, bytes, lifted);
	return n;
}

static inline long polling_call_send(struct duet_loop *loop, const struct duet_slot *slot,
				     const void *data, size_t bytes)
{
	loop->stats.system_calls++;
	return polling_system_call(SYS_sendto, slot->fd, (long)(intptr_t)data, (long)bytes,
				   MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * What an attempt says about its direction. A receive that stopped short has emptied the socket
 * where nothing else could have stopped it: urgent data and hang-up stop it on TCP, descriptors
 * and credentials on a unix stream, and the length of a datagram says nothing about the next.
 */
static inline bool polling_short_is_empty(const struct duet_slot *slot)
{
	if (slot->ready & LASTING)
		return false;
	return likely(slot->slot_class == CLASS_TCP) ||
	       (slot->slot_class == CLASS_UNIX_STREAM && slot->flags & DUET_HANDLE_NO_ANCILLARY);
}

static inline void polling_note_received(const struct duet_loop *loop, struct duet_slot *slot,
					 size_t n, size_t wanted)
{
	if (n < wanted && (polling_short_is_empty(slot) || MUTANT(short_read_is_empty)) &&
	    duet_core_try(loop, slot) != DUET_TRY_ALWAYS)
		polling_note_empty(slot, DIRECTION_READ);
}

/* A send that stopped short has filled the socket. */
static inline void polling_note_sent(const struct duet_loop *loop, struct duet_slot *slot,
				     size_t n, size_t wanted)
{
	if (unlikely(n < wanted) && duet_core_try(loop, slot) != DUET_TRY_ALWAYS)
		polling_note_empty(slot, DIRECTION_WRITE);
}

/* Where a receive goes: the index of a pool's buffer, LEND_OWN for the caller's memory, or
 * LEND_NONE: the pool is empty. */
enum { LEND_NONE = -1, LEND_OWN = -2 };

/* Regular files, and block devices: never waited for, but read and written by a worker. */
static inline bool polling_is_file(const struct duet_slot *slot)
{
	return slot->slot_class == CLASS_FILE;
}

/* start.c */
bool polling_carries(enum duet_kind kind);
int polling_start(struct duet_loop *loop, struct duet_op *op);
int polling_transfer(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot);
/* Puts a handle at the end of the list of those to attempt, if it isn't there. */
void polling_queue(struct duet_loop *loop, struct duet_slot *slot);

static inline void polling_attempt_later(struct duet_loop *loop, struct duet_slot *slot)
{
	if (polling_of(loop)->visited != slot && !(slot->ready & QUEUED))
		polling_queue(loop, slot);
}

/* The head of a direction is with us no longer. Of a connect: what was behind it has its turn. */
static inline void polling_let_go(struct duet_loop *loop, struct duet_slot *slot,
				  enum direction direction)
{
	slot->ready &= ~polling_bits(HELD, direction);
	if (direction == DIRECTION_WRITE && unlikely(slot->ready & BEHIND)) {
		slot->ready &= ~(uint32_t)BEHIND;
		polling_attempt_later(loop, slot);
	}
}

/* Puts a nop, poll, read or close at the end of the due list. */
void polling_due(struct duet_loop *loop, struct duet_op *op);
/* Waits for an event: 0, or the error of registering the handle. */
int polling_arm(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op);
/* Sets O_NONBLOCK, once for each handle. */
int polling_make_nonblocking(struct duet_loop *loop, struct duet_slot *slot);
/* Gives a read, `done` bytes of which are there, to a worker. */
void polling_offload_read(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			  uint32_t done);
/* Gives a pooled receive from a file to a worker: 0, or -ENOBUFS. */
int polling_offload_receive(struct duet_loop *loop, struct duet_op *op);
void polling_offload_close(struct duet_loop *loop, struct duet_op *op);

/* finish.c: attempts the head of a direction and delivers; or no attempt is due any more. */
void polling_finish_reads(struct duet_loop *loop, struct duet_slot *slot);
void polling_finish_writes(struct duet_loop *loop, struct duet_slot *slot);
/* What came of a call that moved nothing, or less than asked for. */
void polling_finish_unreceived(struct duet_loop *loop, struct duet_slot *slot,
			       struct duet_op *op, int n);
void polling_finish_unsent(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			   int n);
/* A receive finds its pool empty. */
void polling_find_no_buffer(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op);
/* Attempts what was started on the due list; delivers or arms it. */
void polling_finish_due(struct duet_loop *loop, struct duet_op *op);
/* poll.c: a first look for a poll that was started; delivers or arms it. */
void polling_finish_poll(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op);
/* Delivers the armed polls of a handle that `events` answers. */
void polling_finish_polls(struct duet_loop *loop, struct duet_slot *slot, uint32_t events);
/* Eager arm: takes what the head can have now, and hands it over later. */
void polling_take_early(struct duet_loop *loop, struct duet_slot *slot);
void polling_finish_taken(struct duet_loop *loop, struct duet_slot *slot);
/* One attempt, raw: -EAGAIN if it would wait. With *index LEND_NONE nothing was attempted. */
/* kept: a place in the table of handles is kept for what comes. */
int polling_try_accept_once(struct duet_loop *loop, struct duet_slot *slot, bool kept);
int polling_try_connect_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op);
int polling_try_recv_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			  int *index);
int polling_try_send_once(struct duet_loop *loop, struct duet_slot *slot,
			  const struct duet_op *op);
int polling_try_read_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op);
int polling_try_poll_once(struct duet_loop *loop, struct duet_slot *slot, uint32_t events);
int polling_close_once(struct duet_loop *loop, const struct duet_op *op);
/* Closing a file may write it back and so wait for the disk; a socket's close doesn't wait. */
static inline bool polling_closes_slowly(const struct duet_loop *loop, const struct duet_op *op)
{
	return loop->offload && duet_core_op_slot(loop, op)->slot_class == CLASS_FILE;
}

/* Notes an EAGAIN, and returns it. */
int polling_found_nothing(struct duet_loop *loop, struct duet_slot *slot,
			  enum direction direction);

/* message.c: one attempt, raw. *waits: it is to be made again after an event; -EAGAIN may be its end. */
int polling_try_message_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			     bool *waits);
/* One that receives what has its own readiness comes, or goes: what is known doesn't hold for it, or not
 * for those behind it. */
void polling_message_begins(struct duet_slot *slot, const struct duet_op *op);
void polling_message_leaves(struct duet_slot *slot, const struct duet_op *op);

/* splice.c: a start; an attempt that is due; a cancel. */
int polling_start_splice(struct duet_loop *loop, struct duet_op *op);
void polling_finish_splice(struct duet_loop *loop, struct duet_op *op);
int polling_cancel_splice(struct duet_loop *loop, struct duet_op *op);

/* cancel.c */
int polling_cancel(struct duet_loop *loop, struct duet_op *op);

/* wait.c */
int polling_wait(struct duet_loop *loop, int64_t timeout_ns);
int polling_prepare(struct duet_loop *loop);
/* Takes a handle off the list of those to attempt. */
void polling_attempt_never(struct duet_loop *loop, struct duet_slot *slot);

/* visit.c: attempts what is due on a handle, and delivers; the handles of a batch of events. */
void polling_visit(struct duet_loop *loop, struct duet_slot *slot);
void polling_visit_all(struct duet_loop *loop, const struct epoll_event *event,
		       const struct epoll_event *end);
/* Eager arm: first receives what every handle has, and only then delivers. */
void polling_visit_eagerly(struct duet_loop *loop, const struct epoll_event *event,
			   const struct epoll_event *end);

/* wake.c */
int polling_wake_open(struct polling *polling);
void polling_wake(struct duet_loop *loop);

/* lend.c */
void polling_lend_none(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op);
/* Gives back what cancel takes from an operation of the eager arm. */
void polling_lend_back(const struct duet_op *op, int index);

/* interest.c: the only caller of epoll_ctl. */
int polling_interest_add(struct duet_loop *loop, struct duet_slot *slot);
void polling_interest_remove(struct duet_loop *loop, struct duet_slot *slot);
int polling_interest_wake(struct polling *polling);

/* native.c: calls back the waits of a handle whose directions may be ready; drops them at detach. */
void polling_native_ready(struct duet_loop *loop, struct duet_slot *slot);
void polling_native_drop(struct duet_loop *loop, struct duet_slot *slot);

/* probe.c */
int polling_probe(const char *tuning, struct duet_probe *probe);
int polling_tuning(const char *tuning, struct polling *polling);

/* ladder.c: adds "name+name" or "name,name" to what is done without. 0, or -EINVAL. */
int polling_ladder_read(const char *names, uint8_t *without);
/* why may be NULL. */
void polling_ladder_choose(uint8_t *capability, char (*why)[DUET_WHY_BYTES], uint8_t without,
			   bool workers);

#endif
