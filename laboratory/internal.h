/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef LABORATORY_INTERNAL_H
#define LABORATORY_INTERNAL_H

#include <duet/laboratory.h>
#include <stdbool.h>

#include "core/backend.h"

enum { STEPS_MAX = 256, ATTEMPTS_MAX = 3 };

enum step_kind { STEP_SENDS, STEP_RECEIVES, STEP_CLOSES };

struct step {
	uint8_t kind; /* enum step_kind */
	uint8_t peer;
	bool together; /* with the step before */
	uint32_t bytes;
};

/* The laboratory's end of a connection, and the account of both directions. */
struct peer {
	int fd;             /* -1: closed */
	duet_handle handle; /* the body's end */
	uint64_t sent;      /* by the peer */
	uint64_t received;  /* by the body, which has said so */
	uint64_t claimed;   /* by the body's sends */
	uint64_t arrived;   /* at the peer */
};

/* Where a cancel is put in. */
struct place {
	uint32_t point; /* 0: nowhere */
	enum duet_lab_phase phase;
	enum duet_lab_kind kind;
};

/* One run. */
struct duet_lab {
	const struct duet_lab_workload *workload;
	struct place place;
	struct duet_lab_outcome *outcome;

	/* Stands between core and the backend: what core calls is counted, and passed on. */
	struct duet_backend between;
	const struct duet_backend *backend;
	struct duet_loop *loop;

	/* The operation that is the point, while it is pending. */
	struct duet_op *target;
	duet_done_fn *target_done;
	uint32_t points;
	bool handed_over; /* the target was, to the kernel */
	bool acted;       /* a peer did something since */
	bool requested;   /* the cancel was put in */
	uint64_t turns;
	uint64_t request_turn;

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
	void *state;

	struct peer peers[DUET_LAB_PEERS_MAX];
	int peer_count;
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
void lab_probe_feed(struct duet_lab *lab);
void lab_probe_end(struct duet_lab *lab);
void lab_before_wait(struct duet_lab *lab);
void lab_after_wait(struct duet_lab *lab);

/* peer.c: false if the script is over. */
bool lab_step(struct duet_lab *lab);
void lab_peers_judge(struct duet_lab *lab);
void lab_peers_close(struct duet_lab *lab);
/* A figure for all that the outside has seen of a run. */
uint64_t lab_peers_digest(const struct duet_lab *lab);

/* judge.c: the first violation is the one that is kept. */
void lab_violation(struct duet_lab *lab, enum duet_lab_invariant invariant, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* run.c: one run in this process. *digest is what the outside saw. */
int lab_run_once(const struct duet_lab_sweep *sweep, struct place place,
		 struct duet_lab_outcome *outcome, uint64_t *digest, uint32_t *points);

#endif
