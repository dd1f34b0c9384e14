/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * Mistakes that are made inside a runtime, where Duet's API can't express them: a small runtime that
 * receives, on a raw ring in both modes and on a raw reactor that is eager or not, with one mistake at a
 * time. Nothing of the library is in it.
 *
 * No memory is used twice in a run, nor given back before all that the kernel may still do to it is
 * over: so what is touched or written too late is seen, counted, and harms nobody.
 */
#ifndef COMPARE_LABORATORY_SPECIMENS_RAW_H
#define COMPARE_LABORATORY_SPECIMENS_RAW_H

#include <duet/laboratory.h>
#include <stdbool.h>
#include <stdint.h>

enum raw_mistake {
	RAW_NONE,
	RAW_TRUST_CANCEL_ANSWER,
	RAW_NOT_FOUND_IS_DONE,
	RAW_CLOSE_IS_BARRIER,
	RAW_CLOSE_QUEUED_NOT_RUN,
	RAW_NO_GENERATION,
	RAW_NUMBER_KEYED,
	RAW_BARE_POINTER,
	RAW_EDGE_NO_RELATCH,
	RAW_NO_RETRY_ALREADY,
	RAW_DROP_CANCEL_WHEN_FULL,
	RAW_IGNORE_BUFFER_ON_ERROR,
	RAW_ZERO_COPY_FREE_ON_FIRST,
};

/* What is going on when the cancel comes: the smallest in which the mistake can show. */
enum raw_scene {
	RAW_PLAIN,     /* one receive */
	RAW_WHOLE,     /* of all bytes, of which a part comes first */
	RAW_CHAINED,   /* which stands behind another one, and can't be found there */
	RAW_CLOSING,   /* and the connection is closed after it */
	RAW_SUCCEEDED, /* and another connection is next, at once */
	RAW_REPLACED,  /* and another connection is next, at once, with the number of the first */
	RAW_BUSY,      /* and the kernel answers the first cancel as it does in a race with its worker */
	RAW_CROWDED,   /* and the submission queue is full */
	RAW_PICKED,    /* into a buffer that the kernel picks, by a worker thread */
	RAW_ZERO_COPY, /* one send, without a copy where there is such a thing, to who doesn't read */
};

/* What must not be, whatever is cancelled when. */
enum raw_wrong {
	RAW_LOST,
	RAW_WRITTEN_LATE,
	RAW_TOUCHED,
	RAW_CROSSED,
	RAW_STOPPED,
	RAW_GOES_ON,
	RAW_NEVER_ENDS,
	RAW_NEVER_RECEIVED,
	RAW_STAYS_OPEN,
	RAW_NO_BUFFER,
	RAW_SENT_LATER,
	RAW_WRONG_COUNT
};

enum { RAW_MECHANISMS = 4, RAW_MESSAGE = 8, RAW_OPS = 8, RAW_FETCHED = 16 };

struct raw;

/* One receive, or send. The program's from told() on; in between the runtime's, with its memory. */
struct raw_op {
	struct raw_connection *connection;
	uint32_t index;  /* of the run: also its generation */
	uint32_t slot;
	uint32_t wanted;
	uint32_t got;    /* of a whole one, by a reactor */
	int result;
	bool whole, chained, sends;
	bool pending;    /* its end has not been seen */
	bool parked;     /* an eager reactor has its result, and has not looked at it */
	bool asked;      /* to end */
	bool over;       /* for the program */
	bool taken;      /* its memory was taken back before */
	bool freed;      /* it was, by the program */
	unsigned char memory[RAW_MESSAGE];
};

struct raw_connection {
	int fd, peer; /* -1: closed */
	uint32_t number;
	uint32_t sent, delivered;
	bool registered; /* with the reactor */
};

struct raw_fetched {
	uint64_t identity;
	int result; /* of an eager reactor */
};

struct raw_driver {
	int (*open)(struct raw *raw);
	void (*start)(struct raw *raw, struct raw_op *op);
	void (*submit)(struct raw *raw); /* hands over what was started */
	void (*cancel)(struct raw *raw, struct raw_op *op);
	void (*crowd)(struct raw *raw);  /* other work of the same turn */
	void (*fetch)(struct raw *raw);  /* what has come; never waits */
	void (*look)(struct raw *raw);   /* at what was fetched */
	void (*close)(struct raw *raw, int fd);
	void (*end)(struct raw *raw);    /* the other ends are closed: everything comes to its end */
};

extern const struct raw_driver RAW_RING, RAW_REACTOR;

struct raw_mechanism {
	const char *name;
	const struct raw_driver *driver;
	bool second; /* of its two modes: plain, eager */
};

/* Deferred ring, plain ring, reactor, eager reactor. */
extern const struct raw_mechanism RAW_ON[RAW_MECHANISMS];

struct raw {
	const struct raw_mechanism *on;
	enum raw_mistake mistake;
	enum raw_scene scene;
	struct raw_connection connections[2];
	int gate[2]; /* what a chained one stands behind */
	void *driver; /* its own */
	struct raw_op ops[RAW_OPS];
	uint32_t op_count;
	struct raw_op *slots[RAW_OPS];
	struct raw_op *ended[RAW_FETCHED]; /* seen, and not told */
	uint32_t ended_count;
	bool refused; /* the kernel has answered the first cancel already */
	unsigned int violations; /* a bit for each enum raw_wrong */
};

/* ---- raw.c: what is the same on both. ---- */

struct raw_op *raw_op_new(struct raw *raw, uint32_t connection, uint32_t bytes);
/* What the kernel is given; and whose it is when it comes back. NULL: nobody's any more. */
uint64_t raw_identity(const struct raw *raw, const struct raw_op *op);
struct raw_op *raw_find(struct raw *raw, uint64_t identity);
void raw_slot_leave(struct raw *raw, struct raw_op *op);
/* Its end was seen; it is told in raw_tell(). */
void raw_ended(struct raw *raw, struct raw_op *op, int result);
void raw_answered(struct raw *raw, struct raw_op *op, int answer);
void raw_tell(struct raw *raw);
void raw_told(struct raw *raw, struct raw_op *op);
void raw_take_back(struct raw_op *op);
void raw_violation(struct raw *raw, enum raw_wrong wrong);
const char *raw_wrong_name(enum raw_wrong wrong);
/* What a byte of a stream must be. */
unsigned char raw_byte(const struct raw_connection *connection, uint32_t place);

/* ---- raw_trial.c ---- */

/* One run: a cancel in a phase, under a mistake. 0, and what was violated; or -errno: the mechanism is
 * not to be had here. */
int raw_trial(const struct raw_mechanism *on, enum raw_scene scene, enum raw_mistake mistake,
	      enum duet_lab_phase phase, unsigned int *violations);

/* Has the scene such a moment? */
bool raw_has(enum raw_scene scene, enum duet_lab_phase phase);

#endif
