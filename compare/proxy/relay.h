/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * A relay: a client's connection, and the one to the target that is made for it.
 *
 *   reach.c  a socket and a connect for each address of the target, until one is reached
 *   relay.c  two lanes from then on, until both are over; then both connections are closed
 *
 * A lane is one direction. Its one operation receives into a buffer of the pool, sends that, and gives
 * it back: nothing more is received while what came can't be sent on, and who says nothing holds no
 * memory. The end of a stream is carried across as one, behind its last byte, and the other lane goes
 * on. Any other end is carried across as a reset, so that nobody takes a part for the whole.
 */
#ifndef COMPARE_PROXY_RELAY_H
#define COMPARE_PROXY_RELAY_H

#include <duet/buffer.h>
#include <stdbool.h>

#include "compare/door.h"
#include "compare/proxy/server.h"
#include "compare/proxy/target.h"

struct relay;

struct lane {
	struct duet_op op;
	struct relay *relay;
	duet_handle from, to;
	struct duet_buffer buffer; /* held while there is something to send */
	uint32_t sent_bytes;       /* of it */
	bool over;
};

/* A relay goes on until both of its lanes are over, each by the end of its stream; or until the first
 * thing that goes wrong. A stage is never gone back to. */
enum relay_stage {
	RELAY_WHOLE,    /* all is well */
	RELAY_DRAINING, /* one side takes nothing any more: what it had sent before is still carried
			   across, for a while */
	RELAY_BROKEN,   /* nothing more is begun: as soon as nothing is under way, both are reset */
};

struct relay {
	struct guest guest; /* its operation makes the connection to the target, and closes both */
	struct proxy_server *server;
	duet_handle target;
	uint32_t address, tried; /* of the target's */
	uint64_t due_ns;         /* to have reached it; of one that drains, to have done so */
	uint64_t moved_ns;       /* when bytes did last, in either direction */
	enum relay_stage stage;
	struct lane lanes[2];    /* to the target, to the client */
};

struct proxy_server {
	struct door door;
	const struct proxy_options *options;
	struct duet_pool *pool;
	struct target target;
	struct relay *relays;
	bool short_of_files; /* has been said */
	uint64_t refused, late, cut;
	uint64_t lane_bytes[2];
};

/* A client has come. */
void relay_reach(struct relay *relay);

/* Both are connected. */
void relay_begin(struct relay *relay);

/* Closing them will be a reset. */
void relay_abort(const struct relay *relay, duet_handle handle);

#endif
