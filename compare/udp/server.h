/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Datagrams are sent back to where they came from, by callbacks: several operations, each of which
 * receives one, and then sends it. While some of them send the others receive. */
#ifndef COMPARE_UDP_SERVER_H
#define COMPARE_UDP_SERVER_H

#include <duet/handle.h>
#include <duet/loop.h>
#include <jansson.h>
#include <stdint.h>

struct udp_options {
	uint32_t receives;  /* at once, or the sends that they have become */
	uint32_t size_bytes; /* of a datagram: a longer one isn't answered */
};

struct udp_server;

/* socket is bound; options outlives the server. 0 or a negative errno. */
int udp_start(struct udp_server **server, struct duet_loop *loop, duet_handle socket,
	      const struct udp_options *options);

json_t *udp_counts(const struct udp_server *server);

/* After nothing is pending any more; NULL is allowed. */
void udp_finish(struct udp_server *server);

#endif
