/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/lifecycle.h"

/* What debug builds say before they stop. */

void core_abort_unless_owner(const struct duet_loop *loop)
{
	const char *what = NULL;

	if (loop->owner_process != getpid())
		what = "a forked child may only destroy the loop";
	else if (!pthread_equal(loop->owner_thread, pthread_self()))
		what = "called from a thread that doesn't own the loop: only duet_loop_wake() and "
		       "duet_loop_post() may be";
	if (!what)
		return;
	fprintf(stderr, "duet: loop %p: %s\n", (const void *)loop, what);
	abort();
}

void core_abort_not_held(const struct duet_buffer *buffer)
{
	fprintf(stderr,
		"duet: buffer %u of pool %u isn't held: it was returned twice, or never received\n",
		buffer->index, buffer->pool);
	abort();
}
