/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The same three jobs for tasks of each model: to be made and end, to give up its turn again and
 * again, and to wait for a byte again and again. What is measured is here; a player is the model. */
#ifndef COMPARE_CLAIM_MODELS_STAGE_H
#define COMPARE_CLAIM_MODELS_STAGE_H

#include <duet/loop.h>
#include <duet/scheduler.h>
#include <duet/stack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/laboratory/mechanism.h"

enum models_job { MODELS_CREATE, MODELS_SWITCH, MODELS_WAIT, MODELS_JOBS };

/* What a byte says to who waits for it. */
enum { MODELS_EVENT = 1, MODELS_OVER = 2 };

/* More than comes: a short receive says that there is no more. */
enum { MODELS_MEMORY = 8 };

struct models_player;

struct models_stage {
	const struct models_player *player;
	const struct mechanism *mechanism;
	enum models_job job;
	uint32_t count;    /* tasks */
	uint32_t switches; /* of each, as its job */
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	void *own;            /* the player's: see begin */
	unsigned char *tasks; /* task_bytes each */
	/* Of socket pairs; what is sent at one end comes out of its neighbour, index ^ 1. */
	int *ends;
	duet_handle *handles; /* of the first `count` ends, if the player has a loop */
	uint32_t served;      /* bytes taken */
	uint32_t ended;       /* tasks */
	int refused; /* why one couldn't be spawned, a negative errno */
	bool wrong;
};

struct models_player {
	const char *name;
	size_t task_bytes;
	bool loopless;   /* a model without a loop */
	bool waits_only; /* it has nothing that is made, or that could give up its turn */
	int (*begin)(struct models_stage *stage); /* 0 or a negative errno; or NULL */
	int (*spawn)(struct models_stage *stage, uint32_t index); /* NULL: not in this build */
	/* Until so many bytes were taken, or all that were spawned have ended. False: never. */
	bool (*await_served)(struct models_stage *stage, uint32_t count);
	bool (*await_ended)(struct models_stage *stage, uint32_t count);
	double (*stack_bytes)(const struct models_stage *stage); /* touched, of all; or NULL */
	void (*end)(struct models_stage *stage);                 /* or NULL */
};

/* In the order of the table; the one without a loop is the last. Ends with NULL. */
extern const struct models_player *const MODELS_PLAYERS[];

extern const struct models_player MODELS_CALLBACKS, MODELS_COROUTINES, MODELS_FUTURES,
	MODELS_FIBERS, MODELS_ACTORS, MODELS_CXX, MODELS_THREADS;

struct models_options {
	struct mechanism mechanism;
	const struct models_player *player;
	enum models_job job;
	uint32_t count;
	uint64_t seed; /* of whom a byte is sent to */
	bool quick;
};

/* Of one creation and end, one switch, or one event. */
struct models_result {
	double cpu_ns;     /* of the process: with the one who sends */
	double latency_ns; /* one alone, by the clock: the middle; of a switch elapsed_ns */
	double p99_ns;
	double elapsed_ns; /* of many at once, by the clock: its reverse is the throughput */
	double own, stack,
		heap; /* bytes a waiting task: its structs, touched pages, what spawn allocated */
};

/* 0, a negative errno, or -EBADMSG: what came was not what was sent. */
int models_play(const struct models_options *options, struct models_result *result);

/* ---- For players. ---- */

/* What a task has waited for has come: true, and it waits again. */
bool models_take(struct models_stage *stage, int32_t result, unsigned char byte);

/* By turns of the loop. */
bool models_turn_until_served(struct models_stage *stage, uint32_t count);
bool models_turn_until_ended(struct models_stage *stage, uint32_t count);

#endif
