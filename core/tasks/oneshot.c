/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/oneshot.h>
#include <errno.h>

#include "core/lifecycle.h"
#include "core/waits.h"

void duet_oneshot_init(struct duet_oneshot *oneshot, struct duet_loop *loop)
{
	core_waiters_init(&oneshot->waiters, loop);
	oneshot->value = NULL;
	oneshot->phase = DUET_ONESHOT_OPEN;
}

int duet_oneshot_fini(struct duet_oneshot *oneshot)
{
	return core_waiters_fini(&oneshot->waiters, "one-shot");
}

/* ---- Send. ---- */

static void give(struct duet_oneshot *oneshot, void **to)
{
	*to = oneshot->value;
	oneshot->value = NULL;
	oneshot->phase = DUET_ONESHOT_OVER;
}

static int try_send(struct duet_oneshot *oneshot, void *value)
{
	struct duet_op *receiver = oneshot->waiters.first;

	if (oneshot->phase != DUET_ONESHOT_OPEN)
		return -EALREADY;
	oneshot->value = value;
	oneshot->phase = DUET_ONESHOT_FULL;
	if (!receiver)
		return 0;
	give(oneshot, receiver->args.wait.with);
	core_wait_end(receiver, 1);
	core_wait_end_all(&oneshot->waiters, 0);
	return 0;
}

int duet_oneshot_send(struct duet_oneshot *oneshot, void *value)
{
	core_check_owner(oneshot->waiters.loop);
	return try_send(oneshot, value);
}

static int attempt_send(struct duet_op *op)
{
	return try_send(op->args.wait.on, op->args.wait.with);
}

const struct core_wait core_wait_oneshot_send = {
	.noun = "one-shot", .attempt = attempt_send, .crosses = true};

void duet_op_oneshot_send(struct duet_op *op, struct duet_oneshot *oneshot, void *value)
{
	if (core_prepare_wait(op, DUET_ONESHOT_SEND, oneshot))
		op->args.wait.with = value;
}

/* ---- Receive. ---- */

static int try_recv(struct duet_oneshot *oneshot, void **value)
{
	if (oneshot->phase == DUET_ONESHOT_OPEN)
		return -EAGAIN;
	if (oneshot->phase == DUET_ONESHOT_OVER)
		return 0;
	give(oneshot, value);
	return 1;
}

int duet_oneshot_try_recv(struct duet_oneshot *oneshot, void **value)
{
	core_check_owner(oneshot->waiters.loop);
	return try_recv(oneshot, value);
}

static int attempt_recv(struct duet_op *op)
{
	return try_recv(op->args.wait.on, op->args.wait.with);
}

const struct core_wait core_wait_oneshot_recv = {
	.noun = "one-shot", .attempt = attempt_recv, .lends = true, .crosses = true};

void duet_op_oneshot_recv(struct duet_op *op, struct duet_oneshot *oneshot, void **value)
{
	if (core_prepare_wait(op, DUET_ONESHOT_RECV, oneshot))
		op->args.wait.with = value;
}

void duet_oneshot_close(struct duet_oneshot *oneshot)
{
	core_check_owner(oneshot->waiters.loop);
	if (oneshot->phase != DUET_ONESHOT_OPEN)
		return;
	oneshot->phase = DUET_ONESHOT_OVER;
	core_wait_end_all(&oneshot->waiters, 0);
}
