/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * Lanes of the stress tier. A lane is one operation after another on something of its own, a socket or
 * a part of a file; a cell plays one kind of operation on one mechanism, in many lanes at once.
 *
 * Two threads have a part in a lane. The loop's thread starts, asks and takes. The other side's acts:
 * it sends, connects, reads; and when the time has come it posts the lane's message, which cancels, or
 * only says that the order has been carried out. Between the two a lane's fields pass with its order:
 * from the store that gives it to the call of the message they are the other side's, where the comment
 * says so.
 */
#ifndef COMPARE_LABORATORY_LANE_H
#define COMPARE_LABORATORY_LANE_H

#include <duet/buffer.h>
#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/msghdr.h>
#include <duet/operation.h>
#include <duet/splice.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compare/laboratory/mix.h"
#include "compare/laboratory/scene.h"

struct mechanism;
struct stress;
struct stress_kind;

/* Who asks an operation to end. */
enum lane_way {
	LANE_NOBODY,   /* it ends by itself */
	LANE_HERE,     /* the loop's thread, between two turns */
	LANE_CALLBACK, /* another lane's callback, in the midst of a turn */
	LANE_MESSAGE,  /* the other thread, by a message to the owner */
	LANE_DEADLINE, /* its deadline */
	LANE_CLOSE,    /* the close of its handle */
	LANE_WAYS
};

/* Buffers take turns, so that each rests for a while and what is written late is seen. */
enum { LANE_BUFFERS = 4, LANE_BYTES_MAX = 4096, LANES_MAX = 64 };

struct lane {
	struct stress *stress;
	uint32_t index, serial; /* its how manyeth operation this is */
	struct duet_op op, closing;
	struct duet_message message;
	struct duet_msghdr header;
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
	duet_handle handle;
	duet_handle output; /* of a splice, kept; read from outlet */
	struct duet_splice splice;
	int outlet;
	int witness; /* a duplicate of what the handle stands for, or -1 */
	enum lane_way way;
	bool flying;  /* from the start to the terminal completion */
	bool shutting; /* its handle is being closed */
	bool heard;   /* a first completion */
	bool asked;   /* while it was flying */
	bool ordered; /* the other side has it */
	uint64_t start_ns, ask_ns;
	unsigned char *buffers, *data; /* LANE_BUFFERS, and the one that is lent */
	uint64_t delivered; /* bytes received, or sent as the operations say */
	uint64_t stands;    /* place of the bytes that stand in its part of the file */
	uint64_t place;     /* of those that are on their way, or where they are read from */
	uint32_t accepted;  /* connections, as their numbers say */

	/* The other side's while it is ordered. */
	uint64_t act_ns, order_ns;
	uint64_t random;
	int peer;
	uint64_t moved;     /* bytes that were sent to the lane, or came from it */
	uint32_t made;      /* connections */
	uint32_t acts;      /* of this order */
	bool misread;

	_Atomic bool order; /* given, and not yet carried out */
	_Atomic bool over;  /* told to the other side: the operation has ended */
};

enum stress_traits {
	STRESS_REPEATS = 1 << 0, /* the other side acts again and again until the end */
	STRESS_ENDLESS = 1 << 1, /* it has no end of its own: it is always asked */
	STRESS_ONCE = 1 << 2,    /* each operation has a handle of its own */
};

struct stress_kind {
	const char *name;
	enum duet_kind kind;
	unsigned traits;
	const char *what;
	uint32_t lanes;
	uint32_t bytes;                       /* lent, at most */
	int (*begin)(struct stress *stress);  /* what all lanes share, or NULL */
	void (*end)(struct stress *stress);
	int (*open)(struct lane *lane);       /* what the lane works on: handle and witness; or NULL */
	void (*describe)(struct lane *lane);  /* says what the operation is to do */
	void (*act)(struct lane *lane);       /* the other side's part, on its thread; or NULL */
	void (*take)(struct lane *lane);      /* each completion; or NULL */
	void (*settle)(struct lane *lane);    /* the accounts, with nothing in flight; or NULL */
};

/* The tables that make up the whole, each ended by one without a name. */
extern const struct stress_kind STRESS_SOCKETS[], STRESS_FILES[], STRESS_NAMES[], STRESS_EVENTS[];

struct breach {
	uint32_t count;
	uint32_t lane, serial; /* of the first */
	uint64_t batch;
	char what[160];
};

struct stress {
	const struct stress_kind *kind;
	struct duet_loop *loop;
	struct duet_pool *pool;
	struct duet_pool *staging; /* for LANES_MAX that copy through it */
	struct lane *lanes;
	unsigned char *memory;
	uint64_t seed, random, batch;
	uint64_t life_ns; /* from a start to the first completion, where nobody asks; 0: being measured */
	uint64_t lives[1024];
	uint32_t lives_count;
	uint32_t descriptors;
	uint64_t reclaimed; /* by the loop, until the last settling */

	/* What came of it. */
	uint64_t operations, asked, late, ways[LANE_WAYS];
	struct mix outcomes; /* of those that were asked */
	struct breach breaches[VIOLATION_COUNT];
	bool broken, stuck;

	/* The kind's own. */
	int listener;
	struct sockaddr_in address;
	_Atomic uint32_t arrived; /* connections that the listener had */
	uint64_t connected, doubtful, skipped;
	char path[128];

	_Atomic bool leaving;
	pthread_t other;
	bool accompanied; /* it runs */
};

/* ---- For kinds. ---- */

void lane_violation(struct lane *lane, enum violation violation, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Takes fd in any case. 0 or -errno. */
int lane_adopt(struct lane *lane, int fd);

uint64_t stress_random(uint64_t *state);
uint32_t stress_below(uint64_t *state, uint32_t below);

/* The bytes of a place; other lanes have others there. LANE_BYTES_MAX of them can be had at once. */
const unsigned char *stress_pattern(const struct lane *lane, uint64_t place);
bool stress_holds(const struct lane *lane, const unsigned char *data, size_t bytes, uint64_t place);

/* ---- A cell. ---- */

struct stress_plan {
	const struct stress_kind *kind;
	const struct mechanism *mechanism;
	uint64_t seed;
	uint32_t count;
	uint32_t batch;      /* only this one, again and again; 0: all of them */
	uint64_t bound_ns;   /* ends it, whatever the count */
	volatile int *interrupted;
};

/* What came of it, as docs/cancel-schema.md says. */
json_t *stress_run(const struct stress_plan *plan);

/* The other side: a thread that carries out orders. 0 or -errno. */
int stress_other_begin(struct stress *stress);
void stress_other_end(struct stress *stress);

/* Plays count operations, and accounts for them. */
void stress_batch(struct stress *stress, uint32_t count);
int stress_open_lanes(struct stress *stress);
void stress_close_lanes(struct stress *stress);

#endif
