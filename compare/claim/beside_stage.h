/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A parent that waits for all of its children, or for the first: inside of one task, or as tasks
 * beside it in a scope. A child waits for a byte. What is measured is here; a player is the way. */
#ifndef COMPARE_CLAIM_BESIDE_STAGE_H
#define COMPARE_CLAIM_BESIDE_STAGE_H

#include <duet/coroutine.h>
#include <duet/loop.h>
#include <duet/scheduler.h>
#include <duet/scope.h>
#include <duet/stack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/laboratory/mechanism.h"

/* More than comes: a short receive says that there is no more. */
enum { BESIDE_MEMORY = 8, BESIDE_SLICES = 100 };

struct beside_player;

/* Who is no child, and waits for a byte as well. */
struct bystander {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	struct beside_stage *stage;
	unsigned char bytes[BESIDE_MEMORY];
};

struct beside_stage {
	const struct beside_player *player;
	uint32_t count;
	bool selects; /* the first child that has its byte ends it; else all are waited for */
	struct duet_scope_options policy; /* the same for a scope */
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	struct duet_stacks *stacks; /* NULL: the player needs none */
	void *own;                  /* the player's: the parent, and behind it the children */
	struct bystander bystander;
	/* Of socket pairs; what is sent at one end comes out of its neighbour, index ^ 1. */
	int *ends;
	duet_handle *handles; /* of the children, the bystander, and nobody */
	bool is_ring;
	uint32_t turns; /* until all had ended */
	bool wrong;
	uint32_t heard, stopped; /* children that have had their byte, and that were asked to end */
	/* The first child computes first, in slices; between them it may give up its turn. */
	bool stalls, yields;
	uint32_t slices; /* until now */
	uint32_t sibling_waited,
		other_waited; /* slices until the last sibling, and the bystander, went on */
};

struct beside_player {
	const char *name;
	int lines; /* of its source */
	size_t child_bytes;
	size_t parent_bytes;
	bool has_stacks;
	int (*spawn)(struct beside_stage *stage); /* the parent, which does the rest */
	struct duet_task *(*parent)(struct beside_stage *stage);
};

/* The first is inside. Ends with NULL. */
extern const struct beside_player *const BESIDE_PLAYERS[];

struct beside_options {
	struct mechanism mechanism;
	const struct beside_player *player;
	bool selects;
	uint32_t count;
	uint64_t seed; /* of which child has a byte */
	bool quick;
};

struct beside_result {
	double cpu_ns; /* a child */
	double latency_ns; /* from a request to end, or the first's byte, to the end of all */
	double turns;      /* the loop's, for the last of those */
	double own, stack;                   /* bytes a child */
	double held_sibling, held_other;     /* of a hundred slices, that others waited for */
	double sliced_sibling, sliced_other; /* the same, if the turn is given up between them */
};

/* 0, a negative errno, or -EBADMSG: a child ended otherwise than it should. */
int beside_play(const struct beside_options *options, struct beside_result *result);

/* ---- For players. ---- */

/* What became of a child's wait; gives it back. */
int32_t beside_hear(struct beside_stage *stage, uint32_t index, int32_t result);

/* One slice; false: there is nothing to compute, any more or for this child. */
bool beside_compute(struct beside_stage *stage, uint32_t index);

#endif
