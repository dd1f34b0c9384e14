/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_LOOP_H
#define DUET_LOOP_H

#include <duet/api.h>
#include <duet/message.h>
#include <duet/operation.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A loop: one thread's runtime on one backend.
 *
 * The thread that creates it owns it; every function here and in the other headers is called on
 * that thread, except duet_loop_wake() and duet_loop_post(); debug builds stop a start, a cancel, a
 * turn or a prepare elsewhere. A program may have many loops. No state is global. After create (of
 * the loop, and of its pools) nothing is allocated. After a fork the child may only destroy.
 */
struct duet_loop;

/* A mechanism: what the one function of a backend's header returns. */
struct duet_backend;

/* Attempt the system call before waiting for readiness? What is known of a direction of a handle
 * is one of: unknown, ready, empty. */
enum duet_try {
	DUET_TRY_PREDICT, /* if unknown or ready (default) */
	DUET_TRY_NEVER,   /* only after an event said so */
	DUET_TRY_ALWAYS,  /* also if empty */
};

typedef void duet_woken_fn(struct duet_loop *loop, void *context);

struct duet_loop_options {
	uint32_t size;           /* sizeof(struct duet_loop_options), set by the init function */
	uint32_t operations_max; /* pending at once, 1 to 2^24; default 4096; the backend's header
				    says in bytes what one costs */
	uint32_t handles_max;    /* 1 to 2^24; default 1024; the same */
	uint32_t worker_threads; /* for file I/O, on backends that need them, 0 to 64; default 2;
				    with 0 what needs a worker is absent */
	uint32_t work_threads;   /* for duet_op_work(), on every backend, 0 to 64; default 0: work is
				    absent. One pool for both: of as many threads as the larger of the
				    two says, so that work that takes them all keeps files waiting */
	uint32_t burst_max;      /* completions of one handle in one turn before it is another's turn,
				    1 to 65535; default 16 */
	uint32_t try_first;      /* enum duet_try; a handle's own flags win */
	uint32_t spin_ns;        /* how long a turn that would sleep first looks for events again and
				    again: to wake a sleeping processor takes longer than most answers,
				    and one that looks is kept busy. Up to 10^9; default 0 */
	uint32_t owned_max;      /* operations of the loop's own, for duet_op_take(): up to 65536;
				    default 0. Each takes 304 bytes, and owned_bytes */
	uint32_t owned_bytes;    /* the buffer of each, up to 2^20; default 0 */
	const char *tuning;      /* "key=value,key=value" for the backend, documented in its header;
				    NULL for its defaults; read during create only */
	duet_woken_fn *woken;    /* called in a turn after one or more duet_loop_wake(), or NULL */
	void *woken_context;
};

/* Fills in the defaults. */
DUET_API void duet_loop_options_init(struct duet_loop_options *options);

/* How an operation is carried out on a backend, on this kernel. */
enum duet_capability {
	DUET_ABSENT,
	DUET_EMULATED, /* by other calls, or on a worker thread */
	DUET_NATIVE,
};

/* Which way an operation is carried out. */
enum duet_way {
	DUET_WAY_ARMED,    /* given to the kernel, which waits: as what it is, or for readiness */
	DUET_WAY_INLINE,   /* a plain call that ended it at once */
	DUET_WAY_ENCODED,  /* the same, as something of another kind */
	DUET_WAY_EMULATED, /* readiness, where it is otherwise not needed, and then a plain call */
	DUET_WAY_WORKER,   /* by a thread of the loop's pool */
	DUET_WAY_COUNT
};

DUET_API const char *duet_way_name(enum duet_way way);

/* Text for people: why a kind isn't native. */
#define DUET_WHY_BYTES 64

/* What a backend says of this machine: whether it can be had, and if not, why. */
struct duet_probe {
	int error;        /* 0, or why not: -ENOSYS, -EPERM, -ENOMEM, -EMFILE ... */
	char reason[200]; /* a sentence for people: what refused, and what to do; "" if available */
	char shape[120];  /* what a loop would use here, as "single issuer, deferred task work" */
	uint8_t capability[DUET_KIND_COUNT]; /* enum duet_capability, of a loop that has the threads
						which that needs */
	char why[DUET_KIND_COUNT][DUET_WHY_BYTES]; /* of what isn't native: why, as "no ftruncate
						      (opcode 55): Linux 6.9"; "" if it is */
};

/* Does a real set-up and a real operation, and undoes them. tuning as in the options. Returns
 * probe->error. May be called from any thread. */
DUET_API int duet_backend_probe(const struct duet_backend *backend, const char *tuning,
				struct duet_probe *probe);
DUET_API const char *duet_backend_name(const struct duet_backend *backend);

/*
 * Creates a loop on one backend; options may be NULL. On a refusal *loop is NULL; the error is
 * the kernel's (-EPERM, -ENOSYS, -ENOMEM, -EMFILE) or -EINVAL (options); duet_backend_probe()
 * puts it into words.
 */
DUET_API int duet_loop_create(struct duet_loop **loop, const struct duet_backend *backend,
			      const struct duet_loop_options *options);

/*
 * Creates a loop on the first backend of a list that is there and permitted. Only -ENOSYS,
 * -EPERM, -EACCES and -ENOTSUP fall to the next, everything else ends the search. If why isn't
 * NULL it tells what the first one said: why->error is 0 if nothing was passed over. tuning
 * belongs to the first; the others get their defaults.
 */
DUET_API int duet_loop_create_first(struct duet_loop **loop,
				    const struct duet_backend *const *backends, size_t count,
				    const struct duet_loop_options *options,
				    struct duet_probe *why);

/*
 * Frees the loop, its pools and its remaining handles (their descriptors are closed).
 * 0, or -EBUSY while an operation is in flight: then nothing is freed and the loop stays valid;
 * duet_loop_dump() names what remains, duet_loop_shutdown() ends it. -EBUSY also while messages
 * wait to be delivered, while an operation of another loop waits for a primitive of this one, and inside
 * a callback. Accepts NULL.
 * In a forked child: frees the child's copy, in any state, without touching the parent's. The
 * descriptors of handles stay open there: they are the child's to close, as any that it inherits.
 */
DUET_API int duet_loop_destroy(struct duet_loop *loop);

/*
 * Refuses new work (-ESHUTDOWN), cancels everything (cause shutdown), and takes turns until
 * nothing is in flight or deadline_ns has come. 0, or -EBUSY with the rest still lent: call again
 * later. Operations that can't be cancelled are waited for, and those of other loops that wait for a
 * primitive of this one: their own loops end them. Inside a callback it requests the end of
 * everything and answers -EBUSY.
 */
DUET_API int duet_loop_shutdown(struct duet_loop *loop, uint64_t deadline_ns);

/*
 * One turn: what is ready is completed and its callbacks are called; if nothing is, waits up to
 * timeout_ns (0: don't wait; negative: until something happens). Returns the number of
 * completions delivered (0 if the wait ended by time, wake or signal), or a negative error of
 * the mechanism itself. -EBUSY inside a callback: turns don't nest.
 */
DUET_API int duet_loop_turn(struct duet_loop *loop, int64_t timeout_ns);

/*
 * Turns until nothing is pending and nothing waits to be called back, or duet_loop_stop(). What
 * other threads may yet post, and waits of a native dialect, aren't pending: a program that lives
 * on those takes turns by itself. 0, or a negative error of the mechanism; inside a callback it is
 * -EBUSY and nothing else happens.
 */
DUET_API int duet_loop_run(struct duet_loop *loop);

/* Makes the duet_loop_run() that calls back now return after this turn. On the loop's thread; a run
 * that begins later knows nothing of it. */
DUET_API void duet_loop_stop(struct duet_loop *loop);

/* Operations started and not yet ended. 0 doesn't mean that all have been called back: the next
 * turn may still do that, and until then duet_loop_destroy() is busy. */
DUET_API uint32_t duet_loop_pending(const struct duet_loop *loop);

/* The clock of this turn: monotonic, read at most once a turn, after its wait or when it is first
 * asked for, and the same until the next. Deadlines are measured against it. A program that was away
 * from the loop for long takes a turn before it counts from here. */
DUET_API uint64_t duet_loop_now_ns(const struct duet_loop *loop);

DUET_API const struct duet_backend *duet_loop_backend(const struct duet_loop *loop);
DUET_API enum duet_capability duet_loop_capability(const struct duet_loop *loop,
						   enum duet_kind kind);

/*
 * Ends the wait of a turn. From any thread and from a signal handler; costs a system call only if
 * the loop sleeps. Any number of wakes before the loop notices count as one.
 */
DUET_API void duet_loop_wake(struct duet_loop *loop);

/* Sends a message, from any thread. Never fails, never blocks, wakes the loop if it sleeps. The loop has to
 * be there until the message is; whoever destroys it then waits for a sender that hasn't come back. */
DUET_API void duet_loop_post(struct duet_loop *loop, struct duet_message *message);

/* The same on the loop's own thread, cheaper: later in this turn, or in the next. */
DUET_API void duet_loop_defer(struct duet_loop *loop, struct duet_message *message);

/*
 * To be carried by a foreign loop: watch duet_loop_fd() for input; before waiting call
 * duet_loop_prepare(), which hands over what was started and says how long you may wait in ns
 * (0: don't wait, negative: no deadline); after waiting, in any case, duet_loop_turn(loop, 0). Inside a
 * callback prepare does nothing and answers 0.
 */
DUET_API int duet_loop_fd(const struct duet_loop *loop);
DUET_API int64_t duet_loop_prepare(struct duet_loop *loop);

/* What the loop did since it was created. system_calls counts those of the loop's thread on
 * behalf of operations, and agrees with strace; attempts that found nothing are in it too. What the
 * coordination with worker threads costs is not: the futex calls of locks. */
struct duet_stats {
	uint64_t turns;
	uint64_t waits;         /* system calls that may sleep */
	uint64_t system_calls;
	uint64_t started;
	uint64_t ended;         /* terminal completions, ends inside start included */
	uint64_t interim;
	uint64_t inline_ended;  /* carried out at once by the attempt before waiting */
	uint64_t armed;         /* had to wait for the kernel */
	uint64_t worker;        /* went to a worker thread */
	uint64_t wasted;        /* attempts that found nothing */
	uint64_t registrations; /* changes of what the kernel watches */
	uint64_t submitted;     /* entries handed to the kernel */
	uint64_t events;        /* entries fetched from the kernel */
	uint64_t overflowed;    /* completions the kernel had to keep back */
	uint64_t queue_full;    /* found no room in the queue to the kernel: what was in it had to be
				   handed over early, or the start or cancel to wait; each once */
	uint64_t stale;         /* late or doubled events that were dropped */
	uint64_t reclaimed;     /* late descriptors closed, late buffers taken back */
	uint64_t abandoned;     /* operations given up while they were pending */
	uint64_t discarded_bytes; /* that came for such */
	uint64_t cancels;       /* handed to the backend */
	uint64_t cancels_again; /* repeated because the answer was no ending */
	/* What they were answered, which says nothing of what became of their operations; the rest were
	 * found, and end them. */
	uint64_t cancels_ended;   /* stopped with the request itself */
	uint64_t cancels_running; /* runs, and may not be stopped any more */
	uint64_t cancels_unknown; /* there is none such, or none that can be found */
	uint64_t starved;       /* receives that found the pool empty */
	uint64_t copied;        /* zero-copy sends whose bytes were copied after all */
	uint64_t copied_bytes;  /* between the caller's memory and what stood in for it: of the regime
				   copied, and of the loop's own operations. What the kernel copies
				   isn't in it */
	uint64_t wakes;
};

DUET_API void duet_loop_stats(const struct duet_loop *loop, struct duet_stats *stats);

/* How many operations of a kind went a way: what inline_ended, armed and worker are the sums of (armed of
 * three: armed, encoded, emulated). One that is given to the kernel again, as a transfer that goes on, counts
 * again. */
DUET_API uint64_t duet_loop_way_count(const struct duet_loop *loop, enum duet_kind kind,
				      enum duet_way way);

/*
 * Why is the loop still alive? Calls line once for each pending operation, and for each that has ended
 * and was not yet told, with one line of text that names it: kind, address, handle and descriptor (or
 * what it waits for), state, age and the turn of its start, what it lends, where it is (armed, at a
 * worker, in line ...), deadline, request, the task that waits for it and where, or in debug builds where
 * it was started, and the scopes around it; once if messages wait to be delivered; or once to say that
 * nothing is pending. For people; the form may change. On the loop's thread, also inside a callback.
 * Ages are in milliseconds, of the time of the turn in which the operation began.
 */
DUET_API void duet_loop_dump(const struct duet_loop *loop,
			     void (*line)(void *context, const char *text), void *context);

/*
 * Asks for that in the loop's next turn, written to the descriptor fd, a line at a time. From any thread
 * and from a signal handler, of which the program makes one if it likes: the loop itself changes no
 * signal's disposition. Costs the loop nothing until then; it is a wake, and woken() is called as well.
 * A loop that doesn't hear is held by a callback, or nobody takes its turns: a second request finds the
 * first unheard and writes that to fd at once (who holds it: <duet/watchdog.h>).
 */
DUET_API void duet_loop_ask_dump(struct duet_loop *loop, int fd);

#ifdef __cplusplus
}
#endif

#endif
