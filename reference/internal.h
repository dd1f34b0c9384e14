/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_INTERNAL_H
#define REFERENCE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/backend.h"

/* The insides of the reference backend: a small world of sockets and files, a source of chance,
 * and the bag of operations that are waiting for something to happen in that world. */

/* ---- Chance: random.c. ---- */

struct random {
	uint64_t state;
	/* Not NULL: nothing is drawn, this says what, from 0 to bound - 1. Whatever can go both ways
	 * is asked with a bound of 2. */
	uint32_t (*choose)(uint32_t bound);
};

void random_seed(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
/* 0 to bound - 1; bound is at least 1. */
uint32_t random_below(struct random *random, uint32_t bound);
/* True in per_mille of 1000 cases. */
bool random_chance(struct random *random, uint32_t per_mille);

/* ---- The world: world.c, socket.c, file.c. ---- */

/* Above every number that a process can have, so that nothing of the kernel is hit by mistake. */
#define WORLD_DESCRIPTOR_BASE (1 << 20)

#define WORLD_SOCKET_BYTES 8192u /* what a stream holds per direction before the sender waits */
#define WORLD_FILES 16u
#define WORLD_FILE_BYTES (1u << 20) /* the disk is full beyond this */
#define WORLD_PATH_BYTES 256u
#define WORLD_BACKLOG 64u /* connections that nobody has accepted yet, beyond handles_max */
#define WORLD_NODES_MAX 65536u

enum node_kind { NODE_FREE, NODE_SOCKET, NODE_FILE };

enum socket_phase {
	SOCKET_FRESH,
	SOCKET_LISTENING,
	SOCKET_CONNECTED, /* also after the other end has gone: peer is none then */
	SOCKET_DEAD,      /* a listener that was shut down */
};

#define NODE_NONE UINT32_MAX

struct world_file {
	char path[WORLD_PATH_BYTES]; /* "": not there */
	unsigned char *data;
	uint32_t size_bytes;
};

/* What a descriptor stands for. */
struct world_node {
	uint8_t kind;  /* enum node_kind */
	uint8_t phase; /* enum socket_phase */
	uint16_t family;
	bool write_shut; /* this end will send no more */
	bool read_shut;
	bool ended; /* the other end will send no more */
	int error;  /* reported once, after the bytes that came before it */
	uint32_t peer;
	uint64_t connection; /* connected: the how-many-th, as of both ends */

	/* What has arrived and wasn't received: a ring of WORLD_SOCKET_BYTES. */
	unsigned char *data;
	uint32_t first;
	uint32_t used;
	uint64_t received; /* of all that has ever arrived: what no longer lies there */

	/* A listener's connections that nobody has accepted, and the link of such a connection. */
	uint32_t backlog;
	uint32_t queued;
	uint32_t queue_first;
	uint32_t queue_last;
	uint32_t next; /* also of the free nodes */

	uint32_t address_bytes; /* 0: unbound */
	unsigned char address[DUET_ADDRESS_BYTES];

	struct world_file *file;
	int open_flags;
};

/* What op->progress says of an issued operation. Above: the error that will strike it. */
enum progress {
	PROGRESS_STOPPING = 1 << 0, /* its end was asked for, the report is due */
	PROGRESS_LATE = 1 << 1,     /* ... and the result, if there is one, wins */
	PROGRESS_HOLDING = 1 << 2,  /* it has its result; its memory is to be released */
	PROGRESS_DENIED = 1 << 4,   /* one denial: two bits count how often a cancel was put off */
};

#define PROGRESS_DENIALS (3 * PROGRESS_DENIED)
#define PROGRESS_ERROR_SHIFT 16

/* Of 1000 cases, how many go that way: what a tuning sets. <duet/reference.h> says more. */
enum knob {
	KNOB_FAULT,
	KNOB_SHORT,
	KNOB_LATE,
	KNOB_LATER,
	KNOB_AGAIN,
	KNOB_ROOM,
	KNOB_BUFFER,
	KNOB_STOP,
	KNOB_BEHIND,
	KNOB_HOLD,
	KNOB_COUNT
};

/* The left-th operation of a kind from now on fails with error; left 0: it has. */
struct demand {
	uint8_t kind;
	uint32_t left;
	int error;
};

#define REFERENCE_DEMANDS 16

/* What a zero-copy send keeps: these bytes, counted from the first that its peer ever received. */
struct hold {
	uint32_t peer;
	uint32_t bytes;
	uint64_t connection;
	uint64_t from;
};

struct reference {
	struct random random;
	uint32_t knobs[KNOB_COUNT];
	struct demand demands[REFERENCE_DEMANDS];
	uint32_t demand_count;
	bool sheltered; /* no error is injected for the time being */

	uint64_t now_ns;
	int event_fd;       /* the only thing of the kernel's: to sleep on, and to be carried by */
	atomic_int woken;   /* set by wake() before it writes, so that wait() needn't look */
	bool idle;          /* the last look at the bag moved nothing, nothing changed since */
	bool carried;       /* a foreign loop has slept since the last wait */
	uint16_t next_port;

	struct world_node *nodes;
	uint32_t nodes_max;
	uint32_t node_free;
	uint32_t nodes_used;
	uint64_t connections; /* so many were made */
	unsigned char *socket_memory;
	unsigned char *file_memory;
	struct world_file files[WORLD_FILES];

	/* Issued operations; op->backend is index + 1. */
	struct duet_op **bag;
	uint32_t bag_count;
	struct hold *holds; /* by the places of identities */
	uint64_t *order; /* identities, shuffled, of one look at the bag */

	/* order.c: NULL, or who says what completes next. */
	duet_choose_fn *choose;
	void *chooser;
	struct duet_op **ready; /* what there is to choose from */
};

static inline struct reference *reference_of(const struct duet_loop *loop)
{
	return loop->state;
}

int world_create(struct reference *world, uint32_t handles_max);
void world_destroy(struct reference *world);
/* The node of a descriptor, or NULL. */
struct world_node *world_node(struct reference *world, int fd);
/* A node of that kind, or NULL: there are no more. */
struct world_node *world_node_take(struct reference *world, enum node_kind kind);
void world_node_give(struct reference *world, struct world_node *node);
int world_descriptor(const struct reference *world, const struct world_node *node);
void world_close(struct reference *world, int fd);

/* One attempt of each: what the system call would say, -EAGAIN if it would wait. */
int world_socket(struct reference *world, int domain, int type);
int world_bind(struct reference *world, struct world_node *node, unsigned char *address,
	       uint32_t *length_bytes);
int world_listen(struct reference *world, struct world_node *node, int backlog);
int world_connect(struct reference *world, struct world_node *node, const unsigned char *address,
		  uint32_t length_bytes);
/* Two ends of one connection. */
void world_join(struct reference *world, struct world_node *near, struct world_node *far);
int world_accept(struct reference *world, struct world_node *node);
int world_recv(struct reference *world, struct world_node *node, const struct iovec *pieces,
	       uint32_t count);
/* What a receive would find: 1 bytes, 0 the end, -EAGAIN nothing yet, else an error. */
int world_readable(const struct world_node *node);
/* Would a send answer at once, whatever it is? */
bool world_writable(struct reference *world, const struct world_node *node);
int world_send(struct reference *world, struct world_node *node, const struct iovec *pieces,
	       uint32_t count);
int world_shutdown(struct reference *world, struct world_node *node, int how);
uint32_t world_events(struct reference *world, const struct world_node *node);
/* Breaks a connection as a network would. */
void world_reset(struct reference *world, struct world_node *node);
void socket_close(struct reference *world, struct world_node *node);

int world_open(struct reference *world, const char *path, int flags);
/* A part of what could be moved, at least one byte. */
uint32_t world_portion(struct reference *world, uint32_t bytes);
int world_read(struct world_node *node, const struct iovec *pieces, uint32_t count,
	       uint64_t offset_bytes);
int world_write(struct world_node *node, const struct iovec *pieces, uint32_t count,
		uint64_t offset_bytes);

/* ---- Operations: the hooks and what they share. ---- */

int reference_probe(const char *tuning, struct duet_probe *probe);
void reference_capabilities(uint8_t *capability);
int reference_tune(struct reference *world, const char *tuning);
int reference_start(struct duet_loop *loop, struct duet_op *op);
int reference_cancel(struct duet_loop *loop, struct duet_op *op);
int reference_wait(struct duet_loop *loop, int64_t timeout_ns);
int reference_prepare(struct duet_loop *loop);
void reference_wake(struct duet_loop *loop);

bool reference_draw(struct reference *world, enum knob knob);

/* The other ends, for whoever plays them. */
extern const struct duet_world reference_world;

/* A turn in the order that world->choose says. True: somebody has moved. */
bool order_sweep(struct duet_loop *loop);
/* Which way a cancel goes: chosen, or drawn. */
bool order_draw(struct reference *world, enum knob knob);

/* Is this cancel put off? Not for ever. */
bool reference_denies(struct reference *world, struct duet_op *op, enum knob knob);

/* The error that strikes op, drawn or demanded at its start: 0 or negative. */
int fault_draw(struct reference *world, const struct duet_op *op);
int fault_demand(struct reference *world, enum duet_kind kind, uint32_t number, int error);
/* "3:ECONNRESET", of a kind. */
int fault_parse(struct reference *world, enum duet_kind kind, const char *text);

void bag_add(struct reference *world, struct duet_op *op);
void bag_remove(struct reference *world, struct duet_op *op);

bool finish_carries(enum duet_kind kind);
/* Carries op out, if the world lets it: the raw result, or -EAGAIN. */
int finish_attempt(struct duet_loop *loop, struct duet_op *op);
/* Is a connect under way on the handle of op? What is received there has to come through it. */
static inline bool finish_awaits_connect(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct duet_op *head = duet_core_op_slot(loop, op)->writes;

	return head && head->kind == DUET_CONNECT;
}

/* Reports what there is to report of op: 1, or 0 if there was nothing. */
int finish_step(struct duet_loop *loop, struct duet_op *op);

/* hold.c: op, which has that result, keeps its memory, and gives it back. */
void hold_begin(struct duet_loop *loop, struct duet_op *op, int result);
void hold_end(struct duet_loop *loop, struct duet_op *op);

/* Takes a buffer and receives into it: the raw result and *index; -EAGAIN, or -ENOBUFS. */
int lend_recv(struct duet_loop *loop, struct duet_op *op, uint16_t *index);

#endif
