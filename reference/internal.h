/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_INTERNAL_H
#define REFERENCE_INTERNAL_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/backend.h"
#include "core/operation.h"

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

/* ---- The world: world.c, socket.c, pipe.c, file.c, tree.c. ---- */

/* Above every number that a process can have, so that nothing of the kernel is hit by mistake. */
#define WORLD_DESCRIPTOR_BASE (1 << 20)

#define WORLD_SOCKET_BYTES 8192u /* what a stream holds per direction before the sender waits */
#define WORLD_DISKS 16u             /* regular files */
#define WORLD_FILES 64u             /* with directories and symbolic links, behind those */
#define WORLD_NAMES 128u
#define WORLD_ROOT WORLD_DISKS          /* "/" */
#define WORLD_CURRENT (WORLD_DISKS + 1) /* where a relative path begins: no part of the other */
#define WORLD_FILE_BYTES (1u << 20)     /* the disk is full beyond this */
#define WORLD_PATH_BYTES 256u
#define WORLD_BACKLOG 64u /* connections that nobody has accepted yet, beyond handles_max */
#define WORLD_NODES_MAX 65536u

enum node_kind { NODE_FREE, NODE_SOCKET, NODE_FILE, NODE_PIPE, NODE_OUTSIDE };

enum socket_phase {
	SOCKET_FRESH,
	SOCKET_LISTENING,
	SOCKET_CONNECTED, /* also after the other end has gone: peer is none then */
	SOCKET_DEAD,      /* a listener that was shut down */
};

#define NODE_NONE UINT32_MAX

enum file_kind { FILE_FREE, FILE_REGULAR, FILE_DIRECTORY, FILE_LINK };

struct world_file {
	uint8_t kind; /* enum file_kind */
	bool implied; /* see tree.c */
	uint16_t mode;
	uint32_t links; /* names */
	uint32_t opens;
	uint32_t parent; /* of a directory */
	uint32_t size_bytes;
	unsigned char *data;           /* of a regular file, for good */
	char target[WORLD_PATH_BYTES]; /* of a link */
};

struct world_name {
	uint32_t file; /* index + 1; 0: not there */
	uint32_t directory;
	char text[WORLD_PATH_BYTES];
};

struct world_tree {
	struct world_file files[WORLD_FILES];
	uint32_t names_used; /* none is behind these */
	struct world_name names[WORLD_NAMES];
};

/* Where a walk along a path has led. */
struct world_place {
	uint32_t directory;
	char text[WORLD_PATH_BYTES]; /* the last component */
	bool last;
	bool slash;               /* a slash stood behind it */
	struct world_name *name;  /* NULL: there is none, or it is a root, "." or ".." */
	struct world_file *file;  /* NULL: there is none */
};

/* Two paths. */
struct world_names {
	int from_directory;
	int to_directory;
	const char *from;
	const char *to;
};

enum { WALK_FOLLOW = 1 << 0, WALK_MAKING = 1 << 1 };

/* What a descriptor stands for. */
struct world_node {
	uint8_t kind;  /* enum node_kind */
	uint8_t phase; /* enum socket_phase */
	uint16_t family;
	uint8_t type; /* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
	bool named;   /* by a connection: its address stands in nobody's way */
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
	uint32_t news; /* so often something has come that a poll may wait for */
	uint64_t received; /* of all that has ever arrived: what no longer lies there */

	/* A listener's connections that nobody has accepted, and the link of such a connection. */
	uint32_t backlog;
	uint32_t queued;
	uint32_t queue_first;
	uint32_t queue_last;
	uint32_t next; /* also of the free nodes */

	uint32_t address_bytes; /* 0: unbound */
	unsigned char address[DUET_ADDRESS_BYTES];

	/* A datagram socket's: to whom it is connected. 0: to nobody. */
	uint32_t target_bytes;
	unsigned char target[DUET_ADDRESS_BYTES];

	struct world_file *file;
	int open_flags;
	uint32_t position_bytes;
	int outside_fd; /* the kernel's */
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
	int event_fd;       /* to sleep on, and to be carried by */
	struct pollfd *watched; /* with what is outside: in a sleep */
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
	struct world_tree *tree; /* behind it */

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

/* The same with a header. A send may also say that it waits in vain: to be told as -EAGAIN. */
#define WORLD_IN_VAIN (-4096)
struct duet_msghdr;
int world_recvmsg(struct reference *world, struct world_node *node, const struct iovec *pieces,
		  uint32_t count, struct duet_msghdr *header, int flags);
int world_sendmsg(struct reference *world, struct world_node *node, const struct iovec *pieces,
		  uint32_t count, const struct duet_msghdr *header, int flags);

/* datagram.c: what is asked of any socket, of one that keeps messages apart. */
int datagram_readable(const struct world_node *node);
bool datagram_writable(struct reference *world, const struct world_node *node);
int datagram_connect(struct reference *world, struct world_node *node,
		     const unsigned char *address, uint32_t length_bytes);
int datagram_recv(struct reference *world, struct world_node *node, const struct iovec *pieces,
		  uint32_t count, struct duet_msghdr *header);
int datagram_send(struct reference *world, struct world_node *node, const struct iovec *pieces,
		  uint32_t count);

/* As getsockname(2), or getpeername(2). */
int socket_address(struct reference *world, const struct world_node *node, bool peer,
		   struct sockaddr_storage *address, socklen_t *length);

/* socket.c, for it. */
bool address_wild(const unsigned char *address);
bool address_meets(const struct world_node *bound, const unsigned char *address,
		   uint32_t length_bytes);
bool address_valid(const struct world_node *node, const unsigned char *address,
		   uint32_t length_bytes);
/* Of that type: only a listener for a connect; whatever is bound for a bind. */
struct world_node *address_owner(struct reference *world, const unsigned char *address,
				 uint32_t length_bytes, int type, bool listening);
/* The bytes of a node's ring. */
void socket_take(struct world_node *node, unsigned char *data, uint32_t bytes);
void socket_put(struct world_node *node, const unsigned char *data, uint32_t bytes);
int socket_send_refusal(struct world_node *node);
/* Bytes are about to be taken from it: whoever found no room may be told. */
void socket_tell_of_room(struct reference *world, const struct world_node *node);

int world_shutdown(struct reference *world, struct world_node *node, int how);
uint32_t world_events(struct reference *world, const struct world_node *node);
/* Breaks a connection as a network would. */
void world_reset(struct reference *world, struct world_node *node);
void socket_close(struct reference *world, struct world_node *node);

/* tree.c: 0 or -errno. */
void world_tree_begin(struct reference *world);
int world_walk(struct reference *world, int directory, const char *path, unsigned how,
	       struct world_place *at);
/* Makes what is missing there. */
int world_make(struct reference *world, const struct world_place *at, enum file_kind kind,
	       unsigned mode, struct world_file **made);
void world_file_open(struct world_file *file);
void world_file_close(struct world_file *file);
int world_mkdir(struct reference *world, int directory, const char *path, unsigned mode);
int world_symlink(struct reference *world, const char *target, int directory, const char *path);
int world_unlink(struct reference *world, int directory, const char *path, int flags);
int world_link(struct reference *world, const struct world_names *names, int flags);
int world_rename(struct reference *world, const struct world_names *names, unsigned flags);
int world_statx(struct reference *world, const struct duet_op *op);

int world_open(struct reference *world, int directory, const char *path, int flags, unsigned mode);
int world_file_readable(const struct world_node *node);
int world_file_recv(struct world_node *node, const struct iovec *pieces, uint32_t count);
int world_file_send(struct world_node *node, const struct iovec *pieces, uint32_t count);
int world_truncate(struct world_node *node, uint64_t length_bytes);
int world_allocate(struct world_node *node, int mode, uint64_t offset_bytes, uint64_t length_bytes);
/* pipe.c: two ends, fds[0] to read and fds[1] to write. 0 or -EMFILE. */
int world_pipe(struct reference *world, int fds[2]);
/* What is asked of sockets by world_readable(), world_writable(), world_events() and before a send. */
int pipe_readable(const struct world_node *node);
int pipe_refusal(const struct world_node *node);
bool pipe_writable(const struct reference *world, const struct world_node *node);
uint32_t pipe_events(const struct reference *world, const struct world_node *node);
void pipe_close(struct reference *world, const struct world_node *node);

/* outside.c: a descriptor that tells of signals, or of the end of a process; or -errno. */
int outside_signals(struct duet_loop *loop, const sigset_t *signals);
int outside_process(struct duet_loop *loop, pid_t process);
void outside_close(const struct world_node *node);
uint32_t outside_events(const struct world_node *node);
/* What pending operations wait for out there, as entries for poll(2): how many. */
uint32_t outside_watch(struct duet_loop *loop, struct pollfd *watched);

/* splice.c: would a splice between them end at once? */
bool world_splice_ready(struct reference *world, const struct world_node *from,
			const struct world_node *to);

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
/* Has a multishot poll told what was there when it looked last? */
bool finish_has_told(const struct world_node *node, const struct duet_op *op);
/* Carries op out, if the world lets it: the raw result, or -EAGAIN. */
int finish_attempt(struct duet_loop *loop, struct duet_op *op);
int finish_splice(struct duet_loop *loop, struct duet_op *op);
/* finish_file.c: one a kind. */
int finish_statx(struct duet_loop *loop, struct duet_op *op);
int finish_mkdir(struct duet_loop *loop, struct duet_op *op);
int finish_unlink(struct duet_loop *loop, struct duet_op *op);
int finish_rename(struct duet_loop *loop, struct duet_op *op);
int finish_link(struct duet_loop *loop, struct duet_op *op);
int finish_symlink(struct duet_loop *loop, struct duet_op *op);
int finish_truncate(struct duet_loop *loop, struct duet_op *op);
int finish_allocate(struct duet_loop *loop, struct duet_op *op);

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
