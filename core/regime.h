/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_REGIME_H
#define CORE_REGIME_H

#include "core/operation.h"

/* Of an operation with FLAG_GIVEN or FLAG_COPIED, from its start to its end: see core/regime.c. */

/* A receive that named its pool by a buffer has it from now on, or none. */
void core_regime_find_pool(const struct duet_loop *loop, struct duet_op *op);

/* Its buffer is given up, or something stands in for it. 0; -EBUSY, -EINVAL, -EMSGSIZE, -ENOBUFS, and
 * nothing has changed. */
int core_regime_begin(struct duet_loop *loop, struct duet_op *op);

/* It hasn't started after all. */
void core_regime_undo(struct duet_loop *loop, struct duet_op *op);

/* The caller doesn't wait for what comes in: the memory that it would be copied to is free. */
void core_regime_let_go(struct duet_op *op);

/* Its end is told now: the buffer is the caller's again. */
void core_regime_tell(struct duet_loop *loop, struct duet_op *op);

/* Nobody heard of that end: what would be the caller's to return goes back. */
void core_regime_reclaim(struct duet_loop *loop, struct duet_op *op);

#endif
