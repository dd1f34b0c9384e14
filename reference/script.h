/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_SCRIPT_H
#define REFERENCE_SCRIPT_H

#include <duet/buffer.h>
#include <duet/operation.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A script: what a player is to do, step by step. docs/trace-format.md describes the text.
 * Everything has a fixed bound, so a script is one flat value: copied, shrunk, compared.
 */

#define SCRIPT_CONNECTIONS 4
#define SCRIPT_LISTENERS 2
#define SCRIPT_DIALERS 8
#define SCRIPT_FILES 2
#define SCRIPT_NAMES 4
#define SCRIPT_FILE_BYTES_MAX (1u << 20) /* beyond it a disk may be full */
#define SCRIPT_POOLS 3
#define SCRIPT_FAULTS 4
#define SCRIPT_SCOPES 4
#define SCRIPT_OWNED_BYTES 4096 /* the buffer of an operation of the runtime's own */
#define SCRIPT_STEPS 128
#define SCRIPT_IDS 128

/* What a step works on. */
enum object_kind { OBJECT_NONE, OBJECT_END, OBJECT_LISTENER, OBJECT_DIALER, OBJECT_FILE, OBJECT_SCOPE,
	/* A name in the folder of the files, which nothing has at the beginning. */
	OBJECT_NAME };

struct object {
	uint8_t kind;  /* enum object_kind */
	uint8_t index; /* of an end: connection * 2 + (0 for a, 1 for b) */
};

enum script_family { FAMILY_NONE, FAMILY_UNIX, FAMILY_TCP }; /* none: not declared */

/* Whether a handle is tried before it is waited for: as the loop does, or its own answer. */
enum script_try { TRY_AS_LOOP, TRY_NEVER, TRY_ALWAYS, TRY_COUNT };

/* Whose an operation is, and its memory with it. */
enum script_memory {
	MEMORY_PINNED, /* the player's: it can't be abandoned */
	MEMORY_OWNED,  /* the runtime's, and what it moves is in the buffer beside it */
	MEMORY_COPIED, /* the runtime's, and what it moves is copied through that buffer */
	MEMORY_GIVEN,   /* the runtime's, and what it moves is in a buffer of pool `pool`, given with it */
	MEMORY_THROUGH, /* the runtime's, and what it moves is copied through a buffer of that pool */
	MEMORY_COUNT
};

enum step_what {
	STEP_START,
	STEP_CANCEL,
	STEP_RETURN,  /* value buffers of pool `pool`, those held longest; SCRIPT_TWICE */
	STEP_TURN,    /* value turns that don't wait */
	STEP_SETTLE,  /* turns until nothing moves any more */
	STEP_WAIT,    /* a turn that waits up to value microseconds */
	STEP_POST,    /* hands the runtime a message to run on a turn */
	STEP_WAKE,
	STEP_DESTROY, /* tries to give the runtime up while operations are pending */
	STEP_ABANDON, /* gives the operation up, if it is pending */
	STEP_SCOPE,   /* opens a scope: value is its policy; SCRIPT_SHIELD */
	STEP_ASK,     /* asks a scope to end */
	STEP_DUE,     /* gives a scope a deadline */
	STEP_JOIN,    /* says that nothing more comes into a scope */
};

#define SCRIPT_NO_DEADLINE UINT32_MAX
#define SCRIPT_AFTER_NOTHING UINT8_MAX

/* Of a return: the same buffer a second time, which must be refused. */
#define SCRIPT_TWICE 1
/* Of a scope: requests from outside don't come in. */
#define SCRIPT_SHIELD 1

struct step {
	uint8_t what; /* enum step_what */
	uint8_t kind; /* enum duet_kind of what is started */
	uint8_t pool;
	uint8_t scope; /* + 1: that it is started in, or opened in; 0: none */
	uint8_t memory; /* enum script_memory */
	bool cleanup;  /* a start: registered with its scope, which starts it when it cleans up */
	uint8_t after; /* a start or cancel: done in the terminal completion of this operation, if
			  that is still to come; SCRIPT_AFTER_NOTHING */
	uint8_t pieces; /* of a send, read or write that is handed over in so many; 0: in one */
	uint16_t id;    /* of the operation, below SCRIPT_IDS */
	uint16_t flags; /* enum duet_op_flags */
	struct object object;
	struct object target; /* connect: the listener, or none: nobody listens there; rename, link,
				 symlink: the other name */
	uint32_t length_bytes;
	uint32_t offset_bytes;
	uint32_t deadline_us; /* from the clock of the turn; SCRIPT_NO_DEADLINE */
	uint32_t value;       /* timeout: microseconds; poll: events; socket: family; unlink: 1 of a
			 directory; else see enum step_what */
};

/* An error that is injected: the number-th operation of that kind fails with it. Only for players
 * that can. */
struct script_fault {
	uint8_t kind; /* enum duet_kind */
	uint16_t error;
	uint32_t number;
};

struct script {
	uint64_t seed;
	bool calm; /* quiet before each cancel, nothing runs full: players must agree */
	uint8_t connections[SCRIPT_CONNECTIONS]; /* enum script_family */
	bool small[SCRIPT_CONNECTIONS];          /* with the smallest socket buffers */
	uint8_t tries[SCRIPT_CONNECTIONS];       /* enum script_try, of both ends */
	uint8_t listeners[SCRIPT_LISTENERS];
	uint8_t dialers[SCRIPT_DIALERS];
	uint32_t file_bytes[SCRIPT_FILES]; /* 0: not declared */
	uint32_t pool_count[SCRIPT_POOLS]; /* 0: not declared */
	uint32_t pool_bytes[SCRIPT_POOLS];
	uint8_t pool_regimes[SCRIPT_POOLS]; /* enum duet_regime: pooled, moved or registered */
	uint32_t fault_count;
	struct script_fault faults[SCRIPT_FAULTS];
	uint32_t step_count;
	struct step steps[SCRIPT_STEPS];
};

void script_write(const struct script *script, FILE *out);

/* Why no script has operations of that kind (enum duet_kind); NULL: they may. */
const char *script_unplayable(uint8_t kind);

/* 0, or -1 and a sentence in complaint. */
int script_read(struct script *script, FILE *in, char *complaint, size_t size);

/* "c0a", "l1"; text has at least OBJECT_TEXT bytes. */
#define OBJECT_TEXT 16
void object_name(struct object object, char *text);
bool object_parse(const char *text, struct object *object);
bool object_declared(const struct script *script, struct object object);

/* Over a connection, with a header or without. */
static inline bool kind_receives(uint8_t kind)
{
	return kind == DUET_RECV || kind == DUET_RECVMSG;
}

static inline bool kind_sends(uint8_t kind)
{
	return kind == DUET_SEND || kind == DUET_SENDMSG || kind == DUET_SEND_ZERO_COPY;
}

static inline bool object_same(struct object a, struct object b)
{
	return a.kind == b.kind && a.index == b.index;
}

/* The other end of a connection. */
static inline struct object object_peer(struct object end)
{
	return (struct object){ OBJECT_END, end.index ^ 1 };
}

/* Is it asked of a name, or of two, and of no handle? */
static inline bool script_on_names(uint8_t kind)
{
	return kind == DUET_OPEN || (kind >= DUET_STATX && kind <= DUET_SYMLINK);
}

/* Has what it moves a buffer of a pool that is neither received into nor its player's own memory? */
static inline bool script_takes_buffer(const struct step *step)
{
	return step->what == STEP_START && step->memory >= MEMORY_GIVEN;
}

/* How the memory of a started operation is named to the runtime. */
enum duet_regime script_regime(const struct script *script, const struct step *step);

/* The step that starts operation id, or NULL. */
const struct step *script_start(const struct script *script, uint16_t id);

/* The byte at a place of what operation id sends, and of a file: both sides can compute it. */
static inline unsigned char pattern_sent(uint16_t id, uint64_t place)
{
	return (unsigned char)((id * 2654435761u + (uint32_t)place * 40503u) >> 13);
}

static inline unsigned char pattern_file(uint8_t index, uint64_t place)
{
	return pattern_sent((uint16_t)(1000 + index), place);
}

/* FNV-1a, 64 bits, from HASH_BEGIN on. */
#define HASH_BEGIN 0xcbf29ce484222325u
static inline uint64_t hash_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * 0x100000001b3u;
}

#endif
