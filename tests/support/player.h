/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_PLAYER_H
#define TESTS_SUPPORT_PLAYER_H

#include "tests/support/harness.h"

/*
 * One task of some programming model, which plays a program that is the same in all of them, written
 * as one writes it there. What a program does is counted here, by whoever plays it.
 */
enum program {
	/* Waits for nothing; returns 42. */
	PROGRAM_ANSWER,
	/* Receives on a handle that is none; returns what it is told. */
	PROGRAM_REFUSED,
	/* Receives one byte of `peer` after the other until it ends; returns how many there were, or
	 * the error. */
	PROGRAM_LISTEN,
	/* Acquires a socket, and on every way out closes it, shielded. Between: waits for a timer;
	 * receives PLAYER_BYTES exactly of `peer`; sends them back; calls another that waits for a timer
	 * and returns 7; spawns a task in a scope of its own, which waits for a timer, and joins it.
	 * Returns 42, or the first error. */
	PROGRAM_COURIER,
	/* Calls itself `depth` times; the last waits for nothing. Returns the depth. */
	PROGRAM_NEST,
	PROGRAM_COUNT
};

enum { PLAYER_BYTES = 4, PLAYER_ANSWER = 42, PLAYER_CALLED = 7 };

struct model;

struct player {
	const struct model *model;
	void *memory; /* the model's, of model->bytes */
	struct duet_scheduler *scheduler;
	struct duet_scope *scope; /* where it plays */
	duet_handle peer;
	unsigned depth;

	unsigned ends; /* of the task */
	int result;
	unsigned passed; /* waits that went well */
	unsigned opened, closed;
	uint32_t received, sent; /* bytes of peer's */
};

struct model {
	const char *name;
	size_t (*bytes)(const struct player *player, enum program program);
	/* 0, or why it can't: nothing has begun. */
	int (*spawn)(struct player *player, enum program program);
};

/* Ends with NULL. */
extern const struct model *const models[];

extern const struct model model_callback;
extern const struct model model_coroutine;
extern const struct model model_actor;
extern const struct model model_future;
extern const struct model model_fiber;

/* memory is zero, and the player's until player_free(). */
void player_init(struct player *player, const struct model *model,
		 struct duet_scheduler *scheduler, struct duet_scope *scope);
int player_spawn(struct player *player, enum program program);
void player_free(struct player *player);

/* What players say: the task has ended; a wait is over, and went well if result says so. */
void player_ended(struct player *player, int result);
void player_waited(struct player *player, int result);

/* The moment of a timer that a program waits for: soon. */
uint64_t player_soon_ns(const struct player *player);

#endif
