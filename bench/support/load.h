/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The load generator: a plain epoll client, the same for every server, in a process of its own.
 * Each connection always has its messages under way, and every byte that comes back is checked: a
 * connection's messages are one stream, of which it knows what comes where.
 */
#ifndef DUET_BENCH_LOAD_H
#define DUET_BENCH_LOAD_H

#include <stdint.h>
#include <sys/types.h>

struct load_job {
	uint16_t port;		/* on 127.0.0.1 */
	uint32_t connections;
	uint32_t size_bytes;
	uint32_t depth;		/* messages under way on each of them; 0: one */
	uint64_t messages;	/* over all connections; 0: in spans, see load_span() */
	uint64_t spin_ns;	/* how long it looks for replies before it sleeps */
	uint32_t seconds;	/* the longest it, or a span, may take */
};

struct load_result {
	uint64_t messages;	/* answered */
	uint64_t wrong_bytes;
	uint64_t span_ns;	/* from the first message to the last reply */
	int32_t error;		/* 0 or errno */
};

struct load {
	pid_t pid;
	int link;		/* spans go there, results come from there */
};

/* 0 or -errno. A start is followed by one join, which waits for the end; a job in spans by any
 * number of them, and by a stop. */
int load_start(struct load *load, const struct load_job *job);
int load_join(struct load *load, struct load_result *result);

/* Messages for so long; then every reply is waited for, and the connections stay open. What was
 * counted is of this span alone. 0 or -errno. */
int load_span(struct load *load, uint64_t span_ns, struct load_result *result);
void load_stop(struct load *load);

/* A blocking connection to a port of 127.0.0.1 from the index-th address of 127.0.1.0/24, so that
 * thousands of them do not run out of ports. The descriptor or -errno. */
int load_connect(uint16_t port, uint32_t index);

#endif
