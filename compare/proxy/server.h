/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A relay of TCP by callbacks: what comes from a client goes to the target, and back. */
#ifndef COMPARE_PROXY_SERVER_H
#define COMPARE_PROXY_SERVER_H

#include <duet/handle.h>
#include <duet/loop.h>
#include <jansson.h>
#include <stdint.h>

struct address;

struct proxy_options {
	uint32_t connections_max;
	uint32_t buffers, buffer_bytes;
	uint64_t idle_ns;     /* in which nothing moves; 0: as long as they like */
	uint64_t patience_ns; /* to reach the target; for bytes to be taken whose buffer was the last */
};

struct proxy_server;

/* Makes what can be made before the first client comes; turns the loop meanwhile. options and target are
 * lent. An exit code, and why has been said. */
int proxy_open(struct proxy_server **server, struct duet_loop *loop, const struct address *target,
	       const struct proxy_options *options);

/* 0 or a negative errno. */
int proxy_start(struct proxy_server *server, duet_handle listener);

json_t *proxy_counts(const struct proxy_server *server);

/* After nothing is pending any more; NULL is allowed. */
void proxy_finish(struct proxy_server *server);

#endif
