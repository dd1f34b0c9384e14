/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A store of keys and values behind the Redis protocol, by callbacks: one operation a connection, which
 * receives, or sends what that had for answers. Nothing more is received before those are out. */
#ifndef COMPARE_KV_SERVER_H
#define COMPARE_KV_SERVER_H

#include <duet/handle.h>
#include <duet/loop.h>
#include <jansson.h>
#include <stdint.h>

struct kv_options {
	uint32_t connections_max;
	uint64_t memory_bytes;
	uint64_t idle_ns;     /* between two requests; 0: as long as it likes */
	uint64_t patience_ns; /* for the whole of a request, once begun, and for what is sent to move */
};

struct kv_server;

/* options outlives the server. 0 or a negative errno. */
int kv_start(struct kv_server **server, struct duet_loop *loop, duet_handle listener,
	     const struct kv_options *options);

json_t *kv_counts(const struct kv_server *server);

/* After nothing is pending any more; NULL is allowed. */
void kv_finish(struct kv_server *server);

#endif
