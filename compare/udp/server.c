/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/udp/server.h"

#include <duet/msghdr.h>
#include <duet/operation.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>

#include "compare/local.h"

/* A receive that fails again and again is asked so seldom. */
static const uint64_t PAUSE_NS = 100000000;

/* A cache line: nobody's bytes share one, and the debug guard sees where each of them ends. */
enum { STRIDE = 64 };

/* One datagram at a time, from its receive to the end of its answer. */
struct ping {
	struct duet_op op;
	struct duet_msghdr header; /* whose it is, and whose address of ours it was sent to */
	struct udp_server *server;
	unsigned char *data;
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp_server {
	struct duet_loop *loop;
	duet_handle socket;
	const struct udp_options *options;
	bool failed;     /* the last receive of any */
	bool everywhere; /* bound to all addresses: each datagram says which it was sent to */
	struct ping *pings;
	unsigned char *data;
	uint64_t datagrams, answered, bytes, oversized, unsent, errors;
};

static void receive(struct ping *ping);

/* What can't begin, as when all ends, isn't begun again. */
static void start(struct ping *ping, duet_done_fn *done)
{
	ping->op.done = done;
	duet_op_start(ping->server->loop, &ping->op);
}

/* ---- Answers. ---- */

/* An answer comes from the address that was asked, and goes the way that the routes say, not back out
 * of the link it came by; only an address of one link needs that named. A group has no address. */
static void keep_address(struct duet_msghdr *header)
{
	struct cmsghdr *block = header->control;
	struct in6_pktinfo *six = (struct in6_pktinfo *)CMSG_DATA(block);

	if (header->control_bytes < sizeof(*block))
		return;
	if (block->cmsg_level == IPPROTO_IP)
		((struct in_pktinfo *)CMSG_DATA(block))->ipi_ifindex = 0;
	else if (IN6_IS_ADDR_MULTICAST(&six->ipi6_addr))
		header->control_bytes = 0;
	else if (!IN6_IS_ADDR_LINKLOCAL(&six->ipi6_addr))
		six->ipi6_ifindex = 0;
}

static void on_sent(struct duet_op *op)
{
	struct ping *ping = op->context;

	if (op->result < 0) {
		ping->server->unsent++;
	} else {
		ping->server->answered++;
		ping->server->bytes += op->transferred;
	}
	receive(ping);
}

static void answer(struct ping *ping)
{
	struct udp_server *server = ping->server;

	if (server->everywhere)
		keep_address(&ping->header);
	duet_op_sendto(&ping->op, server->socket, ping->data, ping->op.transferred, &ping->header);
	start(ping, on_sent);
}

/* ---- Questions. ---- */

static void on_pause(struct duet_op *op)
{
	receive(op->context);
}

/* What is told of an answer that found nobody is told once. What stays, as no memory, would be asked
 * for without an end. */
static void receive_again(struct ping *ping)
{
	struct udp_server *server = ping->server;

	server->errors++;
	if (!server->failed) {
		server->failed = true;
		receive(ping);
		return;
	}
	duet_op_timeout(&ping->op, duet_loop_now_ns(server->loop) + PAUSE_NS);
	start(ping, on_pause);
}

static void on_received(struct duet_op *op)
{
	struct ping *ping = op->context;
	struct udp_server *server = ping->server;

	if (op->result < 0) {
		receive_again(ping);
		return;
	}
	server->failed = false;
	server->datagrams++;
	server->oversized += ping->header.flags & MSG_TRUNC ? 1 : 0;
	if (ping->header.flags & MSG_TRUNC)
		receive(ping);
	else
		answer(ping);
}

static void receive(struct ping *ping)
{
	struct udp_server *server = ping->server;

	ping->header.control_room_bytes = server->everywhere ? sizeof(ping->control) : 0;
	duet_op_recvfrom(&ping->op, server->socket, ping->data, server->options->size_bytes,
			 &ping->header);
	start(ping, on_received);
}

/* ---- From start to finish. ---- */

static int ask_for_addresses(struct udp_server *server)
{
	struct local place = { .length = sizeof(place.storage) };
	int status = duet_handle_address(server->loop, server->socket, &place.storage,
					 &place.length), yes = 1;

	if (status || !local_is_any(&place))
		return status;
	server->everywhere = true;
	if (place.storage.ss_family == AF_INET)
		return duet_handle_set_option(server->loop, server->socket, IPPROTO_IP, IP_PKTINFO,
					      &yes, sizeof(yes));
	return duet_handle_set_option(server->loop, server->socket, IPPROTO_IPV6,
				      IPV6_RECVPKTINFO, &yes, sizeof(yes));
}

static int make_pings(struct udp_server *server)
{
	const struct udp_options *options = server->options;
	size_t stride = (options->size_bytes + STRIDE - 1) / STRIDE * STRIDE;

	server->pings = calloc(options->receives, sizeof(*server->pings));
	server->data = malloc(options->receives * stride);
	if (!server->pings || !server->data)
		return -ENOMEM;
	for (uint32_t i = 0; i < options->receives; i++) {
		struct ping *ping = &server->pings[i];

		ping->server = server;
		ping->data = server->data + i * stride;
		ping->header.control = ping->control;
		duet_op_init(&ping->op, NULL, ping);
	}
	return 0;
}

int udp_start(struct udp_server **out, struct duet_loop *loop, duet_handle socket,
	      const struct udp_options *options)
{
	struct udp_server *server = calloc(1, sizeof(*server));
	int status;

	*out = server;
	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->socket = socket;
	server->options = options;
	status = ask_for_addresses(server);
	if (!status)
		status = make_pings(server);
	for (uint32_t i = 0; !status && i < options->receives; i++)
		receive(&server->pings[i]);
	return status;
}

/* What the kernel had no room for any more, as it was said last. */
static uint32_t dropped(const struct udp_server *server)
{
	uint32_t meminfo[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(meminfo);

	duet_handle_option(server->loop, server->socket, SOL_SOCKET, SO_MEMINFO, meminfo, &length);
	return meminfo[SK_MEMINFO_DROPS];
}

json_t *udp_counts(const struct udp_server *server)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "datagrams", (json_int_t)server->datagrams,
			 "answered", (json_int_t)server->answered,
			 "bytes", (json_int_t)server->bytes,
			 "oversized", (json_int_t)server->oversized,
			 "unsent", (json_int_t)server->unsent,
			 "errors", (json_int_t)server->errors,
			 "dropped", (json_int_t)dropped(server));
}

void udp_finish(struct udp_server *server)
{
	if (!server)
		return;
	free(server->pings);
	free(server->data);
	free(server);
}
