/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * Rungs of the price ladder: a policy as a server would write it. A session hears a message, says it back,
 * and waits for the next; in between somebody may ask that wait to end, after which the session waits
 * again, and must not have lost a byte.
 */
#ifndef COMPARE_LABORATORY_RUNG_H
#define COMPARE_LABORATORY_RUNG_H

#include <duet/future.h>
#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <duet/owned.h>
#include <duet/scope.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RUNG_MESSAGE = 64 };

struct rung;

struct session {
	const struct rung *rung;
	struct duet_loop *loop;
	duet_handle handle;
	int peer;
	uint32_t have;     /* of the message */
	uint64_t answered; /* messages that were said back */
	bool wrong;        /* something ended as it must not */
	bool over;         /* it waits for nothing any more */
	struct duet_op *waiting; /* what may be asked to end, or NULL */
	struct duet_op op, answer;
	struct duet_scope scope;
	struct duet_member member;
	struct duet_op_future future;
	struct duet_waker waker;
	unsigned char message[RUNG_MESSAGE];
};

struct rung {
	const char *name, *does;
	/* Operations of the loop's own that a session has in use at once, and the buffer of each. */
	uint32_t owned, owned_bytes;
	size_t bytes;                          /* of the session's own, while it waits */
	void (*wait)(struct session *session); /* for the next bytes of a message */
	void (*ask)(struct session *session);  /* the wait is to end, and to begin again */
};

/* The first is the plain one. Ends with one without a name. */
extern const struct rung RUNGS[];

#endif
