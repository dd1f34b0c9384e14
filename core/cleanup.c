/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>

#include "core/mutant.h"
#include "core/scope.h"

/* The steps of a scope's cleanup: what registers them. They are run by the scope, at its end. */

int duet_scope_defer(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	struct duet_cleanup **place = &scope->cleanups;

	if (scope->state == SCOPE_IDLE || scope->state == SCOPE_ENDED)
		return -ESHUTDOWN;
#ifdef DUET_DEBUG
	core_abort_if_registered(scope, cleanup);
#endif
	if (MUTANT(cleanup_first_in_first_out) && *place)
		place = &(*place)->next;
	cleanup->next = *place;
	*place = cleanup;
	return 0;
}

_Static_assert(offsetof(struct duet_closing, cleanup) == 0, "a closing is its cleanup");

/* A handle that somebody has closed already needs no more. */
static void close_handle(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	struct duet_closing *closing = (struct duet_closing *)(void *)cleanup;

	duet_op_close(&closing->op, closing->handle);
	(void)!duet_scope_start(scope, &closing->member, &closing->op);
}

int duet_scope_defer_close(struct duet_scope *scope, struct duet_closing *closing,
			   duet_handle handle)
{
	closing->cleanup.run = close_handle;
	closing->handle = handle;
	duet_op_init(&closing->op, NULL, NULL);
	return duet_scope_defer(scope, &closing->cleanup);
}
