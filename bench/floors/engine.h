/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * An echo engine: one way to send back whatever arrives on many stream sockets. The hand-written
 * floors and the twins stand behind the same table, so that every bench sets like against like.
 * An engine belongs to the thread that created it.
 */
#ifndef DUET_BENCH_ENGINE_H
#define DUET_BENCH_ENGINE_H

#include <stdint.h>
#include <stdio.h>

/* Sizes an engine is created with; it takes no memory for connections later. */
struct echo_shape {
	uint32_t connections_max;
	uint32_t descriptors_max;	/* every descriptor handed in is below this */
	uint32_t buffer_count;		/* receive buffers, a power of two */
	uint32_t buffer_bytes;		/* of one of them: at least the usual message */
};

/* What an engine did since it was created. A floor counts its own system calls where it makes
 * them; a twin fills in what the library's public counters say. */
struct echo_tally {
	uint64_t bytes;		/* echoed: taken over by the peer's socket */
	uint64_t accepted;
	uint64_t closed;
	uint64_t calls;		/* system calls in all; what a ring carries out is none */
	uint64_t waits;		/* of them epoll_wait or io_uring_enter */
	uint64_t controls;	/* of them epoll_ctl */
	uint64_t wasted;	/* attempts that ended in EAGAIN */
};

struct echo_engine {
	const char *name;
	void *(*create)(const struct echo_shape *shape);	/* NULL, and errno says why */
	int (*serve)(void *self, int listener);	/* the listener stays the caller's; 0 or -errno */
	int (*adopt)(void *self, int fd);	/* the engine closes fd; 0 or -errno */
	int (*turn)(void *self);		/* one turn, sleeping if nothing is ready; 0 or -errno */
	const struct echo_tally *(*tally)(void *self);
	void (*report)(void *self, FILE *out);	/* NULL, or more counters as "stat NAME VALUE" lines */
	void (*destroy)(void *self);		/* closes what was adopted */
};

#endif
