/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/proxy/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare/proxy/relay.h"
#include "compare/say.h"

static void on_enter(struct guest *guest)
{
	relay_reach((struct relay *)guest);
}

static void on_leave(struct guest *guest)
{
	(void)guest;
}

static void add_relay(struct proxy_server *server, struct relay *relay)
{
	relay->server = server;
	for (int i = 0; i < 2; i++) {
		relay->lanes[i].relay = relay;
		duet_op_init(&relay->lanes[i].op, NULL, &relay->lanes[i]);
	}
	door_add_place(&server->door, &relay->guest);
}

static int refuse_pool(const struct proxy_options *options, int status)
{
	return say_failure(SAY_UNMEASURED, "serve: can't have %u buffers of %u bytes: %s%s",
			   options->buffers, options->buffer_bytes, strerror(-status),
			   say_advice(status));
}

static int refuse_target(const struct address *target, int status)
{
	if (status == -ENOENT || status == -EADDRNOTAVAIL)
		return say_failure(SAY_UNMEASURED, "serve: --to %s: there is no such host",
				   target->shown);
	return say_failure(SAY_UNMEASURED, "serve: --to %s: can't find its address: %s",
			   target->shown, strerror(-status));
}

int proxy_open(struct proxy_server **out, struct duet_loop *loop, const struct address *target,
	       const struct proxy_options *options)
{
	struct proxy_server *server = calloc(1, sizeof(*server));
	int status;

	*out = server;
	if (server)
		server->relays = calloc(options->connections_max, sizeof(*server->relays));
	if (!server || !server->relays)
		return say_failure(SAY_UNMEASURED, "serve: no memory for %u connections; lower "
				   "--connections", options->connections_max);
	server->options = options;
	server->door.loop = loop;
	status = duet_pool_create(loop, options->buffers, options->buffer_bytes, &server->pool);
	if (status)
		return refuse_pool(options, status);
	status = target_open(&server->target, loop, target, options->patience_ns);
	return status ? refuse_target(target, status) : SAY_OK;
}

int proxy_start(struct proxy_server *server, duet_handle listener)
{
	door_init(&server->door, server->door.loop, listener, on_enter, on_leave);
	for (uint32_t i = server->options->connections_max; i-- > 0;)
		add_relay(server, &server->relays[i]);
	return door_open(&server->door);
}

json_t *proxy_counts(const struct proxy_server *server)
{
	const struct door *door = &server->door;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "connections", (json_int_t)door->connections,
			 "peak", (json_int_t)door->peak,
			 "to_target_bytes", (json_int_t)server->lane_bytes[0],
			 "to_client_bytes", (json_int_t)server->lane_bytes[1],
			 "refused", (json_int_t)server->refused,
			 "late", (json_int_t)server->late, "cut", (json_int_t)server->cut);
}

void proxy_finish(struct proxy_server *server)
{
	if (!server)
		return;
	free(server->relays);
	free(server);
}
