/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The load generator: a plain epoll client, the same for every server, in a process of its own.
 * Each connection always has one message under way, and every byte that comes back is checked.
 */
#ifndef DUET_BENCH_LOAD_H
#define DUET_BENCH_LOAD_H

#include <stdint.h>
#include <sys/types.h>

struct load_job {
	uint16_t port;		/* on 127.0.0.1 */
	uint32_t connections;
	uint32_t size_bytes;
	uint64_t messages;	/* over all connections */
	uint32_t seconds;	/* the longest it may take */
};

struct load_result {
	uint64_t messages;	/* answered */
	uint64_t wrong_bytes;
	int32_t error;		/* 0 or errno */
};

struct load {
	pid_t pid;
	int pipe;
};

/* 0 or -errno. Each start is followed by one join, which waits for the end. */
int load_start(struct load *load, const struct load_job *job);
int load_join(struct load *load, struct load_result *result);

/* A blocking connection to a port of 127.0.0.1 from the index-th address of 127.0.1.0/24, so that
 * thousands of them do not run out of ports. The descriptor or -errno. */
int load_connect(uint16_t port, uint32_t index);

#endif
