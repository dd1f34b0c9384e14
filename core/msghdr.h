/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_MSGHDR_H
#define CORE_MSGHDR_H

#include <duet/msghdr.h>
#include <stdbool.h>

struct duet_loop;

/* What core does for the operations with a message's header. */

int core_msghdr_check_recv(const struct duet_op *op);
int core_msghdr_check_send(const struct duet_op *op);

static inline bool core_msghdr_has(const struct duet_op *op)
{
	return op->kind == DUET_RECVMSG || op->kind == DUET_SENDMSG;
}

/* A receive has ended with that raw result: its header says what came. wanted: somebody will be told;
 * else the descriptors that came are closed. */
void core_msghdr_received(struct duet_loop *loop, struct duet_op *op, int raw, bool wanted);

#endif
