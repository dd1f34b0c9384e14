/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Load generators that nobody here wrote, each of which counts its own errors: redis-benchmark, which
 * sets and gets 64 bytes in equal shares, and wrk, which asks for one path.
 */
#ifndef DUET_BENCH_CLIENT_H
#define DUET_BENCH_CLIENT_H

#include <stdint.h>

enum client { CLIENT_NONE, CLIENT_REDIS_BENCHMARK, CLIENT_WRK };

struct client_job {
	enum client client;
	uint16_t port;		/* on 127.0.0.1 */
	uint32_t connections;
	uint32_t depth;		/* requests under way on each; wrk knows only 1 */
	uint64_t amount;	/* redis-benchmark: requests; wrk: seconds */
	const char *path;	/* wrk: with a slash in front */
};

struct client_result {
	uint64_t messages;	/* answered */
	uint64_t errors;	/* as the client counts them; at least 1 if it ended badly */
};

/* From its start to its end, on the processor of generators. 0 or -errno; -ENOEXEC if it is not here,
 * -EBADMSG if it did not say how many were answered. */
int client_run(const struct client_job *job, struct client_result *result);

#endif
