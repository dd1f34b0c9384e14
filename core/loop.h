/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <duet/buffer.h>
#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/waker.h>
#include <duet/operation.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/bounds.h"
#include "core/guard.h"
#include "core/moves.h"
#include "core/mutant.h"
#include "core/timer.h"

/* The insides of a loop, for core and for backends. */

/*
 * The life of an operation. operation.c has the one setter, and the table of legal moves.
 * `queued` hangs on the queue named here; next/prev on the handle's ring from start to end.
 */
enum core_state {
	/* The caller's. From: init, ENDED. */
	STATE_IDLE,
	/* Accepted, not with the backend: behind another on its handle, or on the loop's backlog
	 * (no room at the backend), or on a pool's line of starved receives, or a close that waits
	 * for its handle to drain. From: IDLE, ISSUED (starved). Next: ISSUED, ENDED. */
	STATE_WAITING,
	/* With the backend (a timeout: in the heap). Next: ENDED, WAITING, STOPPING, CANCELLING, RESULT. */
	STATE_ISSUED,
	/* Its end was requested, the backend has yet to be asked (again). On the loop's list of owed
	 * cancels. Next: CANCELLING, RESULT, ENDED. */
	STATE_STOPPING,
	/* The backend was asked; its terminal report comes. Next: STOPPING (no ending), RESULT,
	 * ENDED. */
	STATE_CANCELLING,
	/* A zero-copy send whose outcome is known and has yet to be told, ahead of its end: on the loop's
	 * done queue until a turn does. It has left the line of its handle, its memory is lent on. From:
	 * ISSUED, STOPPING, CANCELLING. Next: HOLDING. */
	STATE_RESULT,
	/* Its outcome was told; the kernel still has its memory, and nothing can be asked of it. On no
	 * queue. From: RESULT. Next: ENDED. */
	STATE_HOLDING,
	/* The outcome is known, nothing is lent; on the loop's done queue until a turn calls back.
	 * Next: IDLE. */
	STATE_ENDED,
	STATE_COUNT
};

/* Which of a handle's rings an operation joins: decided by its kind. */
enum core_line {
	LINE_NONE,   /* no handle, or a close: alone */
	LINE_READS,  /* one at a time: recv, accept */
	LINE_WRITES, /* one at a time: send, connect, shutdown */
	LINE_OTHERS, /* concurrent: poll, positional I/O, fsync, bind, listen */
};

/* What a descriptor is: decides what a short count means and who carries operations out. */
enum core_class {
	CLASS_TCP,
	CLASS_UNIX_STREAM,
	CLASS_DATAGRAM, /* and every other socket that keeps messages apart */
	CLASS_LISTENER,
	CLASS_FILE, /* regular files and block devices: never waits for readiness */
	CLASS_OTHER /* pipes, terminals, eventfds ... */
};

/* How a write to what is no socket raises no SIGPIPE: core/system_stream.c. */
enum core_quiet {
	QUIET_UNKNOWN,
	QUIET_ANYWAY,  /* it never does */
	QUIET_BY_FLAG, /* RWF_NOSIGNAL, of Linux 6.18 */
	QUIET_BY_MASK, /* by a thread that has it blocked */
};
/* What a handle tells of that was made for that: decides which operations it is for. */
enum core_source { SOURCE_NONE, SOURCE_SIGNALS, SOURCE_PROCESS };

enum core_slot_state {
	SLOT_FREE,
	SLOT_OPEN,
	/* A write ended short and its caller hasn't been told: what is started behind it meanwhile
	 * ends untouched. Open again at its completion. */
	SLOT_BROKEN,
	SLOT_CLOSING, /* refuses new work, drains */
	SLOT_DRAINED, /* detached; its close is with the backend, or waits for room there */
};

/* No handle's generation, not even DUET_HANDLE_NONE's. */
#define PLAIN_NOT UINT32_MAX

/* A handle's slot: one cache line. */
struct duet_slot {
	int fd;
	uint32_t generation; /* raised when the tenant leaves; neither 0 nor PLAIN_NOT */
	uint8_t slot_class;  /* enum core_class */
	uint8_t slot_state;  /* enum core_slot_state */
	uint8_t flags;       /* enum duet_handle_flags */
	uint8_t was_nonblocking; /* as adopted, or made; restored at release */
	uint32_t free_next;      /* free: the next free slot */
	struct duet_op *reads;  /* rings by op->next/prev; the head is with the backend */
	struct duet_op *writes;
	struct duet_op *others;
	struct duet_op *closing; /* the close operation, while SLOT_CLOSING */
	/* The backend's own words about this handle, zero at attach. */
	uint32_t ready; /* what is known of each direction */
	uint32_t next;  /* next in a list of handles, index + 1 */
	/* The usual handle, for which the shortest way is good: an open stream on which a short receive
	 * proves that there is no more, attempted by what is known, more than once in a turn. Its
	 * generation then, else PLAIN_NOT: one comparison says that it is alive and usual. */
	uint32_t plain;
	uint8_t accepts; /* enum core_class of what a listener accepts */
	uint8_t quiet;   /* enum core_quiet, once a write has asked for it */
	uint8_t source;  /* enum core_source */
	uint8_t reserved[1];
};

_Static_assert(sizeof(struct duet_slot) == 64, "a cache line, found by a shift");

struct core_entry {
	struct duet_op *op;
	uint32_t generation;
	uint32_t free_next;
};

#define IDENTITY_TAG_BITS 4

/* A FIFO through op->queued. */
struct core_queue {
	struct duet_op *first;
	struct duet_op *last;
};

/* Whose a buffer of a pool is. */
enum core_buffer_state {
	/* The pool's, or the kernel's to fill. From: HELD (returned), GIVEN (staging). */
	BUFFER_FREE,
	/* The caller's. From: FREE (received into, or taken), GIVEN (its operation's end is told). */
	BUFFER_HELD,
	/* An operation's, given up with it, or taken by it to copy through. From: HELD, FREE. */
	BUFFER_GIVEN
};

struct duet_pool {
	struct duet_loop *loop;
	unsigned char *memory;
	uint32_t count;
	uint32_t size_bytes;
	uint32_t free_count; /* neither held nor given; the height of the stack, if there is one */
	uint32_t free_least; /* the least that it ever was */
	uint32_t given;
	uint16_t id;
	uint8_t regime;    /* enum duet_regime: pooled, moved, registered */
	bool bursts;       /* it may be asked for several of its buffers at once */
	uint16_t *stack;   /* core's free list; NULL where the kernel holds the free ones */
	uint16_t *chain;   /* streams: index + 1 of the next arrival */
	uint32_t *lengths; /* streams: received bytes of an arrival that nobody took yet */
	uint8_t *states;   /* enum core_buffer_state */
	uint32_t *since;   /* the turn in which the caller got it */
	struct core_queue starved;
	uint64_t fed_turn; /* in this turn so many of them got their turn */
	uint32_t fed;
	void *backend; /* the backend's */
};

/* A range that is written to, or was: see core/loan.c. */
struct core_range {
	uintptr_t first;
	/* Its bytes; with RANGE_TAKEN beside them while an operation has it. 0: of no range. */
	uint64_t bytes;
	uint32_t next; /* in its cell, or of no range: place + 1 */
};

#define RANGE_TAKEN (1ull << 32)

struct core_ranges {
	struct core_range *places;
	uint32_t *cells; /* place + 1 of the first in each */
	struct duet_op *pieces; /* loans of more than one piece */
	uint32_t places_max;
	uint32_t cells_max;
	uint32_t fresh; /* from here on no place was ever used */
	uint32_t free;  /* place + 1 of the first that is of no range */
	uint32_t hand;  /* where to look next for one that nobody has */
	uint32_t classes;    /* those in use, as bits */
	uint32_t counts[32]; /* ranges of each class */
};

struct core_account {
	uint64_t bytes;
	uint64_t peak_bytes;
	double byte_ns; /* up to now_ns, as the other */
	uint64_t loan_ns;
	uint32_t count;
};

struct core_ledger {
	uint64_t lent_bytes;
	uint64_t lent_peak_bytes;
	/* Beyond this one of the two peaks is to be raised: that of all, or that of what is simply lent. */
	uint64_t lent_high_bytes;
	double lent_byte_ns; /* up to now_ns, as the other */
	uint64_t lent_loan_ns;
	uint32_t lent_count;
	/* Of those, the ones of a regime other than lent: so that the usual loan is counted once. */
	struct core_account others;
	struct core_account regimes[DUET_REGIME_COUNT];
	struct core_ranges ranges;
};

/* What a completion says, where it can't stand in the operation yet. */
struct core_outcome {
	int32_t result;
	uint32_t transferred;
	uint8_t disposition;
	uint8_t cause;
	struct duet_buffer buffer; /* or the handle that was made */
};

/* How an operation was carried out, as counted; duet_loop_way_count() says it in enum duet_way. */
enum core_way { CORE_INLINE, CORE_ISSUED, CORE_WORKER, CORE_WAYS };

/* When something began, in the one word that an operation has for it. Both halves wrap: after 2^32
 * turns, and after 52 days. */
struct core_stamp {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint32_t turn, time; /* time: of the clock, in units of 2^CORE_STAMP_SHIFT ns */
#else
	uint32_t time, turn;
#endif
};

enum { CORE_STAMP_SHIFT = 20 };

struct core_offload;
struct core_owned;
struct duet_fiber;
struct duet_member;

struct duet_loop {
	const struct duet_backend *backend;
	void *state; /* the backend's */
	int (*transfer)(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot);
	uint64_t now_ns; /* through core_now_ns() */
	uint64_t (*clock)(struct duet_loop *loop);

	struct core_entry *entries; /* identities: of operations that the kernel is told of, and of
				       those that are on no handle's line */
	struct duet_slot *slots;    /* handles; index 0 is used */
	uint32_t operations_max;
	uint32_t handles_max;
	uint32_t entry_free; /* first free, index + 1 */
	uint32_t slot_free;
	uint32_t entries_max;  /* operations_max, and a close for each handle */
	uint32_t handles_free; /* slots on the free list */
	uint32_t handles_kept; /* of those, kept for the results of issued operations */
	uint32_t starved;      /* receives in the lines of all pools */
	bool fed;              /* one of them was given a buffer's turn, and has yet to use it */
	uint32_t pending;
	uint32_t visitors;  /* operations of other loops that are here: see core/waits.c */
	uint32_t kept;      /* places beside those: of scopes that are between two presences */
	uint32_t short_max; /* operations_max but for those, or 0: see core_plain_bound() */
	uint32_t plain_max; /* the same where no deadline is to be inherited, else 0 */
	union { /* of what is started now */
		uint64_t stamp;
		struct core_stamp began;
	};
	uint32_t delivered; /* completions of this turn */
	uint32_t burst_max;
	uint32_t spin_ns;
	uint8_t try_first;
	uint8_t quiet; /* enum core_quiet, of pipes: once asked for */
	bool stopping; /* duet_loop_stop() */
	bool shutting_down;
	bool sheltering; /* what is started now is so also in a shutdown: see core/scope.c */
	bool awake;   /* the backend has looked for events in this turn */
	bool now_unread; /* now_ns is that of an earlier turn: see core_now_ns() */
	bool in_turn; /* a turn is under way: no other may begin, and the loop can't go */

	struct core_queue done;    /* STATE_ENDED, to be called back */
	struct core_outcome late;  /* of what ended in the callback of its own item */
	struct core_queue backlog; /* STATE_WAITING: no room at the backend */
	struct core_queue owed;    /* STATE_STOPPING */
	uint64_t owed_ns;          /* not before this time are owed cancels asked again */
	struct core_timers timers;

	struct duet_message *deferred_first;
	struct duet_message *deferred_last;
	_Atomic(struct duet_message *) posted; /* newest first */
	atomic_int asleep; /* 1: a wake must make the system call. Pairs with woken, both seq_cst:
			      the sleeper sets asleep and then looks at woken, a waker the reverse */
	atomic_int woken;
	atomic_int dump_asked; /* where to, and 1: see duet_loop_ask_dump() */
	atomic_uint posting; /* senders inside duet_loop_post(): the loop isn't freed under them */

	struct core_offload *offload;
	uint32_t pool_count;
	struct duet_pool *pools[DUET_POOLS_MAX];
	struct core_owned *owned; /* operations of the loop's own, which can be abandoned */
	struct core_owned *owned_free;
	unsigned char *owned_memory;
	uint32_t owned_max;
	uint32_t owned_bytes; /* the buffer of each */
	/* Who hears of an interim completion now: meanwhile its operation has its own callback, and
	 * not its scope's. NULL if nobody does. */
	struct duet_member *hearing;
	struct core_ledger ledger;
	struct duet_stats stats; /* without what `ways` counts: see duet_loop_stats() */
	uint64_t ways[CORE_WAYS][DUET_KIND_COUNT];
	uint8_t issued_as[DUET_IO_KIND_COUNT]; /* enum duet_way of CORE_ISSUED, set by create; 0: armed */
	uint8_t capability[DUET_KIND_COUNT];
	uint8_t regimes; /* whose pools the kernel knows of, as bits of enum duet_regime: set by create */
	duet_woken_fn *woken_fn;
	void *woken_context;
	uint64_t deadline_ns; /* inherited by what is started now; DUET_NO_DEADLINE */
	struct duet_fiber *fiber;  /* that runs; NULL */
	struct duet_waker outside; /* of who waits as a fiber does, outside of any */
	bool outside_woken;
	int fd;               /* pollable, for a foreign loop */
	pid_t owner_process;
	pthread_t owner_thread;
	CORE_MOVES_FIELD
	CORE_GUARD_FIELD
};

static inline void core_set_now(struct duet_loop *loop, uint64_t now_ns)
{
	loop->now_ns = now_ns;
	loop->began.time = (uint32_t)(now_ns >> CORE_STAMP_SHIFT);
}

/* The turn's time. To read the clock costs some 20 ns, one in a hundred of a short turn: a turn in
 * which nobody asks, no timer runs and nothing is on loan doesn't. */
static inline uint64_t core_now_ns(const struct duet_loop *loop)
{
	if (__builtin_expect(loop->now_unread, 0)) {
		struct duet_loop *cache = (struct duet_loop *)(uintptr_t)loop;

		cache->now_unread = false;
		core_set_now(cache, loop->clock(cache));
	}
	return loop->now_ns;
}

static inline void core_took(struct duet_loop *loop, const struct duet_op *op, enum core_way way)
{
	loop->ways[way][op->kind]++;
}

#endif
