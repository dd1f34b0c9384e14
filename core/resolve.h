/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_RESOLVE_H
#define CORE_RESOLVE_H

#include "core/loop.h"

/* The kind resolve, for the table of kinds. */
int core_resolve_check(const struct duet_op *op);
int core_resolve_begin(struct duet_loop *loop, struct duet_op *op);
void core_resolve_stop(struct duet_loop *loop, struct duet_op *op);

/* The call that a pending one waits for. */
const struct duet_op *core_resolve_work(const struct duet_op *op);

/* The list that an abandoned one has brought. */
void core_resolve_dispose(struct duet_op *op);

#endif
