/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A file for whoever connects: each client is sent all of it, from its own place in it. */
#ifndef COMPARE_COPY_SERVER_H
#define COMPARE_COPY_SERVER_H

#include <duet/handle.h>
#include <duet/loop.h>
#include <jansson.h>

#include "compare/copy/copy.h"
#include "compare/copy/source.h"

struct copy_server;

/* source is open; it and options outlive the server. 0 or a negative errno. */
int copy_server_start(struct copy_server **server, struct duet_loop *loop, duet_handle listener,
		      const struct source *source, const struct copy_options *options);

json_t *copy_server_counts(const struct copy_server *server);

/* After nothing is pending any more; NULL is allowed. */
void copy_server_finish(struct copy_server *server);

#endif
