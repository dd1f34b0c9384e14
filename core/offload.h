/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_OFFLOAD_H
#define CORE_OFFLOAD_H

#include "core/loop.h"

/* Worker threads for calls that block. Started with the loop, or absent (loop->offload NULL). */
int core_offload_create(struct duet_loop *loop, uint32_t threads);
void core_offload_destroy(struct duet_loop *loop);

#endif
