/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One connection of the load generator: sends messages of one size and compares every byte that
 * comes back, or is answered where a dialogue says with what. In a closed loop it keeps depth messages unanswered; in an open loop it sends each
 * when it is due, answered or not. */
#ifndef COMPARE_LOAD_CONNECTION_H
#define COMPARE_LOAD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "compare/load/dialogue.h"
#include "compare/load/schedule.h"
#include "compare/measure/histogram.h"

/* What all connections of a run share. What is counted "in the window" is: in a closed loop what
 * was answered in it, in an open loop what was due in it, also if the answer came later. */
struct connection_run {
	struct schedule schedule; /* its rate is 0 in a closed loop */
	uint32_t size_bytes, answer_bytes; /* of a message; of what comes back for it */
	uint32_t depth;    /* stamps a connection: so many messages may be unanswered */
	bool sending;      /* new messages may begin */
	uint64_t from_ns, until_ns; /* the window; UINT64_MAX while an edge is still to come */
	uint64_t answered; /* messages whose last byte came back in the window, whenever due */
	uint64_t answered_total;
	uint64_t moved_bytes; /* both ways: while it grows, the server is at work */
	uint64_t wrong_bytes;
	uint64_t held;     /* open loop: due in the window while all stamps were taken */
	struct histogram latency; /* until the last byte in; from when it was meant to be sent */
	struct histogram service; /* open loop: from when its first byte really went out */
	struct histogram late;    /* open loop: how late we came round to it, held ones left out */
};

struct connection {
	int fd;
	uint32_t stream; /* which bytes are ours: see pattern.h */
	const struct dialogue *dialogue; /* lent; NULL: what is sent comes back */
	bool ended;      /* the peer sent its last byte */
	bool blocked;    /* the socket takes no more: wait until it is writable */
	bool held;       /* something is due, but all stamps are taken */
	bool rationed;   /* no more than allowed_bytes may be received */
	uint64_t allowed_bytes;
	uint64_t sent_bytes, received_bytes;
	uint64_t begun;     /* messages of which at least one byte was meant to go out */
	uint64_t *stamps_ns; /* of the last `depth` of them, a ring: when they were begun; in an
			      * open loop, whose schedule knows that, when they went out */
};

/* Begins what may begin now, and sends nothing yet. */
void connection_begin(struct connection *connection, struct connection_run *run, uint64_t now_ns);

/* Begins and sends what may be sent now. 0, or a negative errno of the socket. */
int connection_send(struct connection *connection, struct connection_run *run, uint64_t now_ns);

/* Forgets the messages of which no byte has gone out: they are neither sent nor waited for. */
void connection_stop(struct connection *connection, const struct connection_run *run);

/* Takes what has arrived. 0, or a negative errno of the socket. */
int connection_receive(struct connection *connection, struct connection_run *run);

/* What has to come back for all that was sent. */
uint64_t connection_owed_bytes(const struct connection *connection,
			       const struct connection_run *run);

/* Messages without an answer. */
uint64_t connection_open_messages(const struct connection *connection,
				  const struct connection_run *run);

#endif
