/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/notify.h>
#include <errno.h>

#include "core/lifecycle.h"
#include "core/waits.h"

void duet_notify_init(struct duet_notify *notify, struct duet_loop *loop)
{
	core_waiters_init(&notify->waiters, loop);
	notify->kept = 0;
}

int duet_notify_fini(struct duet_notify *notify)
{
	return core_waiters_fini(&notify->waiters, "notify");
}

/* ---- Wait. ---- */

/* None is kept while anybody is in line. */
static int attempt_notified(struct duet_op *op)
{
	struct duet_notify *notify = op->args.wait.on;

	if (!notify->kept)
		return -EAGAIN;
	notify->kept = 0;
	return 0;
}

const struct core_wait core_wait_notified = {
	.noun = "notify", .attempt = attempt_notified, .crosses = true};

void duet_op_notified(struct duet_op *op, struct duet_notify *notify)
{
	core_prepare_wait(op, DUET_NOTIFIED, notify);
}

/* ---- Wake. ---- */

static void wake_one(struct duet_notify *notify)
{
	if (notify->waiters.first)
		core_wait_end(notify->waiters.first, 0);
	else
		notify->kept = 1;
}

void duet_notify_one(struct duet_notify *notify)
{
	core_check_owner(notify->waiters.loop);
	wake_one(notify);
}

void duet_notify_all(struct duet_notify *notify)
{
	core_check_owner(notify->waiters.loop);
	core_wait_end_all(&notify->waiters, 0);
}

/* count: 1, or 0 for all. */
static int attempt_notify(struct duet_op *op)
{
	struct duet_notify *notify = op->args.wait.on;

	if (op->args.wait.count)
		wake_one(notify);
	else
		core_wait_end_all(&notify->waiters, 0);
	return 0;
}

const struct core_wait core_wait_notify = {
	.noun = "notify", .attempt = attempt_notify, .crosses = true};

void duet_op_notify_one(struct duet_op *op, struct duet_notify *notify)
{
	if (core_prepare_wait(op, DUET_NOTIFY, notify))
		op->args.wait.count = 1;
}

void duet_op_notify_all(struct duet_op *op, struct duet_notify *notify)
{
	if (core_prepare_wait(op, DUET_NOTIFY, notify))
		op->args.wait.count = 0;
}
