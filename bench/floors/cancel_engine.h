/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * A cancel engine: one way to have many receives of one byte pending, each on a descriptor of its own,
 * and to end them early. The hand-written floors and the backends stand behind the same table. An
 * engine belongs to the thread that created it; ended() and closed() may be called from inside any of
 * its functions.
 */
#ifndef DUET_BENCH_CANCEL_ENGINE_H
#define DUET_BENCH_CANCEL_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

enum cancel_method {
	CANCEL_USER_DATA,	/* each by its own name */
	CANCEL_DESCRIPTOR,	/* by closing what it waits on */
	CANCEL_SCOPE,		/* all of a group by one request */
	CANCEL_DEADLINE,	/* nobody asks: its time comes */
	CANCEL_NEVER,		/* it is answered */
	CANCEL_METHODS
};

struct cancel_shape {
	uint32_t pending;	/* receives at once: their index is below this */
	uint32_t group;		/* so many of them end by one request; a divisor of pending */
	enum cancel_method method;
	/* Its result is known, and its memory the caller's again. 1, or a negative errno. */
	void (*ended)(void *context, uint32_t index, int result);
	/* Its descriptor is no more. */
	void (*closed)(void *context, uint32_t index);
	void *context;
	const void *host;	/* what else the engine is created with; NULL for a floor */
};

struct cancel_engine {
	const char *name;
	void *(*create)(const struct cancel_shape *shape);	/* NULL, and errno says why */
	int (*adopt)(void *self, uint32_t index, int fd);	/* the engine closes fd; 0 or -errno */
	/* A receive into *byte, as one of its group, or loose; deadline_ns 0: none. 0 or -errno. */
	int (*start)(void *self, uint32_t index, char *byte, uint64_t deadline_ns, bool loose);
	int (*request)(void *self, uint32_t first);	/* of the group that begins there */
	int (*cancel)(void *self, uint32_t index);	/* of a loose one */
	int (*close)(void *self, uint32_t index);
	bool (*over)(void *self, uint32_t first);	/* the group as such; NULL: with its last */
	int (*turn)(void *self, int64_t timeout_ns);	/* negative: until something ends */
	void (*destroy)(void *self);
};

#endif
