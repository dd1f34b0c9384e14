/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The rockets' API over HTTP/1.1, by callbacks: GET /rockets is the list, GET /rockets/ID one of them.
 * It answers as late as it is told, and fails as it is told. */
#ifndef COMPARE_ROCKETS_SERVER_H
#define COMPARE_ROCKETS_SERVER_H

#include <duet/handle.h>
#include <duet/loop.h>
#include <jansson.h>
#include <stdint.h>

#include "compare/rockets/catalogue.h"

/* How a request fails that is to fail. */
enum rockets_fault {
	ROCKETS_STATUS,    /* 500 */
	ROCKETS_CUT,       /* the connection ends in the middle of the body */
	ROCKETS_STOP,      /* so does the body, and nothing follows */
	ROCKETS_MALFORMED, /* half an object, sent as if it were whole */
	ROCKETS_FAULTS,    /* none: all is well */
};

extern const char *const ROCKETS_FAULT_NAMES[ROCKETS_FAULTS];

struct rockets_options {
	uint32_t connections_max;
	uint64_t latency_ns, jitter_ns; /* before an answer: and a random part up to */
	uint64_t seed;
	/* Which requests fail: so many of a hundred, the one of this number (1: the first), and those
	 * for this one. 0, NULL: none. */
	uint32_t fail_percent, fail_request;
	const char *fail_id;
	enum rockets_fault fail_how;
};

struct rockets_server;

/* catalogue and options outlive the server. 0 or a negative errno. */
int rockets_start(struct rockets_server **server, struct duet_loop *loop, duet_handle listener,
		  const struct catalogue *catalogue, const struct rockets_options *options);

/* What it did: connections, requests, and what became of them. */
json_t *rockets_counts(const struct rockets_server *server);

/* When nothing is pending any more. */
void rockets_finish(struct rockets_server *server);

#endif
