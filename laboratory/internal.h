/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef LABORATORY_INTERNAL_H
#define LABORATORY_INTERNAL_H

#include <duet/laboratory.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/backend.h"

enum {
	STEPS_MAX = 256,
	ATTEMPTS_MAX = 3,
	WAITERS_MAX = 64,
	IDLE_TURNS_MAX = 50, /* without a completion and without a step left: it hangs */
	ABANDONED_TURNS_MAX = 8, /* and for what was abandoned nobody waits any longer than that */
	SLOW_TURNS_MAX = 1000 /* the same where a worker or a device may be at it */
};

enum step_kind { STEP_SENDS, STEP_RECEIVES, STEP_CLOSES, STEP_CONNECTS };

struct step {
	uint8_t kind; /* enum step_kind */
	uint8_t peer;
	bool together; /* with the step before */
	uint32_t bytes;
};

/* The laboratory's end of a connection, and the account of both directions. */
struct peer {
	int fd;             /* -1: closed, or not yet connected */
	duet_handle handle; /* the body's end */
	uint64_t sent;      /* by the peer */
	uint64_t received;  /* by the body, which has said so */
	uint64_t claimed;   /* by the body's sends */
	uint64_t arrived;   /* at the peer */
	/* Of one that connects to the listener: the body's end is known when it has accepted. */
	bool connected;
	bool accepted;
	uint64_t connection; /* by this it is known */
};

/* Where a cancel is put in. */
struct place {
	uint32_t point; /* 0: nowhere */
	enum duet_lab_phase phase;
	enum duet_lab_kind kind;
	uint32_t line; /* DUET_LAB_BEFORE: of the point, as a run without a cancel has seen it */
};

/* What a run without a cancel has seen of a point. */
struct point {
	uint32_t line; /* it stood in a line, as the how-many-th that did; 0: handed over at once */
	uint8_t op_kind;
};

/* As many as a letter or digit can stand for. */
enum { LAB_CHOICES = 36 };

/* The choices of a run: given, the first of them, and those that were made. */
struct order {
	uint32_t depth; /* how many are asked for */
	uint32_t given;
	uint32_t asked;
	uint8_t choices[DUET_LAB_ORDERS_DEPTH_MAX];
	uint8_t bounds[DUET_LAB_ORDERS_DEPTH_MAX];
};

/* What was seen of a run. points, by number, has room for points_max and one of no number. */
struct seen {
	uint64_t digest; /* for all that the outside has seen */
	uint32_t point_count;
	uint32_t points_max;
	struct point *points;
	struct order order; /* its depth and what is given are the caller's */
	uint32_t handles;   /* that the body has left open */
	int64_t memory_bytes; /* of malloc(), more than before: see memory.c */
	bool no_loop; /* the backend refused, and not the set-up */
	bool takes_time;
	bool target_came; /* the point did, whether or not it was asked to end */
	uint8_t target_kind;
};

/* An operation behind another one on its handle's line. */
struct waiter {
	struct duet_op *op;
	uint32_t line; /* the how-many-th of the run, from 1 */
	bool there;    /* still, at this look */
};

/* One run. */
struct duet_lab {
	pid_t process; /* whose it is */
	const struct duet_lab_workload *workload;
	struct place place;
	struct duet_lab_outcome *outcome;

	/* Stands between core and the backend: what core calls is counted, and passed on. */
	struct duet_backend between;
	const struct duet_backend *backend;
	const struct duet_world *world;
	struct duet_loop *loop; /* NULL: it has gone */

	/* The operation that is the point, while it is pending. */
	struct duet_op *target;
	duet_done_fn *target_done;
	bool untold; /* the target was handed over, and nobody was told of its end */
	struct duet_lab_wait *target_wait; /* or the wait that is */
	uint32_t points;
	bool at_point;    /* it has come, or there is none: from here on orders are chosen */
	bool handed_over; /* the target was, to the kernel */
	bool acted;       /* a peer did something since */
	bool requested;   /* the cancel was put in */
	bool seconded;    /* DUET_LAB_SECOND: the other one, too */
	bool cleaning;    /* an operation of a cleanup was handed over since the first */
	uint64_t turns;
	uint64_t request_turn;
	uint64_t request_ns;
	bool returned;     /* all that was lent when it was put in */
	bool joined_after; /* the body in which it was put in */
	bool takes_time;   /* what a worker or a device does is neither the script's nor the turn's */

	/* line.c */
	struct seen *seen;
	struct waiter waiters[WAITERS_MAX];
	uint32_t waiter_count;
	uint32_t waited; /* so many in all */

	/* What was abandoned, and the bytes that were lost with it. */
	bool abandoned;
	bool abandoned_sends;
	bool released; /* the body's scope was cancelled because nothing else could go on */
	duet_handle abandoned_handle;
	uint64_t discarded;

	uint32_t cleanups_registered;
	uint32_t cleanups_ran;

	/* Something else of the same turn, whose callback comes before the target's: see posted.c. */
	struct duet_op probe;
	duet_handle probe_handle;
	int probe_fd; /* the other end of it */
	unsigned char probe_byte;
	bool probing;
	bool fed;    /* its byte is there */
	bool no_probe; /* the body is over */

	struct duet_scope scope;
	bool joined;
	bool finished;
	bool partial;
	unsigned attempt;
	void *state; /* in the map */
	void *map;
	size_t map_bytes;

	struct peer peers[DUET_LAB_PEERS_MAX];
	int peer_count;
	duet_handle listener;
	struct step steps[STEPS_MAX];
	uint32_t step_count;
	uint32_t step_next;
	bool together; /* the next step that is added */
};

/* interpose.c */
struct duet_lab *lab_of(const struct duet_loop *loop);
int lab_loop_create(struct duet_lab *lab, const struct duet_backend *backend, const char *tuning);

/* place.c: is it the moment? */
void lab_point_reached(struct duet_lab *lab, struct duet_op *op);
/* Of enum duet_kind, or of a wait. */
const char *lab_point_name(uint8_t op_kind);
void lab_target_set(struct duet_lab *lab, struct duet_op *op);
void lab_request(struct duet_lab *lab);
/* The end of the target was requested, and has not come. */
bool lab_is_owed(const struct duet_lab *lab);
/* Is the request one to all of the body, so that it has to join? */
bool lab_asks_all(const struct place *place);
bool lab_has_target(const struct duet_lab *lab);
void lab_probe_feed(struct duet_lab *lab);
void lab_probe_end(struct duet_lab *lab);
void lab_before_wait(struct duet_lab *lab);
void lab_after_wait(struct duet_lab *lab);

uint64_t lab_clock_ns(void);

/* wire.c: connections. Descriptors are of lab->world. */
const struct duet_world *lab_world(const struct duet_backend *backend);
int lab_wire_open(struct duet_lab *lab, duet_handle *handle, int *fd);
void lab_wire_close(struct duet_lab *lab, int *fd);

/* order.c */
void lab_order_begin(struct duet_lab *lab);
/* The sequence after the one that was made; false: that was the last. */
bool lab_order_next(struct order *order);
/* The first so many of its choices. */
void lab_order_write(const struct order *order, uint32_t length,
		     char text[DUET_LAB_ORDERS_DEPTH_MAX + 1]);
/* 0, or -EINVAL: it is none. */
int lab_order_read(struct order *order, const char *text);

/* line.c: who is core's alone. */
void lab_line_look(struct duet_lab *lab);
/* op is handed over: its line, or 0 if it stood in none. */
uint32_t lab_line_left(struct duet_lab *lab, const struct duet_op *op);

/* listener.c */
void lab_peer_connect(struct duet_lab *lab, int number);
void lab_listener_judge(struct duet_lab *lab);

/* abandon.c */
void lab_abandon(struct duet_lab *lab);
void lab_discarded_count(struct duet_lab *lab);

/* peer.c */
void lab_step_add(struct duet_lab *lab, enum step_kind kind, int peer, uint32_t bytes);
/* False if the script is over. */
bool lab_step(struct duet_lab *lab);
void lab_peers_judge(struct duet_lab *lab);
void lab_peers_close(struct duet_lab *lab);
/* A figure for all that the outside has seen of a run. */
uint64_t lab_peers_digest(const struct duet_lab *lab);
/* The one at the other end of a handle, or NULL. */
struct peer *lab_peer_of(struct duet_lab *lab, duet_handle handle);

/* judge.c: the first violation is the one that is kept. */
void lab_violation(struct duet_lab *lab, enum duet_lab_invariant invariant, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* memory.c: what malloc() has given and not had back. */
int64_t lab_memory_bytes(void);
/* What a run like the one that was seen leaves each time. */
int64_t lab_memory_left(const struct duet_lab_sweep *sweep, struct place place,
			const struct seen *seen);

/* run.c: one run in this process. */
int lab_run_once(const struct duet_lab_sweep *sweep, struct place place,
		 struct duet_lab_outcome *outcome, struct seen *seen);

#endif
