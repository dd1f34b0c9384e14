/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One connection of the load generator: sends messages of one size, keeps up to depth of them
 * unanswered, and compares every byte that comes back. */
#ifndef COMPARE_LOAD_CONNECTION_H
#define COMPARE_LOAD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "compare/measure/histogram.h"

/* What all connections of a run share. */
struct connection_run {
	uint32_t size_bytes;
	uint32_t depth;
	bool sending;      /* new messages may begin */
	uint64_t answered; /* messages whose last byte came back */
	uint64_t moved_bytes; /* both ways: while it grows, the server is at work */
	uint64_t wrong_bytes;
	struct histogram latency; /* from the message's first byte out to its last byte in */
};

struct connection {
	int fd;
	uint32_t stream; /* which bytes are ours: see pattern.h */
	bool ended;      /* the peer sent its last byte */
	bool blocked;    /* the socket takes no more: wait until it is writable */
	uint64_t sent_bytes, received_bytes;
	uint64_t begun;     /* messages of which at least one byte was meant to go out */
	uint64_t *begun_ns; /* when the last `depth` of them were, a ring */
};

/* Sends what may be sent now. 0, or a negative errno of the socket. */
int connection_send(struct connection *connection, struct connection_run *run, uint64_t now_ns);

/* Forgets the messages of which no byte has gone out: they are neither sent nor waited for. */
void connection_stop(struct connection *connection, const struct connection_run *run);

/* Takes what has arrived. 0, or a negative errno of the socket. */
int connection_receive(struct connection *connection, struct connection_run *run);

/* Messages without an answer. */
uint64_t connection_open_messages(const struct connection *connection,
				  const struct connection_run *run);

#endif
