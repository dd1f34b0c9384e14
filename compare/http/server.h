/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A folder of files over HTTP/1.1, by callbacks: GET and HEAD, kept connections, one request after the
 * other, ranges and conditions. */
#ifndef COMPARE_HTTP_SERVER_H
#define COMPARE_HTTP_SERVER_H

#include <duet/handle.h>
#include <duet/loop.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct http_options {
	uint32_t connections_max;
	uint64_t idle_ns;     /* between two requests */
	uint64_t patience_ns; /* for the whole of a request, once begun, and for what is sent to move */
	bool log;             /* a line a request, on the standard error */
};

struct http_server;

/* root: a descriptor of the folder; it and options outlive the server. 0 or a negative errno. */
int http_start(struct http_server **server, struct duet_loop *loop, duet_handle listener, int root,
	       const struct http_options *options);

json_t *http_counts(const struct http_server *server);

/* After nothing is pending any more; NULL is allowed. */
void http_finish(struct http_server *server);

#endif
