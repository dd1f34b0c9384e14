/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_TWINS_PLAYER_H
#define REFERENCE_TWINS_PLAYER_H

#include <duet/duet.h>
#include <stdbool.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "reference/trace.h"
#include "reference/twins/arms.h"

/* The insides of a player: its stage (what the script declares), its parts (the operations that
 * the script starts), and chores (operations of its own, which no trace mentions). */

#define PLAYER_MADE 256 /* handles that came with accepts and opens */
#define PLAYER_HELD 1024
#define PLAYER_PROPS 48 /* handles of the stage itself */
/* Turns after which the player gives up waiting; most of them wait for a millisecond. */
#define PLAYER_PATIENCE 4000
/* A timer or deadline that is due so soon is waited for. */
#define PLAYER_SOON_NS 2000000

struct player;

/* Of each that stands in a buffer of the runtime's. */
#define PLAYER_PATH_BYTES 128

struct part {
	struct duet_op *op; /* own, or one of the runtime's; NULL when it is over */
	struct duet_op own;
	struct duet_msghdr header;
	struct duet_member member;
	struct duet_cleanup cleanup;
	struct player *player;
	const struct step *step;
	unsigned char *data;  /* the player's, to be freed */
	unsigned char *bytes; /* that it moves: data, or the runtime's buffer */
	struct duet_buffer buffer; /* of a pool, as it is given, or what is copied through one */
	uint64_t due_ns;
	uint16_t id;
	bool started;
	bool asked; /* its end was requested */
	bool told;  /* its result was, and its memory is to come back */
};

/* A scope of the script. */
struct act {
	struct duet_scope scope;
	struct player *player;
	uint64_t due_ns; /* 0: none */
	bool opened;
	bool joining;  /* the script has said that nothing more comes */
	bool joined;
};

struct prop {
	struct duet_handle handle;
	bool live;
	bool closing;
};

struct note {
	struct duet_message message;
	struct player *player;
	uint16_t number;
};

struct place {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un local;
	};
	socklen_t length;
};

struct player {
	const struct script *script;
	const struct arm *arm;
	struct trace *trace;
	struct duet_loop *loop;
	int descriptors;
	bool stuck;
	bool over; /* the steps are done: what was to follow an end no longer does */
	bool due[SCRIPT_STEPS]; /* steps that wait for an end */
	char *why;
	size_t why_size;

	struct prop ends[SCRIPT_CONNECTIONS * 2];
	struct prop listeners[SCRIPT_LISTENERS];
	struct prop dialers[SCRIPT_DIALERS];
	struct prop files[SCRIPT_FILES];
	/* By family: where the connections of the stage are made, and a place where nobody
	 * listens. */
	struct prop porters[3];
	struct prop deaf[3];
	struct place porter_places[3];
	struct place deaf_places[3];
	struct place listener_places[SCRIPT_LISTENERS];
	char paths[SCRIPT_FILES][64];
	char names[SCRIPT_NAMES][64];
	char nowhere[64];

	struct duet_pool *pools[SCRIPT_POOLS];
	struct duet_buffer held[SCRIPT_POOLS][PLAYER_HELD]; /* first come first returned */
	uint32_t held_count[SCRIPT_POOLS];

	duet_handle made[PLAYER_MADE];
	uint32_t made_count;

	struct part parts[SCRIPT_IDS];
	struct act acts[SCRIPT_SCOPES];

	struct note notes[SCRIPT_STEPS]; /* messages, in the order in which they were posted */
	uint32_t note_count;
	uint32_t notes_run;
};

/* ---- Chores: chore.c. ---- */

struct chore {
	struct duet_op op;
	bool ended;
};

void chore_init(struct chore *chore);
/* Starts it; false: refused. */
bool chore_start(struct player *player, struct chore *chore);
/* Waits for the end. -ETIME: given up, the player is stuck. */
int chore_await(struct player *player, struct chore *chore);
int chore_run(struct player *player, struct chore *chore);
int player_fail(struct player *player, const char *what, int error);

/* ---- The stage: stage.c. ---- */

/* 0, or negative with player->why. */
int stage_set(struct player *player);
/* Port 0 of the loopback, or a unix name that the kernel chooses. */
void place_anywhere(uint8_t family, struct place *place);
/* The prop of an object, NULL for none. */
struct prop *stage_prop(struct player *player, struct object object);
/* Takes what is left in streams and listeners, and closes everything. */
void stage_strike(struct player *player);

/* ---- Steps: play.c. ---- */

/* What was to be done when this operation ends. Called in its terminal completion. */
void play_after(struct player *player, uint16_t id);

/* ---- Operations: part.c. ---- */

uint64_t hash_bytes(const unsigned char *data, size_t bytes);

void part_start(struct player *player, const struct step *step);
void part_cancel(struct player *player, uint16_t id);
void part_abandon(struct player *player, uint16_t id);
void parts_return(struct player *player, unsigned pool, uint32_t count, bool twice);
bool part_pending(const struct part *part);
/* Turns until nothing moves any more. */
void parts_settle(struct player *player);
/* Cancels what is pending and waits for all ends. */
void parts_end(struct player *player);

/* ---- Scopes: act.c. ---- */

void act_open(struct player *player, const struct step *step);
void act_ask(struct player *player, uint8_t index);
void act_due(struct player *player, const struct step *step);
void act_join(struct player *player, uint8_t index);
/* Registers an operation with its scope, for the cleanup. */
void act_defer(struct player *player, const struct step *step);
/* Was this scope (+ 1; 0: none) asked to end, so that what is in it will? */
bool act_asked(const struct player *player, uint8_t scope);
/* Scopes that are neither joined nor will end without anybody's doing, and whether one will. */
uint32_t acts_open(const struct player *player);
bool acts_busy(const struct player *player);
/* Asks all to end, and joins them. */
void acts_end(struct player *player);

#endif
