/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_OFFLOAD_H
#define CORE_OFFLOAD_H

#include "core/loop.h"

/* Worker threads for calls that block. Started with the loop, or absent (loop->offload NULL). 0
 * threads: what would be theirs is done on the loop's, in a turn. works: also for the kind work. */
int core_offload_create(struct duet_loop *loop, uint32_t threads, bool works);
void core_offload_destroy(struct duet_loop *loop);

/* The kind work: the hooks begin and stop of struct core_kind. */
int core_work_begin(struct duet_loop *loop, struct duet_op *op);
void core_work_stop(struct duet_loop *loop, struct duet_op *op);

/* Where an operation is that core has given to the workers, for people. */
const char *core_work_place(const struct duet_loop *loop, const struct duet_op *op);

#endif
