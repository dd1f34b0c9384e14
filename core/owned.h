/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_OWNED_H
#define CORE_OWNED_H

#include <duet/owned.h>

#include "core/loop.h"

/* Who has an operation of the loop's. See the picture in <duet/owned.h>. */
enum core_owned_state {
	/* Nobody: on the loop's list. From: TAKEN, ABANDONED. */
	OWNED_FREE,
	/* The caller. From: FREE. */
	OWNED_TAKEN,
	/* The loop, until the terminal completion. From: TAKEN. */
	OWNED_ABANDONED,
	OWNED_STATE_COUNT
};

struct core_owned {
	struct duet_op op;           /* first: what was taken is found by its address */
	unsigned char *buffer;       /* owned_bytes; NULL if that is 0 */
	struct duet_buffer borrowed; /* abandoned: the pool's buffer that it lends, if length isn't 0 */
	struct core_owned *next;     /* free: the next free one */
	uint8_t owned_state;         /* enum core_owned_state */
};

_Static_assert(sizeof(struct core_owned) == 304, "what <duet/loop.h> says of owned_max");

/* 0 or -ENOMEM; what was made is freed by fini in any case. */
int core_owned_init(struct duet_loop *loop, uint32_t bytes);
void core_owned_fini(struct duet_loop *loop);

/* May op have FLAG_COPIED? */
bool core_owned_copies(const struct duet_loop *loop, const struct duet_op *op);

/* The bytes that came go to whom they are for. op has FLAG_COPIED, and ended. */
void core_owned_copy_out(struct duet_loop *loop, struct duet_op *op);

/* For the dump. */
bool core_owned_is_abandoned(const struct duet_loop *loop, const struct duet_op *op);

#endif
