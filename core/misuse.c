/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/lifecycle.h"
#include "core/scope.h"
#include "core/waits.h"

/* What debug builds say before they stop: of loops, scopes, buffers and waits. */

void core_abort_unless_owner(const struct duet_loop *loop)
{
	const char *what = NULL;

	if (!loop)
		what = "of a primitive that was never initialised, or has ended: its functions are "
		       "called between the two";
	else if (loop->owner_process != getpid())
		what = "a forked child may only destroy the loop";
	else if (!pthread_equal(loop->owner_thread, pthread_self()))
		what = "called from a thread that doesn't own the loop: only duet_loop_wake(), "
		       "duet_loop_post() and duet_shared_waker_wake() may be";
	if (!what)
		return;
	fprintf(stderr, "duet: loop %p: %s\n", (const void *)loop, what);
	abort();
}

void core_abort_outside(const struct duet_member *member)
{
	fprintf(stderr, "duet: member %p is in no scope: it has left before, or was never let in\n",
		(const void *)member);
	abort();
}

void core_abort_if_registered(const struct duet_scope *scope, const struct duet_cleanup *cleanup)
{
	for (const struct duet_cleanup *at = scope->cleanups; at; at = at->next) {
		if (at != cleanup)
			continue;
		fprintf(stderr,
			"duet: step %p of the cleanup of scope %p is registered already: each needs "
			"memory of its own\n",
			(const void *)cleanup, (const void *)scope);
		abort();
	}
}

void core_abort_not_held(const struct duet_buffer *buffer)
{
	fprintf(stderr,
		"duet: buffer %u of pool %u isn't held: it was returned twice, or never received, or "
		"an operation has it\n",
		buffer->index, buffer->pool);
	abort();
}

void core_abort_waited_for(const struct duet_waiters *waiters, const char *noun)
{
	const struct duet_op *op = waiters->first;

	if (op)
		fprintf(stderr,
			"duet: %s %p is waited for, first by operation %p (%s): it can't end before "
			"they have\n",
			noun, (const void *)waiters, (const void *)op,
			duet_kind_name((enum duet_kind)op->kind));
	else
		fprintf(stderr,
			"duet: %s %p: %u operations of other loops are on their way to it, or from it: it "
			"can't end before they have left\n",
			noun, (const void *)waiters, waiters->visitors);
	abort();
}
