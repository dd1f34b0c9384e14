/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_LABORATORY_H
#define DUET_LABORATORY_H

#include <duet/api.h>
#include <duet/loop.h>
#include <duet/scope.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The cancellation laboratory: what if it is cancelled here?
 *
 * A workload is a piece of a program on the common API: a set-up, a body that starts operations in a
 * scope, and a check. It is run once to count its points, the operations that it lends to the loop, in
 * their order; then once more for each point, phase and kind of cancel, with a cancel there. After
 * each run the laboratory looks for what must hold whatever was cancelled when. All of it is
 * repeatable: one thread, peers in memory that act by a script, nothing that depends on time. It needs
 * a workload that is as repeatable; one that is not is named.
 *
 * Each run is made in a loop of its own, in a child process: one that crashes or hangs is named with
 * its coordinates, and the sweep goes on.
 */
struct duet_lab;

struct duet_lab_workload {
	const char *name;
	size_t state_bytes; /* of the body's own memory: the laboratory's, zero before each run. Lend
			       from nowhere else: it is watched when the run is over */
	/* Makes what the body works on: connections by duet_lab_pair(), and what their other ends do.
	 * 0, or -errno: the run is not made. */
	int (*set_up)(struct duet_lab *lab, void *state);
	/* Starts what there is to do, and returns; what it started may start more, in the same scope,
	 * and the body is over when the scope has joined. It is called again, in another scope and
	 * with the same state, until duet_lab_finish() was called, or three times. */
	void (*body)(struct duet_lab *lab, struct duet_scope *scope, void *state);
	/* NULL, or what is wrong, in a few words. After the last body; may be NULL. */
	const char *(*check)(struct duet_lab *lab, void *state);
	const void *context; /* the caller's: duet_lab_context() */
};

/* ---- For set-ups and bodies. ---- */

DUET_API struct duet_loop *duet_lab_loop(const struct duet_lab *lab);

DUET_API const void *duet_lab_context(const struct duet_lab *lab);

/* How many bodies were run before this one in this run: 0 in the first. */
DUET_API unsigned duet_lab_attempt(const struct duet_lab *lab);

/* The body takes this memory for its own again. A violation if the operation that is the point still has
 * it on loan. */
DUET_API void duet_lab_takes_back(struct duet_lab *lab, const void *data, size_t bytes);

/* The account of a primitive that hands out permits (a semaphore, a mutex, places in a queue) at this
 * moment. A violation if free and held are not total: one was lost, or given twice. For the check, too. */
DUET_API void duet_lab_permits(struct duet_lab *lab, const char *what, uint64_t free, uint64_t held,
			       uint64_t total);

/* A step of a cleanup was registered, with duet_scope_defer(), in the body's scope or in one inside it;
 * and: it runs. When the body's scope has joined as many must have run as were registered. */
DUET_API void duet_lab_cleanup_registered(struct duet_lab *lab);
DUET_API void duet_lab_cleanup_ran(struct duet_lab *lab);

/* All is done: the body is not called again. Also from callbacks. */
DUET_API void duet_lab_finish(struct duet_lab *lab);

/* Of what was cancelled something remains undone, and the caller was told so: the run need not end
 * like one without a cancel. */
DUET_API void duet_lab_declare_partial(struct duet_lab *lab);

#define DUET_LAB_PEERS_MAX 8

/*
 * A connection: *handle is the body's end, the other is the laboratory's. Returns the peer's number,
 * or -errno. What the peer sends is a stream of which every byte is known by its place, and so is
 * what it expects to receive.
 */
DUET_API int duet_lab_pair(struct duet_lab *lab, duet_handle *handle);

/* The script: one step is taken each time that nothing can go on without it. */
DUET_API void duet_lab_peer_sends(struct duet_lab *lab, int peer, uint32_t bytes);
DUET_API void duet_lab_peer_receives(struct duet_lab *lab, int peer, uint32_t bytes);
DUET_API void duet_lab_peer_closes(struct duet_lab *lab, int peer);
/* The next step is taken together with the one before it: the loop finds both at once. */
DUET_API void duet_lab_together(struct duet_lab *lab);

/* The body has received these: the next bytes of the peer's stream, each once. */
DUET_API void duet_lab_received(struct duet_lab *lab, int peer, const void *data, size_t bytes);

/* Are these the bytes that the peer sends from this place on? 1 or 0: for a body that has to know whose
 * answer it was given. */
DUET_API int duet_lab_sends_there(const struct duet_lab *lab, int peer, uint64_t place,
				  const void *data, size_t bytes);

/* The bytes that the peer expects at this place of the body's stream. */
DUET_API void duet_lab_fill(struct duet_lab *lab, int peer, uint64_t place, void *data,
			    size_t bytes);
/* The body's sends say that so many of them went out. */
DUET_API void duet_lab_sent(struct duet_lab *lab, int peer, size_t bytes);

/*
 * A listener, of which there is one at most. What connects to it is a peer like the others, whose number
 * is -ENOSPC if there are too many; the body says which of its handles is a connection to one, and is told
 * which. A connection that nobody accepted has to be in the backlog still, or closed by the loop.
 */
DUET_API int duet_lab_listener(struct duet_lab *lab, duet_handle *handle);
DUET_API int duet_lab_peer_connects(struct duet_lab *lab);
DUET_API int duet_lab_accepted(struct duet_lab *lab, duet_handle handle);

/*
 * A point that is no operation: a wait of a native dialect, or for a permit of the body's own. drop() is
 * called where the wait is to be cancelled by itself; a cancel of the scope finds it by the member that the
 * body has entered for it. It has no deadline, and nothing that could be abandoned.
 */
struct duet_lab_wait {
	void (*drop)(struct duet_lab_wait *wait);
};

/* From here it waits; and: what it waited for has come. To be said before the body goes on, and look then
 * whether it still waits: this is where a cancel meets what is already there. Or the body has dropped it. */
DUET_API void duet_lab_waits(struct duet_lab *lab, struct duet_lab_wait *wait);
DUET_API void duet_lab_waited(struct duet_lab *lab, struct duet_lab_wait *wait);
DUET_API void duet_lab_dropped(struct duet_lab *lab, struct duet_lab_wait *wait);

/* ---- The sweep. ---- */

#define DUET_LAB_ORDERS_DEPTH_MAX 12
#define DUET_LAB_POINTS_MAX 1024

/* When, seen from the operation that is the point. */
enum duet_lab_phase {
	DUET_LAB_BEFORE,     /* started, and still core's: behind another one on its handle's line */
	DUET_LAB_SAME_BATCH, /* started, not yet handed over */
	DUET_LAB_IN_FLIGHT,  /* handed over, and nothing there for it */
	DUET_LAB_SATISFIED,  /* what it waits for has come, and the loop has not looked */
	DUET_LAB_POSTED,     /* the loop has fetched that, and has not acted upon it */
	DUET_LAB_DISPATCHED, /* its callback is about to be called */
	DUET_LAB_PHASE_COUNT
};

enum duet_lab_kind {
	DUET_LAB_OPERATION, /* duet_op_cancel() */
	DUET_LAB_SCOPE,     /* duet_scope_cancel() of the body's scope */
	DUET_LAB_DEADLINE,  /* the operation's deadline comes */
	DUET_LAB_SHUTDOWN,  /* the loop's */
	/* duet_op_abandon(). If it takes the operation nobody is told of that any more: what it would
	 * have brought is discarded, and counts as declared partial. If it refuses, because the memory
	 * is the body's, all goes on as if nobody had asked. */
	DUET_LAB_ABANDON,
	/* duet_scope_cancel() of the body's scope, and once more when the first operation of a cleanup
	 * is in flight; unreached where there is none. */
	DUET_LAB_SECOND,
	DUET_LAB_KIND_COUNT
};

/* What has to hold: the numbers are those of docs/cancellation.md. */
enum duet_lab_invariant {
	DUET_LAB_TERMINAL = 1,    /* one terminal completion for each operation */
	DUET_LAB_BYTES = 2,       /* sent = received + still there + declared partial */
	DUET_LAB_DESCRIPTORS = 3, /* as many as before */
	DUET_LAB_LOANS = 4,       /* none when the scope has joined */
	DUET_LAB_POOL = 5,        /* full again */
	DUET_LAB_PERMITS = 6,     /* free + held = total */
	DUET_LAB_LATENCY = 7,     /* joined within a bound of turns after the request */
	DUET_LAB_CLEANUP = 8,     /* each step ran once, before its scope joined */
	DUET_LAB_MIXED = 9,       /* no byte of another place or stream */
	DUET_LAB_RESTART = 10,    /* ends as the run without a cancel did, or is declared partial */
	DUET_LAB_UNANSWERED = 11, /* whose end was requested ends, without any help from outside */
	DUET_LAB_QUIET = 12,      /* nothing in flight after the end, nothing written after it */
	DUET_LAB_CHECK = 13,      /* the workload's own check */
	DUET_LAB_HANG = 14,       /* it never ended */
	DUET_LAB_CRASH = 15,      /* a signal ended it */
	DUET_LAB_REPEAT = 16,     /* two runs without a cancel differ, or two before it came */
	DUET_LAB_MEMORY = 17      /* of malloc(): no more is left than without a cancel */
};

enum duet_lab_verdict {
	DUET_LAB_OK,
	DUET_LAB_PARTIAL,   /* declared */
	DUET_LAB_UNREACHED, /* the point has no such moment: what it waits for is there at once */
	DUET_LAB_VIOLATION
};

struct duet_lab_outcome {
	uint32_t point; /* from 1; 0: the run without a cancel */
	uint8_t phase;
	uint8_t kind;
	uint8_t verdict;
	uint8_t invariant; /* which was violated, or 0 */
	uint8_t op_kind;   /* enum duet_kind of the point; DUET_KIND_COUNT: a wait */
	uint8_t disposition;
	uint8_t cause;
	uint8_t reached;
	uint32_t turns;     /* from the request to joined; 0: in the same turn */
	uint32_t lent_turns; /* from the request until nothing was lent; 0: with the call itself */
	uint32_t joined_ns; /* the same in time */
	uint32_t orders;    /* so many were tried here, this one among them */
	/* The choices, from the point on, of the run that this is of; "": the first of each. */
	char order[DUET_LAB_ORDERS_DEPTH_MAX + 1];
	char text[84];  /* what was seen, for people */
};

struct duet_lab_sweep {
	const struct duet_lab_workload *workload;
	const struct duet_backend *backend;
	const char *tuning; /* or NULL */
	uint32_t points_max; /* only the first so many; 0: all, of which there are DUET_LAB_POINTS_MAX
				at the most: -E2BIG */
	uint32_t turns_max;  /* from a request to joined: 0: 16 */
	uint32_t patience_ms; /* with one that doesn't come back to the loop: 0: 5000 */
	/* On a backend that can be told (the reference is) each run is made in every order of
	 * completion: where several operations could end next, or be left for the next turn when one
	 * has ended, or a cancel may win against a result or lose, each way is taken, for so many
	 * choices from the point on. 0, and on the others: the one order that there is. At most
	 * DUET_LAB_ORDERS_DEPTH_MAX. */
	uint32_t orders_depth;
	const char *order; /* for duet_lab_replay(): the outcome's, or NULL */

	/* Filled in; outcomes are the caller's to free(). */
	struct duet_lab_outcome *outcomes;
	uint32_t outcome_count;
	uint32_t first; /* the violation of the shortest coordinates; outcome_count: there is none */
	uint32_t points;
	uint32_t runs; /* in all orders */
	uint32_t violations;
	uint32_t partials;
	uint32_t unreached;
	uint32_t turns_worst;
	uint32_t lent_turns_worst;
	uint32_t joined_ns_worst;
};

/* Runs all of it. 0 (violations are results, no error), or -errno: the backend is refused here, too many
 * points, no set-up or no body (-EINVAL), no memory, no child process. The caller has no other thread at this time, and so no loop of a backend
 * with workers: the children are forks that go on, and a lock that a thread held stays held there
 * (fork(2)). */
DUET_API int duet_lab_run(struct duet_lab_sweep *sweep);

/* One run, at one place, in this process, for a debugger; outcome is filled in. 0, the errors of
 * duet_lab_run(), or -ERANGE: there is no such point, and outcome->point is the last. */
DUET_API int duet_lab_replay(const struct duet_lab_sweep *sweep, uint32_t point,
			     enum duet_lab_phase phase, enum duet_lab_kind kind,
			     struct duet_lab_outcome *outcome);

DUET_API const char *duet_lab_phase_name(enum duet_lab_phase phase);
DUET_API const char *duet_lab_kind_name(enum duet_lab_kind kind);
DUET_API const char *duet_lab_verdict_name(enum duet_lab_verdict verdict);
DUET_API const char *duet_lab_invariant_name(enum duet_lab_invariant invariant);

#ifdef __cplusplus
}
#endif

#endif
